"""The ledger's tables beside `stock`: counts, sweeps, corrections, and the journal's time.

Declared in schema/NNNN_ledger.sql. Places are kept as text that sorts as they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from cloud_sync.inventory.counts import Scope
from cloud_sync.inventory.ledger import Asserted, Sweep
from cloud_sync.inventory.places import parse_place, place_text
from cloud_sync.inventory.stock import StockKey
from gateway.core.book import Book, StockEffects
from gateway.journal.rows import as_int
from gateway.ports import Statements


class Reader(Protocol):
    """The one thing needed of the journal's database here."""

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read."""
        ...


SALVAGED: Final = "salvage"
FROM_THE_FIRST: Final = "from_the_first"
"""Keys in `meta`: of a rebuilt journal, and of one that holds every row there ever was."""

_ADD_STOCK: Final = (
    "insert into stock(warehouse, location, item, lot, status, unit, quantity)"
    " values (?, ?, ?, ?, ?, ?, ?)"
    " on conflict(warehouse, location, item, lot, status, unit)"
    " do update set quantity = quantity + excluded.quantity"
)
_PUT_COUNT: Final = (
    "insert into stock_count(warehouse, location, item, lot, status, unit, place, event_id,"
    " counted, variance, is_swept) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " on conflict(warehouse, location, item, lot, status, unit, place)"
    " do update set event_id = excluded.event_id,"
    " counted = excluded.counted, variance = excluded.variance, is_swept = excluded.is_swept"
)
_DROP_COUNT: Final = (
    "delete from stock_count where warehouse = ? and location = ? and item = ? and lot = ?"
    " and status = ? and unit = ? and place = ?"
)
_PUT_SWEEP: Final = (
    "insert into stock_sweep(warehouse, location, place, event_id, item, status, unit)"
    " values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_DROP_SWEEP: Final = "delete from stock_sweep where warehouse = ? and location = ? and place = ?"
_PUT_CORRECTION: Final = (
    "insert into correction(event_id, corrects) values (?, ?) on conflict do nothing"
)
_PUT_TIME: Final = (
    "insert into ledger_time(id, time_us, horizon) values (1, ?, ?) on conflict(id)"
    " do update set time_us = excluded.time_us, horizon = excluded.horizon"
)


def ledger_statements(effects: StockEffects) -> Statements:
    """What writes these effects; empty parts are left out."""
    counts = effects.counts.items()
    sweeps = effects.sweeps.items()
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (_ADD_STOCK, [(*key, quantity) for key, quantity in effects.balances.items()]),
        (_DROP_COUNT, [(*key, place_text(at)) for (key, at), row in counts if row is None]),
        (
            _PUT_COUNT,
            [
                (*key, place_text(at), row.event_id, row.counted, row.variance, int(row.is_swept))
                for (key, at), row in counts
                if row is not None
            ],
        ),
        (_DROP_SWEEP, [(*spot, place_text(at)) for (spot, at), it in sweeps if it is None]),
        (
            _PUT_SWEEP,
            [
                (*spot, place_text(at), it.event_id, it.scope.item, it.scope.status, it.scope.unit)
                for (spot, at), it in sweeps
                if it is not None
            ],
        ),
        (_PUT_CORRECTION, list(effects.corrections.items())),
        (_PUT_TIME, [(effects.time_us, place_text(effects.horizon))]),
    ]
    return [(sql, rows) for sql, rows in parts if rows]


async def load_book(reader: Reader) -> Book:
    """The ledger as of the projector's cursor."""
    book = Book()
    ledger = book.ledger
    for *key, quantity in await reader.query(
        "select warehouse, location, item, lot, status, unit, quantity from stock"
        " where quantity <> 0"
    ):
        ledger.balances[StockKey(*map(str, key))] = as_int(quantity)
    rows = await reader.query(
        "select warehouse, location, item, lot, status, unit, place, event_id, counted, variance,"
        " is_swept from stock_count order by warehouse, location, item, lot, status, unit, place"
    )
    for row in rows:
        place, event_id, counted, variance, is_swept = row[6:]
        ledger.counts.setdefault(StockKey(*map(str, row[:6])), []).append(
            Asserted(
                parse_place(str(place)),
                str(event_id),
                as_int(counted),
                as_int(variance),
                bool(is_swept),
            )
        )
    for warehouse, location, place, event_id, item, status, unit in await reader.query(
        "select warehouse, location, place, event_id, item, status, unit from stock_sweep"
        " order by warehouse, location, place"
    ):
        spot = str(warehouse), str(location)
        scope = Scope(*spot, str(item), str(status), str(unit))
        ledger.sweeps.setdefault(spot, []).append(
            Sweep(parse_place(str(place)), str(event_id), scope)
        )
    for event_id, corrects in await reader.query(
        "select event_id, corrects from correction order by event_id"
    ):
        book.corrections.setdefault(str(corrects), []).append(str(event_id))
    for time_us, horizon in await reader.query("select time_us, horizon from ledger_time"):
        book.time_us, book.horizon = as_int(time_us), parse_place(str(horizon))
    return book


REFOLD: Final = (("delete from ledger_time", [()]),)
"""What has the stock folded again from the journal when the projector starts."""
EMPTY: Final = tuple(
    (f"delete from {table}", [()])  # noqa: S608 -- our own names
    for table in ("stock", "stock_count", "stock_sweep", "correction")
)
"""What takes away all that `ledger_statements` write."""


async def must_refold(reader: Reader) -> bool:
    """True if the tables are of a version that knew no counts, or it was asked for."""
    return not await reader.query("select 1 from ledger_time")


async def has_every_row(reader: Reader) -> bool:
    """True if no row has ever left the journal, so that all can be folded from it."""
    meta = {str(k): str(v) for k, v in await reader.query("select key, value from meta")}
    is_first = FROM_THE_FIRST not in meta and SALVAGED not in meta
    return meta.get("base_seq") == "0" and (is_first or meta.get(FROM_THE_FIRST) == "1")


async def find_rows(reader: Reader, event_ids: Sequence[str]) -> dict[str, int]:
    """The seqs of events that the journal still has."""
    marks = ",".join("?" * len(event_ids))
    rows = await reader.query(
        f"select event_id, seq from journal where event_id in ({marks})",  # noqa: S608 -- marks
        event_ids,
    )
    return {str(event_id): as_int(seq) for event_id, seq in rows}


async def seq_before(reader: Reader, at_us: int) -> int:
    """The last seq before the first row that was recorded at this time or later; 0 for none.

    All rows up to it were received before, so no place among them lies beyond that time.
    """
    for (seq,) in await reader.query(
        "select coalesce((select min(seq) from journal where recorded_at_us >= ?) - 1,"
        " (select max(seq) from journal), 0)",
        (at_us,),
    ):
        return as_int(seq)
    return 0
