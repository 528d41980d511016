"""Pins the hours of a warehouse's days: by the wall's clock, none lost or doubled by a change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.demand.hours import (
    Hour,
    day_start_us,
    hour_of,
    hour_seconds,
    hours_between,
    next_day,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in (
    "UTC", "Europe/Berlin", "Asia/Shanghai", "Asia/Kolkata", "Australia/Lord_Howe",
    "America/St_Johns",
)]  # fmt: skip


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1_000_000


def test_an_hour_is_the_walls() -> None:
    assert hour_of(at("2026-07-01T05:59:59+00:00"), BERLIN) == Hour("2026-07-01", 7)
    assert hour_of(at("2026-07-01T22:00:00+00:00"), BERLIN) == Hour("2026-07-02", 0)


def test_the_night_the_clocks_go_forward_has_no_hour_of_two() -> None:
    assert hour_seconds("2026-03-29", BERLIN)[1:4] == (3600.0, 0.0, 3600.0)
    assert sum(hour_seconds("2026-03-29", BERLIN)) == 23 * 3600


def test_the_night_they_go_back_has_a_long_one() -> None:
    assert hour_seconds("2026-10-25", BERLIN)[1:4] == (3600.0, 7200.0, 3600.0)


def test_half_an_hour_of_change_is_half_an_hour() -> None:
    lengths = hour_seconds("2026-04-05", ZoneInfo("Australia/Lord_Howe"))
    assert sum(lengths) == 24.5 * 3600
    assert lengths[1] == 1.5 * 3600


def test_a_span_is_cut_at_full_hours() -> None:
    start, end = at("2026-07-01T06:50:00+02:00"), at("2026-07-01T08:05:00+02:00")
    assert [(hour.hour, seconds) for hour, seconds in hours_between(start, end, BERLIN)] == [
        (6, 600.0),
        (7, 3600.0),
        (8, 300.0),
    ]


def test_no_time_passes_backwards() -> None:
    assert list(hours_between(at("2026-07-01T06:50:00+02:00"), 0, BERLIN)) == []


@given(
    zone=st.sampled_from(ZONES),
    start_s=st.integers(1_700_000_000, 1_900_000_000),
    length_s=st.integers(0, 3 * 86_400),
)
def test_every_second_lies_in_the_hour_that_it_is_in(
    zone: ZoneInfo, start_s: int, length_s: int
) -> None:
    start_us, end_us = start_s * 1_000_000, (start_s + length_s) * 1_000_000
    at_us = start_us
    for hour, seconds in hours_between(start_us, end_us, zone):
        assert hour_of(at_us, zone) == hour
        at_us += round(seconds * 1_000_000)
        assert hour_of(at_us - 1, zone) == hour
    assert at_us == end_us


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_day_lasts_until_the_next(zone: ZoneInfo) -> None:
    day = "2026-01-01"
    for _ in range(365):
        length_us = day_start_us(next_day(day), zone) - day_start_us(day, zone)
        assert sum(hour_seconds(day, zone)) * 1_000_000 == length_us
        day = next_day(day)
