"""What the pages ask that no call of the API does: sums over whole warehouses, and their climate.

Each question is bounded by what stands on the shelves, by a number of rows or by a time. Only
reads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.demand.day_sums import PIECES, SOLD
from cloud_sync.inventory.findings import NEGATIVE_STOCK
from cloud_sync.inventory.stock import CATCH_WEIGHT
from cloud_sync.store.columns import blob, integer, optional_text, text
from cloud_sync.store.exception_queue import IS_OPEN
from cloud_sync.store.ports import Transaction, fetch_in

CLIMATE_ROWS_MAX: Final = 20_000
"""A fortnight of a sample a minute; more is not shown in one chart."""

_ON_SHELF: Final = "warehouse <> '' and unit <> ? and location <> ? "


class Holding(NamedTuple):
    """What of an item is at a warehouse, by status."""

    warehouse: str
    item: str
    unit: str
    status: str
    quantity: int


class Expiring(NamedTuple):
    """A lot on the shelves whose last day is near or over. expiry: YYYY-MM-DD."""

    warehouse: str
    item: str
    lot: str
    unit: str
    expiry: str
    quantity: int


class ShelfLot(NamedTuple):
    """A lot at one location. expiry: YYYY-MM-DD or None."""

    item: str
    lot: str
    location: str
    status: str
    unit: str
    quantity: int
    expiry: str | None


class Sample(NamedTuple):
    """One reading of a zone's climate, hundredths of °C and of a percent; None: not measured."""

    at_us: int
    zone: str
    device: str
    centi_c: int | None
    centi_pct: int | None


class Recent(NamedTuple):
    """One event as it came."""

    gateway: str
    seq: int
    event: Mapping[str, object]


async def read_holdings(tx: Transaction) -> list[Holding]:
    """Sums by warehouse, item, unit and status. Reads all stock by its key, once."""
    rows = await tx.fetch(
        "select warehouse, item, unit, status, cast(sum(quantity) as bigint) from stock "  # noqa: S608 -- a constant
        f"where {_ON_SHELF}group by warehouse, item, unit, status",
        (CATCH_WEIGHT, keys.PACKING),
    )
    return [Holding(text(a), text(b), text(c), text(d), integer(n)) for a, b, c, d, n in rows]


async def read_expiring(tx: Transaction, *, since: str, until: str) -> list[Expiring]:
    """Lots on shelves whose last day lies between two, both included. Reads the lots of these
    days and their stock."""
    rows = await tx.fetch(
        "select stock.warehouse, stock.item, stock.lot, stock.unit, lots.expiry, "
        "cast(sum(stock.quantity) as bigint) from lots "
        "join stock on stock.item = lots.item and stock.lot = lots.lot "
        "where lots.expiry between ? and ? and stock.warehouse <> '' and stock.unit <> ? "
        "and stock.location <> ? and stock.quantity > 0 "
        "group by stock.warehouse, stock.item, stock.lot, stock.unit, lots.expiry "
        "order by lots.expiry, stock.warehouse, stock.item, stock.lot",
        (since, until, CATCH_WEIGHT, keys.PACKING),
    )
    return [
        Expiring(text(a), text(b), text(c), text(d), text(e), integer(n))
        for a, b, c, d, e, n in rows
    ]


async def count_open(tx: Transaction) -> dict[tuple[str, str], int]:
    """How many exceptions are open, by warehouse and kind."""
    rows = await tx.fetch(
        "select e.warehouse, e.kind, count(distinct e.key) from exception_evidence e "  # noqa: S608 -- a constant
        f"where {IS_OPEN} group by e.warehouse, e.kind"
    )
    below = await tx.fetch(
        "select warehouse, count(*) from stock where quantity < 0 and warehouse <> '' "
        "group by warehouse"
    )
    found = {(text(warehouse), text(kind)): integer(n) for warehouse, kind, n in rows}
    found |= {(text(warehouse), NEGATIVE_STOCK): integer(n) for warehouse, n in below}
    return found


