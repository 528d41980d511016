"""The two connections to the journal's database, and the lock that makes them the only ones.

One connection writes and checkpoints; one only reads. SQLite before 3.51.3 can lose a WAL reset
when several connections write or checkpoint at once, so nobody else may: `StateLock` keeps a
second gateway out, and the command line opens read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import aiosqlite

from gateway.errors import JournalCorrupt, JournalError, JournalFull
from gateway.ports import Statements

logger = logging.getLogger(__name__)

FILE: Final = "journal.db"
BUSY_MS: Final = 5000


@contextlib.contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for this process. Raises JournalError naming who holds it."""
    path = state_dir / "lock"
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(f"{state_dir}: not usable: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise JournalError(f"{state_dir}: in use by process {owner}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


class Database:
    """The writing and the reading connection. Every write is one `transact`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self.writer = writer
        self._reader = reader

    async def transact(self, statements: Statements) -> None:
        """Run all statements in one transaction; a cancel waits for its end.

        Raises JournalFull when there is no room and JournalError for anything else; then
        nothing of it was written, or (after a failed sync) it is unknown and the caller must
        read the tail again before going on.
        """
        work = asyncio.create_task(self._transact(statements), name="transact")
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            raise

    async def _transact(self, statements: Statements) -> None:
        try:
            await self.writer.execute("begin immediate")
            for sql, rows in statements:
                await self.writer.executemany(sql, rows)
            await self.writer.execute("commit")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                await self.writer.execute("rollback")
            raise _journal_error(error) from error

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read, as of some moment between two transactions."""
        try:
            return list(await self._reader.execute_fetchall(sql, parameters))
        except sqlite3.Error as error:
            raise _journal_error(error) from error


def _journal_error(error: sqlite3.Error) -> JournalError:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return JournalFull("journal: no room on the disk")
    if isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return JournalCorrupt(f"journal: SQLite found the file damaged: {error}")
    return JournalError(f"journal: {error}")


@contextlib.asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    """Both connections, with the pragmas that durability needs; the file is made if missing."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            writer = await stack.enter_async_context(_connect(path, "rwc"))
            for pragma in (
                "journal_mode = wal",
                # NORMAL may lose the last commits at a power cut; a receipt must not.
                "synchronous = full",
                f"busy_timeout = {BUSY_MS}",
                "foreign_keys = on",
            ):
                await writer.execute(f"pragma {pragma}")
            reader = await stack.enter_async_context(_connect(path, "rw"))
            for pragma in (
                "query_only = on",
                f"busy_timeout = {BUSY_MS}",
                "wal_autocheckpoint = 0",
            ):
                await reader.execute(f"pragma {pragma}")
        except sqlite3.Error as error:
            raise _journal_error(error) from error
        logger.info(
            "journal opened",
            extra={
                "action": "journal_opened",
                "sqlite": sqlite3.sqlite_version,
                "path": str(path),
            },
        )
        yield Database(writer, reader)


def _connect(path: Path, mode: str) -> aiosqlite.Connection:
    return aiosqlite.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
    )
