"""Pins the demand book: sales at their hour, shorts once, corrections undone, no stock no zero."""

from __future__ import annotations

from datetime import UTC
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.demand.book import Bucket, DemandBook, Series
from cloud_sync.demand.hours import Hour
from cloud_sync.inventory.corrections import acting
from cloud_sync.inventory.folding import LedgerRow, placed_events, step
from cloud_sync.inventory.places import Placed
from tests.fakes.ledger_rows import ITEM, SECOND, correct, move, pick, receive, row

HOUR_S = 3600
PIECES = Series(ITEM, "EA")
DAY = "1970-01-01"
ORDER = (ev.Document(type="order", id="O-1"),)


def deliver(at_s: int, quantity: int, **header: object) -> LedgerRow:
    fields: dict[str, object] = {"documents": ORDER} | header
    return row(ev.ORDER_DELIVERED, at_s, move("PACK", keys.CUSTOMER, quantity), **fields)  # type: ignore[arg-type]  # as the test says


def short(at_s: int, missing: int) -> LedgerRow:
    body = {"item": ITEM, "location": "R-01", "missing": missing, "unit": "EA", "reason": "gone"}
    return row(ev.PICK_SHORT, at_s, body=body, documents=ORDER)


def order(at_s: int, quantity: int) -> LedgerRow:
    lines = [{"item": ITEM, "quantity": quantity, "unit": "EA"}]
    data = {"id": "O-1", "warehouse": "J1", "lines": lines}
    body = {"kind": "order", "key": "O-1", "version": 1, "data": data}
    return row(ev.DOCUMENT_CHANGED, at_s, body=body)


def book_of(*rows: LedgerRow) -> DemandBook:
    book = DemandBook(UTC)
    book.take(do=acting(placed_events(rows)))
    return book


def units(book: DemandBook) -> dict[int, int]:
    """Units by hour of the first day."""
    return {hour.hour: it.units for (_, hour), it in book.buckets.items() if it.units}


def test_a_sale_counts_where_it_is_handed_over() -> None:
    book = book_of(receive(1, 9), pick(2 * HOUR_S, 3), deliver(3 * HOUR_S, 3))
    assert book.buckets == {(PIECES, Hour(DAY, 3)): Bucket(units=3, n_sales=1, squares=9)}


def test_goods_for_another_warehouse_are_demand_at_a_central_one_only() -> None:
    rows = [row(ev.TRANSFER_DISPATCHED, 5, move("R-01", keys.transit("T-1"), 8))]
    assert not units(book_of(*rows))
    book = DemandBook(UTC, counts_transfers=True)
    book.take(do=acting(placed_events(rows)))
    assert units(book) == {0: 8}


def test_a_sale_that_was_taken_back_was_none() -> None:
    sale = deliver(HOUR_S, 4)
    back = correct(
        5 * HOUR_S,
        sale,
        move(keys.CUSTOMER, "PACK", 4),
        body={"corrects_type": ev.ORDER_DELIVERED},
    )
    book = book_of(sale, back)
    assert all(it.is_empty for it in book.buckets.values())


def test_a_return_takes_no_demand_back_and_its_correction_makes_none() -> None:
    sale = deliver(HOUR_S, 5)
    came_back = row(ev.GOODS_RETURNED, 7 * HOUR_S, move(keys.CUSTOMER, "DOCK", 2))
    undone = correct(
        8 * HOUR_S, came_back, move("DOCK", keys.CUSTOMER, 2),
        body={"corrects_type": ev.GOODS_RETURNED},
    )  # fmt: skip
    again = correct(
        9 * HOUR_S, undone, move(keys.CUSTOMER, "DOCK", 2),
        body={"corrects_type": ev.EVENT_CORRECTED, "of": {"corrects_type": ev.GOODS_RETURNED}},
    )  # fmt: skip
    assert units(book_of(sale, came_back, undone, again)) == {1: 5}


