"""Accounting periods: closing the books, and what each period did to the stock (docs/ledger.md).

POST /v1/periods             close the books up to a time
GET  /v1/periods             the closed ones
GET  /v1/periods/{id}/stock  opening, late, moved and closing of each balance; `open` for now
GET  /v1/periods/{id}/late   the rows behind what was told too late for its own period
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.contract.events import Id, Time
from cloud_sync.fulfilment.placed import CLOSED
from cloud_sync.service.access import EVERYBODY, as_reader, may, reach, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import AfterQuery, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.credentials import Credential
from cloud_sync.store.periods import (
    OPEN,
    Bounds,
    Period,
    bounds_of,
    close_period,
    hold_ledgers,
    read_late,
    read_movements,
    read_periods,
)
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1/periods", tags=["reading"])

PAGE_POSTINGS: Final = 3000
"""So many postings are summed for a page, three times."""

AsReader = Annotated[Credential, Depends(as_reader)]
ClosingMutation = Annotated[Mutation, Depends(mutation_by(may(rights.WRITE_MASTER)))]
Warehouse = Annotated[str, Query(pattern=keys.ID_PATTERN)]
PeriodId = Annotated[str, Path(pattern=keys.ID_PATTERN)]


class ClosingBody(BaseModel):
    """The books are closed up to a time; what happened until then and is told later is late."""

    model_config = CLOSED

    id: Id
    until_us: Time


@router.post("", openapi_extra=documented(ClosingBody))
async def post_period(mutation: ClosingMutation) -> Response:
    """Close the books. The same again answers the same; an earlier or a later time is refused."""
    within(mutation.credential, (EVERYBODY,))
    body = mutation.parse(ClosingBody)
    if body.id == OPEN:
        raise Refused("malformed", f"id: {OPEN} is the period that is not closed")
    if body.until_us > mutation.now_us:
        raise Refused("malformed", "until_us: is still to come")
    return await mutation.run(partial(_close, body=body, mutation=mutation))


async def _close(
    tx: Transaction, *, body: ClosingBody, mutation: Mutation
) -> Mapping[str, object]:
    closed_us = await hold_ledgers(tx, mutation.now_us)
    known = await read_periods(tx)
    for it in known:
        if it.id == body.id:
            if it.until_us == body.until_us:
                return it.model_dump()
            raise Refused("exists", f"{body.id} was closed at another time")
    if known and body.until_us <= known[-1].until_us:
        raise Refused("ended", f"until_us: the books are closed up to {known[-1].until_us}")
    period = Period(
        id=body.id,
        until_us=body.until_us,
        closed_us=closed_us,
        author=mutation.credential.name,
    )
    await close_period(tx, period)
    return period.model_dump()


@router.get("")
async def get_periods(request: Request, credential: AsReader) -> dict[str, object]:
    """The closed periods, the earliest first."""
    found = await context_of(request).database.read(read_periods)
    return {"periods": [it.model_dump() for it in found]}


@router.get("/{period}/stock")
async def get_period_stock(
    request: Request,
    *,
    credential: AsReader,
    period: PeriodId,
    warehouse: Warehouse,
    item: Annotated[str | None, Query(pattern=keys.GTIN_PATTERN)] = None,
    after: AfterQuery = None,
) -> dict[str, object]:
    """What a period did to each balance of a warehouse. What came late for the periods before is
    told by itself; `closing` is the `opening` of the next."""
    (place,) = place_of(after, n=1) or ("",)
    reach(credential, warehouse)
    found = await context_of(request).database.read(
        partial(_stock, period=period, warehouse=warehouse, item=item, after=place)
    )
    if found is None:
        raise Refused("unavailable", "run forepost-cloud refold first: the past is not complete")
    return found


async def _stock(
    tx: Transaction, *, period: str, warehouse: str, item: str | None, after: str
) -> dict[str, object] | None:
    bounds = await _bounds(tx, period)
    moved = await read_movements(
        tx, bounds, warehouse=warehouse, item=item, after=after, rows_max=PAGE_POSTINGS
    )
    if moved is None:
        return None
    found, last = moved
    page: dict[str, object] = {
        "stock": [
            {
                **key._asdict(),
                "opening": it.opening,
                "late": it.late,
                "moved": it.moved,
                "closing": it.closing,
            }
            for key, it in found.items()
        ]
    }
    if last is not None:
        page["next_after"] = mark_place([last])
    return page


@router.get("/{period}/late")
async def get_late(
    request: Request,
    *,
    credential: AsReader,
    period: PeriodId,
    warehouse: Warehouse,
    item: Annotated[str, Query(pattern=keys.GTIN_PATTERN)],
) -> dict[str, object]:
    """The entries behind `late` of an item; `/v1/events` has the bytes of their rows."""
    reach(credential, warehouse)
    found = await context_of(request).database.read(
        partial(_late, period=period, warehouse=warehouse, item=item)
    )
    return {"late": found}


async def _late(
    tx: Transaction, *, period: str, warehouse: str, item: str
) -> list[dict[str, object]]:
    bounds = await _bounds(tx, period)
    rows = []
    for it in await read_late(tx, bounds, warehouse=warehouse, item=item):
        row = asdict(it)
        row.update(it.key._asdict())
        del row["key"]
        rows.append(row)
    return rows


async def _bounds(tx: Transaction, period: str) -> Bounds:
    bounds = bounds_of(await read_periods(tx), period)
    if bounds is None:
        raise Refused("not_found", f"there is no period {period}")
    return bounds
