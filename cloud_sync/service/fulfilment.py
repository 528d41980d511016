"""The round that looks after orders while nobody asks: what expired, what is dark, what is short.

Each order is its own transaction under its own lock, so several services may go round at once,
and a round that is cut off has done what it has done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store.allocations import (
    NothingBetter,
    allocate_order,
    items_reserved,
    move_order,
    note_try,
    orders_at_dark,
    orders_in_want,
    orders_to_fill,
)
from cloud_sync.store.idempotency import forget_answers
from cloud_sync.store.ports import Database
from cloud_sync.store.reservations import expire

logger = logging.getLogger(__name__)

ROUND_EVERY_S: Final = 10.0
ORDERS_PER_ROUND: Final = 100
ITEMS_PER_ROUND: Final = 50


async def look_after_orders(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever, each round where the one before ended."""
    place = ""

    async def go_on() -> None:
        nonlocal place
        place = await go_round(database, wall_us(), place)

    await go_for_ever("orders", ROUND_EVERY_S, go_on)


async def go_round(database: Database, now_us: int, place: str = "") -> str:
    """Expire reservations; move orders from warehouses that are dark or have less than they
    promised; look for what orders are missing.

    place: the item that the round before ended with; gives the one that this one ends with. Each
    compares some items with what was promised of them, so that no round takes long.
    """
    await database.transact(partial(expire, now_us=now_us))
    await database.transact(partial(forget_answers, now_us=now_us))
    limit = ORDERS_PER_ROUND
    at_dark = partial(orders_at_dark, now_us=now_us, limit=limit)
    await _move(database, await database.read(at_dark), now_us)
    items = await database.read(partial(items_reserved, after=place, limit=ITEMS_PER_ROUND))
    in_want = partial(orders_in_want, items=items, now_us=now_us, limit=limit)
    await _move(database, await database.read(in_want), now_us)
    missing = partial(orders_to_fill, now_us=now_us, limit=limit)
    for order_id in await database.read(missing):
        fill = partial(allocate_order, order_id=order_id, reaches=_anywhere, now_us=now_us)
        await database.transact(fill)
    return items[-1] if len(items) == ITEMS_PER_ROUND else ""


async def _move(database: Database, stuck: Sequence[tuple[str, str]], now_us: int) -> None:
    """Give orders to other warehouses, where these can send them."""
    for order_id, warehouse in stuck:
        move = partial(
            move_order, order_id=order_id, warehouse=warehouse, reaches=_anywhere, now_us=now_us
        )
        try:
            parcels = await database.transact(move)
        except NothingBetter:
            parcels = []
        if not parcels:
            await database.transact(partial(note_try, order_id=order_id, now_us=now_us))
            continue
        logger.info(
            "order moved",
            extra={"action": "order_moved", "order": order_id, "from_warehouse": warehouse},
        )


def _anywhere(warehouse: str) -> bool:
    return True
