"""Pins that rows written some at a time are the rows that would have been written one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.transaction import PARAMETERS_MAX, run_transaction, widened

TABLE = "create table t(k text primary key, n integer not null, first integer not null) strict"
PLAIN = "insert into t(k, n, first) values (?, ?, ?)"
SUM = "insert into t(k, n, first) values (?, ?, ?) on conflict(k) do update set n = n + excluded.n"
LAST = "insert or replace into t(k, n, first) values (?, ?, ?)"

Rows = Sequence[tuple[str, int, int]]


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(TABLE)
    return connection


def rows_of(connection: sqlite3.Connection) -> list[object]:
    return connection.execute("select rowid, k, n, first from t order by rowid").fetchall()


@pytest.mark.parametrize("sql", [SUM, LAST])
@given(keys=st.lists(st.integers(0, 9), max_size=200))
def test_it_is_as_if_one_by_one_also_where_keys_repeat(sql: str, keys: list[int]) -> None:
    rows = [(f"key-{key}", n, n) for n, key in enumerate(keys)]
    one_by_one, together = database(), database()
    one_by_one.executemany(sql, rows)
    run_transaction(together, [(sql, rows)])
    assert rows_of(together) == rows_of(one_by_one)


@pytest.mark.parametrize("at", [0, 63, 64, 84, 99])
def test_one_bad_row_among_many_leaves_nothing(at: int) -> None:
    rows: list[tuple[str, object, int]] = [(f"key-{n}", n, n) for n in range(100)]
    rows[at] = ("bad", "no number", 0)
    connection = database()
    with pytest.raises(sqlite3.IntegrityError):
        run_transaction(connection, [(PLAIN, [("before", 1, 1)]), (PLAIN, rows)])
    assert rows_of(connection) == []
    assert not connection.in_transaction


@pytest.mark.parametrize("sql", [SUM, LAST, PLAIN])
def test_what_the_journal_writes_most_can_be_put_together(sql: str) -> None:
    assert (widened(sql, 4) or "").count("?") == 12


@pytest.mark.parametrize(
    "sql",
    [
        "delete from t where k = ?",
        "insert into t(k, n, first) values (?, ?, 0)",
        "insert into t(k, n, first) select ?, ?, ?",
    ],
)
def test_what_cannot_be_put_together_is_left_as_it_is(sql: str) -> None:
    assert widened(sql, 4) is None


def test_the_oldest_limit_on_parameters_is_kept() -> None:
    columns = ", ".join(["?"] * 20)
    sql = f"insert into t values ({columns})"
    assert widened(sql, PARAMETERS_MAX // 20) is not None
    assert widened(sql, PARAMETERS_MAX // 20 + 1) is None
