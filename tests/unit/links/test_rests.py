"""Pins how long the socket rests: not for none and not in a flood, longer where messages rush in
faster than people scan, and not because of one handful or of a stall of ours."""

from __future__ import annotations

from itertools import accumulate

import pytest

from gateway.links.rests import LONG_REST_S, PACKETS_OF_FLOOD, REST_S, Rests


def rests(reads: list[tuple[float, int]], *, acknowledgements: int = 0) -> list[float]:
    """After reads: seconds since the one before, and messages."""
    rests, times = Rests(0.0), accumulate(after_s for after_s, _ in reads)
    found = []
    for now_s, (_, n_messages) in zip(times, reads, strict=True):
        rests.n_messages += n_messages
        found.append(rests.after(n_messages + acknowledgements, now_s))
    return found


def test_nothing_rests_for_nothing_nor_in_a_flood() -> None:
    assert rests([(1.0, 0), (1.0, 1), (1.0, PACKETS_OF_FLOOD), (0.01, PACKETS_OF_FLOOD)]) == [
        0.0, REST_S, 0.0, 0.0,
    ]  # fmt: skip


@pytest.mark.parametrize(("rate", "rest_s"), [(50, REST_S), (1000, REST_S), (2000, LONG_REST_S)])
def test_a_steady_rate_settles_on_one_rest(rate: int, rest_s: float) -> None:
    rests, now_s, last_s = Rests(0.0), 0.0, REST_S
    for _ in range(20):
        now_s += last_s + 0.002
        rests.n_messages = max(1, round(rate * (last_s + 0.002)))
        last_s = rests.after(rests.n_messages, now_s)
    assert last_s == rest_s


def test_acknowledgements_of_what_we_said_are_no_rush() -> None:
    assert rests([(0.016, 16)] * 4, acknowledgements=16) == [REST_S] * 4


def test_a_stall_of_ours_and_one_handful_are_no_rush() -> None:
    assert rests([(0.016, 16), (0.1, 100), (0.016, 16)]) == [REST_S] * 3
    assert rests([(0.016, 2), (0.016, 40), (0.016, 2)]) == [REST_S] * 3


def test_the_end_of_a_rush_shortens_the_rest_again() -> None:
    rush = [(0.04, 80)] * 4
    assert rests([*rush, (0.04, 10)])[-2:] == [LONG_REST_S, REST_S]


def test_a_spurious_wake_is_no_read() -> None:
    assert rests([(0.016, 32), (0.008, 0), (0.008, 32)])[-1] == LONG_REST_S
