"""Questions to the ledger: stock as it was, the account of a balance, what counts changed.

GET /v1/stock/history   balances as of a time, or as they were known at a time
GET /v1/stock/postings  every event behind one balance: who, with which device, in which row
GET /v1/stock/counts    the newest counts and their variances
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import keys
from cloud_sync.contract.events import AVAILABLE
from cloud_sync.inventory import history
from cloud_sync.inventory.stock import StockKey
from cloud_sync.service.access import as_reader, reach
from cloud_sync.service.context import context_of
from cloud_sync.service.pages import PAGE_MAX, AfterQuery, PageLimit, mark_place, place_of
from cloud_sync.store import stock_history
from cloud_sync.store.credentials import Credential
from cloud_sync.store.item_history import Past, read_past

router = APIRouter(prefix="/v1/stock", tags=["reading"])

AsReader = Annotated[Credential, Depends(as_reader)]
Warehouse = Annotated[str, Query(pattern=keys.ID_PATTERN)]
Gtin = Annotated[str, Query(pattern=keys.GTIN_PATTERN)]
OptionalGtin = Annotated[str | None, Query(pattern=keys.GTIN_PATTERN)]
Location = Annotated[str, Query(pattern=keys.LOCATION_PATTERN)]
Lot = Annotated[str, Query(max_length=64)]
Unit = Annotated[str, Query(pattern=r"^(EA|g|g\.catch)$")]
Status = Annotated[str, Query(pattern=keys.ID_PATTERN)]
PAST_ROWS: Final = 10_000
"""So many rows of journals are read for one page of several items, some 200 ms of folding."""

OptionalTime = Annotated[int | None, Query(ge=0, le=2**53)]


@router.get("/history")
async def get_stock_history(
    request: Request,
    *,
    credential: AsReader,
    warehouse: Warehouse,
    item: OptionalGtin = None,
    as_of_us: OptionalTime = None,
    known_at_us: OptionalTime = None,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Balances of a warehouse as of a time, by what is known now or was known at a time; without
    an item those of the next items, as many as have some ten thousand events together."""
    (place,) = place_of(after, n=1) or ("",)
    past = await _past(request, credential, warehouse, item, place)
    found = await asyncio.to_thread(_balances, past, warehouse, as_of_us, known_at_us)
    page: dict[str, object] = {"stock": found}
    if past.more and past.items:
        page["next_after"] = mark_place([past.items[-1]])
    return page


@router.get("/postings")
async def get_postings(
    request: Request,
    *,
    credential: AsReader,
    warehouse: Warehouse,
    location: Location,
    item: Gtin,
    lot: Lot = "",
    status: Status = AVAILABLE,
    unit: Unit = "EA",
) -> dict[str, object]:
    """The account of one balance from its beginning; `/v1/events` has the raw bytes of a row."""
    key = StockKey(warehouse, location, item, lot, status, unit)
    past = await _past(request, credential, warehouse, item)
    account = await asyncio.to_thread(_account, past, key)
    return {"balance": account[-1]["balance"] if account else 0, "postings": account}


@router.get("/counts")
async def get_counts(
    request: Request,
    *,
    credential: AsReader,
    warehouse: Warehouse,
    item: OptionalGtin = None,
    limit: PageLimit = PAGE_MAX,
) -> dict[str, object]:
    """The newest counts of a warehouse: what was counted, and by how much the books were off."""
    reach(credential, warehouse)
    script = partial(stock_history.read_counts, warehouse=warehouse, item=item, limit=limit)
    return {"counts": await context_of(request).database.read(script)}


async def _past(
    request: Request, credential: Credential, warehouse: str, item: str | None, after: str = ""
) -> Past:
    reach(credential, warehouse)
    script = partial(read_past, warehouse=warehouse, item=item, after=after, rows_max=PAST_ROWS)
    return await context_of(request).database.read(script)


def _balances(
    past: Past, warehouse: str, as_of_us: int | None, known_at_us: int | None
) -> list[dict[str, object]]:
    found = history.balances_at(
        past.ledger_rows(), items=past.items, as_of_us=as_of_us, known_at_us=known_at_us
    )
    return [
        {**key._asdict(), "quantity": quantity}
        for key, quantity in sorted(found.items())
        if key.warehouse == warehouse
    ]


def _account(past: Past, key: StockKey) -> list[dict[str, object]]:
    account = []
    for posting in history.postings(past.ledger_rows(), key):
        entry: dict[str, object] = posting._asdict()
        del entry["place"]
        account.append({"at_us": posting.place.at_us, **entry})
    return account
