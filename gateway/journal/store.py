"""The journal: an append-only run of events on disk, with receipts, quarantine and cursors.

Invariants
1. `seq` starts at 1 per epoch and has no gap and no repeat; it is assigned at commit, in the
   order in which `append` and `advance` were called.
2. `chain` of row n is next_link(chain of row n - 1, n, body n): contract/chain.py. Every read
   checks it.
3. What `append` has returned for is synced to disk (WAL, synchronous=FULL).
4. An entry is written whole or not at all; a consumer's cursor, effects and events likewise.
5. Rows leave only from the low end, below every cursor and past their retention; `meta` keeps
   the seq and link of the last row that left, so that the chain still has a beginning.
6. One writer task groups whatever is waiting into one transaction. If the group fails, each of
   its jobs is tried alone, so that one bad statement does not fail the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Final

from cloud_sync.contract.chain import first_link, next_link
from cloud_sync.contract.keys import make_uuid7
from gateway.errors import JournalCorrupt, JournalError, JournalFull
from gateway.journal.connection import FILE, Database, open_database, state_lock
from gateway.journal.migrate import migrate
from gateway.journal.rows import (
    FIND_RECEIPTS,
    INSERT,
    META,
    Job,
    as_bytes,
    as_int,
    checked,
    side_statements,
)
from gateway.ports import Clock, Draft, Entry, Quarantined, ReceiptKey, Row, Statements
from gateway.settings import JournalSettings

logger = logging.getLogger(__name__)

TAIL_CHECKED: Final = 1000
"""Rows whose chain is checked at start; the rest is checked when read, and by `verify`."""
KEYS_PER_QUERY: Final = 250
PRUNE_ROWS: Final = 5000


class JournalStore:
    """Implements ports.Journal on SQLite. Made by `open_journal`."""

    def __init__(
        self,
        database: Database,
        path: Path,
        *,
        gateway: str,
        settings: JournalSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._path = path
        self._settings = settings
        self._clock = clock
        self._jobs: deque[Job] = deque()
        self._n_waiting = 0
        self._has_jobs = asyncio.Event()
        self._appended = asyncio.Event()
        self._is_closing = False
        self._base_seq = 0
        self._base_link = b""
        self._head = b""
        self.gateway = gateway
        self.epoch = ""
        self.last_seq = 0

    # ------------------------------------------------------------ start

    async def load(self) -> None:
        """Read identity, base and tail; check the tail's chain. Raises JournalCorrupt."""
        meta = {
            str(key): str(value) for key, value in await self.query("select key, value from meta")
        }
        if not meta:
            meta = {
                "gateway": self.gateway,
                "epoch": make_uuid7(self._clock.wall_us() // 1000, os.urandom(10)),
                "base_seq": "0",
            }
            meta["base_link"] = first_link(gateway=self.gateway, epoch=meta["epoch"]).hex()
            await self._database.transact([(META, list(meta.items()))])
        if meta["gateway"] != self.gateway:
            raise JournalError(
                f"{self._path}: belongs to gateway {meta['gateway']}, not to {self.gateway}"
            )
        self.epoch = meta["epoch"]
        self._base_seq = int(meta["base_seq"])
        self._base_link = bytes.fromhex(meta["base_link"])
        await self._load_tail()
        after = max(self._base_seq, self.last_seq - TAIL_CHECKED)
        await self.read(after_seq=after, limit=TAIL_CHECKED)

    async def _load_tail(self) -> None:
        rows = await self.query("select seq, chain from journal order by seq desc limit 1")
        self.last_seq, self._head = self._base_seq, self._base_link
        for seq, chain in rows:
            self.last_seq, self._head = as_int(seq), as_bytes(chain)

    # ------------------------------------------------------------ write

    def append(self, entries: Sequence[Entry]) -> Awaitable[int]:
        """Queue entries for the next group commit; see ports.Journal."""
        return self._queue(Job(self._future(), entries=entries))

    async def advance(
        self, consumer: str, *, to_seq: int, effects: Statements = (), drafts: Sequence[Draft] = ()
    ) -> None:
        """Move a cursor, apply effects and append events in one transaction."""
        job = Job(self._future(), drafts=drafts, effects=effects, cursor=(consumer, to_seq))
        # Shielded: a caller that is cancelled must not leave a half-awaited job behind.
        await asyncio.shield(self._queue(job))

    def _future(self) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A caller that was cancelled never looks; the failure is in the log all the same.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def _queue(self, job: Job) -> asyncio.Future[int]:
        if self._is_closing:
            raise JournalError("journal: closing")
        self._jobs.append(job)
        self._n_waiting += job.weight
        self._has_jobs.set()
        return job.done

    async def write_loop(self) -> None:
        """Commit what is queued, in groups, until `close`."""
        while True:
            await self._has_jobs.wait()
            if not self._jobs:
                if self._is_closing:
                    return
                self._has_jobs.clear()
                continue
            if not self._is_closing and self._n_waiting < self._settings.group_max:
                # Company is worth waiting for: a sync costs the same for one row and for many.
                # On a slow disk the wait is nothing beside the sync and groups grow by themselves.
                await asyncio.sleep(self._settings.group_wait_ms / 1000)
            group = [self._jobs.popleft() for _ in range(self._group_size())]
            self._n_waiting -= sum(job.weight for job in group)
            await self._commit(group)

    def _group_size(self) -> int:
        weight = 0
        for n_jobs, job in enumerate(self._jobs, 1):
            weight += job.weight
            if weight >= self._settings.group_max:
                return n_jobs
        return len(self._jobs)

    def close(self) -> None:
        """Let `write_loop` end once everything queued is committed."""
        self._is_closing = True
        self._has_jobs.set()

    async def _commit(self, group: Sequence[Job]) -> None:
        try:
            await self._write(group)
        except JournalError as error:
            await self._load_tail()
            if len(group) == 1:
                logger.error(
                    "commit failed", extra={"action": "commit_failed", "reason": str(error)}
                )
                if not group[0].done.done():
                    group[0].done.set_exception(error)
                return
            for job in group:
                await self._commit([job])

    async def _write(self, group: Sequence[Job]) -> None:
        if any(job.entries for job in group):
            await self._refuse_if_full()
        seq, link = self.last_seq, self._head
        now_us = self._clock.wall_us()
        rows: list[tuple[object, ...]] = []
        last_of_job: list[int] = []
        for job in group:
            for draft in job.all_drafts():
                seq += 1
                link = next_link(link, seq, draft.body)
                rows.append(
                    (
                        seq,
                        draft.event_id,
                        draft.type,
                        draft.occurred_at_us,
                        now_us,
                        draft.body,
                        link,
                    )
                )
            last_of_job.append(seq)
        inserts = [(INSERT, rows)] if rows else []
        await self._database.transact([*inserts, *side_statements(group)])
        self.last_seq, self._head = seq, link
        for job, last in zip(group, last_of_job, strict=True):
            if not job.done.done():
                job.done.set_result(last)
        if rows:
            self._appended.set()
            self._appended = asyncio.Event()

    async def _refuse_if_full(self) -> None:
        size = await self.size_bytes()
        if size > self._settings.max_bytes:
            raise JournalFull(
                f"journal: {size} bytes, limit {self._settings.max_bytes}; nothing more is taken"
                " in until the cloud has caught up"
            )

    # ------------------------------------------------------------ read

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read."""
        return await self._database.query(sql, parameters)

    async def read(self, *, after_seq: int, limit: int) -> Sequence[Row]:
        """Up to `limit` rows above `after_seq`, each checked against the chain."""
        found = await self.query(
            "select seq, event_id, type, occurred_at_us, body, chain from journal"
            " where seq >= ? order by seq limit ?",
            (after_seq, limit + 1),
        )
        rows = [
            Row(as_int(seq), str(event_id), str(kind), as_int(at), as_bytes(body), as_bytes(chain))
            for seq, event_id, kind, at, body, chain in found
        ]
        if rows and rows[0].seq == after_seq:
            link = rows.pop(0).chain
        elif after_seq == self._base_seq:
            link = self._base_link
        else:
            if after_seq > self.last_seq:
                return ()
            raise JournalCorrupt(
                f"{self._path}: row {after_seq} is missing; rows start after {self._base_seq}"
            )
        return checked(rows[:limit], after_seq, link, self._path)

    async def link(self, seq: int) -> bytes:
        """The chain's link after row `seq`. Raises JournalCorrupt if that row is gone."""
        if seq == self._base_seq:
            return self._base_link
        for (chain,) in await self.query("select chain from journal where seq = ?", (seq,)):
            return as_bytes(chain)
        raise JournalCorrupt(f"{self._path}: row {seq} is missing")

    async def wait_beyond(self, seq: int) -> int:
        """Return the last durable seq as soon as it is above `seq`."""
        while self.last_seq <= seq:
            await self._appended.wait()
        return self.last_seq

    async def cursor(self, consumer: str) -> int:
        """The seq up to which `consumer` is done."""
        for (seq,) in await self.query("select seq from cursor where consumer = ?", (consumer,)):
            return as_int(seq)
        return 0

    async def find_receipts(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, bytes]:
        """The stored results of those messages that were received before."""
        found: dict[ReceiptKey, bytes] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            part = keys[start : start + KEYS_PER_QUERY]
            rows = await self.query(
                FIND_RECEIPTS + ", ".join(["(?, ?, ?)"] * len(part)) + ")",
                [value for key in part for value in (key.device, key.boot, key.seq)],
            )
            for device, boot, seq, result in rows:
                found[ReceiptKey(str(device), str(boot), as_int(seq))] = as_bytes(result)
        return found

    async def highest_device_seqs(self) -> Mapping[tuple[str, str], int]:
        """The highest sequence number received per (device, boot)."""
        rows = await self.query("select device, boot, highest from device_mark")
        return {(str(device), str(boot)): as_int(highest) for device, boot, highest in rows}

    async def read_quarantine(
        self, *, after_id: int, limit: int
    ) -> Sequence[tuple[int, Quarantined]]:
        """Messages that were set aside, by id."""
        rows = await self.query(
            "select id, device, received_at_us, kind, reason, raw from quarantine"
            " where id > ? order by id limit ?",
            (after_id, limit),
        )
        return [
            (
                as_int(id_),
                Quarantined(str(device), as_int(at), str(kind), str(reason), as_bytes(raw)),
            )
            for id_, device, at, kind, reason, raw in rows
        ]

    async def size_bytes(self) -> int:
        """Bytes in use: pages with content, plus the write-ahead log."""
        ((pages, free, size),) = await self.query(
            "select page_count, freelist_count, page_size"
            " from pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        wal = self._path.with_name(self._path.name + "-wal")
        try:
            wal_bytes = os.stat(wal).st_size  # noqa: PTH116 -- one system call, not worth a thread
        except FileNotFoundError:
            wal_bytes = 0
        return (as_int(pages) - as_int(free)) * as_int(size) + wal_bytes

    # ------------------------------------------------------------ forget

    async def prune(self, *, older_than_us: int) -> int:
        """Remove rows below every cursor and recorded before a time; gives how many."""
        ((lowest,),) = await self.query(
            "select min(seq) from cursor where consumer in ('projector', 'planner', 'uplink')"
        )
        if lowest is None:
            return 0
        rows = await self.query(
            "select seq, chain from journal where seq > ? and seq <= ? and recorded_at_us < ?"
            " order by seq limit ?",
            (self._base_seq, as_int(lowest), older_than_us, PRUNE_ROWS),
        )
        run = [
            (as_int(seq), as_bytes(chain))
            for place, (seq, chain) in enumerate(rows, self._base_seq + 1)
            if as_int(seq) == place
        ]
        if not run:
            return 0
        last, link = run[-1]
        meta = [("base_seq", str(last)), ("base_link", link.hex())]
        delete = ("delete from journal where seq <= ?", [(last,)])
        done = self._queue(Job(self._future(), effects=[delete, (META, meta)]))
        await asyncio.shield(done)
        self._base_seq, self._base_link = last, link
        return len(run)


@contextlib.asynccontextmanager
async def open_journal(
    state_dir: Path, *, gateway: str, settings: JournalSettings, clock: Clock
) -> AsyncIterator[JournalStore]:
    """The journal in a state directory, its writer running while the context is open.

    Raises JournalError if the directory is in use or unusable, or the journal is newer than
    the program or another gateway's; JournalCorrupt if its tail contradicts the chain.
    """
    with state_lock(state_dir):
        path = state_dir / FILE
        async with open_database(path) as database:
            await migrate(database.writer, path)
            store = JournalStore(database, path, gateway=gateway, settings=settings, clock=clock)
            await store.load()
            async with asyncio.TaskGroup() as group:
                group.create_task(store.write_loop(), name="journal-writer")
                try:
                    yield store
                finally:
                    store.close()
