"""What to ask the forecaster: a demand book as one JSON object (optimizer/demand/job.py has the
format). The book's process holds no numpy, the forecaster's no book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from cloud_sync.contract.values import named_value
from cloud_sync.demand.book import DemandBook
from cloud_sync.demand.campaigns import Campaign, uplift_by_hour
from cloud_sync.demand.hours import HOUR_S, HOURS, Hour, day_start_us, hour_of, hour_seconds

JOB_FORMAT: Final = "forepost-demand/1"
AHEAD_DAYS: Final = 90
"""Days after today whose campaigns are told: the longest look ahead there is."""


@named_value
class Kept:
    """How one item is kept and supplied; as in the job, days as numbers. unit: EA or g.

    life_days: from arrival to its last sale, None if it keeps. method: from the last answer.
    stakes: what a unit costs that is lost, that is wasted, and that is held for a day; None where
    nobody knows, and its levels go by service.
    """

    item: str
    lead_days: float
    cycle_days: float
    unit: str = "EA"
    lead_sd_days: float = 0.0
    review_days: float = 0.0
    life_days: float | None = None
    critical_ratio: float | None = None
    service_class: str | None = None
    method: tuple[str, str] | None = None
    stakes: tuple[float, float, float] | None = None


def make_question(
    book: DemandBook,
    kept: Sequence[Kept],
    *,
    warehouse: str,
    n_days: int,
    now_us: int,
    campaigns: Iterable[Campaign] = (),
    served: Mapping[str, float] | None = None,
) -> dict[str, object] | None:
    """The job over the last n_days whole days; None if no item was kept before today.

    served: by class of items, the share of what is asked for that is to be served.
    Items that were first usable today are left out: there is no day to learn from.
    """
    today = hour_of(now_us, book.zone)
    days = _days_before(today.day, n_days)
    index = {day: i for i, day in enumerate(days)}
    counted = _Counted(book, index, now_us)
    items = [row for each in kept if (row := counted.row(each)) is not None]
    if not items:
        return None
    job: dict[str, object] = {
        "format": JOB_FORMAT,
        "warehouse": warehouse,
        "first_day": days[0],
        "n_days": n_days,
        "now_hours": round(today.hour + _into_hour(book, today, now_us), 4),
        "hour_length": _odd_hours(book, days),
        "items": items,
    }
    told = [_campaign(each, book, days) for each in campaigns]
    if told := [each for each in told if each["days"]]:
        job["campaigns"] = told
    if served:
        job["served"] = dict(served)
    return job


class _Counted:
    """The book's buckets and outages by item, in days of the question."""

    def __init__(self, book: DemandBook, index: dict[str, int], now_us: int) -> None:
        self._book, self._index = book, index
        self._buckets: dict[tuple[str, str], list[tuple[int, int, int, int]]] = {}
        for (series, hour), bucket in book.buckets.items():
            if hour.day in index:
                cell = (index[hour.day], hour.hour, bucket.units, bucket.squares)
                self._buckets.setdefault((series.item, series.unit), []).append(cell)
        self._outages: dict[str, list[list[float]]] = {}
        for (item, hour), seconds in book.outages(now_us).items():
            if hour.day in index:
                cells = self._outages.setdefault(item, [])
                cells.append([index[hour.day], hour.hour, round(seconds / HOUR_S, 4)])

    def row(self, kept: Kept) -> dict[str, object] | None:
        """The item's part of the job."""
        listed_us = self._book.listed_us.get(kept.item)
        if listed_us is None:
            return None
        n_days = len(self._index)
        listed = hour_of(listed_us, self._book.zone)
        if listed.day > max(self._index):
            return None
        units, by_hour, squares = [0] * n_days, [0] * HOURS, 0
        for day, hour, sold, squared in self._buckets.get((kept.item, kept.unit), ()):
            units[day] += sold
            by_hour[hour] += sold
            squares += squared
        row: dict[str, object] = {
            "item": kept.item,
            # A correction of what has left the book may leave less than nothing.
            "units": [max(0, each) for each in units],
            "hour_units": [max(0, each) for each in by_hour],
            "squares": max(0, squares),
            "listed_day": self._index.get(listed.day, 0),
            "outages": sorted(self._outages.get(kept.item, ())) + self._before(listed),
            "lead_days": kept.lead_days,
            "lead_sd_days": kept.lead_sd_days,
            "review_days": kept.review_days,
            "cycle_days": kept.cycle_days,
        }
        optional = {
            "life_days": kept.life_days,
            "critical_ratio": kept.critical_ratio,
            "service_class": kept.service_class,
            "method": None if kept.method is None else list(kept.method),
            "stakes": None if kept.stakes is None else list(kept.stakes),
        }
        return row | {key: value for key, value in optional.items() if value is not None}

    def _before(self, listed: Hour) -> list[list[float]]:
        """The hours of its first day before an item was there."""
        day = self._index.get(listed.day)
        return [] if day is None else [[day, hour, 1.0] for hour in range(listed.hour)]


def _days_before(today: str, n_days: int) -> list[str]:
    last = date.fromisoformat(today).toordinal()
    return [date.fromordinal(last - back).isoformat() for back in range(n_days, 0, -1)]


def _into_hour(book: DemandBook, today: Hour, now_us: int) -> float:
    """How much of the hour is over; the hours before it may not all have been there."""
    start_us = day_start_us(today.day, book.zone)
    passed_h = (now_us - start_us) / 1_000_000 / HOUR_S
    return passed_h % 1.0


def _odd_hours(book: DemandBook, days: Sequence[str]) -> list[list[float]]:
    """The hours that were not an hour long."""
    return [
        [i, hour, seconds / HOUR_S]
        for i, day in enumerate(days)
        for hour, seconds in enumerate(hour_seconds(day, book.zone))
        if seconds != HOUR_S
    ]


def _campaign(campaign: Campaign, book: DemandBook, days: Sequence[str]) -> dict[str, object]:
    first = date.fromisoformat(days[0]).toordinal()
    start = date.fromisoformat(hour_of(campaign.start_us, book.zone).day).toordinal()
    end = date.fromisoformat(hour_of(max(campaign.end_us - 1, 0), book.zone).day).toordinal()
    rows = []
    for ordinal in range(max(start, first), min(end, first + len(days) + AHEAD_DAYS) + 1):
        day = date.fromordinal(ordinal).isoformat()
        factors = [round(it, 5) for it in uplift_by_hour(campaign, day, book.zone)]
        rows.append([ordinal - first, *factors])
    return {"items": sorted(campaign.items), "days": rows}
