"""The round that tells central warehouses of those that they serve (contract/served.py).

A warehouse that was not heard of since it was told of is left alone: nothing it says can be new,
and the time since then is what its central warehouse goes by.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from cloud_sync.store.ports import Database, StoreError
from cloud_sync.store.served import (
    read_centrals,
    read_heard,
    tell_centrals,
    tell_terms,
    told_at,
)

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 60.0
TELL_EVERY_US: Final = 3_600_000_000
"""Sales touch every page, so each telling sends the whole stock: an hour old is new enough."""


async def look_after_served(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever. Whatever ends a round, the service goes on and the next one is tried."""
    while True:
        try:
            await go_round(database, wall_us())
        except StoreError as error:
            logger.warning(
                "round of served warehouses not finished",
                extra={"action": "round_failed", "reason": str(error)},
            )
        except Exception:
            logger.exception("round of served warehouses failed", extra={"action": "round_failed"})
        await asyncio.sleep(LOOK_EVERY_S)


async def go_round(database: Database, now_us: int) -> int:
    """Tell what is due; gives how many documents were new."""
    centrals = await database.read(read_centrals)
    if not centrals:
        return 0
    n_new = await database.transact(partial(tell_terms, centrals=list(centrals)))
    heard = await database.read(read_heard)
    for warehouse, heard_at_us in sorted(heard.items()):
        due = []
        for central, served in centrals.items():
            if warehouse in served:
                look = partial(told_at, central=central, warehouse=warehouse)
                told_us = await database.read(look)
                if told_us is None or heard_at_us - told_us >= TELL_EVERY_US:
                    due.append(central)
        if due:
            tell = partial(
                tell_centrals,
                centrals=due,
                warehouse=warehouse,
                heard_at_us=heard_at_us,
                now_us=now_us,
            )
            n_new += await database.transact(tell)
    return n_new
