"""The exceptions queue over HTTP: what a person must look into about goods, and what was done.

GET  /v1/exceptions            open ones, or resolved ones, with their evidence
POST /v1/exceptions/resolve    somebody's word: what is done about one, why, for which events

Troubles of the sync itself are at GET /v1/gateways/troubles (service/reading.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.contract.documents import Reason, Units
from cloud_sync.contract.events import Id
from cloud_sync.fulfilment.placed import CLOSED
from cloud_sync.inventory.exceptions import ACTIONS, ADJUST, COUNT_KINDS, Word
from cloud_sync.inventory.findings import NEGATIVE_STOCK
from cloud_sync.service.access import as_reader, may, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import AfterQuery, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import exception_queue as store
from cloud_sync.store.credentials import Credential
from cloud_sync.store.exception_lists import Wanted, read_exceptions
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1/exceptions", tags=["exceptions"])

LIMIT_MAX: Final = 1000

as_resolver = may(rights.WRITE_HOLDS)
AsReader = Annotated[Credential, Depends(as_reader)]
ResolverMutation = Annotated[Mutation, Depends(mutation_by(as_resolver))]
IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
SinceQuery = Annotated[
    int | None, Query(ge=0, le=2**53, description="with evidence from this time on, µs UTC")
]
Part = Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")]
EventId = Annotated[str, Field(pattern=keys.UUID_PATTERN)]


class ResolutionBody(BaseModel):
    """What is done about an exception. evidence: the events that this is the answer to; none
    where only the balance shows it. quantity: what is there, for `adjust`."""

    model_config = CLOSED

    warehouse: Id
    kind: Id
    key: Annotated[list[Part], Field(min_length=1, max_length=10)]
    evidence: Annotated[list[EventId], Field(max_length=1000)] = []
    action: Id
    reason: Reason
    quantity: Units | None = None


@router.get("")
async def get_exceptions(
    request: Request,
    *,
    credential: AsReader,
    warehouse: IdQuery = None,
    kind: IdQuery = None,
    state: Literal["open", "resolved"] = "open",
    since_us: SinceQuery = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 200,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Exceptions by warehouse, kind and key; those that only balances show come last."""
    wanted = Wanted(
        within=reach(credential, warehouse),
        state=state,
        limit=limit,
        kind=kind,
        since_us=since_us,
        after=place_of(after, n=3) or (),
    )
    found, place = await context_of(request).database.read(partial(read_exceptions, wanted=wanted))
    answer: dict[str, object] = {"exceptions": found}
    if place is not None:
        answer["next_after"] = mark_place(place)
    return answer


@router.post("/resolve", openapi_extra=documented(ResolutionBody))
async def post_resolution(mutation: ResolverMutation) -> Response:
    """Resolve an exception, for the evidence that is named; more that comes opens it again.

    What only balances show has no evidence by which a repeat were known: it needs a key.
    """
    body = mutation.parse(ResolutionBody)
    within(mutation.credential, (body.warehouse,))
    _check(body)
    if body.kind == NEGATIVE_STOCK:
        mutation.demand_key("each request for a count makes one")
    said = Word(
        word="",
        at_us=mutation.now_us,
        kind=body.kind,
        key=tuple(body.key),
        evidence=tuple(body.evidence),
        action=body.action,
        reason=body.reason,
        author=mutation.credential.name,
        quantity=body.quantity,
    )
    script = _ask_to_count if body.kind == NEGATIVE_STOCK else _resolve
    return await mutation.run(partial(script, warehouse=body.warehouse, said=said))


def _check(body: ResolutionBody) -> None:
    """Raises Refused for a word that nobody could act on."""
    actions = ACTIONS.get(body.kind, ())
    if body.action not in actions:
        known = ", ".join(actions) or "nothing"
        raise Refused("malformed", f"action: {body.kind} is resolved by {known}")
    if bool(body.evidence) == (body.kind == NEGATIVE_STOCK):
        raise Refused("malformed", "evidence: the events, and none of what only balances show")
    if (body.action == ADJUST) != (body.quantity is not None):
        raise Refused("malformed", f"quantity: goes with {ADJUST}, and with nothing else")
    is_of_stock = body.kind in COUNT_KINDS or body.kind == NEGATIVE_STOCK
    if is_of_stock and (len(body.key) != 6 or body.key[0] != body.warehouse):
        raise Refused("malformed", "key: warehouse, location, item, lot, status and unit")


async def _resolve(tx: Transaction, warehouse: str, said: Word) -> Mapping[str, object]:
    unknown = await store.resolve(tx, warehouse, said)
    if unknown:
        raise Refused("not_found", f"evidence: {unknown[0]} is none of this exception")
    return {"resolved": len(set(said.evidence))}


async def _ask_to_count(tx: Transaction, warehouse: str, said: Word) -> Mapping[str, object]:
    return {"resolved": 0, "count": await store.ask_to_count(tx, warehouse, said)}
