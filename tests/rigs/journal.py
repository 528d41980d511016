"""Journals for tests: entries to write, a store on a real file, a database that can be held."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.errors import JournalError
from gateway.journal import reads, rows
from gateway.journal.connection import FILE, Database, open_database, state_lock
from gateway.journal.reserve import Reserve
from gateway.journal.store import JournalStore, open_journal, running_store
from gateway.ports import Clock, Draft, Entry, Quarantined, ReceiptKey, Statements
from gateway.settings import JournalSettings
from tests.fakes.clock import FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.patterns import lay_out_journal

GATEWAY = "gw-J1"
CONSUMERS = rows.CONSUMERS
AT_ONCE = JournalSettings(group_wait_ms=0)


def draft(n: int) -> Draft:
    """An event whose bytes say which one it is."""
    body = json.dumps({"n": n}).encode()
    return Draft(f"00000000-0000-7000-8000-{n:012d}", "goods.moved", 1_000_000 + n, body)


def entry(n: int, *, device: str = "pda-1", boot: str = "boot-1") -> Entry:
    """A device's message number n: one event and a receipt."""
    return Entry((draft(n),), (ReceiptKey(device, boot, n), b'{"seq":%d}' % n))


def numbered(n: int, *, device: str = "pda-1", boot: str = "boot-1") -> Entry:
    """The same, of an event that says whose message it was, as those of devices do."""
    mark = {"id": device, "boot": boot, "seq": n}
    said = replace(draft(n), body=json.dumps({"n": n, "device": mark}).encode())
    result = json.dumps({"boot": boot, "seq": n}).encode()
    return Entry((said,), (ReceiptKey(device, boot, n), result))


def rubbish(raw: bytes) -> Entry:
    return Entry(quarantined=Quarantined("pda-1", 1, "malformed", "not JSON", raw))


@contextlib.asynccontextmanager
async def opened(
    state_dir: Path,
    settings: JournalSettings = AT_ONCE,
    clock: Clock | None = None,
    *,
    has_cloud: bool = False,
    gateway: str = GATEWAY,
) -> AsyncIterator[JournalStore]:
    """The journal of the test gateway, or of another."""
    await lay_out_journal(state_dir)
    async with open_journal(
        state_dir,
        gateway=gateway,
        settings=settings,
        clock=clock or FakeClock(),
        has_cloud=has_cloud,
    ) as store:
        yield store


class SteeredDatabase(Database):
    """The real database; `gate` holds commits, `failures` break them before or after the disk."""

    def __init__(self, real: Database) -> None:
        self.path = real.path
        self._real = real
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures: list[tuple[str, JournalError]] = []
        self.n_transactions = 0

    async def transact(self, statements: Statements) -> None:
        self.n_transactions += 1
        await self.gate.wait()
        when, error = self.failures.pop(0) if self.failures else ("never", None)
        if when == "before" and error is not None:
            raise error
        await self._real.transact(statements)
        if error is not None:
            raise error

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        return await self._real.query(sql, parameters)


@contextlib.asynccontextmanager
async def steered(
    state_dir: Path,
    settings: JournalSettings = AT_ONCE,
    clock: Clock | None = None,
    reserve: Reserve | None = None,
) -> AsyncIterator[tuple[JournalStore, SteeredDatabase]]:
    """A store on a database that obeys the test."""
    async with opened(state_dir) as store:
        epoch = store.epoch
    with state_lock(state_dir):
        async with open_database(state_dir / FILE) as real:
            database = SteeredDatabase(real)
            async with running_store(
                database,
                gateway=GATEWAY,
                epoch=epoch,
                settings=settings,
                clock=clock or FakeClock(),
                reserve=reserve,
            ) as store:
                database.n_transactions = 0
                yield store, database


async def numbers(store: JournalStore) -> list[int]:
    """Which events lie on the disk, in order; every row is checked on the way."""
    base, _ = await reads.read_base(store._database)
    rows = await store._read_disk(base, 1_000_000)
    return [json.loads(row.body)["n"] for row in rows]


async def until(is_so: Callable[[], bool]) -> None:
    """Let other tasks run until it is so. Raises TimeoutError."""
    async with asyncio.timeout(GUARD_S):
        while not is_so():
            await asyncio.sleep(0)
