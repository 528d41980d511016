"""Announced demand: campaigns, with how many times the usual demand they bring.

Campaigns that overlap multiply: two for one on a day of free delivery is both.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from cloud_sync.contract.values import named_value
from cloud_sync.demand.hours import HOURS, day_start_us, hour_seconds, hours_between, next_day


@named_value
class Campaign:
    """One campaign. items: empty for all of them. factor: 3.0 for three times the usual demand.

    start_us inclusive, end_us exclusive, µs UTC.
    """

    id: str
    start_us: int
    end_us: int
    factor: float
    items: frozenset[str] = frozenset()

    def names(self, item: str) -> bool:
        """Whether an item is in it."""
        return not self.items or item in self.items


def uplift_at(campaigns: Iterable[Campaign], item: str, at_us: int) -> float:
    """How many times its usual demand an item has at a moment."""
    factor = 1.0
    for each in campaigns:
        if each.start_us <= at_us < each.end_us and each.names(item):
            factor *= each.factor
    return factor


def uplift_by_hour(campaign: Campaign, day: str, zone: tzinfo) -> tuple[float, ...]:
    """The factor of each hour of a day, one that a campaign covers in part in proportion."""
    start_us = max(campaign.start_us, day_start_us(day, zone))
    end_us = min(campaign.end_us, day_start_us(next_day(day), zone))
    covered_s = [0.0] * HOURS
    for hour, seconds in hours_between(start_us, end_us, zone):
        covered_s[hour.hour] += seconds
    return tuple(
        1.0 + (campaign.factor - 1.0) * (covered / length if length else 0.0)
        for covered, length in zip(covered_s, hour_seconds(day, zone), strict=True)
    )
