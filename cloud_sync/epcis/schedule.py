"""When a scheduled query runs: second, minute, hour, dayOfMonth, month, dayOfWeek, all in UTC.

Each field is a list of numbers and ranges, `5`, `1,15` or `[9-17]`, and must match; a field that
is not given matches always, but finer ones than the finest given are at their first value:
{"hour": "1", "minute": "5"} is once a day, not sixty times. `*`, `0/30` (every thirtieth) and
`9-17` are understood as well.

Source: GS1 EPCIS 2.0, section 8.2.5.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cloud_sync.epcis.rules import shown

_FIELDS: Final = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
_PART: Final = re.compile(
    r"\[?(?P<low>\d{1,2})(?:-(?P<high>\d{1,2}))?\]?|(?P<start>\*|\d{1,2})(?:/(?P<step>\d{1,2}))?",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_AHEAD: Final = 366 * 8 + 1
"""Within these every date comes again, a 29th of February on a given weekday not always."""


class ScheduleRefused(ValueError):
    """There is no such schedule; the message names the field."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The numbers at which each field matches."""

    fields: Mapping[str, frozenset[int]]

    def next_us(self, after_us: int) -> int | None:
        """The first time after a moment that matches; None if there is none in eight years."""
        at = _EPOCH + timedelta(microseconds=after_us)
        start = at.replace(microsecond=0) + timedelta(seconds=1)
        for n_days in range(_DAYS_AHEAD):
            day = (start + timedelta(days=n_days)).date()
            if not self._has_day(day.day, day.month, day.isoweekday()):
                continue
            for hour in sorted(self.fields["hour"]):
                for minute in sorted(self.fields["minute"]):
                    for second in sorted(self.fields["second"]):
                        found = datetime(
                            day.year, day.month, day.day, hour, minute, second, tzinfo=UTC
                        )
                        if found >= start:
                            return (found - _EPOCH) // timedelta(microseconds=1)
        return None

    def _has_day(self, day: int, month: int, weekday: int) -> bool:
        given = self.fields
        return (
            day in given["dayOfMonth"]
            and month in given["month"]
            and weekday in given["dayOfWeek"]
        )


def parse_schedule(value: object) -> Schedule:
    """A schedule of a subscription. Raises ScheduleRefused."""
    if not isinstance(value, dict) or not value:
        raise ScheduleRefused("schedule: an object with at least one field is expected")
    for name in value:
        if name not in _FIELDS:
            raise ScheduleRefused(f"schedule.{name[:40]}: there is no such field")
    fields: dict[str, frozenset[int]] = {}
    is_finer = True
    for name, (low, high) in _FIELDS.items():
        if name in value:
            is_finer = False
            fields[name] = _numbers(name, value[name], low, high)
        elif is_finer and name in ("second", "minute", "hour"):
            fields[name] = frozenset({low})
        else:
            fields[name] = frozenset(range(low, high + 1))
    schedule = Schedule(fields)
    if schedule.next_us(0) is None:
        raise ScheduleRefused("schedule: there is no such day")
    return schedule


def _numbers(name: str, value: object, low: int, high: int) -> frozenset[int]:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ScheduleRefused(f"schedule.{name}: a text is expected, got {shown(value)}")
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ScheduleRefused(f"schedule.{name}: {shown(part)} is no number or range")
        if match["low"] is not None:
            first = int(match["low"])
            numbers = range(first, int(match["high"] or first) + 1)
        else:
            first = low if match["start"] == "*" else int(match["start"])
            numbers = range(first, high + 1, int(match["step"] or 1) or 1)
        if not numbers or numbers[0] < low or numbers[-1] > high:
            raise ScheduleRefused(f"schedule.{name}: {shown(part)} is not within {low} to {high}")
        found |= set(numbers)
    return frozenset(found)
