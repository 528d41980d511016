"""The exceptions queue over HTTP: what a person must look into about goods, and what was done.

GET  /v1/exceptions/queue      open ones with their evidence and possible actions
POST /v1/exceptions/resolve    somebody's word: what was done, why, for which events
GET  /v1/exceptions/resolved   who said what, the newest first

Troubles of the sync itself are at GET /v1/exceptions (service/reading.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.contract.documents import Reason
from cloud_sync.contract.events import Id
from cloud_sync.fulfilment.placed import CLOSED
from cloud_sync.inventory.exceptions import ACTIONS
from cloud_sync.service.access import as_reader, may, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import AfterQuery, PageLimit, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import exception_queue as store
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1/exceptions", tags=["exceptions"])

as_resolver = may(rights.WRITE_HOLDS)
AsReader = Annotated[Credential, Depends(as_reader)]
ResolverMutation = Annotated[Mutation, Depends(mutation_by(as_resolver))]
IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
Part = Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")]
EventId = Annotated[str, Field(pattern=keys.UUID_PATTERN)]


class ResolutionBody(BaseModel):
    """What was done about an exception. evidence: the events that this is the answer to."""

    model_config = CLOSED

    warehouse: Id
    kind: Id
    key: Annotated[list[Part], Field(min_length=1, max_length=10)]
    evidence: Annotated[list[EventId], Field(min_length=1, max_length=1000)]
    action: Id
    reason: Reason


@router.get("/queue")
async def get_queue(
    request: Request,
    *,
    credential: AsReader,
    warehouse: IdQuery = None,
    limit: PageLimit = 200,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Open exceptions by warehouse, kind and key; on the first page what the balances show too."""
    scope = reach(credential, warehouse)
    place = place_of(after, n=3) or ()
    database = context_of(request).database
    found = await database.read(
        partial(store.read_queue, within=scope, after=place, limit=limit + 1)
    )
    answer: dict[str, object] = {"queue": found[:limit]}
    if not place:
        answer["standing"] = await database.read(partial(store.read_standing, within=scope))
    if len(found) > limit:
        last = found[limit - 1]
        answer["next_after"] = mark_place(store.place_of(last))
    return answer


@router.get("/resolved")
async def get_resolved(
    request: Request, *, credential: AsReader, warehouse: IdQuery = None, limit: PageLimit = 200
) -> dict[str, object]:
    """The newest resolutions; those by an event have no author and its id as their reason."""
    script = partial(store.read_resolved, within=reach(credential, warehouse), limit=limit)
    return {"resolved": await context_of(request).database.read(script)}


@router.post("/resolve", openapi_extra=documented(ResolutionBody))
async def post_resolution(mutation: ResolverMutation) -> Response:
    """Resolve an exception, for the evidence that is named; more that comes opens it again."""
    body = mutation.parse(ResolutionBody)
    within(mutation.credential, (body.warehouse,))
    actions = ACTIONS.get(body.kind, ())
    if body.action not in actions:
        known = ", ".join(actions) or "nothing"
        raise Refused("malformed", f"action: {body.kind} is resolved by {known}")
    said = store.Resolution(
        warehouse=body.warehouse,
        kind=body.kind,
        key=tuple(body.key),
        evidence=tuple(body.evidence),
        action=body.action,
        reason=body.reason,
        author=mutation.credential.name,
        at_us=mutation.now_us,
    )
    return await mutation.run(partial(_resolve, said=said))


async def _resolve(tx: Transaction, said: store.Resolution) -> Mapping[str, object]:
    unknown = await store.resolve(tx, said)
    if unknown:
        raise Refused("not_found", f"evidence: {unknown[0]} is none of this exception")
    return {"resolved": len(set(said.evidence))}
