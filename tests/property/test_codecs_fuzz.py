"""Pins that no bytes make a codec raise anything but its own error, nor run away."""

from __future__ import annotations

import json
import string
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs.epc import EpcRefused, decode_epc, epc_identity
from gateway.codecs.gs1 import SymbolRefused, parse_symbol
from gateway.codecs.m100 import MAX_PARAMETER_BYTES, FrameDecoder, tag_of
from gateway.codecs.mqtt_payloads import parse_payload
from gateway.codecs.strict_json import JsonRefused, parse_object
from gateway.codecs.xy_md02 import ModbusRefused, RegisterMap, climate_of, parse_response
from gateway.core.readings import Malformed
from tests.rigs import tier

pytestmark = pytest.mark.slow

FUZZ = settings(max_examples=tier.count(150, 500, 2000))
NEARLY_GS1 = st.text(string.digits + "\x1dABCz]/?&=%^~\u0664é", max_size=60)
PREFIXES = st.sampled_from(
    [
        "",
        "]C1",
        "]d2",
        "]E0",
        "]E4",
        "]E3",
        "\x1d",
        "https://a/01/",
        "http://a/",
        "]Q3https://a/00/",
    ]
)


@FUZZ
@given(prefix=PREFIXES, text=NEARLY_GS1, is_gs1=st.booleans())
@example(prefix="]E0", text="٣" * 13, is_gs1=False)
@example(prefix="", text="٣" * 13, is_gs1=True)
def test_gs1(prefix: str, text: str, is_gs1: bool) -> None:
    with suppress(SymbolRefused):
        symbol = parse_symbol(prefix + text, is_gs1=is_gs1)
        assert symbol is None or symbol.elements


@FUZZ
@given(text=st.text(max_size=80))
def test_gs1_on_any_text(text: str) -> None:
    with suppress(SymbolRefused):
        parse_symbol(text)


@FUZZ
@given(
    header=st.integers(0, 255),
    rest=st.binary(min_size=1, max_size=30),
)
def test_epc(header: int, rest: bytes) -> None:
    epc_hex = (bytes([header]) + rest).hex()
    try:
        epc = decode_epc(epc_hex)
    except EpcRefused:
        assert epc_identity(epc_hex)["scheme"] == "opaque"
    else:
        assert epc.uri.startswith("urn:epc:")


@FUZZ
@given(text=st.text(max_size=300))
def test_epc_on_any_text(text: str) -> None:
    assert epc_identity(text)["scheme"]


@FUZZ
@given(pieces=st.lists(st.binary(max_size=200), max_size=20))
@example(pieces=[b"\xbb\x02\x22\xff\xff" * 100])
@example(pieces=[b"\xbb" * 5000])
def test_m100(pieces: list[bytes]) -> None:
    decoder = FrameDecoder()
    for piece in pieces:
        for frame in decoder.feed(piece):
            tag_of(frame)
        assert decoder.n_kept <= MAX_PARAMETER_BYTES + 7


@FUZZ
@given(
    channel=st.sampled_from(["scan", "climate", "reads", "status"]),
    raw=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(
                        ["v", "boot", "seq", "time", "data", "task", "type", "reads", "epc"]
                    ),
                    inner,
                    max_size=6,
                ),
            ),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_payloads(channel: str, raw: bytes) -> None:
    parsed = parse_payload(channel, raw, device="d-1", received_at_us=1)
    if isinstance(parsed.reading, Malformed):
        assert parsed.reading.reason
        assert len(parsed.reading.reason) < 400


@FUZZ
@given(raw=st.binary(max_size=200))
@example(raw=b"[" * 60_000)
@example(raw=b'{"a":' * 10_000)
@example(raw=b'{"a":1e999}')
@example(raw=b'{"a":' + b"9" * 5000 + b"}")
@example(raw=b'{"a":"\\ud800"}')
def test_strict_json(raw: bytes) -> None:
    with suppress(JsonRefused):
        assert isinstance(parse_object(raw), dict)


@FUZZ
@given(unit=st.integers(1, 247), n_registers=st.integers(1, 2), frame=st.binary(max_size=40))
def test_modbus(unit: int, n_registers: int, frame: bytes) -> None:
    values = []
    with suppress(ModbusRefused):
        values = parse_response(unit, n_registers, frame)
    if len(values) == 2:
        with suppress(ModbusRefused):
            climate_of(RegisterMap(), 1, values)
