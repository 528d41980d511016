"""What the facts say of one item at one moment, as the triggers look at it (core/triggers).

All stock is judged by the one rule, `Facts.usable`. What will not sell before it expires is found
lot by lot, the first to expire first: until the end of a lot's last day the usual demand has taken
so much, less what earlier lots gave to it; the rest of the lot will be waste.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, tzinfo
from math import inf, sqrt
from typing import Final

from cloud_sync.contract.documents import Policy
from cloud_sync.demand.pace import days_until_sold
from gateway.core.consolidation import service_z
from gateway.core.facts import Facts, PlanRecord
from gateway.core.served import Silence, need_of
from gateway.core.triggers import Look, Rush, Strain

DAY_US: Final = 86_400_000_000
NOISE_Z: Final = 3.0
"""Demand that stays within so many standard deviations makes no plan stale."""


def look_at(
    facts: Facts,
    item: str,
    today: str,
    now_us: int,
    *,
    taken_units: int = 0,
    surge: Rush | None = None,
    zone: tzinfo = UTC,
) -> Look | None:
    """What is known of an item now; None where the office has said nothing about it.

    zone: of the clock on the warehouse's wall.
    """
    policy = facts.policies.get(item)
    if policy is None:
        return None
    on_hand = facts.units_on_hand(item, today) - facts.allocated(item)
    on_order = facts.on_order(item)
    demand = policy.demand_units_per_day
    unsold = unsold_units(usable_lots(facts, item, today), demand, today)
    return Look(
        item=item,
        name=facts.name_of(item),
        warehouse=facts.warehouse,
        reorder_point_units=policy.reorder_point_units,
        position_units=on_hand + on_order,
        on_hand_units=on_hand,
        cover_days=_cover_days(policy, on_hand, now_us, zone),
        lead_time_days=policy.lead_time_days,
        next_delivery_days=_next_delivery_days(facts, item, now_us) if on_order > 0 else None,
        unsold_units=unsold,
        taken_units=taken_units,
        surge=surge,
        strain=_strain(facts, item, on_hand + on_order - unsold, now_us),
    )


def usable_lots(facts: Facts, item: str, today: str) -> list[tuple[str, int]]:
    """(expiry, units) of what is usable and spoils, the first to expire first."""
    known = facts.items.get(item)
    found: dict[str, int] = {}
    for (lot, unit), quantity in facts.shelves.get(item, {}).items():
        expiry = facts.lots.get((item, lot))
        if expiry is None or quantity <= 0:
            continue
        if facts.usable(item, lot, today, held=facts.flows.holds, expiry=expiry):
            by_weight = 0 if known is None else quantity // known.grams_per_unit
            found[expiry] = found.get(expiry, 0) + (quantity if unit == "EA" else by_weight)
    return sorted(found.items())


def unsold_units(lots: Iterable[tuple[str, int]], demand_per_day: float, today: str) -> int:
    """Units that will expire before they are sold, sold first-expired first at this demand."""
    sold, unsold = 0.0, 0.0
    start = date.fromisoformat(today)
    for expiry, units in lots:
        days = (date.fromisoformat(expiry) - start).days + 1
        goes = min(units, max(0.0, demand_per_day * days - sold))
        sold += goes
        unsold += units - goes
    # Half a unit more or less is nobody's waste: rounded down, by the day it is seen to come.
    return int(unsold + 1e-9)


def _cover_days(policy: Policy, on_hand: int, now_us: int, zone: tzinfo) -> float:
    """How long what is on hand lasts, by the hours of the day where these are known."""
    pace = policy.demand_units_per_day
    worth = max(0, on_hand) / pace if pace > 0 else inf
    return days_until_sold(policy.hours, worth, now_us, zone) if worth < inf else inf


def _next_delivery_days(facts: Facts, item: str, now_us: int) -> float:
    """Days until the first delivery with this item; its lead time where no time was told."""
    known = [
        due.expected_at_us
        for asn in facts.expecting.get(item, ())
        if facts.due_units(asn, item) > 0
        and (due := facts.asns.get(asn)) is not None
        and due.expected_at_us is not None
    ]
    if not known:
        return facts.policies[item].lead_time_days
    return max(0.0, (min(known) - now_us) / DAY_US)


def _strain(facts: Facts, item: str, position_units: int, now_us: int) -> Strain | None:
    """How far the item is from where its open plan expected it; None without a plan.

    position_units: as plans count it, without what will expire unsold.
    """
    plan = facts.open_plan_with(item)
    if plan is None:
        return None
    policy = facts.policies[item]
    units, position_then = plan.lines[item]
    days = max(0.0, (now_us - plan.computed_at_us) / DAY_US)
    expected = position_then + units - policy.demand_units_per_day * days
    off = (
        position_units - expected + _drawn_for_others(facts, plan, item, position_units, expected)
    )
    noise = NOISE_Z * policy.demand_sd_units_per_day * sqrt(days)
    limit = max(units / 2, _pack_units(facts, item), noise)
    return Strain(plan.plan_id, round(off), abs(off) > limit, abs(off) <= limit / 2)


def _drawn_for_others(
    facts: Facts, plan: PlanRecord, item: str, position_units: int, expected: float
) -> float:
    """What of a gap is as the plan had it, or is news, by the needs that it counted.

    What heard warehouses needed leaves soon, as it was meant to: that much less is no surprise. A
    dark one that is back may need more or less than was estimated: that is one.
    """
    meant, news = 0, 0
    for need in plan.needs:
        units, place = need.by_item.get(item, 0), facts.served.places.get(need.warehouse)
        if not need.is_dark:
            meant += units
            continue
        heard = None if place is None else place.heard_at_us
        row, known = None if place is None else place.item(item), facts.items.get(item)
        if heard is None or heard <= plan.computed_at_us or row is None or known is None:
            continue
        here = Silence(is_dark=False, days=0.0)
        news += units - need_of(row, known, here, service_z=service_z(facts))
    gap = max(0.0, expected - position_units)
    return min(gap, meant) + news


def _pack_units(facts: Facts, item: str) -> int:
    known = facts.items.get(item)
    return 1 if known is None else known.case_pack_units
