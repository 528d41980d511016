"""Plans in the cloud: their steps, and the transfer and delivery that carry them out.

A plan is carried out when its steps say that it is approved, whoever approved it: the gateway
within its limits, somebody at the gateway, or somebody here. One that is rejected or superseded
before anything left has its transfer closed. What was said here goes down as a document of the
kind `plan`, so that both sides know the same steps (contract/plan_life.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import plan_life as life
from cloud_sync.contract.plan_life import Step
from cloud_sync.contract.plans import (
    PlanBody,
    asn_id,
    step_of_delivery,
    steps_told,
    transfer_id,
)
from cloud_sync.inbox.orders import make_documents
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.documents import (
    Draft,
    asn_draft,
    find_documents,
    follow_asns,
    put_documents,
    transfer_draft,
)
from cloud_sync.store.feed import lock_feed
from cloud_sync.store.ports import Transaction, fetch_in

COLUMNS: Final = "warehouse, plan_id, name, id, at_us, author, reason"
_DECISION: Final[dict[life.StepName, str]] = {life.APPROVE: "approved", life.REJECT: "rejected"}


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody here says of a plan. decision: approved | rejected."""

    warehouse: str
    plan_id: str
    decision: str
    step: Step


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a word is not taken: no such plan (state None), or its state allows it no more."""

    state: str | None


async def follow_plans(tx: Transaction, warehouse: str, events: Sequence[ev.Event]) -> None:
    """Keep the steps that accepted events are, and carry out what they decide."""
    told = [
        (plan_id, step)
        for event in events
        if event.type in {ev.PLAN_PROPOSED, ev.PLAN_DECIDED}
        for plan_id, step in steps_told(event)
    ]
    if told:
        await _keep(tx, warehouse, told)
        await _carry_out(tx, warehouse, {plan_id for plan_id, _ in told})


async def take_word(tx: Transaction, word: Word) -> Refusal | life.State:
    """Take somebody's word on a plan; gives its state afterwards, or why it cannot be taken."""
    key = (word.warehouse, word.plan_id)
    steps = await read_steps(tx, [key])
    before = life.state_of(steps.get(key, ()))
    if before is None:
        return Refusal(None)
    if life.state_of([*steps[key], word.step]) != word.decision:
        return Refusal(before)
    await _keep(tx, word.warehouse, [(word.plan_id, word.step)], is_ours=True)
    await _tell(tx, word.warehouse, word.plan_id)
    await _carry_out(tx, word.warehouse, {word.plan_id})
    return (await read_states(tx, [key]))[key]


async def read_states(
    tx: Transaction, plans: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], life.State]:
    """Where plans stand, by warehouse and id; those that nobody proposed are left out."""
    steps = await read_steps(tx, set(plans))
    states = {key: life.state_of(told) for key, told in steps.items()}
    return {key: state for key, state in states.items() if state is not None}


async def read_steps(
    tx: Transaction, plans: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[Step]]:
    """What was decided of plans, and how far their deliveries are."""
    names = {plan_id for _, plan_id in plans}
    steps = await _steps(tx, names)
    for delivery in await _deliveries(tx, names):
        if delivery.plan is not None:
            step = Step(step_of_delivery(delivery), 0, delivery.id)
            steps.setdefault((delivery.warehouse, delivery.plan), []).append(step)
    return {key: told for key, told in steps.items() if key in plans}


async def _keep(
    tx: Transaction, warehouse: str, told: Iterable[tuple[str, Step]], *, is_ours: bool = False
) -> None:
    await tx.execute_many(
        f"insert into plan_steps({COLUMNS}, is_ours) values (?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
        "on conflict (warehouse, plan_id, name, id) do nothing",
        [
            (warehouse, plan_id, it.name, it.id, it.at_us, it.author, it.reason, int(is_ours))
            for plan_id, it in told
        ],
    )


async def _tell(tx: Transaction, warehouse: str, plan_id: str) -> None:
    """What people said of a plan here, as a document for its gateway."""
    rows = await tx.fetch(
        "select id, name, at_us, author, reason from plan_steps "
        "where warehouse = ? and plan_id = ? and is_ours = 1 order by at_us, id",
        (warehouse, plan_id),
    )
    said = [
        {
            "id": text(id_),
            "decision": _DECISION[life.STEPS[text(name)]],
            "at_us": integer(at_us),
            "author": text(author),
            "reason": text(reason),
        }
        for id_, name, at_us, author, reason in rows
    ]
    content = doc.PlanWord.model_validate({"id": plan_id, "warehouse": warehouse, "said": said})
    draft = Draft(doc.PLAN, plan_id, warehouse, content.model_dump(exclude_none=True))
    await put_documents(tx, [draft])


