"""How a consumer waits for rows: never so long that it could be taken for stuck.

Nobody who scans waits for a consumer: what was decided is known to the next scan at once (Floor).
So rows gather between rounds, which cost the same for one and for many.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from cloud_sync.contract.events import Event, parse_event
from gateway.ports import Journal, Row
from gateway.services.supervisor import Heartbeats

IDLE_S: Final = 15.0
"""A quiet night is no stall: a loop comes round this often though there is nothing to do."""
GATHER_S: Final = 0.2
"""How long rows may gather after a round; the first after a quiet time are taken at once."""
GATHER_ROWS: Final = 500
"""So many are enough: whoever waits for more falls behind the rows that are in memory."""


async def next_rows(
    journal: Journal, *, after_seq: int, limit: int, consumer: str, heartbeats: Heartbeats
) -> Sequence[Row]:
    """The rows after `after_seq`, at least one: at once after a quiet time, else gathered."""
    while True:
        heartbeats.beat(consumer)
        rows = await journal.read(after_seq=after_seq, limit=limit)
        if rows:
            return rows
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await gathered(journal, after_seq=after_seq)


async def gathered(journal: Journal, *, after_seq: int) -> None:
    """Return once the rows after `after_seq`, at least one, are worth a round."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GATHER_S):
            await journal.wait_beyond(after_seq + GATHER_ROWS - 1)
    await journal.wait_beyond(after_seq)


def event_of(row: Row) -> Event:
    """The event in a row, parsed unless it is at hand."""
    return row.event or parse_event(row.body)


async def rest(seconds: float, *, consumer: str, heartbeats: Heartbeats) -> None:
    """Sleep, however long, without being taken for stuck."""
    while True:
        heartbeats.beat(consumer)
        await asyncio.sleep(min(seconds, IDLE_S))
        seconds -= IDLE_S
        if seconds <= 0:
            heartbeats.beat(consumer)
            return
