"""Stock folded anew from what was received: what an operator runs once after some upgrades.

One transaction per warehouse, so that a run may end at any moment and the next one goes on with
the warehouses that are left. Until a warehouse's transaction ends its old stock is told, and its
batches wait (on SQLite those of all); the others' are taken. Sums that all warehouses share take
their new place at the very end (refold_balances.py), with what is said of orders that several
warehouses delivered.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from cloud_sync.inbox.quick import read_kept
from cloud_sync.inventory.findings import DOUBLE_DELIVERY, TRANSIT_OVERDUE
from cloud_sync.inventory.stock import NOWHERE, StockKey
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.double_deliveries import look_at_orders, note_deliveries
from cloud_sync.store.exception_queue import note_events
from cloud_sync.store.lot_states import note_lots
from cloud_sync.store.orders import load_orders
from cloud_sync.store.ports import Database, Row, Transaction
from cloud_sync.store.refold_balances import (
    add_to_new_sums,
    begin_run,
    end_run,
    is_under_way,
    mark_done,
    waiting,
)
from cloud_sync.store.stock_effects import Journal, add_to_balances, fold_rows
from cloud_sync.store.transits import note_transits

PAGE_ROWS: Final = 2000
ORDERS_AT_ONCE: Final = 500
STATEMENT_S: Final = 3600.0
"""How long a statement may take: to forget a warehouse's rows of years is one."""

