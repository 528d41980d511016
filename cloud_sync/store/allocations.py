"""Giving orders to warehouses: under locks, so that no piece is promised twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.fulfilment.allocation import allocate
from cloud_sync.fulfilment.placed import CustomerOrder, parcel_id
from cloud_sync.fulfilment.places import distance_m
from cloud_sync.fulfilment.promise import SECOND_US, Shelf
from cloud_sync.store.columns import integer, text
from cloud_sync.store.orders import (
    CANCELLED,
    MOVED,
    OPEN,
    OrderState,
    ParcelRow,
    close_parcel,
    insert_order,
    insert_parcel,
    load_orders,
    save_orders,
)
from cloud_sync.store.ports import StoreError, Transaction, fetch_in
from cloud_sync.store.prices import price_order
from cloud_sync.store.promises import (
    goods_by_warehouse,
    lock_shelves,
    read_darkness,
    read_promises,
    read_rules,
)
from cloud_sync.store.reservations import Wanted, lock_reservation, release, reserve
from cloud_sync.store.usable_lots import read_whereabouts

TRIED_EVERY_US: Final = 30 * SECOND_US
"""What could not be done for an order is not tried again before this."""

Reach = Callable[[str], bool]
"""Whether a warehouse may be asked to send something."""


class NothingBetter(Exception):
    """Other warehouses cannot send what this one was to send; undo the transaction."""


@dataclass(frozen=True, slots=True)
class Placing:
    """An order to be placed, and the warehouses that may be asked."""

    order: CustomerOrder
    reaches: Reach
    now_us: int


async def place_order(tx: Transaction, placing: Placing) -> OrderState | None:
    """Write an order down and give it to warehouses; None if its id is taken.

    A reservation that it names is given back first: its goods are then the order's to take.
    """
    order = await price_order(tx, placing.order)
    if not await insert_order(tx, order):
        return None
    if order.reservation is not None:
        held = await lock_reservation(tx, order.reservation, placing.now_us)
        if held is not None and held.order_id is None and placing.reaches(held.warehouse):
            await lock_shelves(tx, [Shelf(held.warehouse, *goods) for goods in held.lines])
            await release(tx, order.reservation)
    return await allocate_order(tx, order.id, reaches=placing.reaches, now_us=placing.now_us)


async def allocate_order(
    tx: Transaction, order_id: str, *, reaches: Reach, now_us: int
) -> OrderState | None:
    """Give what an order is missing to warehouses that have it; None if there is no such order."""
    states = await load_orders(tx, [order_id], for_update=True)
    if not states:
        return None
    await _fill(tx, states[0], reaches=reaches, now_us=now_us)
    return states[0]


async def _fill(tx: Transaction, state: OrderState, *, reaches: Reach, now_us: int) -> None:
    order, missing = state.order, state.missing
    await note_try(tx, order.id, now_us)
    if missing and state.status != "delivered":
        items = {goods.item for goods in missing}
        distances = {
            warehouse: metres
            for warehouse, metres in (await _distances(tx, order, items)).items()
            if reaches(warehouse)
        }
        await lock_shelves(tx, [Shelf(it, *goods) for it in distances for goods in missing])
        promises = await read_promises(
            tx, items, now_us=now_us, at_us=max(now_us, order.good_until_us)
        )
        available = goods_by_warehouse(promises)
        for part in state.parts:
            # A picker did not find it there, whatever the book says until somebody counts.
            for goods in part.short:
                available.get(part.warehouse, {}).pop(goods, None)
        found = allocate(missing, available, distances)
        parcels = found.parcels if order.partial or not found.short else ()
        for number, parcel in enumerate(parcels, state.n_parcels + 1):
            row = ParcelRow(
                parcel_id(order.id, number),
                parcel.warehouse,
                number,
                OPEN,
                parcel.distance_m,
                dict(parcel.lines),
            )
            await insert_parcel(tx, order.id, row)
            wanted = Wanted(row.parcel, row.warehouse, row.lines, None, order.id)
            short = await reserve(tx, wanted, promises, now_us)
            if short:
                # Goods were put back between two reads, for another order, which has them again.
                raise StoreError(f"{row.parcel}: {short[0].item} was promised meanwhile")
            state.parcels.append(row)
        state.n_parcels += len(parcels)
    await save_orders(tx, [state])


async def _distances(
    tx: Transaction, order: CustomerOrder, items: Iterable[str]
) -> dict[str, int]:
    """How far the customer is from each warehouse that has any of the items."""
    rows = await fetch_in(
        tx, "select distinct warehouse from stock where item in (?*) and warehouse <> ''", items
    )
    warehouses = {text(row[0]) for row in rows}
    if order.distances_m is not None:
        return {it: metres for it, metres in order.distances_m.items() if it in warehouses}
    if order.place is None:
        raise AssertionError("an order has a place or distances")
    places = await read_whereabouts(tx)
    customer = order.place.coordinates
    return {
        warehouse: distance_m(customer, about.coordinates)
        for warehouse, about in places.items()
        if about.coordinates is not None and warehouse in warehouses
    }


async def cancel_order(tx: Transaction, state: OrderState) -> None:
    """End an order that is locked: what is not taken is free, gateways are told."""
    state.is_cancelled = True
    for row in state.parcels:
        if row.status == OPEN:
            await close_parcel(tx, row, CANCELLED)
    await save_orders(tx, [state])


async def move_order(
    tx: Transaction, order_id: str, warehouse: str, *, reaches: Reach, now_us: int
) -> list[str]:
    """Give what a warehouse has not begun to pick for an order to others; gives its new parcels.

    Warehouses that are dark themselves are not asked. Raises NothingBetter, which has to undo the
    transaction, where the others cannot send all of it: goods that may still come are better.
    """
    states = await load_orders(tx, [order_id], for_update=True)
    if not states:
        return []
    state = states[0]
    before, n_before = state.missing, state.n_parcels
    # Whether picking has begun is a part's, and parts come in the order of the parcels.
    idle = [
        row
        for row, part in zip(state.parcels, state.parts[: len(state.parcels)], strict=True)
        if row.status == OPEN and row.warehouse == warehouse and not part.is_begun
    ]
    if not idle:
        return []
    for row in idle:
        await close_parcel(tx, row, MOVED)
        await release(tx, row.parcel)
    darkness = await read_darkness(tx, await read_rules(tx), now_us)
    await _fill(
        tx,
        state,
        reaches=lambda it: it != warehouse and not darkness.of(it) and reaches(it),
        now_us=now_us,
    )
    after = state.missing
    if any(after[goods] > before.get(goods, 0) for goods in after):
        raise NothingBetter(order_id)
    return [row.parcel for row in state.parcels if row.number > n_before]


# ------------------------------------------------------------------ what to look after


async def orders_at_dark(tx: Transaction, *, now_us: int, limit: int) -> list[tuple[str, str]]:
    """Order and warehouse of parcels at warehouses dark for too long, that were not tried lately;
    the most urgent first."""
    rules = await read_rules(tx)
    darkness = await read_darkness(tx, rules, now_us)
    dark = [
        warehouse
        for warehouse, us in darkness.dark_for_us.items()
        if us > rules.move_after_s * SECOND_US
    ]
    rows = await fetch_in(
        tx,
        "select distinct parcels.order_id, parcels.warehouse, orders.ship_by_us from parcels "
        "join orders on orders.order_id = parcels.order_id "
        "where orders.tried_at_us <= ? and parcels.status = 'open' and parcels.warehouse in (?*)",
        dark,
        before=(now_us - TRIED_EVERY_US,),
    )
    urgent = sorted(rows, key=lambda row: (row[2], row[0], row[1]))
    return [(text(order_id), text(warehouse)) for order_id, warehouse, _ in urgent[:limit]]


async def items_reserved(tx: Transaction, *, after: str, limit: int) -> list[str]:
    """Items that parcels wait for, behind `after`."""
    rows = await tx.fetch(
        "select distinct item from reservations where state = 'confirmed' and item > ? "
        "order by item limit ?",
        (after, limit),
    )
    return [text(row[0]) for row in rows]


async def orders_in_want(
    tx: Transaction, items: Sequence[str], *, now_us: int, limit: int
) -> list[tuple[str, str]]:
    """Order and warehouse of parcels to move because less is usable than was promised.

    Goods went bad, are held, or were counted away. Those with most time left give way.
    """
    promises = await read_promises(tx, items, now_us=now_us, at_us=now_us)
    lacking = {
        shelf: it.reserved - it.usable for shelf, it in promises.items() if it.reserved > it.usable
    }
    found: list[tuple[str, str]] = []
    for shelf, lack in lacking.items():
        rows = await tx.fetch(
            "select orders.order_id, reservations.quantity from reservations "
            "join orders on orders.order_id = reservations.order_id "
            "where reservations.warehouse = ? and reservations.item = ? "
            "and reservations.unit = ? and reservations.state = 'confirmed' "
            "and reservations.consumed = 0 and orders.tried_at_us <= ? "
            "order by orders.ship_by_us desc, orders.order_id desc limit ?",
            (*shelf, now_us - TRIED_EVERY_US, limit),
        )
        together = 0
        for order_id, quantity in rows:
            if together < lack:
                together += integer(quantity)
                found.append((text(order_id), shelf.warehouse))
    return list(dict.fromkeys(found))[:limit]


async def orders_to_fill(tx: Transaction, *, now_us: int, limit: int) -> list[str]:
    """Orders that lack goods; those first that were looked at longest ago."""
    rows = await tx.fetch(
        "select order_id from orders where is_missing = 1 and tried_at_us <= ? "
        "order by tried_at_us, order_id limit ?",
        (now_us - TRIED_EVERY_US, limit),
    )
    return [text(row[0]) for row in rows]


async def note_try(tx: Transaction, order_id: str, now_us: int) -> None:
    """Note that nothing better was found for an order, so that others have their turn."""
    await tx.execute_many(
        "update orders set tried_at_us = ? where order_id = ?", [(now_us, order_id)]
    )
