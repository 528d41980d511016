"""The hours of a warehouse's own days.

Demand is counted by the clock on the wall: people buy breakfast at seven, in summer as in winter.
So an hour is (day, hour 0 to 23) in the warehouse's time zone, and how long it lasted is a
question of its own: 3600 s, none at all in the night the clocks go forward, twice as long in the
one they go back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

HOUR_S: Final = 3600
HOURS: Final = 24
_US: Final = 1_000_000
_QUARTER_US: Final = 900 * _US
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Hour(NamedTuple):
    """An hour of a day: day as YYYY-MM-DD, hour from 0 to 23, both as the wall shows them."""

    day: str
    hour: int


def hour_of(at_us: int, zone: tzinfo) -> Hour:
    """The hour that a moment lies in; the same object for all moments of a quarter of it."""
    return _hour_of_quarter(at_us // _QUARTER_US, zone)


@lru_cache(maxsize=16_384)
def _hour_of_quarter(quarter: int, zone: tzinfo) -> Hour:
    # Zones are apart by quarters of an hour, so none is cut by an hour of any of them.
    local = _local(quarter * _QUARTER_US, zone)
    return Hour(local.date().isoformat(), local.hour)


def hours_between(start_us: int, end_us: int, zone: tzinfo) -> Iterator[tuple[Hour, float]]:
    """The hours from start to end, and how many seconds of each lie between; none backwards."""
    local = _local(start_us, zone)
    while start_us < end_us:
        into_us = (local.minute * 60 + local.second) * _US + local.microsecond
        next_us = min(end_us, start_us + HOUR_S * _US - into_us)
        after = _local(next_us, zone)
        if after.utcoffset() != local.utcoffset():
            next_us = _change_us(start_us, next_us, zone)
            after = _local(next_us, zone)
        yield Hour(local.date().isoformat(), local.hour), (next_us - start_us) / _US
        start_us, local = next_us, after


def _change_us(start_us: int, end_us: int, zone: tzinfo) -> int:
    """When the clocks were changed: mostly at the end, on a full hour of the wall, but not always.

    Korea's north went from 23:30 to midnight in 2018. Quarters are never cut.
    """
    offset = _local(start_us, zone).utcoffset()
    at_us = start_us
    while at_us < end_us and _local(at_us, zone).utcoffset() == offset:
        at_us += _QUARTER_US - at_us % _QUARTER_US
    return min(at_us, end_us)


@lru_cache(maxsize=1024)
def hour_seconds(day: str, zone: tzinfo) -> tuple[float, ...]:
    """How long each of the day's 24 hours lasted, in seconds."""
    start, end = day_start_us(day, zone), day_start_us(next_day(day), zone)
    seconds = [0.0] * HOURS
    for hour, length_s in hours_between(start, end, zone):
        seconds[hour.hour] += length_s
    return tuple(seconds)


def day_start_us(day: str, zone: tzinfo) -> int:
    """The moment at which a day begins."""
    start = datetime.combine(date.fromisoformat(day), datetime.min.time(), zone)
    return (start.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def next_day(day: str) -> str:
    """The day after a day."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _local(at_us: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
