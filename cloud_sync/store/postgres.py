"""The store on PostgreSQL: a pool of connections, transactions run again when the server asks.

READ COMMITTED is enough: whoever takes a batch first locks its gateway's row, and whoever writes
documents the feed's. What is left (two gateways with one event id at the same moment, deadlocks,
a server that restarts) ends in an error after which the whole transaction is run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import lru_cache, partial
from importlib.resources import files
from typing import Final, cast

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from cloud_sync.store.finish import finish
from cloud_sync.store.ports import (
    Parameters,
    Row,
    Script,
    StoreError,
    StoreUnusable,
    T,
    TookTooLong,
    Transaction,
    ValueRefused,
)
from cloud_sync.store.schema_files import read_schema, statements_of
from cloud_sync.store.wall import ROLE, SETTING, scope_of_reader

logger = logging.getLogger(__name__)

SCHEMA: Final = files("cloud_sync.store") / "schema" / "postgres"
CONNECTIONS_MAX: Final = 8
TRIES: Final = 8
ACQUIRE_S: Final = 20.0
CLOSE_S: Final = 5.0
"""So long may what is being written go on once the database is to be closed."""
CHECK_CLIENT_MS: Final = 2000
"""How soon the server breaks off the query of a program that has gone."""
MIGRATION_S: Final = 86_400.0
"""To index or to rewrite the events of years takes as long as it takes."""
MIGRATION_LOCK: Final = 0x666F7265706F7374
"""The advisory lock under which one program at a time brings the schema up to date."""

_AGAIN: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # how asyncpg takes the end of a connection in the middle of COPY
    ConnectionError,
)
_VALUE_REFUSED: Final = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    UnicodeEncodeError,
    OverflowError,
)
_FAILED: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class PostgresTransaction:
    """Implements ports.Transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, parameters: Parameters = ()) -> Sequence[Row]:
        """All rows of a query."""
        rows = await self._connection.fetch(_numbered(sql), *parameters)
        return [tuple(row) for row in rows]

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Parameters]) -> None:
        """New rows of a table, by COPY: a third of what as many inserts cost."""
        await self._connection.copy_records_to_table(table, columns=columns, records=rows)

    async def add(
        self, table: str, keys: Sequence[str], amount: str, rows: Sequence[Parameters]
    ) -> None:
        """Add amounts to what is held under their keys: one statement, whatever their number."""
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await self._connection.execute(_adding(table, tuple(keys), amount), *columns)

    async def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """One statement, once per row of parameters."""
        await self._connection.executemany(_numbered(sql), rows)


