"""Pins what LLRP takes and refuses to another implementation, and to its bounds on any bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs.llrp import (
    MESSAGE_BYTES_MAX,
    FrameDecoder,
    LlrpRefused,
    Message,
    Parameter,
    decode_message,
    encode_message,
)
from gateway.codecs.llrp_layout import MESSAGES, PARAMETERS
from gateway.codecs.llrp_reports import capabilities_of, events_of, tag_reports
from tests.golden import cases

FILES = ("dx101_a", "dx101_b", "dx301_a", "edgex_reader_responses", "ltk_java_messages")
RAWS = [
    bytes.fromhex(str(case["message_hex"])) for name in FILES for case in cases(f"llrp/{name}")
]


class Llrpkit:
    """llrpkit's opinion; skipped where it is not installed."""

    def __init__(self) -> None:
        self.protocol = pytest.importorskip("llrpkit.protocol")
        self.refusal: type[Exception] = pytest.importorskip("llrpkit.exceptions").LLRPError

    def decode(self, raw: bytes) -> object:
        """Its message; None if it refuses the bytes."""
        try:
            return self.protocol.decode_message(raw)
        except (self.refusal, ValueError):
            return None

    def unknown(self, found: object) -> set[int]:
        """The types of parameters in it that it knows nothing of."""
        if isinstance(found, self.protocol.UnknownParameter):
            return {found.param_type}
        if isinstance(found, list):
            return set().union(*map(self.unknown, found))
        return self.unknown(list(vars(found).values())) if hasattr(found, "__dict__") else set()


OURS_ALONE = {
    *(kind for kind in PARAMETERS if kind in {15, 19, 20, 210, 211} or 355 <= kind <= 365),
    *(kind for kind in MESSAGES if kind in {45, 46, 47, 55, 56, 57}),
}
"""Of LLRP 1.1; llrpkit has those of 1.0.1 only, and takes the others as unknown."""


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    raw=st.sampled_from(RAWS),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3),
)
def test_what_is_taken_and_refused_is_what_another_implementation_takes_and_refuses(
    raw: bytes, changes: list[tuple[int, int]]
) -> None:
    llrpkit = Llrpkit()
    broken = bytearray(raw)
    for at, value in changes:
        if len(raw) > 10:
            broken[10 + at % (len(raw) - 10)] = value
    message, reason = decoded(bytes(broken))
    other = llrpkit.decode(bytes(broken))
    if message is not None and other is None:
        # It knows fewer TV parameters, and wants an operation within an AccessCommand.
        assert types_of(message) & (OURS_ALONE | {209})
    if message is None and other is not None:
        # It passes over reserved bits in the head of a parameter, and does not look into what
        # it does not know.
        is_stricter = "no TLV parameter begins with" in reason
        assert is_stricter or llrpkit.unknown(other) & OURS_ALONE, reason


def decoded(raw: bytes) -> tuple[Message | None, str]:
    try:
        return decode_message(raw), ""
    except LlrpRefused as refusal:
        return None, str(refusal)


def types_of(parent: Message | Parameter) -> set[int]:
    below = [types_of(child) for child in parent.children]
    return {parent.type}.union(*below)


@settings(max_examples=300)
@given(raw=st.binary(max_size=80), kind=st.sampled_from(sorted(MESSAGES)))
@example(raw=bytes.fromhex("00f00004") * 20, kind=61)
def test_any_bytes_are_read_or_refused(raw: bytes, kind: int) -> None:
    message = (0x0400 | kind).to_bytes(2) + (10 + len(raw)).to_bytes(4) + bytes(4) + raw
    with suppress(LlrpRefused):
        decoded = decode_message(message)
        assert encode_message(decoded) == message
        tag_reports(decoded)
        events_of(decoded)
        capabilities_of(decoded)
    with suppress(LlrpRefused):
        decode_message(raw)


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=50))
@example(cuts=[1])
def test_a_stream_is_cut_into_the_same_messages_however_it_arrives(cuts: list[int]) -> None:
    raws = [bytes.fromhex(str(case["message_hex"])) for case in cases("llrp/dx101_b")]
    stream = b"".join(raws)
    decoder = FrameDecoder()
    frames: list[bytes] = []
    at = i_cut = 0
    while at < len(stream):
        size = cuts[i_cut % len(cuts)]
        frames += decoder.feed(stream[at : at + size])
        at, i_cut = at + size, i_cut + 1
    assert frames == raws
    assert decoder.n_kept == 0


def test_a_head_that_cannot_be_one_is_refused_at_once() -> None:
    for garbage in (b"\xff" * 10, bytes(10), b"\x04\x3d\x00\x00\x00\x09" + bytes(4)):
        with pytest.raises(LlrpRefused):
            FrameDecoder().feed(garbage)


def test_no_more_is_kept_than_the_longest_message() -> None:
    decoder = FrameDecoder()
    with pytest.raises(LlrpRefused, match="a message of 1048577 bytes"):
        decoder.feed(b"\x04\x3d" + (MESSAGE_BYTES_MAX + 1).to_bytes(4) + bytes(4))
    decoder = FrameDecoder()
    assert not decoder.feed(b"\x04\x3d" + MESSAGE_BYTES_MAX.to_bytes(4) + bytes(4))
    (frame,) = decoder.feed(bytes(MESSAGE_BYTES_MAX - 10) + b"\x04\x3d")
    assert len(frame) == MESSAGE_BYTES_MAX
    assert decoder.n_kept == 2


def test_a_value_that_does_not_fit_is_not_written() -> None:
    for parameter in (
        Parameter(1, (70_000,)),
        Parameter(6, (-129,)),
        Parameter(183, ((65_536,),)),
    ):
        with pytest.raises(ValueError, match="does not fit"):
            encode_message(Message(61, 0, (), (parameter,)))
    with pytest.raises(ValueError, match="too many"):
        encode_message(Message(61, 0, (), (Parameter(900, (bytes(65_532),)),)))
