"""The journal: an append-only run of events on disk, with receipts, quarantine and cursors.

Format: docs/journal.md; the tables are in schema/.

Invariants
1. `seq` starts at 1 per epoch and has no gap and no repeat; it is assigned at commit, in the
   order in which `append` and `advance` were called.
2. `chain` of row n is next_link(chain of row n - 1, n, body n): contract/chain.py. Every read
   of the disk checks it.
3. What `append` has returned for is synced to disk (WAL, synchronous=FULL).
4. An entry is written whole or not at all, and once per receipt key; a consumer's cursor,
   effects and events likewise move together.
5. Rows leave only from the low end, below every cursor and past their retention; `meta` keeps
   the seq and link of the last row that left, so that the chain still has a beginning. The row
   at the lowest cursor stays: whoever reads on from there finds the link before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from cloud_sync.contract.chain import first_link
from cloud_sync.contract.keys import make_uuid7
from gateway.errors import JournalCorrupt, JournalError
from gateway.journal import reads
from gateway.journal.connection import (
    FILE,
    Database,
    open_database,
    refuse_orphaned_log,
    state_lock,
)
from gateway.journal.forgetting import OLDEST_QUARANTINED, forget_receipts
from gateway.journal.mending import check_if_noted, note_if_damage, salvage
from gateway.journal.migrate import migrate
from gateway.journal.read_model import FEED_MARK
from gateway.journal.received import key_of, refuse_low_marks, refuse_unreceived
from gateway.journal.reserve import FILE as RESERVE
from gateway.journal.reserve import Reserve
from gateway.journal.rows import (
    CONSUMERS,
    META,
    SELECT,
    UPLINK,
    as_bytes,
    as_int,
    as_row,
    checked,
)
from gateway.journal.salvage import SALVAGE_TOLD, LastSalvage
from gateway.journal.scrubbing import Scrub
from gateway.journal.sent_marks import note_sent
from gateway.journal.switch import finish_switch
from gateway.journal.table_sums import refuse_wrong_tables, watch
from gateway.journal.writer import GroupWriter
from gateway.ports import Clock, Draft, Entry, Quarantined, ReceiptKey, Row, Statements
from gateway.settings import JournalSettings

logger = logging.getLogger(__name__)

TAIL_CHECKED: Final = 1000
"""Rows whose chain is checked at start; the rest is checked when read, and by `verify`."""
ROOM_TO_OPEN: Final = 2**20
"""Below this the reserve is given back before the files are opened, which takes room itself."""
PRUNE_ROWS: Final = 5000
"""Rows that leave in one transaction, so that no append waits long behind it."""


class JournalStore:
    """Implements ports.Journal on SQLite. Made by `open_journal`."""

    def __init__(
        self, database: Database, writer: GroupWriter, *, gateway: str, epoch: str
    ) -> None:
        self._database = database
        self._writer = writer
        self._base_seq = 0
        self._base_link = b""
        self._scrub = Scrub(database, database.path)
        self.gateway = gateway
        self.epoch = epoch

    async def load(self) -> None:
        """Read base and tail; check cursors and the tail's chain. Raises JournalCorrupt."""
        self._base_seq, self._base_link = await reads.read_base(self._database)
        await self._writer.start()
        await reads.refuse_impossible_cursors(self._database, self.last_seq)
        after = max(self._base_seq, self.last_seq - TAIL_CHECKED)
        tail = await self.read(after_seq=after, limit=TAIL_CHECKED)
        await refuse_low_marks(self, self._database.path)
        await refuse_unreceived(self, (key_of(row.body) for row in tail), self._database.path)

    @property
    def last_seq(self) -> int:
        """The highest durable sequence number; 0 when empty."""
        return self._writer.last_seq

    @property
    def base_seq(self) -> int:
        """The highest sequence number that has left; 0 before any has."""
        return self._base_seq

    # ------------------------------------------------------------ write

    def append(self, entries: Sequence[Entry]) -> Awaitable[int]:
        """Queue entries for the next group commit; see ports.Journal."""
        return self._writer.queue(entries=entries)

    async def advance(
        self, consumer: str, *, to_seq: int, effects: Statements = (), drafts: Sequence[Draft] = ()
    ) -> None:
        """Move a cursor, apply effects and append events in one transaction."""
        # A cancelled caller cancels the future alone; the job is committed all the same.
        await self._writer.queue(drafts=drafts, effects=effects, cursor=(consumer, to_seq))

    async def wait_beyond(self, seq: int) -> int:
        """Return the last durable seq as soon as it is above `seq`."""
        return await self._writer.wait_beyond(seq)

    # ------------------------------------------------------------ read

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read."""
        return await self._database.query(sql, parameters)

    async def read(self, *, after_seq: int, limit: int) -> Sequence[Row]:
        """Up to `limit` rows above `after_seq`, each checked against the chain.

        The newest are as they were written a moment ago (recent.py); the rest is read.
        """
        recent = self._writer.recent.after(after_seq, limit)
        if recent is None:
            return await self._read_disk(after_seq, limit)
        await asyncio.sleep(0)  # whoever reads in a loop is to let others run, as a disk does
        return recent

    async def _read_disk(self, after_seq: int, limit: int) -> Sequence[Row]:
        last_seq = self.last_seq
        rows = [as_row(row) for row in await self.query(SELECT, (after_seq, limit + 1))]
        if rows and rows[0].seq == after_seq:
            return checked(rows[1:], after_seq, rows[0].chain, self._database.path)
        if after_seq == self._base_seq:
            return checked(rows[:limit], after_seq, self._base_link, self._database.path)
        if not rows and after_seq >= last_seq:
            return ()
        missing = f"{self._database.path}: row {after_seq} is missing"
        if after_seq < self._base_seq:
            raise JournalError(f"{missing}; rows start after {self._base_seq}")
        raise JournalCorrupt(missing)

    async def link(self, seq: int) -> bytes:
        """The chain's link after row `seq`. Raises JournalError if that row is gone."""
        if seq == self._base_seq:
            return self._base_link
        if (recent := self._writer.recent.link(seq)) is not None:
            return recent
        for (chain,) in await self.query("select chain from journal where seq = ?", (seq,)):
            return as_bytes(chain)
        raise JournalError(f"{self._database.path}: row {seq} is missing")

    async def cursor(self, consumer: str) -> int:
        """The seq up to which `consumer` is done; for one that never ran, where rows begin."""
        seq = await reads.cursor_of(self._database, consumer)
        is_new_reader = consumer in CONSUMERS and consumer != UPLINK
        return max(seq, self._base_seq) if is_new_reader else seq

    async def feed_mark(self) -> str | None:
        """What the cloud said about the place in its feed; None if it said nothing."""
        return (await reads.read_meta(self._database)).get(FEED_MARK) or None

    async def find_receipts(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, bytes]:
        """The stored results of those messages that were received before."""
        return await reads.find_receipts(self._database, keys)

    async def highest_device_seqs(self) -> Mapping[tuple[str, str], int]:
        """The highest sequence number received per (device, boot)."""
        return await reads.highest_device_seqs(self._database)

    async def read_quarantine(
        self, *, after_id: int, limit: int
    ) -> Sequence[tuple[int, Quarantined]]:
        """Messages that were set aside, by id."""
        return await reads.read_quarantine(self._database, after_id=after_id, limit=limit)

    async def size_bytes(self) -> int:
        """Bytes in use: pages with content, plus the write-ahead log."""
        return await reads.size_bytes(self._database)

    # ------------------------------------------------------------ keep in order

    async def scrub(self, n_rows: int) -> None:
        """Check the next rows and receipts; begins again at the end. Raises JournalCorrupt.

        Now and then the tables beside the rows, too, all at once.
        Not to run beside `prune`, which takes rows away from under it.
        """
        await self._scrub.step(self._read_disk, base_seq=self._base_seq, n_rows=n_rows)

    async def room(self) -> str | None:
        """Why there is little or no room, None if there is enough; lays down the reserve."""
        return await self._writer.room()

    async def last_salvage(self) -> LastSalvage | None:
        """What the journal was made of, if it was made of a damaged one."""
        return await reads.last_salvage(self._database)

    async def tell_salvage(self, draft: Draft) -> None:
        """Journal the event about the last salvage, and that it was told."""
        await self._writer.queue(drafts=[draft], effects=[(META, [(SALVAGE_TOLD, "1")])])

    # ------------------------------------------------------------ forget

    async def prune(
        self, *, older_than_us: int, has_cloud: bool = True, below_seq: int | None = None
    ) -> int:
        """Forget rows below every cursor and `below_seq` from before `older_than_us`.

        And older results of receipts, and quarantine beyond its bound. Gives how many rows left.
        """
        lowest = await reads.lowest_cursor(self._database, has_cloud=has_cloud)
        if below_seq is not None:
            lowest = min(lowest, below_seq)
        n_pruned = 0
        while n_rows := await self._prune_rows(older_than_us, lowest):
            n_pruned += n_rows
        while effects := await forget_receipts(self._database, older_than_us=older_than_us):
            await self._writer.queue(effects=effects)
        await self._writer.queue(effects=[OLDEST_QUARANTINED])
        return n_pruned

    async def sent_long_ago(self, *, now_us: int, span_us: int) -> int:
        """The highest seq known to have been sent that long ago; notes what is sent by now."""
        highest, effects = await note_sent(self._database, now_us=now_us, span_us=span_us)
        await self._writer.queue(effects=effects)
        return highest

    async def _prune_rows(self, older_than_us: int, lowest: int) -> int:
        rows = await self.query(
            "select seq, chain, recorded_at_us from journal where seq > ? and seq < ?"
            " order by seq limit ?",
            (self._base_seq, lowest, PRUNE_ROWS),
        )
        last = link = None
        for seq, chain, recorded_at_us in rows:
            if as_int(recorded_at_us) >= older_than_us:
                break
            last, link = as_int(seq), as_bytes(chain)
        if last is None or link is None:
            return 0
        n_rows = last - self._base_seq
        meta = [("base_seq", str(last)), ("base_link", link.hex())]
        delete = ("delete from journal where seq <= ?", [(last,)])
        await self._writer.queue(effects=[delete, (META, meta)])
        self._base_seq, self._base_link = last, link
        return n_rows


