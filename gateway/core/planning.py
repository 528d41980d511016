"""From facts to a planning job, and from its result to plans.

A job (core/solver_job) is one JSON object, so that the solver can run in a process of its own; so
is its result:
    {"network_plan": forepost-plan/1 or {}, "lines": [{"item","quantity","order_up_to_units",
     "position_units","source","limited_by"}], "binding": [limits reached],
     "fallback": null or why no solver made it}

All items of a zone of which one is to be planned are ordered together: they share the trip.

A central warehouse plans for those that it serves too (core/consolidation): what they need and
what is not under way to them is as good as taken from its own stock.

What a result says is checked before anything is made of it (`sound`): a solver that gives nonsense
gives no plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.plans import STALE_PLAN, OrderLine, PlanBody, asn_id
from gateway.core.approval import needs_a_person
from gateway.core.consolidation import Consolidated, consolidate
from gateway.core.explaining import explain
from gateway.core.facts import Facts
from gateway.core.outlook import unsold_units, usable_lots
from gateway.core.solver_job import Job, Sku
from gateway.errors import PlanError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a plan is made of: the job, and the journal position of the facts in it.

    replaces: open plans whose place the new one takes; nothing of them counts as on order.
    extra: by item, what surges take on top, and what warehouses need that are served; in the job
    that is as good as gone. whole: what is known of these. network_days: see Moment.
    """

    job: Job
    based_on_seq: int
    network_version: int
    replaces: tuple[str, ...]
    extra: Mapping[str, int]
    whole: Consolidated
    network_days: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When a plan is made. today: the date at the warehouse; dark_after_us: silence up to here is
    nothing unusual. network_days: since the network document was last known to be the newest,
    where that is longer than it is good for."""

    today: str
    now_us: int
    dark_after_us: int
    network_days: float | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """How to solve."""

    solver: str
    seed: int
    time_limit_s: float


def take_snapshot(
    facts: Facts, triggers: Sequence[ev.Event], *, moment: Moment, search: Search
) -> Snapshot:
    """The job for triggers, with what is usable today on hand.

    Raises PlanError if there is nothing to plan with.
    """
    if facts.network is None:
        raise PlanError("network: no planning network received from the cloud yet")
    items = [trigger.body.get("item") for trigger in triggers]
    named = [str(item) for item in items if item is not None]
    if len(named) < len(items):  # somebody wants all of it planned
        named = sorted(facts.policies)
    zones = sorted({facts.items[item].zone for item in named if item in facts.items})
    if not zones:
        raise PlanError("items: none of the items to plan is in the item master")
    replaces = _replaced(facts, triggers)
    extra = {
        str(it.body.get("item")): units
        for it in triggers
        if isinstance(units := it.body.get("extra_units"), int)
    }
    whole = consolidate(facts, zones, now_us=moment.now_us, dark_after_us=moment.dark_after_us)
    taken = {gtin: extra.get(gtin, 0) + n for gtin, n in whole.by_item.items()}
    extra |= taken
    job = Job.model_validate(
        {
            "network": whole.network,
            "warehouse": facts.warehouse,
            "zones": zones,
            "solver": search.solver,
            "seed": search.seed,
            "time_limit_s": search.time_limit_s,
            "skus": [
                whole.as_all_sell(
                    _sku(
                        facts,
                        gtin,
                        moment.today,
                        gone=_gone(facts, gtin, replaces),
                        extra=extra.get(gtin, 0),
                    )
                )
                for gtin in sorted(facts.policies)
                if gtin in facts.items and facts.items[gtin].zone in zones
            ],
            "warm_start": facts.last_network_plan,
            "owed_kg": whole.owed_kg,
        }
    )
    days = moment.network_days
    return Snapshot(job, facts.seq, facts.network_version, replaces, extra, whole, days)


def _replaced(facts: Facts, triggers: Iterable[ev.Event]) -> tuple[str, ...]:
    """The open plans that triggers call stale."""
    stale = (str(it.body.get("item")) for it in triggers if it.body.get("cause") == STALE_PLAN)
    plans = (facts.open_plan_with(item) for item in stale)
    return tuple(sorted({plan.plan_id for plan in plans if plan is not None}))


def _gone(facts: Facts, gtin: str, replaces: Iterable[str]) -> int:
    """What will not come of plans that are replaced."""
    return sum(facts.due_units(asn_id(plan_id), gtin) for plan_id in replaces)


def _sku(facts: Facts, gtin: str, today: str, *, gone: int, extra: int) -> Sku:
    """extra: what surges take on top and others need; it is as good as gone."""
    item, policy = facts.items[gtin], facts.policies[gtin]
    unsold = unsold_units(usable_lots(facts, gtin, today), policy.demand_units_per_day, today)
    return Sku(
        gtin=gtin,
        zone=item.zone,
        forecast_units_per_day=policy.demand_units_per_day,
        forecast_sd_units_per_day=policy.demand_sd_units_per_day,
        on_hand_units=facts.units_on_hand(gtin, today) - facts.allocated(gtin) - unsold - extra,
        on_order_units=facts.on_order(gtin) - gone,
        usable_life_days=item.shelf_life_days,
        grams_per_unit=item.grams_per_unit,
        case_pack_units=item.case_pack_units,
        minimum_order_units=item.minimum_order_units,
        lead_time_days=policy.lead_time_days,
        reorder_point_units=policy.reorder_point_units,
        order_up_to_units=None if policy.levels is None else policy.levels.order_up_to_units,
        cycle_days=0.0 if policy.levels is None else policy.levels.cycle_days,
        levels_by=None if policy.levels is None else policy.levels.by,
    )


def sound(result: Mapping[str, object], job: Job) -> dict[str, list[OrderLine]]:
    """The lines of a result by their source, checked. Raises PlanError naming what is wrong."""
    network_plan, lines = result.get("network_plan"), result.get("lines")
    if not isinstance(network_plan, dict) or not isinstance(lines, list):
        raise PlanError("solver: the result is not of the form of a plan")
    objective = network_plan.get("objective", 0.0)
    if not isinstance(objective, int | float) or not math.isfinite(objective):
        raise PlanError(f"solver: objective: {objective} is no cost")
    skus = {sku.gtin: sku for sku in job.skus}
    by_source: dict[str, list[OrderLine]] = {}
    seen: set[tuple[str, str]] = set()
    for each in lines:
        try:
            line = OrderLine.model_validate(each)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            raise PlanError(f"solver: line {problem['loc']}: {problem['msg']}") from error
        sku, source = skus.get(line.item), str(each.get("source"))
        if sku is None or line.quantity % sku.case_pack_units:
            raise PlanError(f"solver: {line.quantity} of {line.item} were not asked for")
        if (source, line.item) in seen:
            raise PlanError(f"solver: {line.item} is ordered twice from {source}")
        seen.add((source, line.item))
        by_source.setdefault(source, []).append(line)
    return by_source


def _as_it_stands(line: OrderLine, extra: int) -> OrderLine:
    """The line with the true position, and a level that has what is taken on top."""
    if not extra:
        return line
    level, position = line.order_up_to_units + extra, line.position_units + extra
    return line.model_copy(update={"order_up_to_units": level, "position_units": position})


def _deliveries(
    by_source: Mapping[str, Sequence[OrderLine]], snapshot: Snapshot
) -> dict[tuple[str, str], list[OrderLine]]:
    """The lines by source and, of what is bought, by supplier; "" where nobody has said one."""
    found: dict[tuple[str, str], list[OrderLine]] = {}
    for source, lines in by_source.items():
        for line in lines:
            terms = snapshot.whole.terms.get(line.item) if source == keys.SUPPLIER else None
            supplier = "" if terms is None else terms.supplier
            stands = _as_it_stands(line, snapshot.extra.get(line.item, 0))
            found.setdefault((source, supplier), []).append(stands)
    return found


def make_plans(
    result: Mapping[str, object],
    snapshot: Snapshot,
    facts: Facts,
    *,
    triggers: Sequence[ev.Event],
    computed_at_us: int,
    plan_ids: Iterable[str],
    language: str,
) -> list[PlanBody]:
    """One plan per supplying central warehouse or supplier, since each becomes one delivery.

    Each trigger is answered by one: that which orders its item, if any does. Raises PlanError.
    """
    deliveries = _deliveries(sound(result, snapshot.job), snapshot)
    fallback, network_plan = result.get("fallback"), result["network_plan"]
    if not isinstance(network_plan, dict):
        raise AssertionError("sound() lets no other pass")
    plans: list[PlanBody] = []
    answered: set[str] = set()
    for (source, supplier), plan_id in zip(sorted(deliveries), plan_ids, strict=False):
        lines = deliveries[source, supplier]
        items = {line.item for line in lines}
        is_last = len(plans) == len(deliveries) - 1
        mine = [
            it.event_id
            for it in triggers
            if it.event_id not in answered and (is_last or it.body.get("item") in items)
        ]
        answered.update(mine)
        why = needs_a_person(facts, lines, is_fallback=fallback is not None, language=language)
        plans.append(
            PlanBody(
                plan_id=plan_id,
                warehouse=facts.warehouse,
                source=source,
                triggers=mine,
                based_on_seq=snapshot.based_on_seq,
                computed_at_us=computed_at_us,
                objective=float(network_plan["objective"]) if network_plan else None,
                lines=lines,
                network_plan=network_plan,
                fallback=None if fallback is None else str(fallback),
                network_version=snapshot.network_version,
                approval="automatic" if why is None else "needed",
                approval_reason=why,
                explanation=explain(
                    result,
                    snapshot.job,
                    lines,
                    before=facts.last_network_plan,
                    needs=snapshot.whole.needs,
                    network_days=snapshot.network_days,
                ),
                supersedes=list(snapshot.replaces),
                supplier=supplier or None,
                needs=snapshot.whole.told(items),
            )
        )
    return plans
