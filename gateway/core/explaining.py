"""Why a plan is as it is, for the planner who reads it: four short parts of its document.

costs    the network plan's cost a day of the zones that were planned, term by term
binding  the limits that are reached: vehicle, storage, a line cut by its life or by room
changed  what is another than in the last network plan: cost, cycles, who supplies
without  what would happen if nothing came: items that run out before the next round, with the
         days they last, and how many units the warehouse would then be short of
dark     warehouses that a central one serves and that were not heard of: for how many days, and
         how many units they are estimated to need
old_network   how many days the network document is older than anybody can vouch for
levels   by what the levels of how many of the items go that are ordered (contract/levels): margin
         and share are worth, service is what is promised of a class, demand is what a policy of
         before the levels says
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cloud_sync.contract.plans import OrderLine
from gateway.core.served import Need
from gateway.core.solver_job import Job, Sku

ITEMS_SHOWN: Final = 20
"""Items named in a part; the number of all of them stands beside."""
ROUND_DAYS: Final = 2.0
"""The time to the next round where no network plan says a cycle."""


def explain(
    result: Mapping[str, object],
    job: Job,
    lines: Sequence[OrderLine],
    *,
    before: Mapping[str, object] | None,
    needs: Sequence[Need],
    network_days: float | None,
) -> dict[str, object]:
    """The explanation of these lines. before: the last network plan.

    network_days: how old the network document is, where that is too old.
    """
    now = result.get("network_plan")
    plan = now if isinstance(now, dict) else {}
    limits = result.get("binding")
    parts = {
        "costs": _costs(plan, job.zones),
        "binding": [*(limits if isinstance(limits, list) else []), *_cut(lines)],
        "changed": _changed(plan, before or {}, job),
        "without": _without(plan, job),
        "dark": _dark(needs),
        "old_network": None if network_days is None else {"days": round(network_days, 1)},
        "levels": _levels(job, lines),
    }
    return {name: part for name, part in parts.items() if part}


def _products(plan: Mapping[str, object], zones: Iterable[str]) -> list[Mapping[str, object]]:
    products = plan.get("products")
    wanted = set(zones)
    return [
        it
        for it in (products if isinstance(products, list) else [])
        if isinstance(it, dict) and it.get("id") in wanted
    ]


def _costs(plan: Mapping[str, object], zones: Sequence[str]) -> dict[str, object]:
    """Money a day, of each zone by term."""
    return {
        str(it["id"]): {name: round(_number(cost), 2) for name, cost in costs.items()}
        for it in _products(plan, zones)
        if isinstance(costs := it.get("costs"), dict)
    }


def _cut(lines: Iterable[OrderLine]) -> list[dict[str, object]]:
    """Items that get less than they need, by what cut them."""
    found: list[dict[str, object]] = []
    for limit in ("life", "room"):
        items = sorted(line.item for line in lines if line.limited_by == limit)
        if items:
            found.append({"limit": limit, "n_items": len(items), "items": items[:ITEMS_SHOWN]})
    return found


def _changed(
    plan: Mapping[str, object], before: Mapping[str, object], job: Job
) -> list[dict[str, object]]:
    changes: list[dict[str, object]] = []
    old = {str(it.get("id")): it for it in _products(before, job.zones)}
    for product in _products(plan, job.zones):
        zone = str(product["id"])
        was = old.get(zone)
        if was is None:
            continue
        then, now = _number(was.get("objective")), _number(product.get("objective"))
        if round(then, 2) != round(now, 2):
            changes.append(_change(zone, "cost_per_day", round(then, 2), round(now, 2)))
        ours, theirs = _order(product, job.warehouse), _order(was, job.warehouse)
        changes += [
            _change(zone, name, theirs.get(name), ours.get(name))
            for name in ("central", "cycle_days", "quantity_kg")
            if theirs and _rounded(ours.get(name)) != _rounded(theirs.get(name))
        ]
    return changes


def _change(zone: str, what: str, was: object, now: object) -> dict[str, object]:
    return {"zone": zone, "what": what, "was": _rounded(was), "now": _rounded(now)}


def _order(product: Mapping[str, object], warehouse: str) -> Mapping[str, object]:
    orders = product.get("warehouses")
    for it in orders if isinstance(orders, list) else []:
        if isinstance(it, dict) and it.get("id") == warehouse:
            return it
    return {}


def _without(plan: Mapping[str, object], job: Job) -> dict[str, object]:
    """What would be out of stock at the end of lead time and one cycle, were nothing ordered."""
    cycles = {
        str(it["id"]): _number(_order(it, job.warehouse).get("cycle_days"))
        for it in _products(plan, job.zones)
    }
    out: list[tuple[float, Sku]] = []
    short = 0.0
    for sku in job.skus:
        if sku.forecast_units_per_day <= 0:
            continue
        days = sku.lead_time_days + (cycles.get(sku.zone) or ROUND_DAYS)
        have = max(0, sku.on_hand_units + sku.on_order_units)
        lasts = have / sku.forecast_units_per_day
        if lasts < days:
            out.append((lasts, sku))
            short += (days - lasts) * sku.forecast_units_per_day
    out.sort(key=lambda each: (each[0], each[1].gtin))
    if not out:
        return {}
    return {
        "n_out": len(out),
        "short_units": round(short),
        "out": [{"item": sku.gtin, "days": round(days, 2)} for days, sku in out[:ITEMS_SHOWN]],
    }


def _levels(job: Job, lines: Iterable[OrderLine]) -> dict[str, int]:
    """By what the levels of the items that are ordered go."""
    by = {sku.gtin: sku.levels_by or "demand" for sku in job.skus}
    return dict(sorted(Counter(by[line.item] for line in lines).items()))


def _dark(needs: Iterable[Need]) -> list[dict[str, object]]:
    """Who was not heard of, the longest first; days of null: never."""
    silent = sorted(
        (it for it in needs if it.quiet.is_dark),
        key=lambda it: (it.heard_at_us or 0, it.warehouse),
    )
    return [
        {
            "warehouse": it.warehouse,
            "days": None if it.quiet.days is None else round(it.quiet.days, 2),
            "units": sum(it.by_item.values()),
        }
        for it in silent
    ]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value