async def read_shelf_lots(
    tx: Transaction, warehouse: str, item: str | None = None
) -> list[ShelfLot]:
    """All that lies at a warehouse, by lot and location; of one item if it is given."""
    where, more = ("and stock.item = ? ", [item]) if item is not None else ("", [])
    rows = await tx.fetch(
        "select stock.item, stock.lot, stock.location, stock.status, stock.unit, "  # noqa: S608 -- constants
        "stock.quantity, lots.expiry from stock "
        "left join lots on lots.item = stock.item and lots.lot = stock.lot "
        "where stock.warehouse = ? and stock.quantity <> 0 and stock.unit <> ? "
        f"{where}order by stock.item, stock.lot, stock.location, stock.status",
        [warehouse, CATCH_WEIGHT, *more],
    )
    return [
        ShelfLot(text(a), text(b), text(c), text(d), text(e), integer(n), optional_text(day))
        for a, b, c, d, e, n, day in rows
    ]


async def read_samples(tx: Transaction, warehouse: str, *, since_us: int) -> list[Sample]:
    """What sensors of a warehouse measured from then on, the oldest first."""
    rows = await tx.fetch(
        "select occurred_at_us, device, body from received "
        "where warehouse = ? and type = 'climate.sampled' and status = 'accepted' "
        "and occurred_at_us >= ? order by occurred_at_us desc limit ?",
        (warehouse, since_us, CLIMATE_ROWS_MAX),
    )
    return [_sample(integer(at_us), device, blob(body)) for at_us, device, body in reversed(rows)]


def _sample(at_us: int, device: object, raw: bytes) -> Sample:
    event = json.loads(raw)
    body = event.get("body", {})
    return Sample(
        at_us,
        str(event.get("zone", "")),
        str(device or ""),
        _mean(body.get("temperature_centi_c")),
        _mean(body.get("humidity_centi_pct")),
    )


def _mean(window: object) -> int | None:
    mean = window.get("mean") if isinstance(window, Mapping) else window
    return mean if isinstance(mean, int) and not isinstance(mean, bool) else None


async def read_recent(tx: Transaction, warehouse: str, *, limit: int) -> list[Recent]:
    """The last events of each of a warehouse's gateways, the newest first, `limit` in all."""
    journals = await tx.fetch(
        "select gateway, epoch from gateways where warehouse = ? and epoch is not null",
        (warehouse,),
    )
    found: list[Recent] = []
    for gateway, epoch in journals:
        rows = await tx.fetch(
            "select seq, body from received where warehouse = ? and gateway = ? and epoch = ? "
            "and status = 'accepted' order by seq desc limit ?",
            (warehouse, gateway, epoch, limit),
        )
        found += [Recent(text(gateway), integer(seq), json.loads(blob(raw))) for seq, raw in rows]
    found.sort(key=lambda it: (str(it.event["occurred_at_us"]), it.seq), reverse=True)
    return found[:limit]


async def read_sold(
    tx: Transaction, item: str, *, warehouses: Sequence[str], days: Sequence[str]
) -> dict[str, int]:
    """Pieces of an item that were sold, by day, as far as the days are added up. One row of the
    key of day_sums for each warehouse and day."""
    found: Counter[str] = Counter()
    for warehouse in warehouses:
        for day, quantity in await fetch_in(
            tx,
            "select day, quantity from day_sums where warehouse = ? and kind = ? "
            "and subject = ? and detail = '' and unit = ? and day in (?*)",
            days,
            before=(warehouse, SOLD, item, PIECES),
        ):
            found[text(day)] += integer(quantity)
    return dict(found)


async def read_contents(tx: Transaction, kind: str, *, warehouse: str | None = None) -> list[str]:
    """Documents of a kind as text; where they are many, to be parsed beside the event loop."""
    where, more = ("and warehouse = ? ", [warehouse]) if warehouse is not None else ("", [])
    rows = await tx.fetch(
        f"select content from documents where kind = ? and is_deleted = 0 {where}order by key",  # noqa: S608 -- constants
        [kind, *more],
    )
    return [text(content) for (content,) in rows]


async def read_items(tx: Transaction) -> dict[str, doc.Item]:
    """All items, by GTIN. Those whose document is not one of ours are left out."""
    found = await read_contents(tx, doc.ITEM)
    return {it.gtin: it for it in map(doc.Item.model_validate_json, found)}
