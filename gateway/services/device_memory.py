"""What the gateway knows of devices and must still know after a restart of its own.

    clock offsets     the next message of a device that was away meanwhile is no measure of its
                      clock: it may be hours old
    missing numbers   a gap stays a gap until its messages come
    tags present      a tag that goes while the gateway is away is told to have left

Who is present is folded from the journal and exact. Offsets and gaps are saved within SAVE_S of
a change, in a transaction of their own; a gap that opened or closed in that moment is found again
in the receipts. What a kill can take is the offset of a boot that was first heard within SAVE_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from gateway.core.clock_offset import MAX_BOOTS, ClockOffsets
from gateway.core.sequences import BootNumbers, Sequences
from gateway.core.smoothing import Sighting, TagPresence
from gateway.core.tags import arrival_of
from gateway.errors import JournalError
from gateway.journal.device_boots import (
    BootMemory,
    boot_statements,
    load_boots,
    received_since,
)
from gateway.journal.read_model import Reader, load_tags
from gateway.ports import Clock, ReceiptKey
from gateway.services.following import rest
from gateway.services.ports import ReceiptJournal
from gateway.services.projector import CONSUMER as PROJECTOR
from gateway.services.supervisor import Heartbeats

logger = logging.getLogger(__name__)

CONSUMER: Final = "device-memory"
SAVE_S: Final = 1.0
SWEEP_S: Final = 60.0
"""How far behind a boot's highest number may be saved: what the receipts are asked for."""
LAST_SAVE_S: Final = 5.0
ROWS_AT_ONCE: Final = 500
TAG_EVENTS: Final = (ev.TAG_ARRIVED, ev.TAG_LEFT)


class MemoryJournal(ReceiptJournal, Reader, Protocol):
    """A journal with receipts and tables, and an end."""

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        ...


class DeviceMemory:
    """Saves and restores what the intake has learnt; the intake alone changes it.

    save_s: how often to look for what has changed.
    """

    def __init__(
        self,
        *,
        journal: MemoryJournal,
        offsets: ClockOffsets,
        sequences: Sequences,
        presence: TagPresence,
        clock: Clock,
        heartbeats: Heartbeats,
        save_s: float,
    ) -> None:
        self._journal = journal
        self._offsets = offsets
        self._sequences = sequences
        self._presence = presence
        self._clock = clock
        self._heartbeats = heartbeats
        self._save_s = save_s
        self._unsaved: set[tuple[str, str]] = set()
        self._highest: dict[tuple[str, str], int] = {}
        """The highest number of each boot as it was saved."""

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Everything restored before the context, and saved when it ends in order."""
        await self.restore()
        yield
        try:
            async with asyncio.timeout(LAST_SAVE_S):
                await self._save(is_sweep=True)
        except (JournalError, TimeoutError) as error:
            logger.warning(
                "devices not saved", extra={"action": "devices_not_saved", "reason": str(error)}
            )

    async def run(self) -> None:
        """Save what changes, for ever."""
        swept_s = self._clock.monotonic()
        while True:
            await rest(self._save_s, consumer=CONSUMER, heartbeats=self._heartbeats)
            now_s = self._clock.monotonic()
            is_sweep = now_s - swept_s >= SWEEP_S
            swept_s = now_s if is_sweep else swept_s
            await self._save(is_sweep=is_sweep)

    # ------------------------------------------------------------ save

    async def _save(self, *, is_sweep: bool) -> None:
        self._unsaved |= self._offsets.take_changed() | self._sequences.take_changed()
        if is_sweep:
            now = {(device, boot): highest for device, boot, highest in self._sequences.boots()}
            self._unsaved |= {key for key in now if now[key] != self._highest.get(key)}
            self._highest = {key: self._highest[key] for key in now if key in self._highest}
        if not self._unsaved:
            return
        boots = [self._boot(device, boot) for device, boot in sorted(self._unsaved)]
        await self._journal.advance(
            CONSUMER,
            to_seq=self._journal.last_seq,
            effects=boot_statements(boots, heard_at_us=self._clock.wall_us(), n_kept=MAX_BOOTS),
        )
        for known in boots:
            self._unsaved.discard((known.device, known.boot))
            if known.numbers is not None:
                self._highest[known.device, known.boot] = known.numbers.highest

    def _boot(self, device: str, boot: str) -> BootMemory:
        numbers = self._sequences.numbers(device, boot)
        return BootMemory(device, boot, numbers, self._offsets.offset_us(device, boot))

    # ------------------------------------------------------------ restore

    async def restore(self) -> None:
        """Know again what was known; to be done before anything is taken in."""
        marks = dict(await self._journal.highest_device_seqs())
        boots = await load_boots(self._journal)
        received = await received_since(self._journal)
        saved = {(boot.device, boot.boot) for boot in boots}
        self._highest = marks | {
            (boot.device, boot.boot): boot.numbers.highest for boot in boots if boot.numbers
        }
        self._sequences.restore(
            BootNumbers(*key, highest) for key, highest in marks.items() if key not in saved
        )
        for boot in boots:
            key = boot.device, boot.boot
            if boot.offset_us is not None:
                self._offsets.restore(*key, boot.offset_us)
            if boot.numbers is not None and key in marks:
                await self._restore_numbers(boot.numbers, marks[key], received.get(key, ()))
        self._sequences.take_changed()
        self._presence.restore((await self._arrivals()).values(), self._clock.wall_us())

    async def _restore_numbers(
        self, saved: BootNumbers, highest: int, received: Iterable[int]
    ) -> None:
        """The numbers of a boot as of its last receipt, not as of when they were saved.

        highest: of all that were received. Where the receipts between it and the saved highest
        are forgotten, nobody can say any more what was missing there.
        """
        missing = tuple(
            (first, min(last, highest)) for first, last in saved.missing if first <= highest
        )
        device, boot = saved.device, saved.boot
        self._sequences.restore(
            [replace(saved, highest=min(saved.highest, highest), missing=missing)]
        )
        for seq in [*await self._closed(device, boot, missing), *received]:
            self._sequences.take(device, boot, seq)
        now = self._sequences.numbers(device, boot)
        if now is not None and now.highest < highest:
            self._sequences.restore([replace(now, highest=highest)])

    async def _closed(
        self, device: str, boot: str, missing: Iterable[tuple[int, int]]
    ) -> Iterable[int]:
        """The numbers that were missing when they were saved, and have come since."""
        keys = [
            ReceiptKey(device, boot, seq)
            for first, last in missing
            for seq in range(first, last + 1)
        ]
        return [key.seq for key in await self._journal.find_receipts(keys)] if keys else ()

    async def _arrivals(self) -> dict[tuple[str, str], Sighting]:
        """Who is there: as the projector last wrote it, and what it had not read yet."""
        there = await load_tags(self._journal)
        done = await self._journal.cursor(PROJECTOR)
        while rows := await self._journal.read(after_seq=done, limit=ROWS_AT_ONCE):
            done = rows[-1].seq
            for row in rows:
                if row.type in TAG_EVENTS:
                    key, arrival = arrival_of(ev.parse_event(row.body))
                    there.pop(key, None)
                    if arrival is not None:
                        there[key] = arrival
        return there
