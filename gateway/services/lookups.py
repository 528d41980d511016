"""What some messages ask for and the floor does not keep in memory, read before they are decided.

Nearly no message asks for any of it, and then nothing is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cloud_sync.inventory.instances import Instance
from gateway.codecs.epc import epc_identity
from gateway.core.flows.floor import Floor
from gateway.core.flows.supervising import still_open
from gateway.core.readings import Reading, Scan, TagRead
from gateway.journal.exception_table import read_queue
from gateway.journal.ledger_tables import Reader
from gateway.journal.serial_table import read_lots

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
        swept = {
            instance
            for it in readings
            if isinstance(it, TagRead) and it.task is not None
            for instance in instances_of(it)
        }
        if swept:
            await self._read_lots(swept)

    async def _read_exceptions(self, names: frozenset[str]) -> None:
        # A word may be folded while we read: what was on its way before or is now, is said.
        before = list(self._floor.words.values())
        queue = await read_queue(self._reader, names)
        self._floor.open_exceptions = still_open(queue, [*before, *self._floor.words.values()])

    async def _read_lots(self, instances: set[Instance]) -> None:
        before = self._floor.lots_ahead()
        known = await read_lots(self._reader, instances)
        self._floor.lots_of_serials = {**known, **before, **self._floor.lots_ahead()}


def instances_of(read: TagRead) -> Iterator[Instance]:
    """Item and serial of each tag; those that name no trade item are nobody's stock."""
    for tag in read.tags:
        identity = epc_identity(tag.epc)
        if "gtin" in identity and "serial" in identity:
            yield identity["gtin"], identity["serial"]
