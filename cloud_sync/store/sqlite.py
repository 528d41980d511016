"""The store on SQLite: one file, one writing connection, durable at each commit.

`synchronous = full`, because a gateway may forget what was acknowledged. One connection writes
and checkpoints, one reads; each is used by one script at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import aiosqlite

from cloud_sync.store.finish import finish
from cloud_sync.store.ports import (
    Parameters,
    Row,
    Script,
    StoreError,
    StoreUnusable,
    T,
    ValueRefused,
)
from cloud_sync.store.schema_files import read_schema, statements_of

BUSY_MS: Final = 5000
BUSY_RETRY_S: Final = 0.01
CLOSE_S: Final = 5.0
"""So long may what is under way go on once the file is to be closed."""
CONSTRAINT_DATATYPE: Final = 3091
"""SQLITE_CONSTRAINT_DATATYPE, for which the standard library has no name before Python 3.12."""
SCHEMA: Final = files("cloud_sync.store") / "schema" / "sqlite"


class SqliteTransaction:
    """Implements ports.Transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, parameters: Parameters = ()) -> Sequence[Row]:
        """All rows of a query."""
        return list(await self._connection.execute_fetchall(sql, parameters))

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Parameters]) -> None:
        """New rows of a table."""
        marks = ", ".join("?" * len(columns))
        await self.execute_many(
            f"insert into {table}({', '.join(columns)}) values ({marks})",  # noqa: S608 -- names from our code
            rows,
        )

    async def add(
        self, table: str, keys: Sequence[str], amount: str, rows: Sequence[Parameters]
    ) -> None:
        """Add amounts to what is held under their keys."""
        await self.execute_many(adding(table, keys, amount), rows)

    async def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """One statement, once per row of parameters."""
        await self._connection.executemany(sql, rows)


def adding(table: str, keys: Sequence[str], amount: str) -> str:
    """The statement that adds one amount under its keys."""
    marks, names = ", ".join("?" * (len(keys) + 1)), ", ".join(keys)
    return (
        f"insert into {table}({names}, {amount}) values ({marks}) "  # noqa: S608 -- names from our code
        f"on conflict ({names}) do update set {amount} = {table}.{amount} + excluded.{amount}"
    )