async def _steps(tx: Transaction, plan_ids: Iterable[str]) -> dict[tuple[str, str], list[Step]]:
    found: dict[tuple[str, str], list[Step]] = {}
    for warehouse, plan_id, name, id_, at_us, author, reason in await fetch_in(
        tx,
        f"select {COLUMNS} from plan_steps where plan_id in (?*)",  # noqa: S608
        plan_ids,
    ):
        step = Step(life.STEPS[text(name)], integer(at_us), text(id_), text(author), text(reason))
        found.setdefault((text(warehouse), text(plan_id)), []).append(step)
    return found


async def _deliveries(tx: Transaction, plan_ids: Iterable[str]) -> list[doc.Asn]:
    found = await find_documents(tx, doc.ASN, {asn_id(plan_id) for plan_id in plan_ids})
    return [doc.Asn.model_validate(it.content) for it in found]


async def _carry_out(tx: Transaction, warehouse: str, plan_ids: set[str]) -> None:
    """Order what is approved, and close what is dropped and has not left."""
    await lock_feed(tx)
    states = await read_states(tx, [(warehouse, plan_id) for plan_id in plan_ids])
    wanted = [plan_id for (_, plan_id), state in sorted(states.items()) if state == "approved"]
    drafts: list[Draft] = []
    for plan in await _bodies(tx, warehouse, wanted):
        if plan.lines:
            transfer, asn = make_documents(plan)
            drafts += [] if transfer is None else [transfer_draft(transfer)]
            drafts.append(asn_draft(asn))
    dropped = {plan_id for (_, plan_id), state in states.items() if state in life.DROPPED}
    drafts += await _closings(tx, dropped)
    await put_documents(tx, drafts)
    # Goods may have left before the plan that they left under was told of.
    await follow_asns(tx, [asn_id(it) for it in wanted], [transfer_id(it) for it in wanted])


async def _closings(tx: Transaction, plan_ids: set[str]) -> list[Draft]:
    """Transfers and deliveries that nothing has left of, with the word that nothing will."""
    transfers = [
        doc.Transfer.model_validate(it.content)
        for it in await find_documents(tx, doc.TRANSFER, map(transfer_id, plan_ids))
    ]
    asns = await _deliveries(tx, plan_ids)
    gone = {it.plan for it in transfers if it.shipped}
    closed = {"status": "received", "closed": "the plan was taken back"}
    return [
        *(
            transfer_draft(it.model_copy(update=closed))
            for it in transfers
            if it.plan not in gone and it.closed is None
        ),
        *(
            asn_draft(it.model_copy(update=closed))
            for it in asns
            if it.plan not in gone and it.closed is None
        ),
    ]


async def _bodies(tx: Transaction, warehouse: str, plan_ids: Sequence[str]) -> list[PlanBody]:
    rows = await fetch_in(
        tx,
        "select received.body from plans join received on received.warehouse = plans.warehouse "
        "and received.event_id = plans.event_id where plans.warehouse = ? "
        "and plans.plan_id in (?*)",
        plan_ids,
        before=(warehouse,),
    )
    return [PlanBody.model_validate(json.loads(blob(body))["body"]) for (body,) in rows]


PROPOSED_LOOKED_AT: Final = 50
"""The newest plans of a warehouse among which those are that wait for somebody's word."""


async def read_proposed(tx: Transaction, warehouse: str) -> list[PlanBody]:
    """A warehouse's plans that wait for somebody's word."""
    rows = await tx.fetch(
        "select plan_steps.plan_id from plan_steps where warehouse = ? and name = 'propose' "
        "order by at_us desc, plan_id limit ?",
        (warehouse, PROPOSED_LOOKED_AT),
    )
    states = await read_states(tx, [(warehouse, text(plan_id)) for (plan_id,) in rows])
    waiting = [plan_id for (_, plan_id), state in sorted(states.items()) if state == "proposed"]
    return await _bodies(tx, warehouse, waiting)
