"""Balances as they were and the account of one, from the postings (postings.py).

A balance at a time is the sum of whole days before its day and of that day's entries up to it. An
account is read by days: what stood before them, and of these days the rows that the entries name
with what corrects them. Both are None where a warehouse's postings are not complete (it is of an
older version and was not folded again): item_history.py then reads the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cloud_sync.inventory.moving import DAY_US
from cloud_sync.inventory.stock import StockKey
from cloud_sync.store.columns import integer, text
from cloud_sync.store.item_history import Past, read_rows
from cloud_sync.store.ports import Row, Transaction, Value
from cloud_sync.store.postings import unpacked

_KEY = "item, location, lot, status, unit"
_MARK = "@complete"
_NO_ENTRIES = "cast(null as bytea)"  # PostgreSQL takes a bare null of a union for a text
_BATCH_KNOWN = (
    "(select batch from ledger_batches where warehouse = ? and known_us <= ?"
    " order by known_us desc, batch desc limit 1)"
)
"""The last batch that was known at a time; none if nothing was."""


@dataclass(frozen=True, slots=True)
class Balances:
    """Balances that are not zero; last: the last of their items if others come after it."""

    quantities: Mapping[StockKey, int]
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which balances: of an item, or of the next items behind `after` while they have so many
    postings; as of a time and as known at a time, None for now."""

    warehouse: str
    item: str | None
    after: str
    rows_max: int
    as_of_us: int | None
    known_at_us: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """Some days of an account. balance: now; opening: before these days; days: the first and the
    last of them in µs, None for no end."""

    past: Past
    balance: int
    opening: int
    days: tuple[int, int | None]


async def read_balances(tx: Transaction, asked: Asked) -> Balances | None:
    """The balances that were asked for. Those of one item are one question."""
    if asked.item is not None:
        return await _between(tx, asked, asked.item, asked.item)
    found = await _next_items(tx, asked)
    if found is None:
        # Nothing is left, or nothing is there.
        rows = await tx.fetch(
            "select has_postings from ledgers where warehouse = ?", (asked.warehouse,)
        )
        return Balances({}) if not rows or rows[0][0] else None
    first, last, more = found
    balances = await _between(tx, asked, first, last)
    return balances if balances is None or not more else replace(balances, last=last)


async def _between(tx: Transaction, asked: Asked, first: str, last: str) -> Balances | None:
    sums: dict[StockKey, int] = {}
    for row in await _sums(tx, asked, first, last):
        if row[0] == _MARK:
            if not row[5]:
                return None
            continue
        key = _stock_key(asked.warehouse, row)
        sums[key] = sums.get(key, 0) + _quantity_until(row, asked.as_of_us)
    return Balances({key: quantity for key, quantity in sums.items() if quantity})


async def _next_items(tx: Transaction, asked: Asked) -> tuple[str, str, bool] | None:
    """The first and the last of the next items, and whether there may be more."""
    rows = await tx.fetch(
        "select item, count(*) from (select item from stock_postings where warehouse = ?"
        " and item > ? order by item limit ?) as p group by item order by item",
        (asked.warehouse, asked.after, asked.rows_max + 1),
    )
    items = [text(item) for item, _ in rows]
    is_cut = sum(integer(n) for _, n in rows) > asked.rows_max
    if is_cut and len(items) > 1:
        del items[-1]  # of which more may come
    return (items[0], items[-1], is_cut) if items else None


async def _sums(tx: Transaction, asked: Asked, first: str, last: str) -> Sequence[Row]:
    """Of each balance the sum of the days before, and the entries of each row of the day; under
    _MARK whether postings are complete."""
    where, values = "warehouse = ? and item = ?", list[Value]([asked.warehouse, first])
    if first != last:
        where, values = "warehouse = ? and item between ? and ?", [asked.warehouse, first, last]
    if asked.known_at_us is not None:
        where = f"{where} and batch <= {_BATCH_KNOWN}"
        values += (asked.warehouse, asked.known_at_us)
    whole = (
        f"select '{_MARK}', '', '', '', '', has_postings, {_NO_ENTRIES} from ledgers "  # noqa: S608 -- our own words
        f"where warehouse = ? union all select {_KEY}, cast(sum(quantity) as bigint), "
        f"{_NO_ENTRIES} from stock_postings where {where}"
    )
    if asked.as_of_us is None:
        return await tx.fetch(f"{whole} group by {_KEY}", (asked.warehouse, *values))
    day = asked.as_of_us // DAY_US
    return await tx.fetch(
        f"{whole} and day < ? group by {_KEY} union all "  # noqa: S608 -- our own words
        f"select {_KEY}, 0, entries from stock_postings where {where} and day = ?",
        (asked.warehouse, *values, day, *values, day),
    )


def _quantity_until(row: Row, as_of_us: int | None) -> int:
    *_, quantity, entries = row
    if entries is None:
        return integer(quantity)
    return sum(added for at_us, _, added in unpacked(entries) if at_us <= (as_of_us or 0))


def _stock_key(warehouse: str, row: Row) -> StockKey:
    item, location, lot, status, unit = map(text, row[:5])
    return StockKey(warehouse, location, item, lot, status, unit)


async def read_account(
    tx: Transaction, key: StockKey, *, from_us: int, rows_max: int
) -> Account | None:
    """Whole days of an account from the one of a time on, while they have so many postings."""
    where = "warehouse = ? and item = ? and location = ? and lot = ? and status = ? and unit = ?"
    values = (key.warehouse, key.item, key.location, key.lot, key.status, key.unit)
    first = from_us // DAY_US
    columns = f"select day, gateway, epoch, entries from stock_postings where {where}"  # noqa: S608 -- our own words
    # What stands before them comes with the postings, to be waited for once; day is null there.
    found = await tx.fetch(
        "select cast(null as bigint) as day, '', '', cast(null as bytea),"  # noqa: S608 -- our own words
        " (select has_postings from ledgers where warehouse = ?),"
        f" (select quantity from stock where {where}),"
        f" (select cast(sum(quantity) as bigint) from stock_postings where {where} and day < ?)"
        f" union all select *, 0, 0, 0 from ({columns} and day >= ? order by day limit ?) as p",
        (key.warehouse, *values, *values, first, *values, first, rows_max + 1),
    )
    known = next(row[4:] for row in found if row[0] is None)
    has_postings, balance, opening = (value or 0 for value in known)
    if not has_postings:
        return None
    posted = (row[:4] for row in found if row[0] is not None)
    rows: Sequence[Row] = sorted(posted, key=lambda row: integer(row[0]))
    end: int | None = None
    if len(rows) > rows_max:
        # The last day may not be whole.
        end = integer(rows[-1][0])
        if rows[0][0] == end:
            rows = await tx.fetch(f"{columns} and day = ?", (*values, end))
            end += 1
        else:
            rows = [row for row in rows if row[0] != end]
    wanted: dict[tuple[str, str], dict[int, int]] = {}
    for _, gateway, epoch, entries in rows:
        times = wanted.setdefault((text(gateway), text(epoch)), {})
        times.update((abs(seq), at_us if seq > 0 else 0) for at_us, seq, _ in unpacked(entries))
    past = Past(await read_rows(tx, key.warehouse, wanted), [key.item])
    bounds = first * DAY_US, None if end is None else end * DAY_US - 1
    return Account(past, integer(balance), integer(opening), bounds)
