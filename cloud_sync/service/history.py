"""Questions to the ledger: stock as it was, the account of a balance, what counts changed.

GET /v1/stock/history   balances as of a time, or as they were known at a time
GET /v1/stock/postings  every event behind one balance: who, with which device, in which row
GET /v1/stock/counts    the newest counts and their variances
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import keys
from cloud_sync.contract.events import AVAILABLE
from cloud_sync.inventory import history
from cloud_sync.inventory.places import parse_place, place_text
from cloud_sync.inventory.stock import StockKey
from cloud_sync.service.access import as_reader, reach
from cloud_sync.service.context import context_of
from cloud_sync.service.pages import PAGE_MAX, AfterQuery, PageLimit, mark_place, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import stock_history
from cloud_sync.store.balances_then import Account, Asked, Balances, read_account, read_balances
from cloud_sync.store.credentials import Credential
from cloud_sync.store.item_history import NotFolded, Past, read_past

router = APIRouter(prefix="/v1/stock", tags=["reading"])

AsReader = Annotated[Credential, Depends(as_reader)]
Warehouse = Annotated[str, Query(pattern=keys.ID_PATTERN)]
Gtin = Annotated[str, Query(pattern=keys.GTIN_PATTERN)]
OptionalGtin = Annotated[str | None, Query(pattern=keys.GTIN_PATTERN)]
Location = Annotated[str, Query(pattern=keys.LOCATION_PATTERN)]
Lot = Annotated[str, Query(max_length=64)]
Unit = Annotated[str, Query(pattern=r"^(EA|g|g\.catch)$")]
Status = Annotated[str, Query(pattern=keys.ID_PATTERN)]
PAST_ROWS: Final = 3000
"""So many postings are summed for one page of several items; where there are none yet, rows of
journals folded, some 60 ms."""

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
    an item those of the next items, as many as have some thousand postings together."""
    (place,) = place_of(after, n=1) or ("",)
    reach(credential, warehouse)
    asked = Asked(warehouse, item, place, PAST_ROWS, as_of_us, known_at_us)
    database = context_of(request).database
    look = database.read if item is None else database.read_once
    found = await look(partial(read_balances, asked=asked))
    if found is None:
        past = await _past(request, warehouse, item, place)
        found = await asyncio.to_thread(_folded, past, asked)
    page: dict[str, object] = {
        "stock": [
            {**key._asdict(), "quantity": quantity}
            for key, quantity in sorted(found.quantities.items())
        ]
    }
    if found.last is not None:
        page["next_after"] = mark_place([found.last])
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
    limit: PageLimit = PAGE_MAX,
    after: AfterQuery = None,
) -> dict[str, object]:
    """The account of one balance from its beginning; `/v1/events` has the raw bytes of a row.

    A page may hold fewer postings than asked for: only without `next_after` it is the end.
    """
    key = StockKey(warehouse, location, item, lot, status, unit)
    mark = _mark_of(after)
    reach(credential, warehouse)
    script = partial(read_account, key=key, from_us=mark.from_us, rows_max=limit)
    account = await context_of(request).database.read(script)
    if account is None:
        past = await _past(request, warehouse, item)
        account = await asyncio.to_thread(_whole_account, past, key)
    return await asyncio.to_thread(_page, account, key, mark, limit)


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


async def _past(request: Request, warehouse: str, item: str | None, after: str = "") -> Past:
    script = partial(read_past, warehouse=warehouse, item=item, after=after, rows_max=PAST_ROWS)
    try:
        return await context_of(request).database.read(script)
    except NotFolded as error:
        reason = f"{warehouse} is of an older version: forepost-cloud refold, once"
        raise Refused("unavailable", reason) from error


def _folded(past: Past, asked: Asked) -> Balances:
    """The same from rows."""
    found = history.balances_at(
        past.ledger_rows(),
        items=past.items,
        as_of_us=asked.as_of_us,
        known_at_us=asked.known_at_us,
    )
    return Balances(
        {key: n for key, n in found.items() if key.warehouse == asked.warehouse},
        past.items[-1] if past.more and past.items else None,
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a page of an account begins: behind a posting, or with a time if there is none."""

    from_us: int
    place: str
    event_id: str


def _mark_of(after: str | None) -> _Mark:
    from_us, place, event_id = place_of(after, n=3) or ("0", "", "")
    try:
        mark = _Mark(int(from_us), place, event_id)
        if place:
            parse_place(place)
    except ValueError as error:
        raise Refused("malformed", "after: not of this list") from error
    if not 0 <= mark.from_us <= 2**53:
        raise Refused("malformed", "after: not of this list")
    return mark


def _whole_account(past: Past, key: StockKey) -> Account:
    account = history.postings(past.ledger_rows(), key)
    return Account(past, account[-1].balance if account else 0, 0, (0, None))


def _behind(mark: _Mark, found: Sequence[history.Posting]) -> Sequence[history.Posting]:
    if not mark.place:
        return found
    place = parse_place(mark.place)
    for n, it in enumerate(found, 1):
        if it.place == place and it.event_id == mark.event_id:
            return found[n:]
    return [it for it in found if it.place > place]  # the one it names was corrected since


def _page(account: Account, key: StockKey, mark: _Mark, limit: int) -> dict[str, object]:
    """The next postings of an account that are not behind the mark."""
    from_us, until_us = account.days
    found = history.postings(
        account.past.ledger_rows(), key, opening=account.opening, from_us=from_us,
        until_us=until_us,
    )  # fmt: skip
    behind = _behind(mark, found)
    postings = []
    for posting in behind[:limit]:
        entry: dict[str, object] = posting._asdict()
        del entry["place"]
        postings.append({"at_us": posting.place.at_us, **entry})
    page: dict[str, object] = {"balance": account.balance, "postings": postings}
    if len(behind) > limit:
        last = behind[limit - 1]
        page["next_after"] = mark_place(
            [str(last.place.at_us), place_text(last.place), last.event_id]
        )
    elif until_us is not None:
        page["next_after"] = mark_place([str(until_us + 1), "", ""])
    return page
