"""Stock as it was, what made it, and the stock folded anew. Reads whole journals: minutes for
millions of events, and nothing that a page polls."""

from __future__ import annotations

from itertools import groupby

from cloud_sync.inbox.quick import read_kept
from cloud_sync.inventory.findings import TRANSIT_OVERDUE
from cloud_sync.inventory.places import parse_place
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.double_deliveries import look_at_orders, note_deliveries
from cloud_sync.store.exception_queue import note_events
from cloud_sync.store.lot_states import note_lots
from cloud_sync.store.orders import load_orders
from cloud_sync.store.ports import Database, Transaction
from cloud_sync.store.stock_effects import Journal, apply_stock
from cloud_sync.store.transits import note_transits

PAGE_ROWS = 2000
_TABLES = ("stock", "stock_counts", "stock_sweeps", "corrections", "ledgers", "lot_states",
           "exception_traces", "transits", "order_deliveries", "item_rows", "stock_postings",
           "ledger_batches")  # fmt: skip
_QUEUE = ("exception_evidence", "exception_ends")
ORDERS_AT_ONCE = 500


async def read_counts(
    tx: Transaction, *, warehouse: str, item: str | None, limit: int
) -> list[dict[str, object]]:
    """The newest counts of a warehouse, with what they changed."""
    condition, values = ("", []) if item is None else (" and item = ?", [item])
    names = ("location", "item", "lot", "status", "unit", "place", "event_id", "counted",
             "variance", "is_swept")  # fmt: skip
    rows = await tx.fetch(
        f"select {', '.join(names)} from stock_counts where warehouse = ?{condition}"  # noqa: S608 -- constants only
        " order by place desc, location, item, lot, status, unit limit ?",
        [warehouse, *values, limit],
    )
    found: list[dict[str, object]] = [dict(zip(names, row, strict=True)) for row in rows]
    for count in found:
        count["at_us"] = parse_place(text(count.pop("place"))).at_us
        count["is_swept"] = bool(count["is_swept"])
    return found


async def refold(database: Database) -> int:
    """Fold the stock of all warehouses anew from what was received; gives how many rows.

    So too what gateways said of lots, the words included that were received before anybody
    kept them, and the exceptions queue. What the clock says (overdue transfers) stays.
    """
    return await database.transact(_refold)


async def _refold(tx: Transaction) -> int:
    # Locks out every batch, which takes its gateway's row first.
    await tx.execute_many("update gateways set contact_at_us = contact_at_us", [()])
    for table in _TABLES:
        await tx.execute_many(f"delete from {table}", [()])  # noqa: S608 -- our own names
    for table in _QUEUE:
        await tx.execute_many(
            f"delete from {table} where kind <> ?",  # noqa: S608 -- our own names
            [(TRANSIT_OVERDUE,)],
        )
    n_rows, last = 0, 0
    while rows := await tx.fetch(
        "select position, warehouse, gateway, epoch, received_at_us, seq, body from received"
        " where status = 'accepted' and position > ? order by position limit ?",
        (last, PAGE_ROWS),
    ):
        for (*names, known_us), several in groupby(rows, key=lambda row: row[1:5]):
            page = list(several)
            journal = Journal(*map(text, names))
            bodies = [blob(row[-1]) for row in page]
            seqs = [integer(row[-2]) for row in page]
            events = list(zip(seqs, read_kept(bodies), strict=True))
            await apply_stock(
                tx,
                journal,
                events,
                known_us=integer(known_us),
                before_position=integer(page[0][0]),
            )
            told = [event for _, event in events]
            await note_lots(tx, journal.warehouse, told)
            await note_events(tx, journal.warehouse, journal.gateway, told)
            await note_transits(tx, journal.warehouse, told)
            await note_deliveries(tx, journal.warehouse, told)
        n_rows += len(rows)
        last = integer(rows[-1][0])
    await _look_at_all_orders(tx)
    return n_rows


async def _look_at_all_orders(tx: Transaction) -> None:
    last = ""
    while rows := await tx.fetch(
        "select distinct order_id from order_deliveries where order_id > ? "
        "order by order_id limit ?",
        (last, ORDERS_AT_ONCE),
    ):
        await look_at_orders(tx, await load_orders(tx, [text(row[0]) for row in rows]))
        last = text(rows[-1][0])
