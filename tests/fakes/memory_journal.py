"""A journal in memory, behind the same port as the real one, with faults on request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from cloud_sync.contract.chain import first_link, next_link
from gateway.errors import JournalFull
from gateway.ports import Draft, Entry, Quarantined, ReceiptKey, Row, Statements

GATEWAY = "gw-J1"
EPOCH = "019aa4b6-4500-7ac2-bee8-7db6dfd4e19a"


class MemoryJournal:
    """Durable as long as the test lives. `hold` keeps commits waiting; `n_refusals` fails them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.receipts: dict[ReceiptKey, bytes] = {}
        self.quarantine: list[Quarantined] = []
        self.cursors: dict[str, int] = {}
        self.effects: list[tuple[str, Statements]] = []
        self.n_refusals = 0
        self.released = asyncio.Event()
        self.released.set()
        self._appended = asyncio.Event()
        self.epoch = EPOCH

    base_seq = 0

    @property
    def last_seq(self) -> int:
        return len(self.rows)

    def hold(self) -> None:
        self.released.clear()

    def release(self) -> None:
        self.released.set()

    def append(self, entries: Sequence[Entry]) -> Awaitable[int]:
        return asyncio.ensure_future(self._append(list(entries)))

    async def _append(self, entries: Sequence[Entry]) -> int:
        await self.released.wait()
        if self.n_refusals:
            self.n_refusals -= 1
            raise JournalFull("no room, by request of the test")
        for entry in entries:
            self._add(entry.drafts)
            if entry.receipt is not None:
                self.receipts.setdefault(*entry.receipt)
            if entry.quarantined is not None:
                self.quarantine.append(entry.quarantined)
        return self.last_seq

    def _add(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            seq = self.last_seq + 1
            link = next_link(self._link(seq - 1), seq, draft.body)
            self.rows.append(
                Row(seq, draft.event_id, draft.type, draft.occurred_at_us, draft.body, link)
            )
        self._appended.set()
        self._appended = asyncio.Event()

    def _link(self, seq: int) -> bytes:
        return self.rows[seq - 1].chain if seq else first_link(gateway=GATEWAY, epoch=self.epoch)

    async def link(self, seq: int) -> bytes:
        return self._link(seq)

    async def read(self, *, after_seq: int, limit: int) -> Sequence[Row]:
        return self.rows[after_seq : after_seq + limit]

    async def advance(
        self, consumer: str, *, to_seq: int, effects: Statements = (), drafts: Sequence[Draft] = ()
    ) -> None:
        self.cursors[consumer] = to_seq
        self.effects.append((consumer, effects))
        self._add(drafts)

    async def wait_beyond(self, seq: int) -> int:
        while self.last_seq <= seq:
            await self._appended.wait()
        return self.last_seq

    async def cursor(self, consumer: str) -> int:
        return self.cursors.get(consumer, 0)

    async def feed_mark(self) -> str | None:
        marks = [rows[0][1] for _, effects in self.effects for _, rows in effects]
        return str(marks[-1]) or None if marks else None

    async def find_receipts(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, bytes]:
        return {key: self.receipts[key] for key in keys if key in self.receipts}

    async def highest_device_seqs(self) -> Mapping[tuple[str, str], int]:
        highest: dict[tuple[str, str], int] = {}
        for key in self.receipts:
            boot = (key.device, key.boot)
            highest[boot] = max(key.seq, highest.get(boot, -1))
        return highest