async def prepare(
    database: Database, *, gateway: str, clock: Clock, random_bytes: Callable[[int], bytes]
) -> str:
    """Make the file a journal of this version and gateway; gives its epoch.

    Raises JournalError if it is newer than the program or another gateway's.
    """
    await migrate(database)
    meta = await reads.read_meta(database)
    if not meta:
        epoch = make_uuid7(clock.wall_us() // 1000, random_bytes(10))
        meta = {
            "gateway": gateway,
            "epoch": epoch,
            "created_at_us": str(clock.wall_us()),
            "base_seq": "0",
            "base_link": first_link(gateway=gateway, epoch=epoch).hex(),
        }
        await database.transact([(META, list(meta.items()))])
        logger.warning(
            "new journal begun", extra={"action": "journal_created", "epoch": meta["epoch"]}
        )
    if meta["gateway"] != gateway:
        raise JournalError(
            f"{database.path}: belongs to gateway {meta['gateway']}, not to {gateway}"
        )
    return meta["epoch"]


@contextlib.asynccontextmanager
async def open_journal(
    state_dir: Path,
    *,
    gateway: str,
    settings: JournalSettings,
    clock: Clock,
    random_bytes: Callable[[int], bytes] = os.urandom,
    has_cloud: bool = False,
) -> AsyncIterator[JournalStore]:
    """The journal in a state directory, its writer running while the context is open.

    A damaged file is set aside and what can be proven of it goes on in a new one (salvaged);
    damage that shows while the context is open is noted, raised, and salvaged by the next opening.
    has_cloud: rows that nobody sent must still be there; where they left before there was a
    cloud, what is left goes on as a new epoch, which the cloud can take from its first row.
    At the end, also after an error, what was queued is committed and the file is closed.
    Raises JournalError if the directory is in use or unusable, or the journal is newer than
    the program or another gateway's; JournalCorrupt if a log has lost its journal.
    """
    with state_lock(state_dir):
        await asyncio.to_thread(finish_switch, state_dir)
        refuse_orphaned_log(state_dir / FILE)
        try:
            async with contextlib.AsyncExitStack() as stack:
                enter = partial(
                    _open_store,
                    state_dir,
                    gateway=gateway,
                    settings=settings,
                    clock=clock,
                    random_bytes=random_bytes,
                    has_cloud=has_cloud,
                )
                try:
                    await check_if_noted(state_dir)
                    store = await stack.enter_async_context(enter())
                except JournalCorrupt as error:
                    await salvage(state_dir, gateway, str(error), clock, random_bytes)
                    store = await stack.enter_async_context(enter())
                yield store
        except BaseException as error:
            note_if_damage(state_dir, error)
            raise


@contextlib.asynccontextmanager
async def _open_store(
    state_dir: Path,
    *,
    gateway: str,
    settings: JournalSettings,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    has_cloud: bool,
) -> AsyncIterator[JournalStore]:
    reserve = Reserve(state_dir / RESERVE)
    if reserve.free_bytes() < ROOM_TO_OPEN:
        reserve.release()
    async with open_database(state_dir / FILE) as database:
        await refuse_wrong_tables(database, database.path)
        epoch = await prepare(database, gateway=gateway, clock=clock, random_bytes=random_bytes)
        if has_cloud:
            await reads.refuse_unsent_gap(database)
        async with running_store(
            database,
            gateway=gateway,
            epoch=epoch,
            settings=settings,
            clock=clock,
            reserve=reserve,
        ) as store:
            yield store


@contextlib.asynccontextmanager
async def running_store(
    database: Database,
    *,
    gateway: str,
    epoch: str,
    settings: JournalSettings,
    clock: Clock,
    reserve: Reserve | None = None,
) -> AsyncIterator[JournalStore]:
    """A store on an open database, its writer in a task of its own."""
    writer = GroupWriter(database, settings, clock, reserve)
    store = JournalStore(database, writer, gateway=gateway, epoch=epoch)
    await store.load()
    await watch(database)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run(), name="journal-writer")
        try:
            yield store
        finally:
            writer.close()
            # Without this a body that failed would have the group cancel the writer at once.
            await asyncio.wait({task})
