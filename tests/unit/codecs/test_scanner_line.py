"""Pins scanner lines: their ends however they are cut, AIM identifiers, GS, labels, bounds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs.gs1 import parse_symbol
from gateway.codecs.scanner_line import (
    Label,
    LineDecoder,
    LineFormat,
    LineRefused,
    encode_line,
    label_of,
    parse_line,
)

PLAIN = LineFormat()
SHORT = LineFormat(max_bytes=16)
FRAMED = LineFormat(prefix=b"\x02", suffix=b"\x03\r", max_bytes=32)


def lines_of(data: bytes, line_format: LineFormat = PLAIN) -> list[bytes]:
    return list(LineDecoder(line_format).feed(data))


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r", b"\r\n\r\n"], ids=bytes.hex)
def test_a_line_ends_at_any_of_the_usual_ends(end: bytes) -> None:
    assert lines_of(b"one" + end + b"two" + end + b"rest") == [b"one", b"two"]


@pytest.mark.parametrize("line_format", [PLAIN, FRAMED], ids=["plain", "framed"])
def test_lines_are_the_same_however_they_are_cut(line_format: LineFormat) -> None:
    symbols = ["]C10109506000134352\x1d10L1", "R-01-02", "4006381333931"]
    stream = b"".join(encode_line(symbol, line_format) for symbol in symbols)
    for cut in range(len(stream) + 1):
        decoder = LineDecoder(line_format)
        lines = [*decoder.feed(stream[:cut]), *decoder.feed(stream[cut:])]
        assert [parse_line(line, line_format).data for line in lines] == symbols
    decoder = LineDecoder(line_format)
    lines = [line for byte in stream for line in decoder.feed(bytes((byte,)))]
    assert len(lines) == len(symbols)


@pytest.mark.parametrize("n_bytes", [16, 17, 18, 19, 1000])
@pytest.mark.parametrize("n_at_once", [1, 7, 2000])
def test_a_line_too_long_is_dropped_and_the_next_is_read(n_bytes: int, n_at_once: int) -> None:
    stream = b"x" * n_bytes + b"\r\n" + b"good\r\n"
    decoder, lines = LineDecoder(SHORT), []
    for i in range(0, len(stream), n_at_once):
        lines += list(decoder.feed(stream[i : i + n_at_once]))
    is_too_long = n_bytes > 16
    assert lines == [b"good"] if is_too_long else [b"x" * 16, b"good"]
    assert decoder.n_too_long == is_too_long


def test_a_suffix_cut_in_two_behind_a_line_too_long_is_known() -> None:
    decoder = LineDecoder(FRAMED)
    assert list(decoder.feed(b"\x02" + b"x" * 100 + b"\x03")) == []
    assert list(decoder.feed(b"\r\x02good\x03\r")) == [b"\x02good"]
    assert decoder.n_too_long == 1


def test_a_scanner_without_suffix_ends_a_line_by_silence() -> None:
    decoder = LineDecoder(PLAIN)
    assert list(decoder.feed(b"4006381333931")) == []
    assert list(decoder.end()) == [b"4006381333931"]
    assert list(decoder.end()) == []


@pytest.mark.parametrize(
    ("raw", "aim", "gtin"),
    [
        (b"]C10109506000134352\x1d10L1", "]C1", "09506000134352"),
        (b"]d20109506000134352", "]d2", "09506000134352"),
        (b"]Q30109506000134352", "]Q3", "09506000134352"),
        (b"]E04006381333931", "]E0", "04006381333931"),
        (b"]E440170725", "]E4", "00000040170725"),
        (b"4006381333931", None, "04006381333931"),
    ],
)
def test_the_identifier_is_named_and_left_for_the_symbols_parser(
    raw: bytes, aim: str | None, gtin: str
) -> None:
    line = parse_line(raw, PLAIN)
    assert (line.aim, line.data) == (aim, raw.decode())
    symbol = parse_symbol(line.data)
    assert symbol is not None
    assert symbol.gtin == gtin


def test_another_byte_for_gs_becomes_gs() -> None:
    line = parse_line(b"]C110L1~21S2", LineFormat(group_separator=b"~"))
    assert line.data == "]C110L1\x1d21S2"


@pytest.mark.parametrize(
    ("raw", "line_format", "reason"),
    [
        (b"\xff\xfe", PLAIN, "byte 0 is no text"),
        (b"abc\x00", PLAIN, "the control character 00 at 3"),
        (b"ab\x1bc", PLAIN, "the control character 1b at 2"),
        (b"]C1", PLAIN, "no data"),
        (b"\x02", FRAMED, "no data"),
        (b"abc", FRAMED, "does not begin with the prefix 02"),
    ],
)
def test_a_line_that_is_no_symbol_is_refused(
    raw: bytes, line_format: LineFormat, reason: str
) -> None:
    with pytest.raises(LineRefused, match=reason):
        parse_line(raw, line_format)


def test_the_control_characters_of_iso_15434_may_stand_in_a_symbol() -> None:
    assert parse_line(b"[)>\x1e06\x1dP123\x1e\x04", PLAIN).data.endswith("\x04")


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        (b"R-01-02", Label("location", "R-01-02")),
        (b"]A0R-01-02", Label("location", "R-01-02")),
        (b"w17", Label("worker", "w17")),
        (b"4006381333931", None),
        (b"xR-01", None),
    ],
)
def test_a_label_of_ours_is_known_by_its_pattern(raw: bytes, label: Label | None) -> None:
    patterns = {"location": "R-*", "worker": "w[0-9]*"}
    assert label_of(parse_line(raw, PLAIN), patterns.items()) == label


@settings(max_examples=300)
@given(
    pieces=st.lists(st.binary(max_size=60), max_size=20),
    line_format=st.sampled_from([PLAIN, SHORT, FRAMED]),
)
@example(pieces=[b"\x03"] * 200, line_format=FRAMED)
@example(pieces=[b"\r"] * 200, line_format=SHORT)
def test_no_bytes_break_a_line(pieces: list[bytes], line_format: LineFormat) -> None:
    decoder = LineDecoder(line_format)
    for piece in pieces:
        for raw in decoder.feed(piece):
            assert 0 < len(raw) <= line_format.max_bytes
            with suppress(LineRefused):
                assert parse_line(raw, line_format).data
        assert decoder.n_kept <= line_format.max_bytes + len(line_format.suffix)
