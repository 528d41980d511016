"""Pins PostgreSQL's own wall between warehouses: to a reader with a scope it shows nothing else,
whatever is asked, and it stands around every table that holds a warehouse's rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import httpx
import pytest

from cloud_sync.store.credentials import create_token, put_user
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database, Transaction
from cloud_sync.store.wall import around_request, hold_to
from tests.fakes.http_words import BATCHES, NOW_US, batch_of, bearer, client_of

OUTSIDE = {"credentials", "invitations", "box_keys"}
"""Who may speak: read before anybody's scope is known, and by administrators of all warehouses."""


@pytest.fixture
def database_name(postgres_name: str) -> str:
    return postgres_name


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


async def all_of(tx: Transaction, *, table: str) -> set[object]:
    """The warehouses in a table, by a question that forgot to name one."""
    return {row[0] for row in await tx.fetch(f"select distinct warehouse from {table}")}


async def seen(database: Database, table: str, *scope: str) -> set[object]:
    with around_request():
        hold_to(frozenset(scope))
        return await database.read(partial(all_of, table=table))


async def put_counts(database: Database) -> None:
    drafts = [
        Draft("count", f"C-{place}", place, {"id": f"C-{place}"})
        for place in ("W1", "C1", "", "@cloud")
    ]
    await database.transact(partial(put_documents, drafts=drafts))


@pytest.mark.slow
async def test_a_question_without_a_warehouse_gets_those_in_scope(database: Database) -> None:
    await put_counts(database)
    everybody = {"", "@cloud"}
    assert await database.read(partial(all_of, table="documents")) == {"W1", "C1", *everybody}
    assert await seen(database, "documents", "W1") == {"W1", *everybody}
    assert await seen(database, "documents", "W1", "C1") == {"W1", "C1", *everybody}
    assert await seen(database, "documents", "W1'") == everybody
    assert await database.read(partial(all_of, table="documents")) == {"W1", "C1", *everybody}, (
        "a connection that was held to a scope is free of it afterwards"
    )


@pytest.mark.slow
async def test_what_gateways_report_is_shown_to_their_warehouse_alone(
    database: Database, http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    sent = await http.post(BATCHES, content=batch_of(3), headers=bearer(tokens["gw-W1"]))
    assert sent.status_code == 200
    for table in ("received", "stock", "gateways", "epochs"):
        assert await seen(database, table, "C1") <= {"C1"}
        assert "W1" in await seen(database, table, "W1")


@pytest.mark.slow
async def test_a_scope_comes_from_the_credential_and_ends_with_the_request(
    database: Database, http: httpx.AsyncClient
) -> None:
    await put_counts(database)
    put = partial(put_user, name="ann", role="picker", scope=frozenset({"W1"}), now_us=1)
    await database.transact(put)
    token = await database.transact(partial(create_token, name="ann", role="picker", now_us=1))
    answer = await http.get("/v1/counts", headers=bearer(token))
    assert answer.status_code == 200
    assert await database.read(partial(all_of, table="documents")) >= {"W1", "C1"}


@pytest.mark.slow
async def test_the_wall_stands_around_every_table_with_a_warehouse(
    database: Database, database_name: str
) -> None:
    connection = await asyncpg.connect(database_name)
    try:
        found = await connection.fetch(
            "select c.relname, c.relrowsecurity from pg_class c "
            "join pg_attribute a on a.attrelid = c.oid and a.attname = 'warehouse' "
            "where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
        )
    finally:
        await connection.close()
    assert len(found) > 30
    assert {row[0] for row in found if not row[1]} == OUTSIDE, (
        "a new table calls raise_wall in its migration (0029_wall.sql)"
    )


@pytest.mark.slow
async def test_the_role_reads_and_does_nothing_else(
    database_name: str, database: Database
) -> None:
    connection = await asyncpg.connect(database_name)
    try:
        await connection.execute("set role forepost_scoped")
        assert await connection.fetch("select * from documents") == []
        for sql in (
            "delete from stock", "insert into feed(id, last) values (2, 2)",
            "update gateways set warehouse = 'C1'", "alter table stock disable row level security",
        ):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
    finally:
        await connection.close()
