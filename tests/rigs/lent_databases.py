"""Databases on PostgreSQL with today's tables and nothing in them, lent to one test after another.

Making a database copies some three hundred files, and a cluster that ends deletes them: together
a fifth of a second for each of some hundred tests. Emptying the tables that a test has written
takes a tenth of that. A database whose tables, columns, indexes or walls are no longer the
pattern's is not lent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from cloud_sync.store.open import open_database
from tests.rigs.guard import GUARD_S
from tests.rigs.postgres import run_apart

PATTERN = "pattern"

_SHAPE = """
    select c.relname, c.relkind, c.relrowsecurity, a.attname, a.atttypid::int, a.attnotnull
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and not a.attisdropped
    order by 1, 4
"""
_TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
_COUNTING = """
    select distinct c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and a.attidentity <> ''
"""


@dataclass(frozen=True)
class _New:
    """How a new database is. counting: tables that number their rows themselves."""

    shape: Sequence[asyncpg.Record]
    tables: Sequence[str]
    counting: frozenset[str]
    rows: dict[str, Sequence[asyncpg.Record]]


class LentDatabases:
    """The databases of one server."""

    def __init__(self, server: Path) -> None:
        self._at = f"postgresql://forepost@/{{}}?host={quote(str(server), safe='')}"
        self._n_made = 0
        self._idle: list[str] = []
        run_apart(self._create(PATTERN, like="template1"))
        self._new = run_apart(self._learn())

    def make(self, *, like: str = PATTERN) -> str:
        """The name of a database that is nobody else's, now and later."""
        self._n_made += 1
        return run_apart(self._create(f"cloud{self._n_made}", like=like))

    def lend(self) -> str:
        """The name of a database that is as new."""
        return self._idle.pop() if self._idle else self.make()

    def take_back(self, name: str) -> None:
        """Nobody uses it any longer; it is emptied for the next."""
        if run_apart(self._empty(name)):
            self._idle.append(name)

    async def _create(self, database: str, *, like: str) -> str:
        connection = await asyncpg.connect(self._at.format("postgres"))
        await connection.execute(f"create database {database} template {like}")
        await connection.close()
        return self._at.format(database)

    async def _learn(self) -> _New:
        async with open_database(self._at.format(PATTERN)):
            pass
        connection = await asyncpg.connect(self._at.format(PATTERN))
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        rows = {table: await connection.fetch(f"table {table}") for table in tables}
        new = _New(
            shape=await connection.fetch(_SHAPE),
            tables=tables,
            counting=frozenset(row[0] for row in await connection.fetch(_COUNTING)),
            rows={table: found for table, found in rows.items() if found},
        )
        await connection.close()
        return new

    async def _empty(self, name: str) -> bool:
        """Make it as new; gives whether that can be done."""
        connection = await asyncpg.connect(name, command_timeout=GUARD_S)
        try:
            if await connection.fetch(_SHAPE) != self._new.shape:
                return False
            written = " union all ".join(
                f"select '{table}' where exists (table {table})" for table in self._new.tables
            )
            used = {row[0] for row in await connection.fetch(written)} | self._new.counting
            async with connection.transaction():
                # Tables that are only added to refuse this otherwise.
                await connection.execute("set local session_replication_role = replica")
                await connection.execute(f"truncate {', '.join(used)} restart identity")
                for table, rows in self._new.rows.items():
                    await connection.copy_records_to_table(table, records=rows)
        finally:
            await connection.close()
        return True