class _OneQuestion(PostgresTransaction):
    """No transaction at all, and so no second question."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self._is_asked = False

    async def fetch(self, sql: str, parameters: Parameters = ()) -> Sequence[Row]:
        """All rows of the one query."""
        if self._is_asked:
            raise AssertionError(f"a second question outside of a transaction: {sql}")
        self._is_asked = True
        return await super().fetch(sql, parameters)


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    """`?` as `$1`, `$2` …; no statement of ours has a question mark of another kind."""
    numbers = itertools.count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", sql)


@lru_cache(maxsize=16)
def _adding(table: str, keys: tuple[str, ...], amount: str) -> str:
    arrays = [f"${n}::text[]" for n, _ in enumerate(keys, 1)] + [f"${len(keys) + 1}::bigint[]"]
    return (
        f"insert into {table}({', '.join(keys)}, {amount}) "  # noqa: S608 -- names from our code
        f"select * from unnest({', '.join(arrays)}) "
        f"on conflict ({', '.join(keys)}) "
        f"do update set {amount} = {table}.{amount} + excluded.{amount}"
    )


class PostgresDatabase:
    """Implements ports.Database. has_wall: whether it can read as the role of wall.py."""

    def __init__(self, pool: asyncpg.Pool, *, has_wall: bool = False) -> None:
        self._pool = pool
        self._has_wall = has_wall

    async def transact(self, script: Script[T]) -> T:
        """Run a script that writes; a cancel waits for its end. Raises StoreError."""
        within = partial(_transaction, script, isolation="read_committed", readonly=False)
        return await finish(self._run(within), name="transaction")

    async def read(self, script: Script[T]) -> T:
        """Run a script that only reads, on one consistent state. Raises StoreError."""
        scope = scope_of_reader() if self._has_wall else None
        held = script if scope is None else partial(_behind_wall, script=script, scope=scope)
        return await self._run(
            partial(_transaction, held, isolation="repeatable_read", readonly=True)
        )

    async def read_once(self, script: Script[T]) -> T:
        """Run a script that asks one question; see ports.Database. Raises StoreError."""
        if self._has_wall and scope_of_reader() is not None:
            return await self.read(script)  # a role is taken for a transaction
        return await self._run(lambda connection: script(_OneQuestion(connection)))

    async def _run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        for n_tries in itertools.count(1):
            try:
                async with self._pool.acquire(timeout=ACQUIRE_S) as connection:
                    return await _in_time(work, connection)
            except _AGAIN as error:
                # A commit whose answer was lost is run again, too: a batch that is in is skipped.
                if n_tries == TRIES:
                    raise StoreError(f"PostgreSQL: {error}") from error
                await asyncio.sleep(0.01 * 2**n_tries)
            except _VALUE_REFUSED as error:
                raise ValueRefused(f"PostgreSQL: {type(error).__name__}: {error}") from error
            except _FAILED as error:
                raise StoreError(f"PostgreSQL: {type(error).__name__}: {error}") from error
        raise AssertionError("the loop above returns or raises")


async def _in_time(
    work: Callable[[asyncpg.Connection], Awaitable[T]], connection: asyncpg.Connection
) -> T:
    try:
        return await work(connection)
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise TookTooLong(f"PostgreSQL: {type(error).__name__}: {error}") from error


async def _transaction(
    script: Script[T], connection: asyncpg.Connection, *, isolation: str, readonly: bool
) -> T:
    async with connection.transaction(isolation=isolation, readonly=readonly):
        return await script(PostgresTransaction(connection))


async def _behind_wall(tx: Transaction, *, script: Script[T], scope: str) -> T:
    """The script, to which the database shows these warehouses alone."""
    await tx.fetch(
        "select set_config('role', ?, true), set_config(?, ?, true)", (ROLE, SETTING, scope)
    )
    return await script(tx)


async def _may_use_wall(connection: asyncpg.Connection) -> bool:
    return bool(
        await connection.fetchval(
            "select exists (select from pg_roles where rolname = $1 "
            "and pg_has_role(current_user, oid, 'member') "
            "and has_table_privilege(oid, 'documents', 'select'))",
            ROLE,
        )
    )


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """Nothing of ours outlives a transaction, so there is nothing to reset, and one trip less."""


@contextlib.asynccontextmanager
async def open_postgres(url: str, *, statement_s: float) -> AsyncIterator[PostgresDatabase]:
    """The database at a postgresql:// URL, brought up to date. Raises StoreUnusable."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            command_timeout=statement_s,
            reset=_as_it_is,
            server_settings={"client_connection_check_interval": str(CHECK_CLIENT_MS)},
        )
    except (*_FAILED, ValueError) as error:
        # The URL may hold a password and is not repeated.
        raise StoreUnusable(f"PostgreSQL: {type(error).__name__}: {error}") from error
    try:
        async with pool.acquire() as connection:
            await _migrate(connection)
            has_wall = await _may_use_wall(connection)
        if not has_wall:
            logger.warning(
                "no wall between warehouses",
                extra={"action": "no_wall", "reason": f"there is no role {ROLE} to read as"},
            )
        yield PostgresDatabase(pool, has_wall=has_wall)
    finally:
        await _close(pool)


async def _close(pool: asyncpg.Pool) -> None:
    """Let what is being written end, but not for ever: a server may be waiting, or be gone."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await pool.close()
    except TimeoutError:
        # Cancelled, it drops its connections, and the server what they asked for.
        logger.warning("queries broken off", extra={"action": "queries_broken_off"})


async def _migrate(connection: asyncpg.Connection) -> None:
    """Apply what is missing, each file in one transaction with its number."""
    scripts = read_schema(SCHEMA)
    # Another program may be at it.
    await connection.execute("select pg_advisory_lock($1)", MIGRATION_LOCK, timeout=MIGRATION_S)
    try:
        await connection.execute(
            "create table if not exists schema_version(number bigint primary key)"
        )
        version = cast(
            int, await connection.fetchval("select coalesce(max(number), 0) from schema_version")
        )
        if version > len(scripts):
            raise StoreUnusable(
                f"PostgreSQL: has version {version}, this program knows {len(scripts)}; "
                "install the newer program again"
            )
        for number, script in enumerate(scripts[version:], version + 1):
            async with connection.transaction():
                for statement in statements_of(script):
                    await connection.execute(statement, timeout=MIGRATION_S)
                await connection.execute("insert into schema_version values ($1)", number)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", MIGRATION_LOCK)
