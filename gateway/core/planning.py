"""From facts to a planning job, and from its result to a plan.

A job is one JSON object, so that the solver can run in a process of its own:
    {"network": forepost-network/1, "warehouse": ID, "zones": [product ids that ran low],
     "solver": …, "seed": …, "time_limit_s": …, "skus": [SKU states of those zones]}
and its result likewise:
    {"network_plan": forepost-plan/1, "lines": [{"item","quantity","order_up_to_units",
     "position_units","source"}], "fallback": null or why no solver made it}

The planning products of the network are the temperature zones; an item's `zone` names its
product. All items of a zone that ran low are ordered together, because they share the trip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cloud_sync.contract.plans import OrderLine, PlanBody
from gateway.core.facts import Facts
from gateway.errors import PlanError


def make_job(
    facts: Facts,
    low_items: Iterable[str],
    *,
    today: str,
    solver: str,
    seed: int,
    time_limit_s: float,
) -> dict[str, object]:
    """The job for the items that ran low, with what is usable today on hand.

    Raises PlanError if there is nothing to plan with.
    """
    if facts.network is None:
        raise PlanError("network: no planning network received from the cloud yet")
    zones = sorted({facts.items[item].zone for item in low_items if item in facts.items})
    if not zones:
        raise PlanError("items: none of the items that ran low is in the item master")
    return {
        "network": facts.network,
        "warehouse": facts.warehouse,
        "zones": zones,
        "solver": solver,
        "seed": seed,
        "time_limit_s": time_limit_s,
        "skus": [
            _sku(facts, gtin, today)
            for gtin in sorted(facts.policies)
            if _is_in(facts, gtin, zones)
        ],
    }


def _is_in(facts: Facts, gtin: str, zones: Sequence[str]) -> bool:
    return gtin in facts.items and facts.items[gtin].zone in zones


def _sku(facts: Facts, gtin: str, today: str) -> dict[str, object]:
    item, policy = facts.items[gtin], facts.policies[gtin]
    return {
        "gtin": gtin,
        "zone": item.zone,
        "forecast_units_per_day": policy.demand_units_per_day,
        "forecast_sd_units_per_day": policy.demand_sd_units_per_day,
        "on_hand_units": facts.units_on_hand(gtin, today),
        "on_order_units": facts.on_order(gtin),
        "usable_life_days": item.shelf_life_days,
        "grams_per_unit": item.grams_per_unit,
        "case_pack_units": item.case_pack_units,
        "minimum_order_units": item.minimum_order_units,
        "lead_time_days": policy.lead_time_days,
    }


def make_plans(
    result: Mapping[str, object],
    *,
    warehouse: str,
    triggers: Sequence[str],
    based_on_seq: int,
    computed_at_us: int,
    plan_ids: Iterable[str],
) -> list[PlanBody]:
    """One plan per supplying central warehouse, since each becomes one transfer."""
    network_plan = result["network_plan"]
    lines = result["lines"]
    if not isinstance(network_plan, dict) or not isinstance(lines, list):
        raise PlanError("solver: the result is not of the form of a plan")
    by_source: dict[str, list[OrderLine]] = {}
    for line in lines:
        by_source.setdefault(line["source"], []).append(OrderLine.model_validate(line))
    fallback = result.get("fallback")
    return [
        PlanBody(
            plan_id=plan_id,
            warehouse=warehouse,
            source=source,
            triggers=list(triggers),
            based_on_seq=based_on_seq,
            computed_at_us=computed_at_us,
            objective=float(network_plan["objective"]),
            lines=by_source[source],
            network_plan=network_plan,
            fallback=None if fallback is None else str(fallback),
        )
        for source, plan_id in zip(sorted(by_source), plan_ids, strict=False)
    ]
