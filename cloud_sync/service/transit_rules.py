"""How long goods may be on their way before the queue tells of them; docs/exceptions.md."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.fulfilment.placed import CLOSED
from cloud_sync.service.access import EVERYBODY, as_reader, may, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Transaction
from cloud_sync.store.transit_rules import Patience, TransitRules, put_rules, read_rules, rendered

router = APIRouter(prefix="/v1", tags=["exceptions"])

SECONDS_MAX: Final = 365 * 86_400
PAIRS_MAX: Final = 10_000

AsReader = Annotated[Credential, Depends(as_reader)]
RulesMutation = Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_MASTER)))]
Seconds = Annotated[int, Field(ge=0, le=SECONDS_MAX)]
WarehouseId = Annotated[str, Field(pattern=keys.ID_PATTERN)]


class PairBody(BaseModel):
    """What holds from one warehouse to another."""

    model_config = CLOSED

    source: WarehouseId
    destination: WarehouseId
    overdue_s: Seconds
    untold_s: Seconds


class TransitRulesBody(BaseModel):
    """The rules of goods on their way; all of them."""

    model_config = CLOSED

    overdue_s: Seconds
    untold_s: Seconds
    pairs: Annotated[list[PairBody], Field(max_length=PAIRS_MAX)] = []

    @model_validator(mode="after")
    def _each_pair_once(self) -> TransitRulesBody:
        if len({(it.source, it.destination) for it in self.pairs}) < len(self.pairs):
            raise ValueError("pairs: one is there twice")
        return self


@router.get("/transit-rules")
async def get_transit_rules(request: Request, credential: AsReader) -> dict[str, object]:
    """The rules in force."""
    return rendered(await context_of(request).database.read_once(read_rules))


@router.put("/transit-rules", openapi_extra=documented(TransitRulesBody))
async def put_transit_rules(mutation: RulesMutation) -> Response:
    """Put other rules in force, for whatever is on its way now, too."""
    within(mutation.credential, (EVERYBODY,))
    body = mutation.parse(TransitRulesBody)
    rules = TransitRules(
        Patience(body.overdue_s, body.untold_s),
        {(it.source, it.destination): Patience(it.overdue_s, it.untold_s) for it in body.pairs},
    )
    return await mutation.run(partial(_put_rules, rules=rules))


async def _put_rules(tx: Transaction, *, rules: TransitRules) -> Mapping[str, object]:
    await put_rules(tx, rules)
    return rendered(rules)
