"""The demand book's tables (schema/NNNN_demand.sql): what writes a batch, and the book back.

Buckets and outages are added to what is there, so the book in memory holds no more than its last
batch; what it must remember beyond that is small, and is loaded whole: since when items are there
or not, and orders of which something was missing. Of the others, what was asked and served is
forgotten with a restart; of one that was half picked then, a later short counts in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from cloud_sync.demand.book import Bucket, DemandBook, OrderKey, OrderState, Series
from cloud_sync.demand.hours import Hour
from gateway.journal.rows import as_int, as_int_or_none
from gateway.journal.table_sums import Querying
from gateway.ports import Statements

TIME_MARK: Final = "demand_time_us"

_ADD_HOUR: Final = (
    "insert into demand_hour(item, unit, day, hour, units, short_units, n_sales, squares)"
    " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict(item, unit, day, hour) do update set"
    " units = units + excluded.units, short_units = short_units + excluded.short_units,"
    " n_sales = n_sales + excluded.n_sales, squares = squares + excluded.squares"
)
_ADD_OUTAGE: Final = (
    "insert into demand_outage(item, day, hour, out_ms) values (?, ?, ?, ?)"
    " on conflict(item, day, hour) do update set out_ms = out_ms + excluded.out_ms"
)
_PUT_ITEM: Final = (
    "insert into demand_item(item, listed_us, out_since_us) values (?, ?, ?)"
    " on conflict(item) do update set out_since_us = excluded.out_since_us"
)
_PUT_ORDER: Final = (
    "insert or replace into demand_order(order_id, item, unit, asked, served, shorts, last_us)"
    " values (?, ?, ?, ?, ?, ?, ?)"
)
_ITEMS: Final = "select item, listed_us, out_since_us from demand_item"
_PUT_TIME: Final = "insert or replace into meta(key, value) values (?, ?)"
_FORGET: Final = (
    "delete from {} where day < (select min(day) from"
    " (select distinct day from demand_hour order by day desc limit ?))"
)
"""Days on which something was sold are counted, not the calendar's: a clock that is a year ahead
for a while costs no history."""
_FORGET_ORDERS: Final = "delete from demand_order where last_us < ?"


def batch_statements(book: DemandBook, items: Iterable[str], time_us: int) -> Statements:
    """What writes all that the book's last batch changed; the batch then leaves the book.

    items: those that were there for the first time, came or ran out. time_us: the journal's.
    """
    hours = [
        (*series, *hour, it.units, it.short_units, it.n_sales, it.squares)
        for (series, hour), it in sorted(book.buckets.items())
    ]
    outages = [
        (item, *hour, round(seconds * 1000))
        for (item, hour), seconds in sorted(book.outages_s.items())
    ]
    known = [
        (item, book.listed_us[item], book.out_since_us.get(item))
        for item in sorted(set(items) & book.listed_us.keys())
    ]
    orders = []
    for key in sorted(book.orders_changed):
        state = book.order_state(key)
        if not state.shorts:
            continue
        orders.append((*key, state.asked, state.served, json.dumps(state.shorts), state.last_us))
    book.buckets.clear()
    book.outages_s.clear()
    for touched in (book.changed, book.outages_changed, book.orders_changed):
        touched.clear()
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (_ADD_HOUR, list(hours)),
        (_ADD_OUTAGE, list(outages)),
        (_PUT_ITEM, list(known)),
        (_PUT_ORDER, list(orders)),
        (_PUT_TIME, [(TIME_MARK, str(time_us))]),
    ]
    return [(sql, rows) for sql, rows in parts if rows]


def forget_statements(*, n_days: int, before_us: int) -> Statements:
    """What forgets all but the last days, and orders that nothing was heard of since."""
    tables = ("demand_outage", "demand_hour")
    forget = [(_FORGET.format(table), [(n_days,)]) for table in tables]
    return [*forget, (_FORGET_ORDERS, [(before_us,)])]


async def load_book(reader: Querying, zone: tzinfo, *, is_central: bool) -> tuple[DemandBook, int]:
    """The book without its buckets, and the journal's time it has come to."""
    book = DemandBook(zone, counts_transfers=is_central)
    _remember(book, await reader.query(_ITEMS))
    for order_id, item, unit, asked, served, shorts, last_us in await reader.query(
        "select order_id, item, unit, asked, served, shorts, last_us from demand_order"
    ):
        told = tuple((at_us, name, n) for at_us, name, n in json.loads(str(shorts)))
        state = OrderState(as_int_or_none(asked), as_int(served), told, as_int(last_us))
        book.restore_order(OrderKey(str(order_id), str(item), str(unit)), state)
    for (value,) in await reader.query("select value from meta where key = ?", (TIME_MARK,)):
        return book, int(str(value))
    return book, 0


class HistoryRows(NamedTuple):
    """The rows of hours, outages and items, as the database has them."""

    hours: Sequence[Sequence[object]]
    outages: Sequence[Sequence[object]]
    items: Sequence[Sequence[object]]


async def history_rows(reader: Querying, *, from_day: str, first: str, last: str) -> HistoryRows:
    """What was asked for from a day on, and when there was something; of items first to last."""
    return HistoryRows(
        await reader.query(
            "select item, unit, day, hour, units, short_units, n_sales, squares from demand_hour"
            " where item between ? and ? and day >= ?",
            (first, last, from_day),
        ),
        await reader.query(
            "select item, day, hour, out_ms from demand_outage"
            " where item between ? and ? and day >= ?",
            (first, last, from_day),
        ),
        await reader.query(f"{_ITEMS} where item between ? and ?", (first, last)),
    )


def history_of(rows: HistoryRows, zone: tzinfo) -> DemandBook:
    """The rows as a book, to ask the forecaster with."""
    book = DemandBook(zone)
    _remember(book, rows.items)
    for item, unit, day, hour, units, short_units, n_sales, squares in rows.hours:
        bucket = Bucket(as_int(units), as_int(short_units), as_int(n_sales), as_int(squares))
        book.buckets[Series(str(item), str(unit)), Hour(str(day), as_int(hour))] = bucket
    for item, day, hour, out_ms in rows.outages:
        book.outages_s[str(item), Hour(str(day), as_int(hour))] = as_int(out_ms) / 1000
    return book


def _remember(book: DemandBook, rows: Iterable[Sequence[object]]) -> None:
    for item, listed_us, out_since_us in rows:
        book.listed_us[str(item)] = as_int(listed_us)
        if out_since_us is not None:
            book.out_since_us[str(item)] = as_int(out_since_us)
