"""Orders: as they were placed, what was given to which warehouse, and what came of it.

What an order is follows from its content, its parcels with their reservations, and the sums of
what gateways told (fulfilment/orders.py). Here it is read, locked, and written down again after
something changed: consumed reservations, the order's status, and the documents by which gateways
know what to pick. Locks are taken in the order: orders, shelves, reservations, feed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, cast

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.fulfilment.orders import (
    SHORT,
    SUMS,
    Given,
    Part,
    Status,
    SumKey,
    given_twice,
    missing_of,
    parts_of,
    status_of,
    sums_of,
    superfluous,
)
from cloud_sync.fulfilment.placed import CustomerOrder
from cloud_sync.fulfilment.promise import Goods, Shelf
from cloud_sync.store.columns import integer, text
from cloud_sync.store.documents import Draft, Gone, change_documents
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.promises import lock_shelves
from cloud_sync.store.reservations import consume, lessen, release

OPEN: Final = "open"
DONE: Final = "done"
MOVED: Final = "moved"
CANCELLED: Final = "cancelled"

ORDERS_HELD: Final = 2000
"""Orders whose content is not read again, some ten megabytes."""


@dataclass(slots=True)
class ParcelRow:
    """A parcel as it is kept. lines: what it was given."""

    parcel: str
    warehouse: str
    number: int
    status: str
    distance_m: int
    lines: dict[Goods, int] = field(default_factory=dict)


@dataclass(slots=True)
class OrderState:
    """An order with all that is known of it."""

    order: CustomerOrder
    is_cancelled: bool
    n_parcels: int
    status: Status
    parcels: list[ParcelRow] = field(default_factory=list)
    sums: dict[SumKey, int] = field(default_factory=dict)

    @property
    def parts(self) -> list[Part]:
        """The parcels with what came of each."""
        given = [
            Given(it.parcel, it.warehouse, it.status == OPEN, it.lines) for it in self.parcels
        ]
        return parts_of(given, self.sums)

    @property
    def missing(self) -> dict[Goods, int]:
        """What no warehouse has taken or is still to take; of a cancelled order nothing."""
        return self.missing_of(self.parts)

    def missing_of(self, parts: Sequence[Part]) -> dict[Goods, int]:
        """The same for whoever has the parts."""
        return {} if self.is_cancelled else missing_of(self.order.wanted, parts)


# ------------------------------------------------------------------ reading


async def load_orders(
    tx: Transaction, ids: Iterable[str], *, for_update: bool = False
) -> list[OrderState]:
    """The orders of these ids that there are, by id. for_update: nobody else changes them."""
    wanted = sorted(set(ids))
    if for_update:
        await _lock(tx, wanted)
    rows = await fetch_in(
        tx,
        "select order_id, is_cancelled, n_parcels, status, content from orders "
        "where order_id in (?*)",
        wanted,
    )
    states = {
        text(order_id): OrderState(
            _placed(text(content)),
            bool(is_cancelled),
            integer(n_parcels),
            cast(Status, text(status)),
        )
        for order_id, is_cancelled, n_parcels, status, content in rows
    }
    await _load_parcels(tx, states)
    await _load_sums(tx, states)
    return [states[it] for it in sorted(states)]


@lru_cache(maxsize=ORDERS_HELD)
def _placed(content: str) -> CustomerOrder:
    """What was placed is never changed, and lists of orders are asked for again and again."""
    return CustomerOrder.model_validate_json(content)


async def _load_parcels(tx: Transaction, states: Mapping[str, OrderState]) -> None:
    rows = await fetch_in(
        tx,
        "select order_id, parcel, warehouse, number, status, distance_m from parcels "
        "where order_id in (?*)",
        states,
    )
    by_name: dict[str, ParcelRow] = {}
    for order_id, parcel, warehouse, number, status, distance_m in sorted(
        rows, key=lambda row: integer(row[3])
    ):
        row = ParcelRow(
            text(parcel), text(warehouse), integer(number), text(status), integer(distance_m)
        )
        by_name[row.parcel] = row
        states[text(order_id)].parcels.append(row)
    lines = await fetch_in(
        tx,
        "select reservation, item, unit, quantity from reservations where order_id in (?*)",
        states,
    )
    for parcel, item, unit, quantity in lines:
        by_name[text(parcel)].lines[Goods(text(item), text(unit))] = integer(quantity)


async def _load_sums(tx: Transaction, states: Mapping[str, OrderState]) -> None:
    owner = {order_id: order_id for order_id in states}
    owner |= {it.parcel: order_id for order_id, state in states.items() for it in state.parcels}
    rows = await fetch_in(
        tx,
        "select warehouse, kind, document, item, lot, unit, quantity from flows "
        "where kind in (?, ?, ?) and document in (?*)",
        owner,
        before=SUMS,
    )
    for *parts, quantity in rows:
        key = SumKey(*map(text, parts))
        states[owner[key.document]].sums[key] = integer(quantity)


# ------------------------------------------------------------------ writing


async def insert_order(tx: Transaction, order: CustomerOrder) -> bool:
    """Write an order down, with nothing given to anybody; False if its id is taken."""
    rows = await tx.fetch(
        "insert into orders(order_id, platform, market, status, ordered_at_us, ship_by_us, "
        "is_missing, is_cancelled, tried_at_us, n_parcels, version, content) "
        "values (?, ?, ?, 'open', ?, ?, 1, 0, 0, 0, 1, ?) "
        "on conflict (order_id) do nothing returning order_id",
        (
            order.id,
            order.platform,
            order.market,
            order.ordered_at_us,
            order.ship_by_us,
            ev.canonical(order.model_dump(exclude_none=True)).decode(),
        ),
    )
    return bool(rows)


async def insert_parcel(tx: Transaction, order_id: str, row: ParcelRow) -> None:
    """Write a parcel down; its reservation is made by its id."""
    await tx.execute_many(
        "insert into parcels(warehouse, parcel, order_id, number, status, distance_m) "
        "values (?, ?, ?, ?, ?, ?)",
        [(row.warehouse, row.parcel, order_id, row.number, row.status, row.distance_m)],
    )


async def save_orders(tx: Transaction, states: Sequence[OrderState]) -> None:
    """Write down what follows from what changed: reservations, status, documents."""
    drafts: list[Draft] = []
    gone: list[Gone] = []
    for state in states:
        # Parts that nobody asked for come behind those of the parcels.
        parts = state.parts[: len(state.parcels)]
        for row, part in zip(state.parcels, parts, strict=True):
            if row.status == OPEN:
                await _settle(tx, row, part)
            elif row.status in {MOVED, CANCELLED}:
                await release(tx, row.parcel)
            draft = _draft(state, row, part)
            if draft is None:
                gone.append(Gone(doc.ORDER, row.parcel))
            else:
                drafts.append(draft)
        state.status = status_of(state.order.wanted, state.parts, is_cancelled=state.is_cancelled)
        is_missing = bool(state.missing) and state.status != "delivered"
        await tx.execute_many(
            "update orders set status = ?, is_missing = ?, is_cancelled = ?, n_parcels = ? "
            "where order_id = ?",
            [
                (
                    state.status,
                    int(is_missing),
                    int(state.is_cancelled),
                    state.n_parcels,
                    state.order.id,
                )
            ],
        )
    await change_documents(tx, drafts, gone)


async def _settle(tx: Transaction, row: ParcelRow, part: Part) -> None:
    """Let an open parcel's reservation be what is still to come, and close it when it is done."""
    consumed = {goods: wanted - part.to_come(goods) for goods, wanted in row.lines.items()}
    await consume(tx, row.parcel, row.warehouse, consumed)
    if part.is_done:
        row.status = DONE
    await _write_status(tx, row)


