"""Pins the store's port: all or nothing, one writer, reads of one state, forward-only schema."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from cloud_sync.store.open import open_database
from cloud_sync.store.ports import (
    Database,
    StoreError,
    StoreUnusable,
    Transaction,
    ValueRefused,
    fetch_in,
)
from cloud_sync.store.postgres import PostgresDatabase


async def last_of(tx: Transaction) -> int:
    ((last,),) = await tx.fetch("select last from feed where id = ?", (1,))
    assert isinstance(last, int)
    return last


async def add_one(tx: Transaction) -> int:
    await tx.execute_many("update feed set last = last where id = ?", [(1,)])
    last = await last_of(tx)
    await asyncio.sleep(0)
    await tx.execute_many("update feed set last = ? where id = 1", [(last + 1,)])
    return last + 1


async def test_a_script_that_raises_leaves_nothing(database: Database) -> None:
    async def half(tx: Transaction) -> None:
        await add_one(tx)
        raise LookupError

    with pytest.raises(LookupError):
        await database.transact(half)
    assert await database.read(last_of) == 0
    assert await database.transact(add_one) == 1, "the next one is not inside the failed one"


async def test_one_question_is_answered_without_a_transaction_and_no_second(
    database: Database,
) -> None:
    async def twice(tx: Transaction) -> None:
        await last_of(tx)
        await last_of(tx)

    assert await database.read_once(last_of) == 0
    assert await database.transact(add_one) == 1
    assert await database.read_once(last_of) == 1, "of the state as it is now"
    if isinstance(database, PostgresDatabase):
        with pytest.raises(AssertionError, match="second question"):
            await database.read_once(twice)
    assert await database.read_once(last_of) == 1


async def test_scripts_that_write_run_one_after_the_other(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(database.transact(add_one))
    assert await database.read(last_of) == 20


async def test_a_cancelled_script_is_finished_and_the_next_is_clean(database: Database) -> None:
    inside, go = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await add_one(tx)
        inside.set()
        await go.wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(database.transact(slow))
        await inside.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done(), "the cancel waits for the commit"
        go.set()
    assert task.cancelled()
    assert await database.transact(add_one) == 2


async def test_a_broken_statement_is_the_stores_error(database: Database) -> None:
    async def broken(tx: Transaction) -> None:
        await add_one(tx)
        await tx.execute_many("insert into feed(id, last) values (?, ?)", [(1, 1)])

    with pytest.raises(StoreError):
        await database.transact(broken)
    assert await database.read(last_of) == 0


async def test_a_value_that_no_column_holds_is_told_from_a_failure(database: Database) -> None:
    async def too_large(tx: Transaction) -> None:
        await add_one(tx)
        await tx.execute_many("update feed set last = ? where id = 1", [(2**64,)])

    async def grown_too_large(tx: Transaction) -> None:
        await tx.execute_many("update feed set last = ? where id = 1", [(2**63 - 1,)])
        await tx.execute_many("update feed set last = last + 1 where id = 1", [()])

    async def surrogate(tx: Transaction) -> None:
        await tx.fetch("select key from documents where key = ?", ("\ud800",))

    for script in (too_large, grown_too_large, surrogate):
        with pytest.raises(ValueRefused):
            await database.transact(script)
    assert await database.read(last_of) == 0


async def test_a_read_sees_one_state_while_others_write(database: Database) -> None:
    async def twice(tx: Transaction) -> tuple[int, int]:
        before = await last_of(tx)
        await database.transact(add_one)
        return before, await last_of(tx)

    assert await database.read(twice) == (0, 0)
    assert await database.read(last_of) == 1


@pytest.mark.parametrize("n", [0, 1, 249, 250, 251, 700])
async def test_many_keys_are_asked_for_in_groups(database: Database, n: int) -> None:
    async def fill(tx: Transaction) -> None:
        await tx.execute_many(
            "insert into plans(plan_id, warehouse, event_id) values (?, ?, ?)",
            [(f"PL-{i}", "W1", f"e{i}") for i in range(n)],
        )

    await database.transact(fill)
    sql = "select event_id from plans where warehouse = ? and plan_id in (?*)"
    rows = await database.read(
        lambda tx: fetch_in(tx, sql, [f"PL-{i}" for i in range(n + 5)], before=("W1",))
    )
    assert sorted(str(row[0]) for row in rows) == sorted(f"e{i}" for i in range(n))


# ------------------------------------------------------------------ files


async def test_a_database_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    for expected in (1, 2):
        async with open_database(str(path)) as database:
            assert await database.transact(add_one) == expected
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_two_programs_may_make_the_same_file(tmp_path: Path) -> None:
    path = str(tmp_path / "cloud.db")

    async def use() -> None:
        async with open_database(path) as database:
            await database.transact(add_one)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(use())
    async with open_database(path) as database:
        assert await database.read(last_of) == 4


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    async with open_database(str(path)):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(StoreUnusable, match="has version 99"):
        async with open_database(str(path)):
            pass


@pytest.mark.parametrize("content", [b"not a database at all" * 100, None])
async def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cloud.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreUnusable, match=r"cloud\.db"):
        async with open_database(str(path)):
            pass
