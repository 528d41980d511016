"""What programs and people read: stock of all warehouses, events, plans, documents."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import keys
from cloud_sync.service.access import as_reader
from cloud_sync.service.context import context_of
from cloud_sync.store import queries
from cloud_sync.store.exceptions import read_exceptions

router = APIRouter(prefix="/v1", dependencies=[Depends(as_reader)], tags=["reading"])

IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
GtinQuery = Annotated[str | None, Query(pattern=keys.GTIN_PATTERN)]
UuidQuery = Annotated[str | None, Query(pattern=keys.UUID_PATTERN)]
TypeQuery = Annotated[str | None, Query(pattern=keys.EVENT_TYPE_PATTERN)]
Place = Annotated[int, Query(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/stock")
async def get_stock(
    request: Request,
    warehouse: IdQuery = None,
    item: GtinQuery = None,
    include_virtual: bool = False,
) -> dict[str, list[dict[str, object]]]:
    """Balances that are not zero, by warehouse, location, item, lot, status and unit."""
    script = partial(
        queries.read_stock, warehouse=warehouse, item=item, with_virtual=include_virtual
    )
    return {"stock": await context_of(request).database.read(script)}


@router.get("/events")
async def get_events(
    request: Request,
    *,
    gateway: IdQuery = None,
    epoch: UuidQuery = None,
    type: TypeQuery = None,  # noqa: A002 -- the wire's word
    device: IdQuery = None,
    after_seq: Place = 0,
    after_position: Place = 0,
    limit: Limit = 1000,
) -> dict[str, object]:
    """Accepted events with their places. Page with after_seq inside one gateway and epoch, with
    after_position (the order of arrival) across all."""
    wanted = queries.EventFilter(
        gateway=gateway,
        epoch=epoch,
        event_type=type,
        device=device,
        after_seq=after_seq,
        after_position=after_position,
        limit=limit,
    )
    events, more = await context_of(request).database.read(
        partial(queries.read_events, wanted=wanted)
    )
    return {"events": events, "more": more}


@router.get("/quarantine")
async def get_quarantine(
    request: Request, after_position: Place = 0, limit: Limit = 1000
) -> dict[str, object]:
    """Rows that were set aside, each with the reason and its bytes as text."""
    script = partial(queries.read_quarantine, after_position=after_position, limit=limit)
    return {"rows": await context_of(request).database.read(script)}


@router.get("/plans")
async def get_plans(
    request: Request, warehouse: IdQuery = None, limit: Limit = 100
) -> dict[str, object]:
    """Replenishment plans, the newest first."""
    script = partial(queries.read_plans, warehouse=warehouse, limit=limit)
    return {"plans": await context_of(request).database.read(script)}


@router.get("/gateways")
async def get_gateways(request: Request) -> dict[str, object]:
    """How far each gateway is in, and when it was heard of."""
    return {"gateways": await context_of(request).database.read(queries.read_gateways)}


@router.get("/exceptions")
async def get_exceptions(request: Request) -> dict[str, object]:
    """What a person must look into about a gateway, the newest first."""
    return {"exceptions": await context_of(request).database.read(read_exceptions)}
