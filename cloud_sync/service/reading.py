"""What programs and people read: stock of all warehouses, events, plans, documents."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import keys
from cloud_sync.service.access import as_reader, reach
from cloud_sync.service.context import context_of
from cloud_sync.service.pages import PAGE_MAX, AfterQuery, PageLimit, page_of, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import queries
from cloud_sync.store.credentials import Credential
from cloud_sync.store.exceptions import read_exceptions
from cloud_sync.store.queries import STOCK_KEY

router = APIRouter(prefix="/v1", tags=["reading"])

AsReader = Annotated[Credential, Depends(as_reader)]
IdQuery = Annotated[str | None, Query(pattern=keys.ID_PATTERN)]
GtinQuery = Annotated[str | None, Query(pattern=keys.GTIN_PATTERN)]
UuidQuery = Annotated[str | None, Query(pattern=keys.UUID_PATTERN)]
TypeQuery = Annotated[str | None, Query(pattern=keys.EVENT_TYPE_PATTERN)]
Place = Annotated[int, Query(ge=0, le=2**53)]
OptionalPlace = Annotated[int | None, Query(ge=1, le=2**53)]


@router.get("/stock")
async def get_stock(
    request: Request,
    *,
    credential: AsReader,
    warehouse: IdQuery = None,
    item: GtinQuery = None,
    include_virtual: bool = False,
    limit: PageLimit = PAGE_MAX,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Balances that are not zero, by warehouse, item, location, lot, status and unit."""
    if include_virtual and credential.scope is not None:
        raise Refused("forbidden", "virtual places belong to no warehouse and so to no scope")
    places = None if warehouse is not None else reach(credential, None)
    script = partial(
        queries.read_stock,
        warehouse=warehouse,
        item=item,
        with_virtual=include_virtual,
        within=places,
        after=place_of(after, n=6),
        limit=limit + 1,
    )
    reach(credential, warehouse)
    database = context_of(request).database
    is_one = places is None and not include_virtual
    found = await (database.read_once if is_one else database.read)(script)
    return page_of("stock", found, limit, key=STOCK_KEY)


@router.get("/events")
async def get_events(
    request: Request,
    *,
    credential: AsReader,
    gateway: IdQuery = None,
    epoch: UuidQuery = None,
    type: TypeQuery = None,  # noqa: A002 -- the wire's word
    device: IdQuery = None,
    after_seq: Place = 0,
    after_position: Place = 0,
    limit: PageLimit = 1000,
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
        within=reach(credential, None),
    )
    events, more = await context_of(request).database.read(
        partial(queries.read_events, wanted=wanted)
    )
    return {"events": events, "more": more}


@router.get("/quarantine")
async def get_quarantine(
    request: Request, credential: AsReader, after_position: Place = 0, limit: PageLimit = 1000
) -> dict[str, object]:
    """Rows that were set aside, each with the reason and its bytes as text."""
    script = partial(
        queries.read_quarantine,
        after_position=after_position,
        limit=limit,
        within=reach(credential, None),
    )
    return {"rows": await context_of(request).database.read(script)}


@router.get("/plans")
async def get_plans(
    request: Request,
    *,
    credential: AsReader,
    warehouse: IdQuery = None,
    limit: PageLimit = 100,
    before_position: OptionalPlace = None,
) -> dict[str, object]:
    """Replenishment plans, the newest first; page with the position of the last."""
    script = partial(
        queries.read_plans,
        warehouse=warehouse,
        limit=limit,
        within=reach(credential, warehouse),
        before=before_position,
    )
    return {"plans": await context_of(request).database.read(script)}


@router.get("/gateways")
async def get_gateways(
    request: Request,
    credential: AsReader,
    limit: PageLimit = PAGE_MAX,
    after: AfterQuery = None,
) -> dict[str, object]:
    """How far each gateway is in, and when it was heard of."""
    (place,) = place_of(after, n=1) or ("",)
    script = partial(
        queries.read_gateways, within=reach(credential, None), after=place, limit=limit + 1
    )
    found = await context_of(request).database.read(script)
    return page_of("gateways", found, limit, key=("gateway",))


@router.get("/gateways/troubles")
async def get_troubles(request: Request, credential: AsReader) -> dict[str, object]:
    """What a person must look into about a gateway, the newest first."""
    script = partial(read_exceptions, within=reach(credential, None))
    return {"troubles": await context_of(request).database.read(script)}
