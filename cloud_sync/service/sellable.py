"""Why goods may not be sold: expiry, holds, recalls and papers that ran out.

What is usable is judged by the one rule that promises, transfers and the gateways' pickers follow
(store/usable_lots.py, inventory/lots.py); this call is for the person who asks why.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.inventory.lots import decisive_papers
from cloud_sync.service.access import as_reader, reach
from cloud_sync.service.context import context_of
from cloud_sync.store.credentials import Credential
from cloud_sync.store.documents import read_documents
from cloud_sync.store.lot_states import Barred
from cloud_sync.store.ports import Transaction
from cloud_sync.store.usable_lots import (
    JudgedLot,
    day_at,
    read_grounds,
    read_judged,
    read_whereabouts,
)

router = APIRouter(prefix="/v1", tags=["reading"])


@router.get("/sellable")
async def get_sellable(
    request: Request,
    credential: Annotated[Credential, Depends(as_reader)],
    item: Annotated[str, Query(pattern=keys.GTIN_PATTERN)],
    warehouse: Annotated[str, Query(pattern=keys.ID_PATTERN)],
) -> dict[str, object]:
    """Whether an item may be sold from a warehouse today, how much, and what stands against it.

    A lot of null stands for all lots, a document of null for what needs none: an expiry, a hold
    of the warehouse's own people. Today is the warehouse's own.
    """
    reach(credential, warehouse)
    context = context_of(request)
    script = partial(_judge, item=item, warehouse=warehouse, now_us=context.wall_us())
    lots, blocks = await context.database.read(script)
    is_blocked = any(it["lot"] is None for it in blocks)
    is_spoilt = bool(lots) and not any(it.usability for it in lots)
    return {
        "item": item,
        "warehouse": warehouse,
        "sellable": not is_blocked and not is_spoilt,
        "quantities": _quantities(lots),
        "blocks": blocks,
    }


@router.get("/certificates-at-risk")
async def get_certificates_at_risk(
    request: Request,
    credential: Annotated[Credential, Depends(as_reader)],
    within_days: Annotated[int, Query(ge=0, le=366)] = 30,
    warehouse: Annotated[str | None, Query(pattern=keys.ID_PATTERN)] = None,
) -> dict[str, object]:
    """Papers whose last day is near or over, the nearest first, with the items that need them.

    A paper whose successor is there is not told of. Today is the warehouse's own, or UTC's.
    """
    reach(credential, warehouse)
    context = context_of(request)
    script = partial(
        _at_risk, within_days=within_days, warehouse=warehouse, now_us=context.wall_us()
    )
    return {"certificates": await context.database.read(script)}


async def _at_risk(
    tx: Transaction, *, within_days: int, warehouse: str | None, now_us: int
) -> list[dict[str, object]]:
    place = (await read_whereabouts(tx)).get(warehouse or "")
    today = day_at(now_us, None if place is None else place.time_zone)
    papers = [
        doc.Certificate.model_validate(it) for it in await read_documents(tx, doc.CERTIFICATE)
    ]
    return papers_at_risk(papers, today=today, within_days=within_days)


STAGES: Final = (1, 7, 30)
"""Days before a paper's end at which it becomes more urgent."""


def papers_at_risk(
    papers: Iterable[doc.Certificate], *, today: str, within_days: int
) -> list[dict[str, object]]:
    """Papers that end soon, with the days left after today (below 0: it is over) and the stage:
    `expired`, or within how many of 1, 7 and 30 days it ends; `later` beyond these."""
    needed: dict[str, list[str]] = {}
    last: dict[str, doc.Certificate] = {}
    for (item, _), paper in decisive_papers(papers).items():
        needed.setdefault(paper.id, []).append(item)
        last[paper.id] = paper
    told: list[dict[str, object]] = []
    for paper in sorted(last.values(), key=lambda it: (it.valid_until, it.id)):
        left = (date.fromisoformat(paper.valid_until) - date.fromisoformat(today)).days
        if left > within_days:
            break
        within = next(
            ("1 day" if days == 1 else f"{days} days" for days in STAGES if left <= days), "later"
        )
        told.append(
            {
                "id": paper.id,
                "type": paper.type,
                "supplier": paper.supplier,
                "valid_until": paper.valid_until,
                "days_left": left,
                "stage": "expired" if left < 0 else within,
                "items": sorted(needed[paper.id]),
            }
        )
    return told


def _quantities(lots: Iterable[JudgedLot]) -> list[dict[str, object]]:
    """What is on the shelves by unit, and what of it is usable."""
    on_shelf: dict[str, int] = {}
    usable: dict[str, int] = {}
    for it in lots:
        unit = it.shelf.unit
        on_shelf[unit] = on_shelf.get(unit, 0) + it.quantity
        usable[unit] = usable.get(unit, 0) + (it.quantity if it.usability else 0)
    return [
        {"unit": unit, "on_shelf": on_shelf[unit], "usable": usable[unit]}
        for unit in sorted(on_shelf)
    ]


async def _judge(
    tx: Transaction, *, item: str, warehouse: str, now_us: int
) -> tuple[list[JudgedLot], list[dict[str, object]]]:
    grounds = await read_grounds(tx, [item])
    place = grounds.places.get(warehouse)
    today = day_at(now_us, None if place is None else place.time_zone)
    judged = await read_judged(tx, [item], at_us=now_us, warehouse=warehouse, grounds=grounds)
    lots = [it for it in judged if it.quantity]
    blocks = [
        *blocks_of_holds(grounds.holds, item=item, warehouse=warehouse),
        *_blocks_of_gateways(grounds.barred, warehouse=warehouse),
        *blocks_of_papers(grounds.papers, item=item, today=today),
        *blocks_of_expiry(lots, today=today),
    ]
    return lots, blocks


def _blocks_of_gateways(barred: Barred, *, warehouse: str) -> list[dict[str, object]]:
    return [
        {"reason": reason, "document": None, "lot": lot or None, "message": message}
        for reason, bans, message in (
            ("hold", barred.held, "held at the warehouse"),
            ("recall", barred.recalled, "recalled at a warehouse"),
        )
        for _, lot, where in sorted(bans)
        if where in {"", warehouse}
    ]


def blocks_of_expiry(lots: Iterable[JudgedLot], *, today: str) -> list[dict[str, object]]:
    """The lots on the shelves whose last day is over."""
    return [
        {
            "reason": "expired",
            "document": None,
            "lot": it.lot,
            "message": f"its last day was {it.expiry}",
        }
        for it in lots
        if it.expiry is not None and it.expiry < today
    ]


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
    return [
        {
            "reason": "certificate_expired",
            "document": paper.id,
            "lot": None,
            "message": f"{name} was good until {paper.valid_until}",
        }
        for (named, name), paper in sorted(decisive_papers(papers).items())
        if named == item and paper.valid_until < today
    ]