@pytest.mark.parametrize(
    ("served", "missing", "asked", "expected"),
    [
        (3, (2,), 5, {1: 2, 2: 3}),  # two were not there
        (5, (5,), 5, {2: 5}),  # all were found elsewhere
        (3, (5,), 5, {1: 2, 2: 3}),  # some were
        (2, (5, 3), 5, {1: 3, 2: 2}),  # short twice of the same pieces
        (3, (2,), None, {1: 2, 2: 3}),  # nobody said what was asked for
    ],
)
def test_shorts_count_up_to_what_was_asked_for(
    served: int, missing: tuple[int, ...], asked: int | None, expected: dict[int, int]
) -> None:
    rows = [] if asked is None else [order(10, asked)]
    rows += [short(HOUR_S + i, n) for i, n in enumerate(missing)]
    rows.append(deliver(2 * HOUR_S, served))
    assert units(book_of(*rows)) == expected


def test_an_order_that_the_cloud_made_smaller_has_asked_for_all_of_it() -> None:
    rows = [order(10, 5), short(HOUR_S, 2), order(HOUR_S + 9, 3), deliver(2 * HOUR_S, 3)]
    assert units(book_of(*rows)) == {1: 2, 2: 3}
    assert sum(it.short_units for it in book_of(*rows).buckets.values()) == 2


def test_no_order_of_arrival_changes_a_bucket() -> None:
    placed = placed_events(
        [
            order(10, 5),
            short(HOUR_S, 4),
            short(HOUR_S + 5, 1),
            deliver(2 * HOUR_S, 2),
            deliver(3 * HOUR_S, 1),
        ]
    )
    found = set()
    for several in permutations(acting(placed)):
        book = DemandBook(UTC)
        for each in several:
            book.take(do=[each])
        found.add(tuple(sorted(units(book).items())))
    assert found == {((1, 2), (2, 2), (3, 1))}


@given(data=st.data())
def test_portions_make_the_same_book_as_all_at_once(data: st.DataObject) -> None:
    sales = [deliver(at, n) for at, n in data.draw(st.lists(
        st.tuples(st.integers(0, 20 * HOUR_S), st.integers(1, 9)), min_size=1, max_size=6
    ))]  # fmt: skip
    backs = [
        correct(
            21 * HOUR_S, sale, move(keys.CUSTOMER, "PACK", sale.event.lines[0].quantity),
            body={"corrects_type": ev.ORDER_DELIVERED},
        )
        for sale in data.draw(st.lists(st.sampled_from(sales), max_size=3))
    ]  # fmt: skip
    placed = data.draw(st.permutations(placed_events([*sales, *backs, order(5, 7), short(30, 3)])))
    whole = DemandBook(UTC)
    whole.take(do=acting(placed))
    parts, known = DemandBook(UTC), list[Placed]()
    for each in placed:
        change = step([each], known)
        parts.take(undo=change.undo, do=change.do)
        known.append(each)
    assert units(parts) == units(whole)


def test_seconds_without_stock_are_kept_by_hour() -> None:
    book = DemandBook(UTC)
    book.note_usable(ITEM, is_usable=False, at_us=0)
    book.note_usable(ITEM, is_usable=True, at_us=HOUR_S * SECOND)
    assert not book.outages(9 * HOUR_S * SECOND), "before it was kept here it was not out of stock"
    book.note_usable(ITEM, is_usable=False, at_us=int(2.5 * HOUR_S) * SECOND)
    book.note_usable(ITEM, is_usable=False, at_us=3 * HOUR_S * SECOND)
    lasting = book.outages(4 * HOUR_S * SECOND)
    book.note_usable(ITEM, is_usable=True, at_us=4 * HOUR_S * SECOND)
    ended = {(ITEM, Hour(DAY, 2)): 1800.0, (ITEM, Hour(DAY, 3)): 3600.0}
    assert lasting == book.outages(9 * HOUR_S * SECOND) == ended


def test_a_clock_that_went_back_makes_no_outage() -> None:
    book = DemandBook(UTC)
    book.note_usable(ITEM, is_usable=True, at_us=0)
    book.note_usable(ITEM, is_usable=False, at_us=9 * HOUR_S * SECOND)
    book.note_usable(ITEM, is_usable=True, at_us=8 * HOUR_S * SECOND)
    assert not book.outages(10 * HOUR_S * SECOND)


def test_what_is_old_is_forgotten() -> None:
    book = DemandBook(ZoneInfo("UTC"))
    day_s = 24 * HOUR_S
    book.take(do=acting(placed_events([deliver(1, 1), deliver(day_s + 1, 2), order(3, 9)])))
    book.forget(before_day="1970-01-02", before_us=day_s * SECOND)
    assert [hour.day for _, hour in book.buckets] == ["1970-01-02"]
