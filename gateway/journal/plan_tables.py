"""Causes, plans and steps (schema/NNNN_planning.sql): what writes them, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cloud_sync.contract.events import PLAN_PROPOSED, REPLENISHMENT_TRIGGERED
from cloud_sync.contract.plan_life import STEPS, Step
from cloud_sync.contract.plans import PlanBody
from gateway.core.facts import Facts, PlanRecord, TriggerState
from gateway.journal.rows import as_int, as_int_or_none
from gateway.journal.table_sums import Querying
from gateway.ports import Statements

_PUT_CAUSE: Final = (
    "insert into cause_state(cause, item, is_armed, fired_at_us, window) values (?, ?, ?, ?, ?)"
    " on conflict(cause, item) do update set is_armed = excluded.is_armed,"
    " fired_at_us = excluded.fired_at_us, window = excluded.window"
)
_PUT_PLAN: Final = (
    "insert into plan(plan_id, event_id, computed_at_us, body) values (?, ?, ?, ?)"
    " on conflict do nothing"
)
_PUT_STEP: Final = (
    "insert into plan_step(plan_id, name, id, at_us, author, reason) values (?, ?, ?, ?, ?, ?)"
    " on conflict do nothing"
)
_CAUSES: Final = "select cause, item, is_armed, fired_at_us, window from cause_state"
_PLANS: Final = "select plan_id, event_id, computed_at_us, body from plan order by plan_id"
_STEPS: Final = (
    "select plan_id, name, id, at_us, author, reason from plan_step order by plan_id, name, id"
)
_NETWORK_PLAN: Final = (
    "select json_extract(body, '$.network_plan') from milestone where type = ?"
    " and json_extract(body, '$.warehouse') = ?"
    " and json_extract(body, '$.network_plan.objective') is not null order by seq desc limit 1"
)

MILESTONES_KEPT: Final = 200
"""Of triggers, and of plans. People are shown the last few; all are in the journal, too."""
_FORGET_MILESTONES: Final = (
    "delete from milestone where seq in (select seq from milestone where type = ?1"
    " order by seq desc limit -1 offset ?2) and seq is not (select seq from milestone"
    " where type = ?1 and json_extract(body, '$.warehouse') = ?3"
    " and json_extract(body, '$.network_plan.objective') is not null order by seq desc limit 1)"
)


def old_milestone_statements(warehouse: str) -> Statements:
    """What takes old triggers and plans out of what is shown; the last network plan stays."""
    types = (REPLENISHMENT_TRIGGERED, PLAN_PROPOSED)
    rows = [(type_, MILESTONES_KEPT, warehouse) for type_ in types]
    return [(_FORGET_MILESTONES, rows)]


def cause_statements(states: Mapping[tuple[str, str], TriggerState]) -> Statements:
    """What writes where causes stand."""
    rows = [
        (*key, int(it.is_armed), it.fired_at_us, it.window) for key, it in sorted(states.items())
    ]
    return [(_PUT_CAUSE, rows)] if rows else []


def plan_statements(plans: Iterable[PlanRecord], steps: Iterable[tuple[str, Step]]) -> Statements:
    """What writes new plans and new steps."""
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (
            _PUT_PLAN,
            [(it.plan_id, it.event_id, it.computed_at_us, json.dumps(it.body)) for it in plans],
        ),
        (
            _PUT_STEP,
            [(of, it.name, it.id, it.at_us, it.author, it.reason) for of, it in steps],
        ),
    ]
    return [(sql, rows) for sql, rows in parts if rows]


def forget_statements(plan_ids: Iterable[str], deliveries: Iterable[str]) -> Statements:
    """What takes plans away with their steps, and what deliveries that never come asked for."""
    plans = [(plan_id,) for plan_id in plan_ids]
    parts = (
        ("delete from plan where plan_id = ?", plans),
        ("delete from plan_step where plan_id = ?", plans),
        ("delete from on_order where asn = ?", [(asn,) for asn in deliveries]),
    )
    return [(sql, rows) for sql, rows in parts if rows]


async def load_planning(reader: Querying, facts: Facts) -> None:
    """Put causes, plans and steps into the facts, as they were last committed."""
    for cause, item, is_armed, fired_at_us, window in await reader.query(_CAUSES):
        facts.triggers[str(cause), str(item)] = TriggerState(
            bool(is_armed), as_int_or_none(fired_at_us), as_int_or_none(window)
        )
    plans, steps = await reader.query(_PLANS), await reader.query(_STEPS)
    for plan in plans_of(plans, ()):
        facts.plans[plan.plan_id] = plan
    for plan_id, step in steps_of(steps):
        if plan_id in facts.plans:
            facts.take_step(plan_id, step)
    for (body,) in await reader.query(_NETWORK_PLAN, (PLAN_PROPOSED, facts.warehouse)):
        facts.last_network_plan = json.loads(str(body))


def read_plans(connection: sqlite3.Connection) -> list[PlanRecord]:
    """All plans with their steps, the newest last, of a journal that somebody looks into."""
    found = plans_of(connection.execute(_PLANS), connection.execute(_STEPS))
    return sorted(found, key=lambda it: (it.computed_at_us, it.plan_id))


def plans_of(
    plans: Iterable[Sequence[object]], steps: Iterable[Sequence[object]]
) -> list[PlanRecord]:
    """Plans with their steps, from the rows of both tables."""
    found: dict[str, PlanRecord] = {}
    for plan_id, event_id, computed_at_us, body in plans:
        kept = json.loads(str(body))
        lines = PlanBody.model_validate({"network_plan": {}, **kept}).lines
        found[str(plan_id)] = PlanRecord(
            str(plan_id),
            str(event_id),
            as_int(computed_at_us),
            kept,
            {line.item: (line.quantity, line.position_units) for line in lines},
        )
    for name, step in steps_of(steps):
        if name in found:
            found[name].take(step)
    return list(found.values())


def steps_of(rows: Iterable[Sequence[object]]) -> Iterable[tuple[str, Step]]:
    """Steps with their plans, from the rows of the table."""
    for plan_id, name, id_, at_us, author, reason in rows:
        yield (
            str(plan_id),
            Step(STEPS[str(name)], as_int(at_us), str(id_), str(author), str(reason)),
        )
