"""What may be promised and why, the rules of it, and proposals for transfers; docs/orders.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.fulfilment.placed import CLOSED
from cloud_sync.fulfilment.promise import PromiseRules
from cloud_sync.fulfilment.transfers import Proposal, TransferRules
from cloud_sync.service.access import EVERYBODY, as_reader, may, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import AfterQuery, mark_place, place_of
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Transaction
from cloud_sync.store.promises import put_rules, read_promises, read_rules
from cloud_sync.store.proposals import Asked, items_asked, read_proposals

router = APIRouter(prefix="/v1", tags=["orders"])

ITEMS_MAX: Final = 1000
SECONDS_MAX: Final = 365 * 86_400

AsReader = Annotated[Credential, Depends(as_reader)]
RulesMutation = Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_MASTER)))]
IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
GtinQuery = Annotated[str | None, Query(pattern=keys.GTIN_PATTERN)]
TimeQuery = Annotated[int | None, Query(ge=0, le=2**53)]
ItemLimit = Annotated[int, Query(ge=1, le=ITEMS_MAX, description="items on a page")]
DaysQuery = Annotated[int, Query(ge=0, le=365)]
Seconds = Annotated[int, Field(ge=0, le=SECONDS_MAX)]


class RulesBody(BaseModel):
    """The rules of promising; all of them."""

    model_config = CLOSED

    buffer_per_mille: Annotated[int, Field(ge=0, le=100_000)]
    dark_after_s: Seconds
    perishables_stop_s: Seconds
    move_after_s: Seconds


@router.get("/promises")
async def get_promises(
    request: Request,
    credential: AsReader,
    *,
    warehouse: IdQuery = None,
    item: GtinQuery = None,
    at_us: TimeQuery = None,
    limit: ItemLimit = 100,
    after: AfterQuery = None,
) -> dict[str, object]:
    """What may be promised now to be good at `at_us` (now), item by item, and why so much:
    available = usable - reserved - safety; nothing where `is_stopped`."""
    (place,) = place_of(after, n=1) or ("",)
    context = context_of(request)
    script = partial(
        _promises,
        asked=Asked(item, place, limit),
        warehouses=reach(credential, warehouse),
        wall_us=context.wall_us,
        at_us=at_us,
    )
    return await context.database.read(script)


async def _promises(
    tx: Transaction,
    *,
    asked: Asked,
    warehouses: Sequence[str] | None,
    wall_us: Callable[[], int],
    at_us: int | None,
) -> dict[str, object]:
    items = await items_asked(tx, asked)
    # Not before what is read is settled: of a reservation that ended while this waited for its
    # turn the goods may have been promised anew, and both would count.
    now_us = wall_us()
    found = await read_promises(
        tx, items[: asked.limit], now_us=now_us, at_us=max(now_us, at_us or 0)
    )
    rows = [
        {
            **shelf._asdict(),
            "available": it.available,
            "usable": it.usable,
            "reserved": it.reserved,
            "safety": it.safety,
            "is_stopped": it.is_stopped,
        }
        for shelf, it in sorted(found.items(), key=lambda pair: (pair[0].item, pair[0]))
        if warehouses is None or shelf.warehouse in warehouses
    ]
    return _page("promises", rows, items, asked.limit)


def _page(
    name: str, rows: Sequence[Mapping[str, object]], items: Sequence[str], limit: int
) -> dict[str, object]:
    page: dict[str, object] = {name: rows}
    if len(items) > limit:
        page["next_after"] = mark_place([items[limit - 1]])
    return page


@router.get("/promise-rules")
async def get_rules(request: Request, credential: AsReader) -> dict[str, int]:
    """The rules in force."""
    return asdict(await context_of(request).database.read(read_rules))


@router.put("/promise-rules", openapi_extra=documented(RulesBody))
async def put_promise_rules(mutation: RulesMutation) -> Response:
    """Put other rules in force, at once and for all warehouses."""
    within(mutation.credential, (EVERYBODY,))
    rules = PromiseRules(**mutation.parse(RulesBody).model_dump())
    return await mutation.run(partial(_put_rules, rules=rules))


async def _put_rules(tx: Transaction, *, rules: PromiseRules) -> Mapping[str, object]:
    await put_rules(tx, rules)
    return asdict(rules)


@router.get("/transfer-proposals")
async def get_transfer_proposals(
    request: Request,
    credential: AsReader,
    *,
    item: GtinQuery = None,
    cover_days: DaysQuery = 3,
    days_left_min: DaysQuery = 2,
    limit: ItemLimit = 100,
    after: AfterQuery = None,
) -> dict[str, object]:
    """What would be worth sending from where there is too much to where there is too little, item
    by item, between warehouses in scope. Reading it orders nothing."""
    (place,) = place_of(after, n=1) or ("",)
    context = context_of(request)
    script = partial(
        _proposals,
        asked=Asked(item, place, limit),
        credential=credential,
        rules=TransferRules(cover_days, days_left_min),
        now_us=context.wall_us(),
    )
    return await context.database.read(script)


async def _proposals(
    tx: Transaction, *, asked: Asked, credential: Credential, rules: TransferRules, now_us: int
) -> dict[str, object]:
    items = await items_asked(tx, asked)
    found = await read_proposals(tx, items[: asked.limit], rules=rules, now_us=now_us)
    rows = [
        _render(it)
        for it in found
        if credential.reaches(it.source) and credential.reaches(it.destination)
    ]
    return _page("proposals", rows, items, asked.limit)


def _render(proposal: Proposal) -> dict[str, object]:
    told: dict[str, object] = {
        "item": proposal.goods.item,
        "unit": proposal.goods.unit,
        "source": proposal.source,
        "destination": proposal.destination,
        "quantity": proposal.quantity,
        "arrives_on": proposal.arrives_on.isoformat(),
        "lots": [
            {
                "quantity": lot.quantity,
                **({"lot": lot.lot} if lot.lot else {}),
                **({"expiry": lot.expiry.isoformat()} if lot.expiry is not None else {}),
            }
            for lot in proposal.lots
        ],
    }
    if proposal.days_left is not None:
        told["days_left_on_arrival"] = proposal.days_left
    return told
