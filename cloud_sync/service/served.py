"""The round that tells central warehouses of those that they serve (contract/served.py).

A warehouse that was not heard of since it was told of is left alone: nothing it says can be new,
and the time since then is what its central warehouse goes by.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store.ports import Database
from cloud_sync.store.served import (
    read_centrals,
    read_heard,
    tell_centrals,
    tell_terms,
    told_at,
)

LOOK_EVERY_S: Final = 60.0
TELL_EVERY_US: Final = 3_600_000_000
"""Sales touch every page, so each telling sends the whole stock: an hour old is new enough."""


async def look_after_served(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever."""
    await go_for_ever("served", LOOK_EVERY_S, lambda: go_round(database, wall_us()))


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
