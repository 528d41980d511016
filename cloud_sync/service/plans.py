"""A person's word on a replenishment plan that waits for one.

POST /v1/plans/decide   approve or reject a plan of which nothing has left yet

Where plans stand is told by GET /v1/plans (service/reading.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from cloud_sync.contract import plan_life as life
from cloud_sync.contract import rights
from cloud_sync.contract.documents import Reason
from cloud_sync.contract.events import Id
from cloud_sync.contract.keys import make_uuid7
from cloud_sync.contract.plan_life import Step
from cloud_sync.fulfilment.placed import CLOSED
from cloud_sync.service.access import may, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.problems import Refused
from cloud_sync.store import plans as store
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1/plans", tags=["plans"])

as_decider = may(rights.WRITE_DELIVERIES)
DeciderMutation = Annotated[Mutation, Depends(mutation_by(as_decider))]

_STEPS: Final[dict[str, life.StepName]] = {"approved": life.APPROVE, "rejected": life.REJECT}


class PlanDecision(BaseModel):
    """What somebody decides of a plan, and why."""

    model_config = CLOSED

    warehouse: Id
    plan: Id
    decision: Literal["approved", "rejected"]
    reason: Reason


@router.post("/decide", openapi_extra=documented(PlanDecision))
async def post_decision(mutation: DeciderMutation) -> Response:
    """Approve or reject a plan; an approval can be taken back until it is carried out."""
    body = mutation.parse(PlanDecision)
    within(mutation.credential, (body.warehouse,))
    author = mutation.credential.name
    # The same word at the same moment is one word, however often its request is sent.
    chance = sha256(f"{body.warehouse} {body.plan} {body.decision} {author}".encode())
    step = Step(
        _STEPS[body.decision],
        mutation.now_us,
        make_uuid7(mutation.now_us // 1000, chance.digest()[:10]),
        author,
        body.reason,
    )
    word = store.Word(body.warehouse, body.plan, body.decision, step)
    return await mutation.run(partial(_decide, word=word))


async def _decide(tx: Transaction, word: store.Word) -> Mapping[str, object]:
    taken = await store.take_word(tx, word)
    if isinstance(taken, store.Refusal):
        if taken.state is None:
            raise Refused("not_found", f"plan: there is no {word.plan_id} at {word.warehouse}")
        raise Refused("ended", f"plan: {word.plan_id} is {taken.state} already")
    return {"plan": word.plan_id, "state": taken}