async def _write_status(tx: Transaction, row: ParcelRow) -> None:
    await tx.execute_many(
        "update parcels set status = ? where warehouse = ? and parcel = ?",
        [(row.status, row.warehouse, row.parcel)],
    )


async def close_parcel(tx: Transaction, row: ParcelRow, status: str) -> None:
    """Take a parcel from its warehouse. What was taken for it stays so."""
    row.status = status
    await _write_status(tx, row)


def _draft(state: OrderState, row: ParcelRow, part: Part) -> Draft | None:
    """What the gateway is told of a parcel; None: nothing any more.

    What a picker did not find is not asked for again: it comes from elsewhere.
    """
    lines = [
        doc.OrderLine(item=goods.item, quantity=left, unit="g" if goods.unit == "g" else "EA")
        for goods, quantity in sorted(row.lines.items())
        if (left := quantity - min(part.short.get(goods, 0), quantity)) > 0
    ]
    if not lines or row.status in {MOVED, CANCELLED}:
        return None
    content = doc.Order(
        id=row.parcel,
        warehouse=row.warehouse,
        order=state.order.id,
        status="closed" if row.status == DONE else "open",
        ship_by_us=state.order.ship_by_us,
        lines=lines,
    )
    return Draft(doc.ORDER, row.parcel, row.warehouse, content.model_dump(exclude_none=True))


