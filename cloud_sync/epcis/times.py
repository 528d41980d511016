"""RFC 3339 times, in microseconds since 1970 UTC, and offsets of time zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
    r"(?:([Zz])|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_OFFSET: Final = re.compile(r"[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(value: object) -> int:
    """Microseconds of a date-time with its offset; finer digits are cut off.

    Raises ValueError saying what is wrong. A leap second ends a month in UTC (RFC 3339, 5.7), and
    counts as the second before it.
    """
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("an RFC 3339 date-time with an offset is expected")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, _, sign, offset_hour, offset_minute = found.groups()[6:]
    offset_min = 0
    if sign:
        if int(offset_hour) > 23 or int(offset_minute) > 59:
            raise ValueError(f"there is no offset {sign}{offset_hour}:{offset_minute}")
        offset_min = int(offset_hour) * 60 + int(offset_minute)
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"there is no such time: {error}") from error
    micros = int((fraction or "").ljust(6, "0")[:6] or "0")
    shift_us = offset_min * 60_000_000 * (-1 if sign == "-" else 1)
    at_us = (local - _EPOCH) // timedelta(microseconds=1) - shift_us
    if second > 59 and (second > 60 or not _ends_a_month(at_us)):
        raise ValueError(f"there is no such time: second {second}")
    return at_us + micros


def _ends_a_month(at_us: int) -> bool:
    """True for the last second of a month in UTC."""
    next_day, second = divmod(at_us // 1_000_000 + 1, 86_400)
    try:
        return second == 0 and (_EPOCH + timedelta(days=next_day)).day == 1
    except OverflowError:
        return False  # no calendar goes on to there


def format_time(at_us: int) -> str:
    """The time in UTC, with milliseconds, or microseconds where there are any."""
    at = _EPOCH + timedelta(microseconds=at_us)
    spec = "milliseconds" if at_us % 1000 == 0 else "microseconds"
    return at.isoformat(timespec=spec).replace("+00:00", "Z")


def is_offset(value: object) -> bool:
    """True for an eventTimeZoneOffset: -14:00 to +14:00, a `-` or `+` always."""
    return isinstance(value, str) and _OFFSET.fullmatch(value) is not None


def format_offset(offset_min: int) -> str:
    """Minutes east of UTC as ±hh:mm."""
    sign = "-" if offset_min < 0 else "+"
    return f"{sign}{abs(offset_min) // 60:02d}:{abs(offset_min) % 60:02d}"
