"""Keeps the journal in bounds: removes what every reader and the cloud have had for days."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from gateway.ports import Clock
from gateway.settings import JournalSettings

logger = logging.getLogger(__name__)

PERIOD_S: Final = 600.0
US_PER_DAY: Final = 86_400 * 1_000_000


class PrunableJournal(Protocol):
    """A journal that can forget."""

    async def prune(self, *, older_than_us: int) -> int:
        """Remove rows below every cursor and older than a time; gives how many."""
        ...


async def keep_house(journal: PrunableJournal, settings: JournalSettings, clock: Clock) -> None:
    """Prune now and every ten minutes."""
    while True:
        older_than_us = clock.wall_us() - round(settings.retention_days * US_PER_DAY)
        n_rows = await journal.prune(older_than_us=older_than_us)
        if n_rows:
            logger.info("journal pruned", extra={"action": "pruned", "rows": n_rows})
        await asyncio.sleep(PERIOD_S)