_TABLES: Final = (
    "stock", "stock_counts", "stock_sweeps", "corrections", "ledgers", "lot_states",
    "exception_traces", "transits", "order_deliveries", "item_rows", "stock_postings",
    "ledger_batches",
)  # fmt: skip
_QUEUE: Final = ("exception_evidence", "exception_ends")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a warehouse is: rows folded, and about how many there are."""

    warehouse: str
    n_rows: int
    n_rows_about: int


class RefoldStopped(Exception):
    """Whoever watches has had it stopped: what is done is kept."""


Watch = Callable[[Progress], None]
"""Told after each page; may raise RefoldStopped."""


def unwatched(_: Progress) -> None:
    """Nobody wants to know."""


async def refold(
    database: Database, *, watch: Watch = unwatched, page_rows: int = PAGE_ROWS
) -> int:
    """Fold the stock of all warehouses anew from what was received, or go on where the last run
    was stopped; gives how many rows.

    So too what gateways said of lots, the words included that were received before anybody
    kept them, and the exceptions queue. What the clock says (overdue transfers) stays.
    """
    await database.transact(begin_run)
    n_rows = 0
    for warehouse in await database.read(waiting):
        n_rows += await database.transact(
            partial(_fold_warehouse, warehouse=warehouse, watch=watch, page_rows=page_rows)
        )
    await database.transact(_finish)
    return n_rows


async def _fold_warehouse(tx: Transaction, *, warehouse: str, watch: Watch, page_rows: int) -> int:
    # Who else is folding has it now, or has had it.
    mine = await tx.fetch(
        "delete from refolds where warehouse = ? returning warehouse", (warehouse,)
    )
    if not mine:
        return 0
    # Keeps out the warehouse's batches, which take their gateway's row first.
    await tx.execute_many(
        "update gateways set contact_at_us = contact_at_us where warehouse = ?", [(warehouse,)]
    )
    await _forget(tx, warehouse)
    ((n_about,),) = await tx.fetch(
        "select cast(coalesce(sum(seq), 0) as bigint) from epochs where warehouse = ?",
        (warehouse,),
    )
    n_rows, shared = 0, dict[StockKey, int]()
    async for page in _pages(tx, warehouse, page_rows):
        await _fold_page(tx, page, shared)
        n_rows += len(page)
        watch(Progress(warehouse, n_rows, integer(n_about)))
    await mark_done(tx, warehouse)
    await add_to_new_sums(tx, shared)
    return n_rows


async def _forget(tx: Transaction, warehouse: str) -> None:
    for table in _TABLES:
        await tx.execute_many(
            f"delete from {table} where warehouse = ?",  # noqa: S608 -- our own names
            [(warehouse,)],
        )
    for table in _QUEUE:
        await tx.execute_many(
            f"delete from {table} where warehouse = ? and kind not in (?, ?)",  # noqa: S608 -- as above
            [(warehouse, TRANSIT_OVERDUE, DOUBLE_DELIVERY)],
        )


async def _fold_page(tx: Transaction, page: Sequence[Row], shared: dict[StockKey, int]) -> None:
    """Fold rows of one warehouse. shared: what they make of virtual places is added here."""
    for (*names, known_us), several in groupby(page, key=lambda row: row[1:5]):
        rows = list(several)
        journal = Journal(*map(text, names))
        bodies = [blob(row[-1]) for row in rows]
        seqs = [integer(row[-2]) for row in rows]
        events = list(zip(seqs, read_kept(bodies), strict=True))
        folded = await fold_rows(
            tx,
            journal,
            events,
            known_us=integer(known_us),
            before_position=integer(rows[0][0]),
        )
        own = {it: n for it, n in folded.balances.items() if it.warehouse != NOWHERE}
        await add_to_balances(tx, own)
        for key, quantity in folded.balances.items():
            if quantity and key not in own:
                shared[key] = shared.get(key, 0) + quantity
        told = [event for _, event in events]
        await note_lots(tx, journal.warehouse, told)
        await note_events(tx, journal.warehouse, journal.gateway, told)
        await note_transits(tx, journal.warehouse, told)
        await note_deliveries(tx, journal.warehouse, told)


async def _pages(tx: Transaction, warehouse: str, page_rows: int) -> AsyncIterator[Sequence[Row]]:
    """A warehouse's accepted rows in the order of positions, which each journal's rows are in.

    Journals are merged here: positions are those of the whole network, and an index of them
    would lead past the rows of all other warehouses.
    """
    columns = "position, warehouse, gateway, epoch, received_at_us, seq, body"
    heads = [
        (integer(position), text(gateway), text(epoch))
        for gateway, epoch, position in await tx.fetch(
            "select gateway, epoch, min(position) from received"
            " where warehouse = ? and status = 'accepted' group by gateway, epoch",
            (warehouse,),
        )
    ]
    heapq.heapify(heads)
    held: dict[tuple[str, str], Sequence[Row]] = {}
    done: dict[tuple[str, str], int] = {}
    while heads:
        _, *names = heapq.heappop(heads)
        journal = (names[0], names[1])
        rows = held.pop(journal, ()) or await tx.fetch(
            f"select {columns} from received where warehouse = ? and gateway = ?"  # noqa: S608 -- constants only
            " and epoch = ? and status = 'accepted' and seq > ? order by seq limit ?",
            (warehouse, *journal, done.get(journal, 0), page_rows),
        )
        n = bisect_left(rows, heads[0][0], key=_position) if heads else len(rows)
        if n:
            yield rows[:n]
            done[journal] = integer(rows[n - 1][5])
        if n < len(rows):
            held[journal] = rows[n:]
            heapq.heappush(heads, (_position(rows[n]), *journal))
        elif rows:
            heapq.heappush(heads, (_position(rows[-1]), *journal))


def _position(row: Row) -> int:
    return integer(row[0])


async def _finish(tx: Transaction) -> None:
    """What belongs to all warehouses, once the last of them is done."""
    if not await is_under_way(tx) or await waiting(tx):
        return
    await tx.execute_many("update gateways set contact_at_us = contact_at_us", [()])
    await end_run(tx)
    for table in _QUEUE:
        await tx.execute_many(
            f"delete from {table} where kind = ?",  # noqa: S608 -- our own names
            [(DOUBLE_DELIVERY,)],
        )
    last = ""
    while rows := await tx.fetch(
        "select distinct order_id from order_deliveries where order_id > ? "
        "order by order_id limit ?",
        (last, ORDERS_AT_ONCE),
    ):
        await look_at_orders(tx, await load_orders(tx, [text(row[0]) for row in rows]))
        last = text(rows[-1][0])