class SqliteDatabase:
    """Implements ports.Database."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = _Lane(writer, "begin immediate")
        self._reader = _Lane(reader, "begin")

    async def transact(self, script: Script[T]) -> T:
        """Run a script that writes; a cancel waits for its end. Raises StoreError."""
        return await self._writer.run(script)

    async def read(self, script: Script[T]) -> T:
        """Run a script that only reads, on one consistent state. Raises StoreError."""
        return await self._reader.run(script)

    async def read_once(self, script: Script[T]) -> T:
        """The same: in a file a transaction costs nothing. Raises StoreError."""
        return await self._reader.run(script)

    async def end(self) -> None:
        """Let what is under way come to its end, but not for ever."""
        for lane in (self._writer, self._reader):
            await lane.end()


class _Lane:
    """One connection and the queue in front of it."""

    def __init__(self, connection: aiosqlite.Connection, begin: str) -> None:
        self._connection = connection
        self._begin = begin
        self._lock = asyncio.Lock()
        self._is_ended = False

    async def run(self, script: Script[T]) -> T:
        async with self._lock:
            if self._is_ended:
                raise StoreError("SQLite: the file was closed")
            # Cancelling inside a transaction would leave it open for the next one to fall into.
            return await finish(self._run_again(script), name="transaction")

    async def end(self) -> None:
        """Wait for the script that has the connection, in the end break off its statement."""
        self._is_ended = True
        try:
            async with asyncio.timeout(CLOSE_S), self._lock:
                pass
        except TimeoutError:
            await self._connection.interrupt()

    async def _run_again(self, script: Script[T]) -> T:
        """Once more after a row that was there already; see ports.Database.transact."""
        try:
            return await self._run(script)
        except _RowIsThere:
            return await self._run(script)

    async def _run(self, script: Script[T]) -> T:
        connection = self._connection
        try:
            await connection.execute(self._begin)
            try:
                result = await script(SqliteTransaction(connection))
                await connection.execute("commit")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    await connection.execute("rollback")
                raise
        except (OverflowError, UnicodeEncodeError, sqlite3.DataError) as error:
            raise ValueRefused(f"SQLite: {error}") from error
        except sqlite3.IntegrityError as error:
            if getattr(error, "sqlite_errorcode", None) == CONSTRAINT_DATATYPE:
                # A sum grew beyond 64 bits and became a float, which no column of ours takes.
                raise ValueRefused(f"SQLite: {error}") from error
            raise _RowIsThere(f"SQLite: {error}") from error
        except sqlite3.Error as error:
            raise _store_error(error) from error
        return result


class _RowIsThere(StoreError):
    """A row that may be there once only was there already."""


def _store_error(error: sqlite3.Error) -> StoreError:
    if _kind(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StoreUnusable(f"SQLite: {error}")
    return StoreError(f"SQLite: {error}")


def _kind(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


@contextlib.asynccontextmanager
async def open_sqlite(path: Path) -> AsyncIterator[SqliteDatabase]:
    """The database in a file, which is made or brought up to date. Raises StoreUnusable."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            await asyncio.to_thread(_touch, path)
            writer = await stack.enter_async_context(_connect(path, "rwc"))
            await _set(
                writer, "synchronous = full", "foreign_keys = on", f"busy_timeout = {BUSY_MS}"
            )
            await _use_wal(writer)
            await _migrate(writer, path)
            reader = await stack.enter_async_context(_connect(path, "rw"))
            await _set(
                reader,
                "query_only = on",
                "wal_autocheckpoint = 0",
                f"busy_timeout = {BUSY_MS}",
            )
        except TimeoutError as error:
            raise StoreUnusable(f"{path}: another program keeps the file locked") from error
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreUnusable(f"{path}: {reason}") from error
        database = SqliteDatabase(writer, reader)
        try:
            yield database
        finally:
            await database.end()


def _touch(path: Path) -> None:
    """Make the file readable by nobody else before anything is in it. Raises OSError.

    A file that is there is never opened: to close any descriptor of it would drop the locks SQLite
    holds on it in this process (POSIX fcntl).
    """
    if path.exists():
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def _connect(path: Path, mode: str) -> aiosqlite.Connection:
    return aiosqlite.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
    )


async def _set(connection: aiosqlite.Connection, *pragmas: str) -> None:
    for pragma in pragmas:
        await connection.execute(f"pragma {pragma}")


async def _use_wal(connection: aiosqlite.Connection) -> None:
    """Let readers work beside the writer. Raises TimeoutError.

    SQLite answers "busy" to this change of mode without waiting when two connections want it.
    """
    async with asyncio.timeout(BUSY_MS / 1000):
        while True:
            try:
                await _set(connection, "journal_mode = wal")
            except sqlite3.OperationalError as error:
                if _kind(error) != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(BUSY_RETRY_S)
            else:
                return


async def _migrate(connection: aiosqlite.Connection, path: Path) -> None:
    """Apply what is missing, each file in one transaction with its number in user_version."""
    scripts = read_schema(SCHEMA)
    # Two programs may open a new file at once; the second waits here and finds the work done.
    while True:
        (row,) = await connection.execute_fetchall("pragma user_version")
        version = int(row[0])
        if version > len(scripts):
            raise StoreUnusable(
                f"{path}: has version {version}, this program knows {len(scripts)}; "
                "install the newer program again"
            )
        if version == len(scripts):
            return
        await connection.execute("begin immediate")
        (row,) = await connection.execute_fetchall("pragma user_version")
        if int(row[0]) != version:
            await connection.execute("rollback")
            continue
        for statement in statements_of(scripts[version]):
            await connection.execute(statement)
        await connection.execute(f"pragma user_version = {version + 1}")
        await connection.execute("commit")
