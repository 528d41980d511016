"""One plan with all that is known of it: its steps, what triggered it, and the plan before it.

Reads the plan's own rows by their keys; for the plan before it the newest few of its warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from cloud_sync.contract import plan_life as life
from cloud_sync.contract.plans import PlanBody, TriggerBody
from cloud_sync.store.columns import blob, integer
from cloud_sync.store.plans import read_states, read_steps
from cloud_sync.store.ports import Transaction, fetch_in

LOOKED_BACK: Final = 12
"""Plans of the warehouse among which the one before is looked for."""
TRIGGERS_READ: Final = 200
"""A storm has thousands, and their sentences are alike."""


@dataclass(frozen=True, slots=True)
class PlanStory:
    """A plan. steps: in the order in which they count, each with the state that it led to.

    before: the last plan of the warehouse that stood and had a network plan; None where there is
    none. triggers: what was told of the first of them.
    """

    plan: PlanBody
    state: life.State
    steps: Sequence[tuple[life.Step, life.State]]
    triggers: Sequence[TriggerBody]
    before: PlanBody | None


async def read_story(tx: Transaction, warehouse: str, plan_id: str) -> PlanStory | None:
    """The story of a plan; None where there is no such plan."""
    rows = await tx.fetch(
        "select received.position, received.body from plans join received "
        "on received.warehouse = plans.warehouse and received.event_id = plans.event_id "
        "and received.status = 'accepted' where plans.plan_id = ? and plans.warehouse = ?",
        (plan_id, warehouse),
    )
    if not rows:
        return None
    position, body = rows[0]
    plan = _plan(blob(body))
    key = warehouse, plan_id
    steps = list(life.path_of((await read_steps(tx, [key])).get(key, ())))
    if plan is None or not steps:
        return None
    return PlanStory(
        plan,
        steps[-1][1],
        steps,
        await _triggers(tx, warehouse, plan.triggers[:TRIGGERS_READ]),
        await _before(tx, warehouse, integer(position)),
    )


def _plan(raw: bytes) -> PlanBody | None:
    """The plan in an event; None for one that a newer gateway tells in another way."""
    try:
        return PlanBody.model_validate(json.loads(raw)["body"])
    except ValidationError:
        return None


async def _triggers(tx: Transaction, warehouse: str, ids: Sequence[str]) -> list[TriggerBody]:
    rows = await fetch_in(
        tx,
        "select event_id, body from received where status = 'accepted' and warehouse = ? "
        "and event_id in (?*)",
        ids,
        before=(warehouse,),
    )
    found = {}
    for event_id, body in rows:
        try:
            found[event_id] = TriggerBody.model_validate(json.loads(blob(body))["body"])
        except ValidationError:
            continue  # of a newer gateway; its id is among the plan's all the same
    return [found[it] for it in ids if it in found]


async def _before(tx: Transaction, warehouse: str, position: int) -> PlanBody | None:
    rows = await tx.fetch(
        "select received.body from plans join received "
        "on received.warehouse = plans.warehouse and received.event_id = plans.event_id "
        "and received.status = 'accepted' where plans.warehouse = ? and received.position < ? "
        "order by received.position desc limit ?",
        (warehouse, position, LOOKED_BACK),
    )
    plans = [it for (body,) in rows if (it := _plan(blob(body))) is not None and it.network_plan]
    states = await read_states(tx, [(warehouse, it.plan_id) for it in plans])
    stood = {"approved", "ordered", "in_transit", "received", "closed"}
    return next((it for it in plans if states.get((warehouse, it.plan_id)) in stood), None)
