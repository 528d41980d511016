"""Pins the surge detector: its false alarms keep Lorden's bound, its delay is as stated."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from cloud_sync.demand.surge import Surge, SurgeDetector, SurgeRule

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


def steady(per_minute: float) -> SurgeDetector:
    rule = SurgeRule(headroom=1.0)
    return SurgeDetector(rule, lambda _item, start, end: per_minute * (end - start) / MINUTE_US)


def sales(
    rng: np.random.Generator, per_minute: float, start_us: int, end_us: int
) -> Iterator[int]:
    """The moments of a Poisson process."""
    at = float(start_us)
    while True:
        at += rng.exponential(MINUTE_US / per_minute)
        if at >= end_us:
            return
        yield int(at)


def first_surge(detector: SurgeDetector, moments: Iterator[int]) -> Surge | None:
    return next((it for at in moments if (it := detector.note_sale("a", at))), None)


def test_false_alarms_keep_their_bound() -> None:
    rule = SurgeRule(ratio=2.0, threshold=5.0, headroom=1.0, end_threshold=2.0)
    rng = np.random.default_rng(7)
    n_sales = n_alarms = 0
    for per_minute in (0.02, 0.3, 4.0):
        detector = SurgeDetector(
            rule, lambda _item, start, end, r=per_minute: r * (end - start) / MINUTE_US  # type: ignore[misc]  # bound per turn
        )  # fmt: skip
        for at in sales(rng, per_minute, 0, int(40_000 / per_minute) * MINUTE_US):
            n_sales += 1
            n_alarms += detector.note_sale("a", at) is not None
    assert n_sales > 100_000
    # The bound is about 800 here; a detector that never speaks would keep it, too.
    assert 20 < n_alarms <= rule.false_alarms(n_sales)


@pytest.mark.parametrize("rise", [3.0, 5.0, 10.0])
def test_a_surge_is_seen_after_as_many_sales_as_stated(rise: float) -> None:
    rng = np.random.default_rng(int(rise))
    start_us = 3 * HOUR_US
    waited, n_sales = [], []
    for _ in range(60):
        detector = steady(1.0)
        assert first_surge(detector, sales(rng, 1.0, 0, start_us)) is None
        surge = first_surge(detector, sales(rng, rise, start_us, 10 * HOUR_US))
        assert surge is not None
        waited.append((surge.seen_at_us - start_us) / MINUTE_US)
        n_sales.append(surge.n_sales)
        assert abs(surge.started_at_us - start_us) < 30 * MINUTE_US
    stated = SurgeRule(headroom=1.0).delay_sales(rise)
    assert 0.5 * stated < np.mean(waited) * rise < 1.3 * stated
    assert np.mean(n_sales) > 5


def test_ten_times_the_sales_of_a_fast_item_are_seen_within_three_minutes() -> None:
    detector = SurgeDetector(SurgeRule(), lambda _item, start, end: (end - start) / MINUTE_US)
    rng = np.random.default_rng(3)
    surge = first_surge(detector, sales(rng, 10.0, 0, HOUR_US))
    assert surge is not None
    assert surge.seen_at_us < 3 * MINUTE_US
    assert 5 < surge.rise < 20


def test_a_surge_is_told_once_and_ends() -> None:
    detector = steady(1.0)
    rng = np.random.default_rng(5)
    told = [at for at in sales(rng, 8.0, 0, HOUR_US) if detector.note_sale("a", at)]
    assert len(told) == 1
    assert detector.is_on("a", HOUR_US)
    assert not detector.is_on("a", HOUR_US + 20 * MINUTE_US)
    assert first_surge(detector, sales(rng, 1.0, 2 * HOUR_US, 5 * HOUR_US)) is None
    assert first_surge(detector, sales(rng, 8.0, 5 * HOUR_US, 6 * HOUR_US)) is not None


def test_busy_days_within_the_headroom_are_none() -> None:
    detector = SurgeDetector(SurgeRule(), lambda _item, start, end: (end - start) / MINUTE_US)
    rng = np.random.default_rng(11)
    assert first_surge(detector, sales(rng, 1.4, 0, 40 * HOUR_US)) is None


def test_the_first_sales_of_an_item_that_nobody_expects_are_none() -> None:
    detector = steady(0.0)
    assert [detector.note_sale("new", minute * HOUR_US // 2) for minute in range(8)] == [None] * 8


def test_sales_that_come_late_or_from_a_clock_that_went_back_count_now() -> None:
    detector = steady(1.0)
    detector.note_sale("a", HOUR_US)
    told = [detector.note_sale("a", 0) for _ in range(20)]
    (surge,) = [it for it in told if it]
    assert surge.seen_at_us == HOUR_US


def test_items_do_not_know_each_other() -> None:
    detector = steady(1.0)
    assert not any(detector.note_sale(f"item {i}", HOUR_US + i) for i in range(2000))


def test_a_rise_below_the_one_looked_for_may_never_be_seen() -> None:
    assert SurgeRule(headroom=1.0).delay_sales(1.5) == math.inf
