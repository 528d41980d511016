"""Pins how a day's demand is spread over its hours, there and back."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.demand.hours import day_start_us
from cloud_sync.demand.pace import DAY_US, PARTS, days_until_sold, days_worth, profile_of

HOUR_US = DAY_US // 24
MIDNIGHT_US = day_start_us("2026-11-20", UTC)
EVENINGS = [0] * 18 + [100, 300, 400, 200] + [0, 0]
ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kolkata")])
PROFILES = st.lists(st.integers(0, 1000), min_size=24, max_size=24).filter(any)


def test_an_hour_has_its_share_of_a_day() -> None:
    at_us = MIDNIGHT_US + 19 * HOUR_US
    assert days_worth(EVENINGS, at_us, at_us + HOUR_US, UTC) == pytest.approx(0.3)
    assert days_worth(EVENINGS, at_us, at_us + HOUR_US // 2, UTC) == pytest.approx(0.15)
    assert days_worth(EVENINGS, MIDNIGHT_US, MIDNIGHT_US + 18 * HOUR_US, UTC) == 0.0
    assert days_worth(None, at_us, at_us + HOUR_US, UTC) == pytest.approx(1 / 24)


def test_the_hours_are_those_of_the_wall() -> None:
    # Seven in the evening in Shanghai is eleven in the morning in UTC.
    at_us = MIDNIGHT_US + 11 * HOUR_US
    worth = days_worth(EVENINGS, at_us, at_us + HOUR_US, ZoneInfo("Asia/Shanghai"))
    assert worth == pytest.approx(0.3)


def test_stock_in_the_morning_lasts_until_the_evening() -> None:
    at_us = MIDNIGHT_US + 8 * HOUR_US
    # A tenth of a day's demand is sold from six to seven.
    assert days_until_sold(EVENINGS, 0.1, at_us, UTC) == pytest.approx(11 / 24)
    assert days_until_sold(EVENINGS, 2.1, at_us, UTC) == pytest.approx(2 + 11 / 24)
    assert days_until_sold(None, 0.1, at_us, UTC) == pytest.approx(0.1)


@given(PROFILES, st.floats(0, 30), st.integers(0, 2 * DAY_US), ZONES)
def test_what_lasts_so_long_is_worth_so_much(
    profile: list[int], worth: float, after_us: int, zone: ZoneInfo
) -> None:
    start_us = MIDNIGHT_US + after_us
    days = days_until_sold(profile, worth, start_us, zone)
    back = days_worth(profile, start_us, start_us + round(days * DAY_US), zone)
    assert back == pytest.approx(worth, abs=1e-5)


@given(PROFILES, st.integers(0, 10 * DAY_US), st.integers(0, 10 * DAY_US), ZONES)
def test_time_in_two_pieces_is_worth_as_much(
    profile: list[int], first_us: int, then_us: int, zone: ZoneInfo
) -> None:
    middle_us = MIDNIGHT_US + first_us
    parts = days_worth(profile, MIDNIGHT_US, middle_us, zone)
    parts += days_worth(profile, middle_us, middle_us + then_us, zone)
    whole = days_worth(profile, MIDNIGHT_US, middle_us + then_us, zone)
    assert parts == pytest.approx(whole, abs=1e-9)


@given(st.lists(st.floats(0, 1e6), min_size=24, max_size=24).filter(lambda it: sum(it) > 1e-6))
def test_a_profile_adds_up_and_is_next_to_what_was_seen(shares: list[float]) -> None:
    found = profile_of(shares)
    assert found is not None
    assert sum(found) == PARTS
    assert all(
        abs(it - PARTS * share / sum(shares)) < 1 for it, share in zip(found, shares, strict=True)
    )


@pytest.mark.parametrize("shares", [[0.0] * 24, [1.0] * 23, [-1.0] + [1.0] * 23])
def test_nothing_is_made_of_what_is_no_day(shares: list[float]) -> None:
    assert profile_of(shares) is None
