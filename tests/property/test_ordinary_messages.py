"""Pins the two short cuts of the hot path against the long ways: what a message is taken for, and
the bytes that a value is written as."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from gateway.codecs.mqtt_ordinary import ordinary_reading
from gateway.codecs.mqtt_payloads import Parsed, parse_closely, parse_payload
from gateway.codecs.strict_json import JsonRefused, ordinary_object, parse_object
from tests.rigs import tier

pytestmark = pytest.mark.slow

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", "b1", "a:b", '":"', "\\u003a", "x\n", "\x00", "\x7f", "\u2028", "\ud800", "x" * 65]
)
NUMBERS = (
    st.integers(-(2**54), 2**54)
    | st.floats(allow_nan=False)
    | st.sampled_from([True, -0.0, 1.0, 2**53, 2**53 + 1, 150.01, 1e300])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RIGHT: dict[str, dict[str, object]] = {
    "climate": {
        "v": 1, "boot": "b1", "seq": 7, "time": "2026-11-21T08:00:00Z", "zone": "R",
        "temperature_c": 4.25, "humidity_pct": 83, "battery_pct": 9,
    },
    "scan": {
        "v": 1, "boot": "b1", "seq": 7, "time": "2026-11-21T08:00:00+01:00",
        "data": "]C101095060001343521727010110L1", "symbology": "GS1_128",
        "task": {"type": "receive", "id": "A-1", "location": "DOCK", "quantity": 2, "unit": "EA",
                 "worker": "w-1", "reason": "wet"},
    },
}  # fmt: skip
RARE = ["device", "note", "label_type", "source", "barcodes", "data_string"]
RARE += ["com.symbol.datawedge.data_string"]


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """A right message with a few keys left out, changed, added or said twice."""
    channel = draw(st.sampled_from(sorted(RIGHT)))
    fields = dict(RIGHT[channel])
    for key in draw(st.lists(st.sampled_from([*fields, *RARE]), max_size=3)):
        if draw(st.booleans()):
            fields[key] = draw(VALUES | st.just("pda-1"))
        else:
            fields.pop(key, None)
    task = fields.get("task")
    if isinstance(task, dict) and draw(st.booleans()):
        fields["task"] = {**task, draw(st.sampled_from([*task, "new"])): draw(VALUES)}
    text = json.dumps(fields, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 5)) == 0:
        key, value = draw(st.sampled_from([*fields, "a:b"])), draw(TEXTS)
        text = f"{text[:-1]}, {json.dumps(key)}: {json.dumps(value)}{draw(st.sampled_from('} '))}"
    return channel, text.encode("utf-8", "surrogatepass")


@settings(max_examples=tier.count(100, 400, 2000))
@given(message=messages())
@example(message=("climate", b'{"v":1,"boot":"b1","seq":7,"zone":"R","zone":"S"}'))
@example(message=("scan", b'{"v":1,"boot":"b","seq":1,"data":"a:","data":"b"}'))
@example(message=("scan", b'{"v":1,"boot":"b","seq":1,"data":"b","n":"\xff"}'))
@example(message=("scan", b'\xef\xbb\xbf{"v":1,"boot":"b","seq":1,"data":"b"}'))
@example(message=("scan", b'{"v":1,"boot":"b","seq":01,"data":"b"}'))
@example(message=("scan", b'{"v":1,"boot":"b","seq":1,"data":"b","n":NaN}'))
@example(message=("climate", b'{"v":1,"boot":"b","seq":1,"zone":"R","temperature_c":1e999}'))
def test_a_glance_takes_a_message_for_what_a_close_look_takes_it(
    message: tuple[str, bytes],
) -> None:
    channel, raw = message
    closely = parse_closely(channel, raw, device="pda-1", received_at_us=5)
    assert parse_payload(channel, raw, device="pda-1", received_at_us=5) == closely
    at_a_glance = ordinary_reading(channel, raw, device="pda-1", received_at_us=5)
    assert at_a_glance is None or Parsed(*at_a_glance) == closely


@pytest.mark.parametrize("channel", sorted(RIGHT))
def test_an_ordinary_message_is_taken_at_a_glance(channel: str) -> None:
    raw = json.dumps(RIGHT[channel] | {"note": "a:b"}).encode()
    found = ordinary_reading(channel, raw, device="pda-1", received_at_us=5)
    assert found is not None
    assert found[1] == ("note",)


@settings(max_examples=tier.count(100, 300, 2000))
@given(fields=st.dictionaries(TEXTS, VALUES, max_size=4), repeat=st.booleans())
def test_a_plain_object_is_what_the_strict_parser_gives(
    fields: dict[str, object], repeat: bool
) -> None:
    text = json.dumps(fields, ensure_ascii=False)
    if repeat and fields:
        text = f"{text[:-1]}, {json.dumps(next(iter(fields)), ensure_ascii=False)}: 1}}"
    raw = text.encode("utf-8", "surrogatepass")
    plain = ordinary_object(raw)
    if plain is not None:
        strict = parse_object(raw)
        assert repr(plain) == repr(strict)  # 1, 1.0 and True are equal, and not the same
    try:
        parse_object(raw)
    except JsonRefused:
        assert plain is None


def outcome(encode: Callable[[object], bytes], value: object) -> bytes | type[Exception]:
    try:
        return encode(value)
    except (ValueError, TypeError) as error:
        return ValueError if isinstance(error, ValueError) else TypeError


def encode_slowly(value: object) -> bytes:
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


ANYTHING = st.recursive(
    VALUES | st.integers() | st.floats(),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.integers() | TEXTS, inner),
    max_leaves=8,
)


@settings(max_examples=tier.count(100, 400, 2000))
@given(value=ANYTHING)
@example(value=2**63)
@example(value={"b": 1, "a": {"z": '\x1f\r\n\t\b\f"\\/é', "y": [2**64, None, True]}})
@example(value={"a": {1: 2, "b": 3}})
@example(value={"a": {1, 2}})
def test_the_fast_encoder_writes_the_canonical_bytes(value: object) -> None:
    assert outcome(ev.canonical, value) == outcome(encode_slowly, value)
