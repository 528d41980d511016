"""The round that looks after orders while nobody asks: what expired, what is dark, what is short.

Each order is its own transaction under its own lock, so several services may go round at once,
and a round that is cut off has done what it has done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from cloud_sync.store.allocations import (
    NothingBetter,
    allocate_order,
    move_order,
    orders_to_fill,
    orders_to_move,
)
from cloud_sync.store.idempotency import forget_answers
from cloud_sync.store.ports import Database, StoreError
from cloud_sync.store.reservations import expire

logger = logging.getLogger(__name__)

ROUND_EVERY_S: Final = 10.0
ORDERS_PER_ROUND: Final = 100


async def look_after_orders(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever. Whatever ends a round, the service goes on and the next one is tried."""
    while True:
        try:
            await go_round(database, wall_us())
        except StoreError as error:
            logger.warning(
                "round of orders not finished",
                extra={"action": "round_failed", "reason": str(error)},
            )
        except Exception:
            logger.exception("round of orders failed", extra={"action": "round_failed"})
        await asyncio.sleep(ROUND_EVERY_S)


async def go_round(database: Database, now_us: int) -> None:
    """Expire reservations, move orders from dark warehouses, look for what orders are missing."""
    await database.transact(partial(expire, now_us=now_us))
    await database.transact(partial(forget_answers, now_us=now_us))
    stuck = await database.read(partial(orders_to_move, now_us=now_us, limit=ORDERS_PER_ROUND))
    for order_id, warehouse in stuck:
        move = partial(move_order, order_id=order_id, warehouse=warehouse, now_us=now_us)
        try:
            parcels = await database.transact(move)
        except NothingBetter:
            continue
        if parcels:
            logger.info(
                "order moved",
                extra={"action": "order_moved", "order": order_id, "from_warehouse": warehouse},
            )
    for order_id in await database.read(partial(orders_to_fill, limit=ORDERS_PER_ROUND)):
        fill = partial(allocate_order, order_id=order_id, reaches=_anywhere, now_us=now_us)
        await database.transact(fill)


def _anywhere(warehouse: str) -> bool:
    return True
