"""Pins days and hours of every time zone around every change of its clocks in ten years.

No hour of demand is counted twice or not at all, a day ends where the next begins, and what is
done at a time of day is done once: in nights of 23, 23.5, 24.5 and 25 hours, in zones that skip a
day or change in the middle of an hour.
"""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from cloud_sync.demand.hours import day_start_us, hour_of, hour_seconds, hours_between, next_day
from cloud_sync.inventory.lots import local_day
from gateway.services.plan_desk import last_due

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(2016, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
STRIDE = 7 * DAY
SAMOA = (ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 10, tzinfo=UTC))
"""The day that was left out: 30 December 2011."""
TIMES = [time.fromisoformat(it) for it in ("00:00", "00:15", "02:00", "02:30", "23:30")]

Change = tuple[ZoneInfo, datetime]
"""A zone, and the first quarter of an hour after a change of its clocks."""


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def offset(zone: ZoneInfo, at: datetime) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def changes_of(zone: ZoneInfo) -> Iterator[datetime]:
    """The changes of a zone's clocks; none is taken back within STRIDE."""
    at = FIRST
    while at < LAST:
        if offset(zone, at) != offset(zone, at + STRIDE):
            quarters = range(1, STRIDE // QUARTER + 1)
            old = offset(zone, at)
            n = bisect_left(quarters, True, key=lambda n: offset(zone, at + n * QUARTER) != old)
            yield at + quarters[n] * QUARTER
        at += STRIDE


@cache
def changes() -> tuple[Change, ...]:
    """Each way in which clocks were changed, once: zones share most of them.

    Ways are the same if the wall shows the same before and after, on the same day of the month.
    """
    found: dict[object, Change] = {}
    for name in sorted(zoneinfo.available_timezones()):
        zone = ZoneInfo(name)
        for at in changes_of(zone):
            before, after = (at - QUARTER).astimezone(zone), at.astimezone(zone)
            shown = (before.time(), after.time(), offset(zone, at), offset(zone, at - QUARTER))
            found.setdefault((shown, before.day == 1), (zone, at))
    return (*found.values(), SAMOA)


def days_around(zone: ZoneInfo, at: datetime) -> list[str]:
    """The days on the wall from the day before to the day after, as they come."""
    quarters = (at + n * QUARTER for n in range(-4 * 36, 4 * 36))
    return list(dict.fromkeys(local_day(us(quarter), zone) for quarter in quarters))


def named(zone: ZoneInfo, at: datetime) -> str:
    return f"{zone.key} at {at.astimezone(zone)}"


def test_the_table_has_what_is_rare() -> None:
    spans = {offset(zone, at) - offset(zone, at - QUARTER) for zone, at in changes()}
    assert {timedelta(hours=1), timedelta(minutes=-30), timedelta(hours=24)} <= spans
    assert len(changes()) > 50
    assert any(at.astimezone(zone).minute for zone, at in changes()), "within an hour"


def test_a_day_begins_where_the_day_before_ends() -> None:
    for zone, at in changes():
        for day in days_around(zone, at):
            start = day_start_us(day, zone)
            assert local_day(start, zone) == day, named(zone, at)
            assert local_day(start - 1, zone) < day, named(zone, at)


def test_every_quarter_of_an_hour_is_in_one_hour_of_its_day() -> None:
    for zone, at in changes():
        for day in days_around(zone, at)[1:-1]:
            start, end = day_start_us(day, zone), day_start_us(next_day(day), zone)
            counted = Counter(hour_of(quarter, zone) for quarter in range(start, end, 900_000_000))
            assert {hour.day for hour in counted} == {day}, named(zone, at)
            lasted = {hour.hour: 900.0 * n for hour, n in counted.items()}
            told = dict(enumerate(hour_seconds(day, zone)))
            assert told == {hour: lasted.get(hour, 0.0) for hour in range(24)}, named(zone, at)


@pytest.mark.parametrize("seconds", [1, 900, 5000])
def test_no_moment_between_two_is_lost_or_counted_twice(seconds: int) -> None:
    for zone, at in changes():
        start, end = us(at - DAY) + seconds * 1_000_000, us(at + DAY)
        parts = list(hours_between(start, end, zone))
        assert sum(length for _, length in parts) == (end - start) / 1e6, named(zone, at)
        reached = start
        for hour, length in parts:
            assert hour_of(reached, zone) == hour, named(zone, at)
            reached += round(length * 1e6)


def done_at(zone: ZoneInfo, at: datetime, daily: time) -> list[datetime]:
    """When something is done that is done at a time of day, by whoever looks every quarter."""
    done_us, done = us(at - 2 * DAY), []
    for n in range(-4 * 40, 4 * 40):
        now = at + n * QUARTER
        due_us, _ = last_due([daily], us(now), zone)
        assert due_us <= us(now), named(zone, at)
        if done_us < due_us:
            done_us = us(now)
            done.append(now)
    return done


@pytest.mark.parametrize("daily", TIMES, ids=str)
def test_what_is_done_daily_is_done_once_a_day(daily: time) -> None:
    """A day after it was done last, give or take what the clocks were changed by."""
    for zone, at in changes():
        changed = abs(offset(zone, at) - offset(zone, at - QUARTER)) % DAY
        _, *done = done_at(zone, at, daily)  # the first look may catch up with the day before
        assert len(done) >= 2, named(zone, at)
        for before, after in pairwise(done):
            assert abs(after - before - DAY) <= changed, named(zone, at)


def test_a_time_that_is_left_out_comes_later_and_one_that_is_doubled_at_first() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for change, due in (
        (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ):
        around = done_at(berlin, change, time(2, 30))
        assert [it for it in around if it.date() == change.date()] == [due]
