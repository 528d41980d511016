"""The two connections to the journal's database, and the lock that makes them the only ones.

One connection writes and checkpoints; one only reads. SQLite before 3.51.3 can lose a WAL reset
when several connections write or checkpoint at once, so nobody else may: `state_lock` keeps a
second gateway out, and the command line opens read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiosqlite

from gateway.errors import JournalCorrupt, JournalError, JournalFull, JournalUnwritable
from gateway.journal.durable import hand_over
from gateway.journal.table_sums import register
from gateway.journal.transaction import run_transaction
from gateway.ports import Statements

logger = logging.getLogger(__name__)

FILE: Final = "journal.db"
BUSY_MS: Final = 5000
WAL_BYTES_KEPT: Final = 64 * 2**20
"""What a checkpoint leaves of a log that had to grow."""

WRITER_PRAGMAS: Final = (
    "journal_mode = wal",
    # NORMAL may lose the last commits at a power cut; a receipt must not.
    "synchronous = full",
    f"busy_timeout = {BUSY_MS}",
    f"journal_size_limit = {WAL_BYTES_KEPT}",
    "foreign_keys = on",
)
READER_PRAGMAS: Final = (
    "query_only = on",
    f"busy_timeout = {BUSY_MS}",
    "wal_autocheckpoint = 0",
)


@contextlib.contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for this process. Raises JournalError naming who holds it."""
    path = state_dir / "lock"
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        hand_over(descriptor, state_dir.stat())
    except OSError as error:
        raise JournalError(f"{state_dir}: not usable: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise JournalError(f"{state_dir}: in use by process {owner}") from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except OSError as error:
            # The lock holds without the number; a full disk must not keep the gateway from
            # starting, since only a running one can send what fills it.
            logger.warning(
                "lock file not written",
                extra={"action": "lock_unwritten", "reason": error.strerror},
            )
        yield
    finally:
        os.close(descriptor)


class Database:
    """The writing and the reading connection. Every write is one `transact`."""

    def __init__(self, path: Path, writer: _Connection, reader: _Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader

    async def transact(self, statements: Statements) -> None:
        """Run all statements in one transaction; a cancel waits for its end.

        Raises JournalFull when there is no room and JournalError for anything else; then
        nothing of it was written, or (after a failed sync) it is unknown and the caller must
        read the tail again before going on.
        """
        work = asyncio.create_task(self._writer.call(run_transaction, statements), name="transact")
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            # Nobody is left to be told; asyncio would report it as forgotten.
            _ = work.cancelled() or work.exception()
            raise
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise journal_error(error, self.path) from error

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read, as of some moment between two transactions."""
        try:
            return list(await self._reader.execute_fetchall(sql, parameters))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise journal_error(error, self.path) from error


class _Connection(aiosqlite.Connection):
    """aiosqlite's thread, able to run a whole transaction in one hop.

    aiosqlite offers a hop per statement; at groups of 100 rows these cost as much as the rows.
    In one hop a transaction is also never left open: no cancel can come between its statements.
    """

    async def call(
        self, run: Callable[[sqlite3.Connection, Statements], None], statements: Statements
    ) -> None:
        await self._execute(  # type: ignore[no-untyped-call]  # aiosqlite leaves it bare
            run, self._conn, statements
        )

    async def join(self) -> None:
        """Wait for the thread's end."""
        await asyncio.to_thread(self._thread.join)


_SIGNS: Final = ("no such table", "no such column", "Could not decode to UTF-8")
"""What SQLite says of a damaged schema or text; our own statements fit the schema."""


def journal_error(error: Exception, path: Path) -> JournalError:
    """What a failure of SQLite, or of handing a value to it, means for the journal."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return JournalFull(f"{path}: no room on the disk")
    if isinstance(code, int) and _is_of_a_disk_that_takes_nothing(code):
        return JournalUnwritable(f"{path}: the disk is read-only or broken ({error})")
    is_damage = isinstance(code, int) and code & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
    if is_damage or isinstance(error, UnicodeDecodeError) or str(error).startswith(_SIGNS):
        return JournalCorrupt(
            f"{path}: SQLite found the file damaged ({error});"
            " run `forepost-gateway journal verify`"
        )
    return JournalError(f"{path}: {error}")


def _is_of_a_disk_that_takes_nothing(code: int) -> bool:
    """Whether SQLite could not write, make or sync a file."""
    is_of_reading = code in (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
    return not is_of_reading and code & 0xFF in (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    )


@contextlib.asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    """Both connections, with the pragmas that durability needs; the file is made if missing."""
    refuse_orphaned_log(path)
    async with contextlib.AsyncExitStack() as stack:
        try:
            writer = await stack.enter_async_context(_connect(path, "rwc", WRITER_PRAGMAS))
            reader = await stack.enter_async_context(_connect(path, "rw", READER_PRAGMAS))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise journal_error(error, path) from error
        logger.info(
            "journal opened",
            extra={
                "action": "journal_opened",
                "sqlite": sqlite3.sqlite_version,
                "path": str(path),
            },
        )
        yield Database(path, writer, reader)


def refuse_orphaned_log(path: Path) -> None:
    """SQLite deletes a log whose database is missing or empty; it may hold the last events."""
    wal = path.with_name(path.name + "-wal")
    has_database = path.exists() and path.stat().st_size > 0
    if not has_database and wal.exists() and wal.stat().st_size > 0:
        raise JournalCorrupt(
            f"{path}: missing or empty, but {wal.name} holds {wal.stat().st_size} bytes;"
            " put the journal back beside it, or move it away to start anew"
        )


@contextlib.asynccontextmanager
async def _connect(path: Path, mode: str, pragmas: Sequence[str]) -> AsyncIterator[_Connection]:
    uri = f"file:{quote(str(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            for pragma in pragmas:
                connection.execute(f"pragma {pragma}")
            register(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    connection = _Connection(connect, iter_chunk_size=64)
    try:
        await connection
    except BaseException:
        # aiosqlite tells its thread to end, but leaves without it; it must not outlive the loop.
        await connection.join()
        raise
    try:
        yield connection
    finally:
        await connection.close()
