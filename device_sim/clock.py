"""The machine's clock, read here and nowhere else in the simulator; everyone else is given it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime


def wall_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def today() -> date:
    """The date in UTC, the time zone of every simulated warehouse."""
    return datetime.now(UTC).date()


def iso_time(at_us: int) -> str:
    """A time as devices write it: ISO 8601 with milliseconds and Z."""
    moment = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
