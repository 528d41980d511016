"""Pins the UHFReader18 codec to frames of manuals and of another implementation, and its hunt."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs.uhfreader18 import (
    DONE,
    INVENTORY,
    MAX_FRAME_BYTES,
    MORE_FOLLOWS,
    NOTIFICATION,
    SUCCESS,
    Frame,
    FrameDecoder,
    ResponseRefused,
    TagReport,
    checksum,
    encode_frame,
    inventory_data,
    response,
    status_of,
    tags_of,
)
from tests.golden import Case, cases

MANUALS = cases("serial_uhf/uhfreader18_frames")
CHAFON = cases("serial_uhf/chafon_rfid_frames")

EPC = "3074257BF7194E4000001A85"
ONE_TAG = bytes.fromhex("13000101010c3074257bf7194e4000001a859382")
NO_TAG = bytes.fromhex("050001fbf23d")


def decode(data: bytes) -> list[Frame]:
    """The frames in a whole stream."""
    decoder = FrameDecoder()
    return [*decoder.feed(data), *decoder.end()]


def test_the_checksum_is_the_catalogues() -> None:
    # CRC-16/MCRF4XX of "123456789" is 6F91 (the catalogue of parametrised CRC algorithms).
    assert checksum(b"123456789") == bytes.fromhex("916f")


@pytest.mark.parametrize("case", MANUALS, ids=lambda case: str(case["frame_hex"]))
def test_frames_of_the_manuals_are_read_and_written(case: Case) -> None:
    raw = bytes.fromhex(str(case["frame_hex"]))
    (frame,) = decode(raw)
    assert (frame.address, frame.command) == (case["adr"], case["cmd"])
    assert encode_frame(frame) == raw
    expected = case.get("expected")
    if isinstance(expected, dict):
        assert status_of(frame) == case["status"]
        assert [tag.epc.lower() for tag in tags_of(frame)] == expected["epcs"]


@pytest.mark.parametrize("case", CHAFON, ids=lambda case: str(case["src"]))
def test_tags_are_those_another_implementation_reads(case: Case) -> None:
    (frame,) = decode(bytes.fromhex(str(case["frame_hex"])))
    assert status_of(frame) == case["status"]
    found = [[tag.epc.lower(), tag.antenna, tag.rssi] for tag in tags_of(frame)]
    assert found == case["tags"]


@pytest.mark.parametrize("has_antenna", [False, True])
def test_an_inventory_response_of_ours_has_the_layout_of_theirs(has_antenna: bool) -> None:
    tags = [
        TagReport("000000000000000000000313", 1, 107 if has_antenna else None),
        TagReport("000000000000000000000314", 1, 108 if has_antenna else None),
    ]
    data = inventory_data(tags, has_antenna=has_antenna)
    theirs = CHAFON[-1 if has_antenna else 2]
    assert response(0, INVENTORY, MORE_FOLLOWS, data).hex() == theirs["frame_hex"]


def test_a_reader_in_real_time_mode_reports_by_itself() -> None:
    # UR series user manual 1.14, "Output format in real time inventory mode".
    data = bytes((0b100, 12)) + bytes.fromhex(EPC) + b"\x50"
    frame = Frame(0, NOTIFICATION, bytes((SUCCESS,)) + data)
    assert tags_of(frame) == [TagReport(EPC, 3, 0x50)]


def test_frames_cut_anywhere_and_fed_byte_by_byte_are_the_same_frames() -> None:
    stream = ONE_TAG + NO_TAG + ONE_TAG
    for cut in range(len(stream)):
        decoder = FrameDecoder()
        frames = [*decoder.feed(stream[:cut]), *decoder.feed(stream[cut:])]
        assert len(frames) == 3
    decoder = FrameDecoder()
    assert len([f for byte in stream for f in decoder.feed(bytes((byte,)))]) == 3
    assert decoder.take_noise() == b""


@pytest.mark.parametrize("lie", [b"\xff", b"\x20", b"\x00", b"\x03", b"\x13\x00"], ids=bytes.hex)
def test_a_length_that_lies_swallows_no_frame(lie: bytes) -> None:
    decoder = FrameDecoder()
    frames = decoder.feed(lie + ONE_TAG + NO_TAG)
    frames += decoder.end()
    assert [encode_frame(frame) for frame in frames] == [ONE_TAG, NO_TAG]
    assert decoder.take_noise() == lie
    assert decoder.n_kept == 0


def test_a_long_lie_is_found_out_without_a_silence() -> None:
    decoder = FrameDecoder()
    decoder.feed(b"\xff")
    frames = [frame for _ in range(20) for frame in decoder.feed(ONE_TAG)]
    # 256 bytes are the longest frame: after that the lie is refuted and all behind it is cut.
    assert len(frames) == 20


@pytest.mark.parametrize("i_bit", range(len(ONE_TAG) * 8))
def test_a_frame_with_one_bit_flipped_is_no_frame_and_the_next_is_read(i_bit: int) -> None:
    broken = bytearray(ONE_TAG)
    broken[i_bit // 8] ^= 1 << i_bit % 8
    frames = decode(bytes(broken) + NO_TAG)
    assert [encode_frame(frame) for frame in frames] == [NO_TAG]


@pytest.mark.parametrize(
    "data",
    ["010d3074257bf7194e4000001a8500", "020c3074257bf7194e4000001a85", "010c3074", "0102", "0100"],
)
def test_tags_that_do_not_fill_their_frame_are_refused(data: str) -> None:
    frame = Frame(0, INVENTORY, bytes((DONE,)) + bytes.fromhex(data))
    if data == "0100":  # no tag at antenna 1, in the layout with an antenna
        assert tags_of(frame) == []
        return
    with pytest.raises(ResponseRefused):
        tags_of(frame)


@settings(max_examples=300)
@given(pieces=st.lists(st.binary(max_size=300), max_size=10))
@example(pieces=[b"\xff" * 5000])
@example(pieces=[b"\x04" * 5000])
@example(pieces=[b"\x05\x00\x01\x01" + checksum(b"\x05\x00\x01\x01")])
def test_no_bytes_break_the_decoder(pieces: list[bytes]) -> None:
    decoder = FrameDecoder()
    for piece in pieces:
        frames = decoder.feed(piece)
        assert decoder.n_kept < MAX_FRAME_BYTES
        for frame in frames:
            assert encode_frame(frame)
            with suppress(ResponseRefused):
                tags_of(frame)
    decoder.end()
    assert decoder.n_kept == 0
    assert len(decoder.take_noise()) <= MAX_FRAME_BYTES


@settings(max_examples=100)
@given(
    noise=st.lists(st.binary(max_size=8), min_size=1, max_size=6),
    epcs=st.lists(st.binary(min_size=2, max_size=30).filter(lambda b: len(b) % 2 == 0)),
)
def test_every_frame_between_noise_is_found(noise: list[bytes], epcs: list[bytes]) -> None:
    frames = [
        response(7, INVENTORY, DONE, inventory_data([TagReport(epc.hex())], has_antenna=False))
        for epc in epcs
    ]
    stream = b"".join(
        part for i, frame in enumerate(frames) for part in (noise[i % len(noise)], frame)
    )
    found = [encode_frame(frame) for frame in decode(stream)]
    # Noise and the bytes behind it may make a frame by chance; none of ours may be missing.
    assert [frame for frame in found if frame in frames] == frames
