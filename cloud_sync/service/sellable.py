"""Why goods may not be sold: holds, recalls and papers that ran out, told with their documents.

The same documents take the goods out of every promise (store/promises.py) and go down to the
gateways; this call is for the person who asks why.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.contract import master as own
from cloud_sync.service.access import as_reader, reach
from cloud_sync.service.context import context_of
from cloud_sync.store.credentials import Credential
from cloud_sync.store.documents import find_documents, read_documents
from cloud_sync.store.ports import Transaction

router = APIRouter(prefix="/v1", tags=["reading"])

SECOND_US = 1_000_000


@router.get("/sellable")
async def get_sellable(
    request: Request,
    credential: Annotated[Credential, Depends(as_reader)],
    item: Annotated[str, Query(pattern=keys.GTIN_PATTERN)],
    warehouse: Annotated[str, Query(pattern=keys.ID_PATTERN)],
) -> dict[str, object]:
    """Whether an item may be sold from a warehouse today, and what stands against it.

    A lot of null stands for all lots. Today is the warehouse's own.
    """
    reach(credential, warehouse)
    context = context_of(request)
    script = partial(_find_blocks, item=item, warehouse=warehouse, now_us=context.wall_us())
    blocks = await context.database.read(script)
    is_whole = any(it["lot"] is None for it in blocks)
    return {"item": item, "warehouse": warehouse, "sellable": not is_whole, "blocks": blocks}


async def _find_blocks(
    tx: Transaction, *, item: str, warehouse: str, now_us: int
) -> list[dict[str, object]]:
    places = await find_documents(tx, own.WAREHOUSE, [warehouse])
    zone = str(places[0].content["time_zone"]) if places else "UTC"
    today = day_at(now_us, zone)
    holds = [doc.Hold.model_validate(it) for it in await read_documents(tx, doc.HOLD)]
    papers = [
        doc.Certificate.model_validate(it) for it in await read_documents(tx, doc.CERTIFICATE)
    ]
    return [
        *blocks_of_holds(holds, item=item, warehouse=warehouse),
        *blocks_of_papers(papers, item=item, today=today),
    ]


def day_at(now_us: int, time_zone: str) -> str:
    """The date at a moment in a time zone."""
    zone = zoneinfo.ZoneInfo(time_zone)
    return datetime.datetime.fromtimestamp(now_us / SECOND_US, tz=zone).date().isoformat()


def blocks_of_holds(
    holds: Iterable[doc.Hold], *, item: str, warehouse: str
) -> list[dict[str, object]]:
    """What holds and recalls stand against an item at a warehouse."""
    return [
        {"reason": it.kind, "document": it.id, "lot": it.lot, "message": it.reason}
        for it in holds
        if it.item == item and it.warehouse in {None, warehouse}
    ]


def blocks_of_papers(
    papers: Iterable[doc.Certificate], *, item: str, today: str
) -> list[dict[str, object]]:
    """Types of paper of which an item has had some and has none that is good today.

    The last day of a paper is one on which it is still good.
    """
    newest: dict[str, doc.Certificate] = {}
    for paper in papers:
        if item in paper.items:
            known = newest.get(paper.type)
            if known is None or known.valid_until < paper.valid_until:
                newest[paper.type] = paper
    return [
        {
            "reason": "certificate_expired",
            "document": paper.id,
            "lot": None,
            "message": f"{name} was good until {paper.valid_until}",
        }
        for name, paper in sorted(newest.items())
        if paper.valid_until < today
    ]
