"""Pins that PostgreSQL's tables can be distributed by warehouse: it is in every key of every table
that is not said to stay whole (docs/decisions/0015-warehouse-in-every-key.md)."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from cloud_sync.store.open import open_database
from cloud_sync.store.postgres import SCHEMA as POSTGRES
from cloud_sync.store.schema_files import read_schema
from cloud_sync.store.sqlite import SCHEMA as SQLITE

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[3] / "docs/decisions/0015-warehouse-in-every-key.md"

WHOLE = {
    "audit_head", "audit_log", "credentials", "day_lock", "epcis_attributes",
    "epcis_captures", "epcis_children", "epcis_ended_tokens", "epcis_feed", "epcis_queries",
    "epcis_subscriptions", "exception_subjects", "feed", "feed_marks", "idempotency",
    "invitations", "lots", "orders", "promise_rules", "schema_version", "sessions",
    "transit_rules", "users", "webhook_deliveries", "webhooks",
}  # fmt: skip
"""Reference tables; the page gives the reason of each."""

UNIQUE = """
    select t.relname as name, i.relname as key, array_agg(a.attname::text) as columns
    from pg_index x
    join pg_class t on t.oid = x.indrelid
    join pg_class i on i.oid = x.indexrelid
    join pg_namespace s on s.oid = t.relnamespace and s.nspname = 'public'
    join pg_attribute a on a.attrelid = t.oid and a.attnum = any(x.indkey)
    where x.indisunique or x.indisprimary or x.indisexclusion
    group by t.relname, i.relname
"""
TABLES = "select tablename from pg_tables where schemaname = 'public'"


@pytest.fixture
async def catalogue(postgres_name: str) -> tuple[set[str], list[asyncpg.Record]]:
    """All tables, and the name and columns of each unique key."""
    async with open_database(postgres_name):
        pass
    connection = await asyncpg.connect(postgres_name)
    try:
        tables = {row["tablename"] for row in await connection.fetch(TABLES)}
        return tables, await connection.fetch(UNIQUE)
    finally:
        await connection.close()


def test_the_warehouse_is_in_every_key(
    catalogue: tuple[set[str], list[asyncpg.Record]],
) -> None:
    _, keys = catalogue
    narrow = [
        f"{row['name']}.{row['key']}"
        for row in keys
        if row["name"] not in WHOLE and "warehouse" not in row["columns"]
    ]
    assert narrow == []
    assert len({row["name"] for row in keys} - WHOLE) > 15, "hardly any table was looked at"


def test_every_table_has_a_key_and_what_stays_whole_is_on_the_page(
    catalogue: tuple[set[str], list[asyncpg.Record]],
) -> None:
    tables, keys = catalogue
    assert tables - {row["name"] for row in keys} == set()
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(WHOLE) if f"`{name}`" not in page] == []


BEFORE_WAREHOUSE_KEYS = 12
OLD_ROWS = """
    insert into gateways(gateway, warehouse) values ('gw-W1', 'W1');
    insert into epochs(gateway, epoch, seq, head, started_at_us) values ('gw-W1', 'e1', 7, '', 1);
    insert into epcis_cursors(gateway, epoch, seq) values ('gw-W1', 'e1', 5);
    insert into gateway_exceptions(gateway, epoch, kind, message, n, first_at_us, last_at_us)
    values ('gw-W1', 'e1', 'forked', 'why', 2, 1, 1);
    insert into plans(plan_id, warehouse, event_id) values ('PL-1', 'W1', 'e');
    insert into documents(warehouse, kind, key, version, changed_at, is_deleted, content)
    values ('W1', 'item', '1', 1, 1, 0, '{}');
"""
KEPT_ROWS = (
    "select warehouse, epoch, seq from epochs union all"
    " select warehouse, epoch, seq from epcis_cursors union all"
    " select warehouse, kind, n from gateway_exceptions union all"
    " select warehouse, plan_id, 0 from plans"
)


async def test_rows_of_an_older_database_get_their_warehouse(unused_database_name: str) -> None:
    await make_older(unused_database_name)
    async with open_database(unused_database_name) as database:
        rows = await database.read(lambda tx: tx.fetch(KEPT_ROWS))
    assert [tuple(row) for row in rows] == [
        ("W1", "e1", 7), ("W1", "e1", 5), ("W1", "forked", 2), ("W1", "PL-1", 0),
    ]  # fmt: skip


async def make_older(name: str) -> None:
    """A database as it was before the keys had the warehouse, with a row in each table."""
    if not name.startswith("postgresql"):
        with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as file:
            for script in read_schema(SQLITE)[:BEFORE_WAREHOUSE_KEYS]:
                file.executescript(script)
            file.executescript(OLD_ROWS.replace("7, ''", "7, x''"))
            file.execute(f"pragma user_version = {BEFORE_WAREHOUSE_KEYS}")
        return
    connection = await asyncpg.connect(name)
    await connection.execute("create table schema_version(number bigint primary key)")
    for number, script in enumerate(read_schema(POSTGRES)[:BEFORE_WAREHOUSE_KEYS], 1):
        await connection.execute(script)
        await connection.execute("insert into schema_version values ($1)", number)
    await connection.execute(OLD_ROWS)
    await connection.close()