async def follow_orders(tx: Transaction, events: Sequence[ev.Event]) -> list[OrderState]:
    """Bring orders up to date with accepted events; gives those orders, which are locked."""
    sums = sums_of(events)
    if not sums:
        return []
    documents = {key.document for key in sums}
    known = await fetch_in(
        tx, "select order_id, parcel from parcels where parcel in (?*)", documents
    )
    ids = documents | {text(order_id) for order_id, _ in known}
    ids = await _lock(tx, ids)
    # Stock and reservations change together for whoever promises: what was picked is neither.
    ours = ids | {text(parcel) for _, parcel in known}
    await lock_shelves(
        tx, (Shelf(key.warehouse, key.item, key.unit) for key in sums if key.document in ours)
    )
    await tx.add(
        "flows",
        ("warehouse", "kind", "document", "item", "lot", "unit"),
        "quantity",
        [
            (key.warehouse, key.kind, key.document, key.item, key.lot, key.unit, quantity)
            for key, quantity in sorted(sums.items())
        ],
    )
    states = await load_orders(tx, ids)
    found_again = {key.warehouse for key, n in sums.items() if key.kind == SHORT and n < 0}
    if found_again:
        await _spare(tx, states, found_again)
    if states:
        await save_orders(tx, states)
    return states


async def _spare(
    tx: Transaction, states: Sequence[OrderState], found_again: Container[str]
) -> None:
    """Have goods that were found after all come from one place only.

    Parcels that stood in for them are taken away; where such a one is begun it stays, and the
    goods that were found remain on their shelf.
    """
    for state in states:
        wanted, n = state.order.wanted, len(state.parcels)
        for i in superfluous(wanted, state.parts[:n]):
            await close_parcel(tx, state.parcels[i], MOVED)
        for i, less in given_twice(wanted, state.parts[:n], found_again).items():
            row = state.parcels[i]
            row.lines = {
                goods: left
                for goods, quantity in row.lines.items()
                if (left := quantity - less.get(goods, 0)) > 0
            }
            await lessen(tx, row.parcel, row.warehouse, less)
            if not row.lines:
                await close_parcel(tx, row, MOVED)


async def _lock(tx: Transaction, ids: Iterable[str]) -> set[str]:
    """Keep others from changing orders; gives those that there are."""
    rows = await fetch_in(tx, "select order_id from orders where order_id in (?*)", ids)
    # In one order everywhere, so that nobody waits in a ring.
    found = sorted({text(row[0]) for row in rows})
    await tx.execute_many(
        "update orders set version = version where order_id = ?", [(it,) for it in found]
    )
    return set(found)
