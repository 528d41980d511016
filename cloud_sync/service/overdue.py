"""The round that looks for goods that are on their way for too long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store.ports import Database
from cloud_sync.store.transits import look_at_transits, transits_open, transits_told

ROUND_EVERY_S: Final = 60.0
AT_ONCE: Final = 200
"""Transfers that are looked at in one transaction, so that no batch waits long behind it."""


async def look_after_transits(database: Database, wall_us: Callable[[], int]) -> None:
    """Go round for ever."""
    await go_for_ever("transits", ROUND_EVERY_S, lambda: go_round(database, wall_us()))


async def go_round(database: Database, now_us: int) -> None:
    """Look at all that is on its way, and at all that was told overdue."""
    found = {*await database.read(transits_open), *await database.read(transits_told)}
    transfers = sorted(found)
    for first in range(0, len(transfers), AT_ONCE):
        some = transfers[first : first + AT_ONCE]
        await database.transact(partial(look_at_transits, transfers=some, now_us=now_us))
