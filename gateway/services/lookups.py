"""What some messages ask for and the floor does not keep in memory, read before they are decided.

Nearly no message asks for any of it, and then nothing is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core.flows.floor import Floor
from gateway.core.flows.supervising import still_open
from gateway.core.readings import Reading, Scan
from gateway.journal.exception_table import read_queue
from gateway.journal.ledger_tables import Reader

_ABOUT_EXCEPTIONS: Final = frozenset({"exceptions", "resolve"})


class Lookups:
    """One gateway's."""

    def __init__(self, reader: Reader, floor: Floor) -> None:
        self._reader = reader
        self._floor = floor

    async def look(self, readings: Sequence[Reading]) -> None:
        """Tell the floor what these messages ask for."""
        asked = [
            it.task.id or ""
            for it in readings
            if isinstance(it, Scan) and it.task is not None and it.task.type in _ABOUT_EXCEPTIONS
        ]
        if asked:
            await self._read_exceptions(frozenset(asked))

    async def _read_exceptions(self, names: frozenset[str]) -> None:
        # A word may be folded while we read: what was on its way before or is now, is said.
        before = list(self._floor.words.values())
        queue = await read_queue(self._reader, names)
        self._floor.open_exceptions = still_open(queue, [*before, *self._floor.words.values()])
