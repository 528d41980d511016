"""Pins how much one device may send: never much more than its pace, and its pace always."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pacing import FLOOD_S, Pace

WAITS = st.lists(st.floats(0, 20), min_size=1, max_size=200)


@given(st.integers(1, 50), st.integers(1, 100), WAITS, st.integers(1, 40))
def test_nobody_sends_much_more_than_its_pace(
    per_s: int, burst: int, waits: list[float], at_once: int
) -> None:
    pace, now_s, allowed = Pace(per_s, burst, 0.0), 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        allowed += sum(pace.allows(now_s) for _ in range(at_once))
    assert allowed <= 2 * burst + per_s * now_s


@given(st.integers(1, 50), st.integers(1, 100), st.integers(1, 300), st.floats(0, 1e9))
def test_nobody_is_held_back_at_its_pace(
    per_s: int, burst: int, n_messages: int, began_s: float
) -> None:
    pace = Pace(per_s, burst, began_s)
    gap_s = 1.001 / per_s + began_s * 1e-12  # times of day are not exact
    assert all(pace.allows(began_s + n * gap_s) for n in range(n_messages))


def test_a_flood_is_over_when_nothing_was_held_back_for_a_while() -> None:
    pace = Pace(1, 2, 100.0)
    assert [pace.allows(100.0) for _ in range(3)] == [True, True, False]
    assert pace.is_flooding(100.0 + FLOOD_S - 0.1)
    assert not pace.is_flooding(100.0 + FLOOD_S)
    assert pace.allows(101.0)
