"""Pins the sums by day in the store: each row counts once, on its warehouse's own day, whatever
the number of steps; and of several corrections of one event the last holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from functools import partial

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.dashboard.reports import days_before, days_between
from cloud_sync.store import day_sums
from cloud_sync.store.batches import take_batch
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.uploads import ITEM, Book, make_line

DAY_US = 86_400_000_000
NOVEMBER = ("2023-11-01", "2023-11-30")
NOON_US = 1_700_049_600_000_000  # 2023-11-15 12:00 UTC


async def send(database: Database, book: Book, first: int = 1) -> None:
    script = partial(
        take_batch, gateway=book.gateway, warehouse=book.warehouse, upload=book.upload(first),
        now_us=NOON_US,
    )  # fmt: skip
    await database.transact(script)


async def add_up(database: Database) -> None:
    while await database.transact(day_sums.add_day_sums):
        pass


async def sold(database: Database, *by: str, warehouse: str = "W1") -> object:
    script = partial(
        day_sums.read_sums, kinds=("sold",), warehouses=[warehouse], days=NOVEMBER,
        by=by or ("day",),
    )  # fmt: skip
    return await database.read(script)


def sell(book: Book, quantity: int, at_us: int = NOON_US) -> ev.Event:
    return book.record(
        ev.ORDER_DELIVERED, lines=(make_line("PACK", "@customer", quantity),), at_us=at_us
    )


def correct(book: Book, wrong: ev.Event, quantity: int, at_us: int) -> None:
    """What was sold as something else was so much."""
    right = make_line("PACK", "@customer", quantity)
    back = make_line("@customer", "PACK", sum(it.quantity for it in wrong.lines))
    said = book.record(
        ev.EVENT_CORRECTED, lines=(back, right), body={"corrects_type": wrong.type}, at_us=at_us
    )
    book.bodies[-1] = ev.encode_event(replace(said, corrects=wrong.event_id))


async def test_each_row_counts_once_however_many_steps(
    database: Database, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_sums, "ROWS_AT_ONCE", 2)
    book = Book()
    for n in range(1, 6):
        sell(book, n)
    await send(database, book)
    assert await database.read(day_sums.rows_to_add) == 5
    await add_up(database)
    await add_up(database)
    assert await sold(database) == [(("2023-11-15",), 15)]
    assert await database.read(day_sums.rows_to_add) == 0
    sell(book, 7)
    await send(database, book, first=6)
    await add_up(database)
    assert await sold(database, "subject", "unit") == [((ITEM, "EA"), 22)]


async def test_a_day_is_the_warehouses_own(database: Database, tokens: dict[str, str]) -> None:
    place = {"id": "W1", "name": "W", "country": "CN", "time_zone": "Asia/Shanghai"}
    await database.transact(partial(put_documents, drafts=[Draft("warehouse", "W1", "", place)]))
    book = Book()
    sell(book, 1, NOON_US + 3 * 3_600_000_000)  # 23:00 there
    sell(book, 2, NOON_US + 5 * 3_600_000_000)  # 01:00 of the next day
    await send(database, book)
    await add_up(database)
    assert await sold(database) == [(("2023-11-15",), 1), (("2023-11-16",), 2)]


async def test_the_last_of_several_corrections_holds_on_the_day_of_what_it_corrects(
    database: Database, tokens: dict[str, str]
) -> None:
    book = Book()
    wrong = sell(book, 50)
    correct(book, wrong, 5, NOON_US + DAY_US)
    await send(database, book)
    await add_up(database)
    assert await sold(database) == [(("2023-11-15",), 5)]
    correct(book, wrong, 6, NOON_US + 2 * DAY_US)  # in another step
    correct(book, wrong, 7, NOON_US + 2 * DAY_US)  # and two in one
    await send(database, book, first=3)
    await add_up(database)
    assert await sold(database) == [(("2023-11-15",), 7)]


async def test_counts_that_changed_something_are_found_from_a_day_on(
    database: Database, tokens: dict[str, str]
) -> None:
    book = Book()
    book.record(lines=(make_line("@supplier", "A-1", 10),), at_us=NOON_US)
    row = {"location": "A-1", "item": ITEM, "quantity": 8}
    book.record(ev.COUNT_OBSERVED, body={"assertions": [row]}, at_us=NOON_US + DAY_US)
    await send(database, book)
    variances = partial(day_sums.read_variances, warehouse="W1", zone=UTC)
    changed = {("2023-11-16", ITEM, "EA"): -2}
    assert await database.read(partial(variances, from_us=NOON_US)) == changed
    assert await database.read(partial(variances, from_us=NOON_US + 2 * DAY_US)) == {}
    assert await database.read(partial(day_sums.read_on_hand, warehouse="W1")) == {(ITEM, "EA"): 8}


async def test_what_is_to_be_undone_to_go_back_from_now(database: Database) -> None:
    days = days_between("2023-11-20", "2024-03-05")
    first, last = "2023-11-28", "2024-02-27"
    for day in days:
        row = ("W1", "net", day, "item", "", "EA", 1)
        script = partial(add_one, row=row)
        await database.transact(script)
    found = await database.read(
        partial(day_sums.read_undone, kind="net", warehouse="W1", days=(first, last))
    )
    expected = sum(days_before(day, first, last) for day in days if day >= first)
    assert found == {("item", "EA"): expected}


async def add_one(tx: Transaction, row: tuple[str | int, ...]) -> None:
    await tx.add("day_sums", day_sums._KEYS, "quantity", [row])
