"""Counts by plan: the round that makes them, and what is due (docs/master-data.md).

GET  /v1/counts-due    counts that are not done, and goods that are due by their plan
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from cloud_sync.contract import keys
from cloud_sync.service.access import as_reader, within
from cloud_sync.service.context import context_of
from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store.counting import (
    OpenCount,
    go_on_counting,
    read_counting,
    warehouses_with_counts,
)
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Database

router = APIRouter(prefix="/v1", tags=["counts"])

ROUND_EVERY_S: Final = 300.0
LIMIT_MAX: Final = 1000
SECOND_US: Final = 1_000_000

AsReader = Annotated[Credential, Depends(as_reader)]


@router.get("/counts-due")
async def get_counts_due(
    request: Request,
    credential: AsReader,
    warehouse: Annotated[str, Query(pattern=keys.ID_PATTERN)],
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 200,
) -> dict[str, object]:
    """Counts that are not done, the most urgent first; goods due by plan, the longest first."""
    within(credential, (warehouse,))
    context = context_of(request)
    now_us = context.wall_us()
    counting = await context.database.read(
        partial(read_counting, warehouse=warehouse, now_us=now_us)
    )
    urgent = sorted(counting.open_counts, key=_urgency)
    asked = {item: it.count.id for it in reversed(urgent) for item in it.count.items}
    return {
        "counts": [_count_row(it, now_us) for it in urgent[:limit]],
        "n_counts": len(urgent),
        "items": [
            {
                "item": it.item,
                "class": it.of_class,
                "counted_at_us": it.counted_us,
                "due_at_us": it.due_us,
                "count": asked.get(it.item),
            }
            for it in counting.due[:limit]
        ],
        "n_items": len(counting.due),
    }


def _urgency(it: OpenCount) -> tuple[bool, int, str]:
    return it.count.due_at_us is None, it.count.due_at_us or 0, it.count.id


def _count_row(it: OpenCount, now_us: int) -> dict[str, object]:
    due_us = it.count.due_at_us
    return {
        "id": it.count.id,
        "due_at_us": due_us,
        "seconds_left": None if due_us is None else (due_us - now_us) // SECOND_US,
        "places": [
            {"location": place, "outcome": outcome or None} for place, outcome in it.left.items()
        ],
    }


async def look_after_counts(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever."""
    await go_for_ever("counts", ROUND_EVERY_S, lambda: go_round(database, wall_us()))


async def go_round(database: Database, now_us: int) -> int:
    """Look at the counts of each warehouse; gives how many documents changed."""
    changed = 0
    for warehouse in await database.read(warehouses_with_counts):
        script = partial(go_on_counting, warehouse=warehouse, now_us=now_us)
        changed += await database.transact(script)
    return changed
