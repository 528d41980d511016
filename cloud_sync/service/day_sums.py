"""The round that adds up what gateways have sent, day by day, for the reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store.day_sums import add_day_sums
from cloud_sync.store.epcis_projection import is_busy
from cloud_sync.store.ports import Database

ROUND_EVERY_S: Final = 20.0
BREATH_S: Final = 0.01
"""Between two transactions, so that a batch that waits comes first."""
BUSY_ROUNDS_MAX: Final = 15
"""While gateways keep sending, the reports wait so many rounds, five minutes, and no longer."""


async def look_after_day_sums(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever, mostly while nobody sends."""
    n_waited = 0

    async def go() -> None:
        nonlocal n_waited
        if n_waited < BUSY_ROUNDS_MAX and await database.read(partial(is_busy, now_us=wall_us())):
            n_waited += 1
            return
        n_waited = 0
        await go_round(database)

    await go_for_ever("day sums", ROUND_EVERY_S, go)


async def go_round(database: Database) -> None:
    """Add up all that there is."""
    n_rows = await database.transact(add_day_sums)
    while n_rows:
        await asyncio.sleep(BREATH_S)
        n_rows = await database.transact(add_day_sums)
