"""Which goods of a warehouse are due to be counted, by its plan; and when a count is done.

An item is as long uncounted as the place of it that was not counted for longest. What lies
nowhere is due never.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.counting import CountingPlan
from cloud_sync.contract.documents import Count
from cloud_sync.contract.master import ServiceClass

DAY_US: Final = 86_400_000_000
A_SHARE: Final = 0.8
B_SHARE: Final = 0.95
DONE: Final = frozenset({"matched", "approved"})
"""Outcomes of a closing after which a place is not counted again."""


@dataclass(frozen=True, slots=True)
class DueItem:
    """counted_us: None where a place of it never was. due_us: None where it always is."""

    item: str
    of_class: ServiceClass
    counted_us: int | None
    due_us: int | None


def classes_by_demand(units_per_day: Mapping[str, float]) -> dict[str, ServiceClass]:
    """A for the items that make the first 80 % of all units, B for the next 15 %, C for the rest.

    Pareto's rule as Dickie (1951, Factory Management and Maintenance 109) brought it to stock.
    """
    total, before = sum(units_per_day.values()), 0.0
    found: dict[str, ServiceClass] = {}
    for item in sorted(units_per_day, key=lambda it: (-units_per_day[it], it)):
        share = before / total if total > 0 else 1.0
        found[item] = "A" if share < A_SHARE else "B" if share < B_SHARE else "C"
        before += units_per_day[item]
    return found


def due_items(
    plan: CountingPlan,
    classes: Mapping[str, ServiceClass],
    counted: Mapping[str, Iterable[int | None]],
    now_us: int,
) -> list[DueItem]:
    """What is due, the most overdue in proportion to its interval first; never counted before all.

    counted: by item, of each place where it lies when it was last counted there.
    """
    found = []
    for item, times in counted.items():
        of_class = classes.get(item, "C")
        every_days = plan.every_days.get(of_class)
        if every_days is None:
            continue
        known = list(times)
        oldest = [it for it in known if it is not None]
        if len(oldest) < len(known):
            found.append((float("-inf"), DueItem(item, of_class, None, None)))
        elif oldest:
            due_us = min(oldest) + every_days * DAY_US
            if due_us <= now_us:
                over = (due_us - now_us) / every_days
                found.append((over, DueItem(item, of_class, min(oldest), due_us)))
    found.sort(key=lambda it: (it[0], it[1].of_class, it[1].item))
    return [it for _, it in found]


def places_to_count(
    count: Count, stock: Mapping[str, Collection[str]], zones: Mapping[str, str]
) -> set[str]:
    """The places in a count's scope, as the gateway's list has them.

    stock: by item the places where it lies. zones: of the known places, by place.
    """
    places = set(count.locations)
    if not places and count.items:
        places = {place for item in count.items for place in stock.get(item, ())}
    elif not places:
        places = set(zones)
    if count.zones:
        places = {it for it in places if zones.get(it) in count.zones}
    return places
