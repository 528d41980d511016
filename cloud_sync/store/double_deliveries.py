"""Customers who were sent more than they ordered, by two fulfilments of one order.

It happens where an order was moved from a warehouse that nobody could reach, and that picked it
all the same (docs/orders.md). The evidence is the first delivery of each fulfilment, in the queue
of every warehouse that delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.fulfilment.orders import delivered_beyond
from cloud_sync.inventory.exceptions import Ending, key_text
from cloud_sync.inventory.findings import DOUBLE_DELIVERY
from cloud_sync.store.columns import integer, text
from cloud_sync.store.exception_queue import add_evidence, end_evidence, printable
from cloud_sync.store.orders import OrderState
from cloud_sync.store.ports import Row, Transaction, fetch_in

_FIRST: Final = (
    "insert into order_deliveries(warehouse, order_id, document, at_us, event_id) "
    "values (?, ?, ?, ?, ?) on conflict (warehouse, order_id, document) do update "
    "set at_us = excluded.at_us, event_id = excluded.event_id where "
    "(excluded.at_us, excluded.event_id) < (order_deliveries.at_us, order_deliveries.event_id)"
)


async def note_deliveries(tx: Transaction, warehouse: str, events: Sequence[ev.Event]) -> None:
    """Keep the first delivery of each fulfilment; the caller holds the orders' locks."""
    rows = {
        (warehouse, order_of(document.id), document.id, event.occurred_at_us, event.event_id)
        for event in events
        if event.type == ev.ORDER_DELIVERED
        and any(line.to_location == keys.CUSTOMER for line in event.lines)
        for document in event.documents
        if document.type == "order"
    }
    await tx.execute_many(_FIRST, sorted(rows))


def order_of(document: str) -> str:
    """The order that a delivery names: itself, or one of its parcels."""
    return document.partition(".")[0]


async def look_at_orders(tx: Transaction, states: Iterable[OrderState]) -> None:
    """Tell of orders of which too much was delivered, and no more of those that are right."""
    beyond = {it.order.id: delivered_beyond(it.order.wanted, it.parts) for it in states}
    rows = await fetch_in(
        tx,
        "select order_id, warehouse, document, at_us, event_id from order_deliveries "
        "where order_id in (?*)",
        sorted(beyond),
    )
    by_order: dict[str, list[Row]] = {}
    for row in rows:
        by_order.setdefault(text(row[0]), []).append(row)
    for order_id, several in sorted(by_order.items()):
        if len(several) < 2:
            continue
        if beyond[order_id]:
            await _tell(tx, order_id, several)
        else:
            await _end(tx, order_id, several)


async def _tell(tx: Transaction, order_id: str, several: Sequence[Row]) -> None:
    key = key_text((order_id,))
    warehouses = sorted({text(row[1]) for row in several})
    await add_evidence(
        tx,
        [
            (where, DOUBLE_DELIVERY, key, text(row[4]), integer(row[3]),
             printable(f"{text(row[2])} by {text(row[1])}"))
            for where in warehouses
            for row in several
        ],
    )  # fmt: skip


async def _end(tx: Transaction, order_id: str, several: Sequence[Row]) -> None:
    told = await tx.fetch(
        "select warehouse, max(at_us) from exception_evidence where kind = ? and key = ? "
        "group by warehouse",
        (DOUBLE_DELIVERY, key_text((order_id,))),
    )
    last = max(text(row[4]) for row in several)
    for warehouse, at_us in told:
        ending = Ending(DOUBLE_DELIVERY, (order_id,), integer(at_us) + 1, last)
        await end_evidence(tx, text(warehouse), [ending])
