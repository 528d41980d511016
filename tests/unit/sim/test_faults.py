"""Pins the faults: what each does to a line, that they compose, and that time and room bind."""

from random import Random

import pytest

from device_sim.faults import FaultRates, FaultyLine

FRAMES = [bytes((i, i, i, i)) for i in range(200)]


def through(rates: FaultRates, *, until_s: float = 100.0) -> list[bytes]:
    line = FaultyLine(rates.chain(), Random(3))
    for i, frame in enumerate(FRAMES):
        line.put(frame, i * 0.01)
    return line.take(until_s)


def test_a_line_without_faults_gives_what_was_sent() -> None:
    assert through(FaultRates()) == FRAMES


def test_drop_loses_some_and_changes_none() -> None:
    arrived = through(FaultRates(drop=0.3))
    assert 100 < len(arrived) < 180
    assert arrived == [frame for frame in FRAMES if frame in set(arrived)]


def test_repeat_sends_some_twice_in_a_row() -> None:
    arrived = through(FaultRates(repeat=0.5))
    assert len(arrived) > 250
    assert list(dict.fromkeys(arrived)) == FRAMES


def test_delay_and_reorder_keep_every_frame_and_break_the_order() -> None:
    for rates in (FaultRates(delay_s=1.0), FaultRates(reorder=0.3)):
        arrived = through(rates)
        assert sorted(arrived) == FRAMES
        assert arrived != FRAMES


def test_a_delayed_frame_does_not_arrive_before_its_time() -> None:
    line = FaultyLine(FaultRates(reorder=1.0).chain(), Random(1))
    line.put(b"x", 10.0)
    assert line.take(10.4) == []
    assert not line.is_empty
    assert line.take(10.5) == [b"x"]


def test_corrupt_flips_exactly_one_bit() -> None:
    arrived = through(FaultRates(corrupt=1.0))
    for sent, got in zip(FRAMES, arrived, strict=True):
        flipped = int.from_bytes(sent, "big") ^ int.from_bytes(got, "big")
        assert flipped.bit_count() == 1


def test_split_frames_join_again_when_they_do_not_overlap() -> None:
    line = FaultyLine(FaultRates(split=1.0).chain(), Random(2))
    for i, frame in enumerate(FRAMES):
        line.put(frame, float(i))
    arrived = line.take(1000.0)
    assert len(arrived) == 2 * len(FRAMES)
    assert b"".join(arrived) == b"".join(FRAMES)


def test_a_full_line_drops_and_counts() -> None:
    line = FaultyLine((), Random(1), max_frames=3)
    for frame in FRAMES[:5]:
        line.put(frame, 0.0)
    assert line.take(0.0) == FRAMES[:3]
    assert line.n_dropped == 2


@pytest.mark.parametrize(
    ("rates", "complaint"),
    [
        ({"drip": 0.1}, "drip: no such fault"),
        ({"drop": 1.5}, "drop: expected 0 to 1"),
        ({"drop": True}, "drop: expected a number"),
        ({"delay_s": -1}, "delay_s: expected 0 to 60"),
    ],
)
def test_a_wrong_rate_is_named(rates: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FaultRates.from_mapping(rates)
