"""The journal's one writer: whatever is waiting goes to disk in one transaction.

Invariants
- Jobs are committed in the order in which they were queued, but those that bring no row ride
  with the next commit; `seq` and `chain` are given out here, so a failed commit leaves no hole.
- A job is written whole or not at all. If a group fails, each of its jobs is tried alone, so
  that one bad value does not fail the others. The tail is read again before anything else.
- An entry whose receipt key is already in the journal is left out: appending is idempotent for
  messages that devices number, whatever a caller believed when it queued them.
- Each transaction carries its own number. When its success was not reported the number tells
  whether it is on disk, and nothing is tried again before that is known: consumers' effects and
  events without a receipt key would count twice.
- No future is left unresolved, also when the writer ends by an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from cloud_sync.contract.chain import next_link
from gateway.errors import JournalCorrupt, JournalError, JournalFull
from gateway.journal import reads
from gateway.journal.connection import Database
from gateway.journal.job_queue import Job, JobQueue
from gateway.journal.recent import RecentRows
from gateway.journal.reserve import Reserve
from gateway.journal.rows import (
    CURSOR,
    META,
    Parts,
    entry_statements,
    highest_seqs,
    n_bytes_of,
    row_statements,
)
from gateway.journal.table_sums import MOVE_SUMS
from gateway.ports import Clock, Draft, Entry, ReceiptKey, Row, Statements
from gateway.settings import JournalSettings

logger = logging.getLogger(__name__)

ROW_OVERHEAD_BYTES: Final = 512
"""A generous guess at what a row, its receipt and their B-trees add to the body."""
PRESSED_SHARE: Final = 0.9
"""Above this share of the size limit rows leave earlier, before devices have to wait."""
ROOM_FOR_CONSUMERS: Final = 2**20
"""On a full disk new messages may have the free pages of the file beyond this."""
UNKNOWN_RETRY_S: Final = 0.5
"""How often a disk that answers nothing is asked whether it has the last transaction."""


class GroupWriter:
    """Queue, tail and loop. `start` and `run` it once; `queue` jobs; `close` it to drain."""

    def __init__(
        self,
        database: Database,
        settings: JournalSettings,
        clock: Clock,
        reserve: Reserve | None = None,
    ) -> None:
        self._database = database
        self._reserve = reserve
        self._settings = settings
        self._clock = clock
        self._jobs = JobQueue(settings, clock)
        self._appended = asyncio.Event()
        self._failure: str | None = None
        self._tail_is_known = False
        self._head = b""
        self._marks: dict[tuple[str, str], int] = {}
        self._room_bytes = 0
        self._n_commits = 0
        self.last_seq = 0
        self.recent = RecentRows()

    async def start(self) -> None:
        """Read where the journal ends."""
        await self._read_tail()

    async def _read_tail(self) -> None:
        self._marks = await reads.highest_device_seqs(self._database)
        self.last_seq, self._head = await reads.read_tail(self._database)
        self.recent.clear()
        self._n_commits = await reads.commit_number(self._database)
        self._tail_is_known = True

    # ------------------------------------------------------------ queue

    def queue(
        self,
        *,
        entries: Sequence[Entry] = (),
        drafts: Sequence[Draft] = (),
        effects: Statements = (),
        cursor: tuple[str, int] | None = None,
    ) -> asyncio.Future[int]:
        """Queue one job; the future gives the last seq of the journal after it."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A caller that was cancelled never looks; the failure is in the log all the same.
        done.add_done_callback(lambda it: it.cancelled() or it.exception())
        if self._jobs.is_closed:
            done.set_exception(JournalError(f"{self._database.path}: closing"))
            return done
        self._jobs.put(Job(done, self._clock.monotonic(), entries, drafts, effects, cursor))
        return done

    async def wait_beyond(self, seq: int) -> int:
        """Return the last durable seq as soon as it is above `seq`."""
        while self.last_seq <= seq:
            await self._appended.wait()
        return self.last_seq

    def close(self) -> None:
        """Let `run` end once everything queued is committed; take in nothing more."""
        self._jobs.close()

    # ------------------------------------------------------------ commit

    async def run(self) -> None:
        """Commit what is queued, in groups, until `close`. Raises JournalCorrupt."""
        group: list[Job] = []
        try:
            while group := await self._jobs.next_group():
                await self._commit(group)
        finally:
            self._jobs.close()
            for job in (*group, *self._jobs):
                if not job.done.done():
                    job.done.set_exception(JournalError(f"{self._database.path}: stopped"))

    async def _commit(self, group: Sequence[Job]) -> None:
        try:
            await self._write(group)
        except JournalCorrupt as error:
            _fail(group, error)
            raise
        except JournalError as error:
            self._tail_is_known = False
            if len(group) > 1:
                for job in group:
                    await self._commit([job])
                return
            if self._may_use_reserve(group[0], error):
                await self._commit(group)
                return
            self._report_failure(error)
            _fail(group, error)
        else:
            if self._failure is not None:
                logger.info("commits succeed again", extra={"action": "commits_resumed"})
            self._failure = None

    def _may_use_reserve(self, job: Job, error: JournalError) -> bool:
        """Consumers go on at the reserve's cost: they make room. New messages do not."""
        return (
            isinstance(error, JournalFull)
            and not job.entries
            and self._reserve is not None
            and self._reserve.release()
        )

    async def room(self) -> str | None:
        """Why there is little or no room, None if there is enough; lays down the reserve."""
        if self._reserve is not None and (shortage := self._reserve.shortage()) is not None:
            return f"{self._database.path}: {shortage}"
        if self._failure is not None:
            return self._failure
        size, limit = await reads.size_bytes(self._database), self._settings.max_bytes
        if size > limit * PRESSED_SHARE:
            return f"{self._database.path}: {size} bytes of at most {limit}"
        return None

    def _report_failure(self, error: JournalError) -> None:
        """Once per spell: while a disk is full every retry fails alike."""
        log = logger.error if self._failure is None else logger.debug
        self._failure = str(error)
        log("commit failed", extra={"action": "commit_failed", "reason": self._failure})

    async def _write(self, group: Sequence[Job]) -> None:
        if not self._tail_is_known:
            await self._read_tail()
        known = await self._known(group)
        seq, link, now_us = self.last_seq, self._head, self._clock.wall_us()
        rows: list[Row] = []
        taken: list[Entry] = []
        last_of_job: list[int] = []
        for job in group:
            fresh = _without_repeats(job.entries, known)
            taken.extend(fresh)
            for draft in chain(*[entry.drafts for entry in fresh], job.drafts):
                seq, body = seq + 1, draft.body
                link = next_link(link, seq, body)
                at_us, event = draft.occurred_at_us, draft.event
                rows.append(Row(seq, draft.event_id, draft.type, at_us, body, link, event))
            last_of_job.append(seq)
        if taken:
            await self._refuse_if_full(taken)
        highest = highest_seqs(entry.receipt[0] for entry in taken if entry.receipt)
        statements = row_statements(rows, now_us) + entry_statements(taken, highest, now_us)
        for job in group:
            statements += job.effects
        statements.append((CURSOR, [job.cursor for job in group if job.cursor is not None]))
        if any(job.effects or job.cursor for job in group):
            statements += MOVE_SUMS
        await self._transact([part for part in statements if part[1]])
        self._settle(group, highest, last_of_job, rows)

    async def _transact(self, statements: Parts) -> None:
        """Commit; an error means that nothing of it was written."""
        number = self._n_commits + 1
        began_s = self._clock.monotonic()
        try:
            await self._database.transact(
                [*statements, (META, [(reads.COMMIT_NUMBER, str(number))])]
            )
        except JournalCorrupt:
            raise
        except JournalError:
            if not await self._is_on_disk(number):
                raise
        self._n_commits = number
        self._jobs.committed(began_s)

    async def _is_on_disk(self, number: int) -> bool:
        """Whether a transaction that failed is there after all; asks until the disk answers."""
        while True:
            try:
                return await reads.commit_number(self._database) >= number
            except JournalCorrupt:
                raise
            except JournalError:
                if self._jobs.is_closed:
                    raise
                await asyncio.sleep(UNKNOWN_RETRY_S)

    def _settle(
        self,
        group: Sequence[Job],
        highest: Mapping[tuple[str, str], int],
        last_of_job: Sequence[int],
        rows: Sequence[Row],
    ) -> None:
        """The transaction is on disk: move the tail and tell everybody."""
        if rows:
            self.last_seq, self._head = rows[-1].seq, rows[-1].chain
            self.recent.add(rows)
        for boot, seq in highest.items():
            self._marks[boot] = max(seq, self._marks.get(boot, seq))
        for job, last in zip(group, last_of_job, strict=True):
            if not job.done.done():
                job.done.set_result(last)
        if rows:
            self._appended.set()
            self._appended = asyncio.Event()

    async def _known(self, group: Sequence[Job]) -> set[ReceiptKey]:
        """Those receipt keys of the group that are in the journal already."""
        doubtful = [
            entry.receipt[0]
            for job in group
            for entry in job.entries
            if entry.receipt is not None and not self._is_above_mark(entry.receipt[0])
        ]
        return set(await reads.find_receipts(self._database, doubtful))

    def _is_above_mark(self, key: ReceiptKey) -> bool:
        highest = self._marks.get((key.device, key.boot))
        return highest is None or key.seq > highest

    async def _refuse_if_full(self, entries: Sequence[Entry]) -> None:
        """Raise JournalFull above the size limit, or where only the reserve is left.

        Asks the disk only when the limit may be reached.
        """
        if self._reserve is not None and self._reserve.was_released:
            free = await reads.free_bytes(self._database)
            if free < ROOM_FOR_CONSUMERS:
                raise JournalFull(f"{self._database.path}: the disk is full")
        self._room_bytes -= ROW_OVERHEAD_BYTES * len(entries) + n_bytes_of(entries)
        if self._room_bytes >= 0:
            return
        size = await reads.size_bytes(self._database)
        self._room_bytes = (self._settings.max_bytes - size) // 2
        if size > self._settings.max_bytes:
            raise JournalFull(
                f"{self._database.path}: {size} bytes, limit {self._settings.max_bytes}; nothing"
                " more is taken in until the cloud has caught up and old rows may go"
            )


def _without_repeats(entries: Sequence[Entry], known: set[ReceiptKey]) -> list[Entry]:
    """Entries not in `known`; adds theirs to it, so that a group repeats nothing either."""
    fresh = []
    for entry in entries:
        if entry.receipt is not None:
            key = entry.receipt[0]
            if key in known:
                logger.warning(
                    "repeat left out",
                    extra={"action": "repeat_left_out", "device": key.device, "seq": key.seq},
                )
                continue
            known.add(key)
        fresh.append(entry)
    return fresh


def _fail(group: Sequence[Job], error: JournalError) -> None:
    for job in group:
        if not job.done.done():
            job.done.set_exception(error)
