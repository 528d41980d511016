"""Pins that no table beside the rows can change on the disk without being found and made anew."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import JournalCorrupt, JournalError
from gateway.journal import scrubbing
from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only, verify
from gateway.journal.migrate import migrations, statements_of
from gateway.journal.salvage import Salvage, read_salvage
from gateway.journal.store import JournalStore
from gateway.journal.table_sums import UNWATCHED, register, wrong_tables
from gateway.ports import Statements
from tests.rigs.journal import entry, opened, steered

ADD_STOCK = (
    "insert into stock(warehouse, location, item, lot, status, unit, quantity)"
    " values (?, ?, ?, ?, ?, ?, ?)"
    " on conflict(warehouse, location, item, lot, status, unit)"
    " do update set quantity = quantity + excluded.quantity"
)
PUT_TAG = (
    "insert or replace into tag_present"
    "(read_point, epc, n_reads, rssi_centi_dbm, first_us, last_us) values (?, ?, ?, ?, ?, ?)"
)
TAKE_TAG = "delete from tag_present where read_point = ? and epc = ?"
PUT_DOCUMENT = (
    "insert into document(kind, key, version, data) values (?, ?, ?, ?)"
    " on conflict(kind, key) do update set version = excluded.version, data = excluded.data"
)
N_ROWS = 12


def balances(*quantities: int) -> Statements:
    rows = [
        ("J1", f"A-{n}", "0" * 14, "L1", "available", "EA", q) for n, q in enumerate(quantities)
    ]
    return [(ADD_STOCK, rows)]


async def filled(store: JournalStore, n_rows: int = N_ROWS) -> None:
    """Rows, and a fold of them in the transaction of its cursor."""
    await store.append([entry(n) for n in range(1, n_rows + 1)])
    await store.advance("projector", to_seq=n_rows, effects=balances(7, 8, 9))


def wrong(state_dir: Path) -> list[str]:
    with closing(sqlite3.connect(state_dir / FILE)) as connection:
        return wrong_tables(connection)


def edit(state_dir: Path, sql: str) -> None:
    """What a flipped bit does: the row is another one, and no program wrote it."""
    with closing(sqlite3.connect(state_dir / FILE)) as connection, connection:
        connection.execute(sql)


def found(state_dir: Path) -> Salvage:
    return read_salvage(state_dir / FILE)


def test_every_table_is_watched_or_named_as_one_that_is_not() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    register(connection)
    for _, sql in migrations():
        for statement in statements_of(sql):
            connection.execute(statement)
    tables = {name for (name,) in connection.execute("select name from sqlite_master"
                                                     " where type = 'table'")}  # fmt: skip
    assert set(UNWATCHED) <= tables
    assert {"stock", "document", "lot", "on_order", "cause_state", "cursor"} <= tables - {
        *UNWATCHED
    }


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("update stock set quantity = 6 where location = 'A-0'", "stock"),
        ("update stock set location = 'B-0' where location = 'A-0'", "stock"),
        ("update stock set lot = cast(x'ff' as text) where location = 'A-0'", "stock"),
        ("delete from stock where location = 'A-2'", "stock"),
        ("insert into lot(item, lot) values ('0', 'L')", "lot"),
        ("update cursor set seq = 11 where consumer = 'projector'", "cursor"),
        ("update model_sum set sum = zeroblob(16) where name = 'stock'", "stock"),
        ("update model_sum set name = 'stocc' where name = 'stock'", "stock"),
        ("delete from model_sum where name = 'lot'", "lot"),
    ],
)
async def test_a_changed_row_is_found_by_whoever_looks(
    tmp_path: Path, sql: str, table: str
) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
    assert wrong(tmp_path) == []
    edit(tmp_path, sql)
    assert table in wrong(tmp_path)
    with open_read_only(tmp_path / FILE) as connection:
        problems = verify(connection, tmp_path / FILE).problems
    assert f"table {table} does not fit its checksum" in problems
    async with opened(tmp_path):
        assert f"table {table} does not fit" in found(tmp_path).cause
    assert wrong(tmp_path) == []


async def test_a_sum_whose_name_is_no_text_any_more_is_damage_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
    edit(tmp_path, "update model_sum set name = cast(x'ff' as text) where name = 'stock'")
    async with opened(tmp_path) as store:
        assert await store.query("select quantity from stock where location = 'A-0'") == [(7,)]
    assert found(tmp_path).n_rows == N_ROWS
    assert wrong(tmp_path) == []


async def test_a_wrong_balance_is_folded_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
        epoch = store.epoch
    edit(tmp_path, "update stock set quantity = 71 where location = 'A-0'")
    async with opened(tmp_path) as store:
        assert store.epoch != epoch
        assert await store.cursor("projector") == 0
        assert await store.query("select * from stock") == []
        assert store.last_seq == N_ROWS
    salvage = found(tmp_path)
    assert (salvage.n_missing, salvage.n_unproven) == (0, 0)
    assert any("folded again" in note for note in salvage.notes)


async def test_a_second_wrong_balance_is_folded_again_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
    for _ in range(2):
        edit(tmp_path, "update stock set quantity = 71 where location = 'A-0'")
        async with opened(tmp_path) as store:
            assert await store.cursor("projector") == 0
            await store.advance("projector", to_seq=N_ROWS, effects=balances(7, 8, 9))


async def test_where_rows_have_left_a_wrong_balance_stays_and_is_told(tmp_path: Path) -> None:
    """A fold of half of the rows would make all balances wrong instead of one."""
    async with opened(tmp_path) as store:
        await filled(store)
        for consumer in ("planner", "sensor-watch", "demand", "uplink"):
            await store.advance(consumer, to_seq=N_ROWS)
        assert await store.prune(older_than_us=2**60) > 0
    for _ in range(2):
        edit(tmp_path, "update stock set quantity = 71 where location = 'A-0'")
        async with opened(tmp_path) as store:
            assert await store.query("select quantity from stock where location = 'A-0'") == [
                (71,)
            ]
            assert await store.cursor("projector") == store.last_seq
        assert any("taken as they read" in note for note in found(tmp_path).notes)


async def test_cursors_that_are_wrong_begin_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
    edit(tmp_path, "update cursor set seq = 11 where consumer = 'projector'")
    async with opened(tmp_path) as store:
        assert await store.cursor("projector") == 0
        assert await store.query("select * from stock") == []


async def test_a_running_gateway_finds_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "STEPS_PER_TABLES", 3)
    async with opened(tmp_path) as store:
        await filled(store)
        for _ in range(3):
            await store.scrub(100)
        edit(tmp_path, "update stock set quantity = 71 where location = 'A-0'")
        for _ in range(2):
            await store.scrub(100)
        with pytest.raises(JournalCorrupt, match="table stock does not fit its checksum"):
            await store.scrub(100)


async def test_an_update_of_a_wrong_row_does_not_make_it_right(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
        edit(tmp_path, "update stock set quantity = 71 where location = 'A-0'")
        await store.advance("projector", to_seq=N_ROWS, effects=balances(1))
        assert wrong(tmp_path) == ["stock"]


Step = tuple[str, list[tuple[object, ...]]]
POINTS, EPCS = st.sampled_from(["r.1", "r.2"]), st.sampled_from(["aa", "bb", "cc"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(ADD_STOCK), st.lists(st.tuples(
            st.just("J1"), st.sampled_from(["A-1", "A 1", "Ä"]), st.just("0" * 14),
            st.sampled_from(["", "-", "L"]), st.just("available"), st.just("EA"),
            st.integers(-5, 5)), max_size=9)),
        st.tuples(st.just(PUT_TAG), st.lists(st.tuples(
            POINTS, EPCS, st.integers(0, 9), st.none() | st.integers(-9, 0), st.just(0),
            st.just(1)), max_size=3)),
        st.tuples(st.just(TAKE_TAG), st.lists(st.tuples(POINTS, EPCS), max_size=3)),
        st.tuples(st.just(PUT_DOCUMENT), st.lists(st.tuples(
            st.just("item"), EPCS, st.integers(1, 9), st.none() | st.text(max_size=5).filter(
                lambda text: "\0" not in text)), max_size=3)),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_the_sums_fit_after_any_writes(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[Step]
) -> None:
    state_dir = tmp_path_factory.mktemp("state")

    async def write() -> None:
        async with opened(state_dir) as store:
            for effect in steps:
                await store.advance("projector", to_seq=0, effects=[effect])
            await asyncio.gather(
                *(store.advance("planner", to_seq=0, effects=[effect]) for effect in steps)
            )

    asyncio.run(write())
    assert wrong(state_dir) == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_transaction_that_fails_moves_no_sum_twice(tmp_path: Path, when: str) -> None:
    async with steered(tmp_path) as (store, database):
        await filled(store)
        database.failures = [(when, JournalError("no"))]
        try:
            await store.advance("projector", to_seq=N_ROWS, effects=balances(1))
        except JournalError:
            assert when == "before"
        await store.advance("projector", to_seq=N_ROWS, effects=balances(2))
    assert wrong(tmp_path) == []


async def test_a_statement_that_fails_leaves_no_note_behind(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await filled(store)
        refused = [*balances(1), ("insert into lot(item, lot) values (?, ?)", [(None, None)])]
        with pytest.raises(JournalError):
            await store.advance("projector", to_seq=N_ROWS, effects=refused)
        await store.advance("projector", to_seq=N_ROWS, effects=balances(1))
    assert wrong(tmp_path) == []
