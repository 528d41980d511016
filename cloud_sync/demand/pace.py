"""How fast an item sells at an hour of the day, and what that makes of a stretch of time.

A profile is 24 whole numbers, what each hour of the wall's clock has of a day's demand; only their
ratios count. Without one a day's demand is spread evenly. Whole days have a day's worth whatever
the profile is, the one on which clocks are changed as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from cloud_sync.demand.hours import HOUR_S, HOURS, hours_between

DAY_US: Final = HOURS * HOUR_S * 1_000_000
PARTS: Final = 1000
"""What a profile adds up to, as forecasts make it."""

Profile = Sequence[int] | None


def profile_of(shares: Sequence[float]) -> list[int] | None:
    """A profile in thousandths of a day, None where nothing is known of the hours.

    Cut by largest remainders, so that it adds up.
    """
    whole = sum(shares)
    if len(shares) != HOURS or not whole > 0 or min(shares) < 0:
        return None
    exact = [PARTS * share / whole for share in shares]
    found = [int(part) for part in exact]
    by_rest = sorted(range(HOURS), key=lambda hour: (found[hour] - exact[hour], hour))
    for hour in by_rest[: PARTS - sum(found)]:
        found[hour] += 1
    return found


def days_worth(profile: Profile, start_us: int, end_us: int, zone: tzinfo) -> float:
    """How many days' demand lies between two moments; 0 backwards."""
    length_us = max(0, end_us - start_us)
    if profile is None:
        return length_us / DAY_US
    days, rest_us = divmod(length_us, DAY_US)
    whole = sum(profile)
    hours = hours_between(end_us - rest_us, end_us, zone)
    return days + sum(profile[hour.hour] * seconds for hour, seconds in hours) / (whole * HOUR_S)


def days_until_sold(profile: Profile, worth: float, start_us: int, zone: tzinfo) -> float:
    """After how many days so many days' demand is sold: `days_worth` the other way round.

    worth: finite, from 0. Where nothing is sold at that hour, the end of the last that sold.
    """
    if profile is None:
        return worth
    days = int(worth)
    rest = (worth - days) * sum(profile)
    passed_s = 0.0
    for hour, seconds in hours_between(start_us, start_us + DAY_US, zone):
        sold = profile[hour.hour] * seconds / HOUR_S
        if rest <= sold:
            passed_s += seconds * rest / sold if sold else 0.0
            break
        rest -= sold
        passed_s += seconds
    return days + passed_s * 1_000_000 / DAY_US
