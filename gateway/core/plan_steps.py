"""The steps of this warehouse's plans, as the journal's events tell them.

event                                       step
plan.proposed                               propose; approve too, if it goes on its own
plan.decided with a plan_id                 what was decided
document.changed, an ASN of a plan          order (planned), dispatch, receive; cancel, where
                                            it was closed before anything had left
document.changed, somebody's word on a plan approve or reject, as it was said in the cloud
receipt.closed of a plan's delivery         receive
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import plan_life as life
from cloud_sync.contract.plan_life import Step
from cloud_sync.contract.plans import (
    STEP_OF,
    PlanBody,
    plan_of_asn,
    step_of_delivery,
    steps_told,
)
from gateway.core.facts import PlanRecord

CONCERNED: Final = frozenset(
    {ev.PLAN_PROPOSED, ev.PLAN_DECIDED, ev.DOCUMENT_CHANGED, ev.RECEIPT_CLOSED}
)


def record_of(event: ev.Event, plan: PlanBody) -> PlanRecord:
    """What is kept of a plan that was proposed."""
    return PlanRecord(
        plan.plan_id,
        event.event_id,
        plan.computed_at_us,
        plan.model_dump(exclude={"network_plan"}, exclude_none=True),
        {line.item: (line.quantity, line.position_units) for line in plan.lines},
    )


def steps_in(event: ev.Event, warehouse: str) -> Iterator[tuple[str, Step]]:
    """The steps that an event is, each with its plan."""
    if event.type in {ev.PLAN_PROPOSED, ev.PLAN_DECIDED}:
        if event.warehouse == warehouse:
            yield from steps_told(event)
    elif event.type == ev.RECEIPT_CLOSED:
        for document in event.documents:
            plan_id = plan_of_asn(document.id) if document.type == "asn" else None
            if plan_id is not None:
                yield plan_id, Step(life.RECEIVE, event.occurred_at_us, event.event_id)
    elif event.body.get("kind") == doc.ASN:
        yield from _of_delivery(event)
    elif event.body.get("kind") == doc.PLAN:
        yield from _of_word(event)


def _of_delivery(event: ev.Event) -> Iterator[tuple[str, Step]]:
    data = event.body.get("data")
    if not isinstance(data, dict):
        return
    asn = doc.Asn.model_validate(data)
    if asn.plan is None:
        return
    name = step_of_delivery(asn)
    yield asn.plan, Step(name, event.occurred_at_us, event.event_id, reason=asn.closed or "")


def _of_word(event: ev.Event) -> Iterator[tuple[str, Step]]:
    data = event.body.get("data")
    if isinstance(data, dict):
        for said in doc.PlanWord.model_validate(data).said:
            yield (
                str(data["id"]),
                Step(STEP_OF[said.decision], said.at_us, said.id, said.author, said.reason),
            )
