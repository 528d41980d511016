"""Orders as they are listed: by id, or by when they have to leave. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.store.columns import integer, text
from cloud_sync.store.orders import OrderState, load_orders
from cloud_sync.store.ports import Transaction, Value

_PARCEL_AT = (
    "exists (select 1 from parcels where parcels.order_id = orders.order_id "
    "and parcels.warehouse in"
)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders: None means any. warehouses: with a parcel at one of them."""

    status: str | None
    platform: str | None
    warehouses: Sequence[str] | None

    def where(self) -> tuple[list[str], list[Value]]:
        """The conditions and their parameters."""
        terms: list[str] = []
        values: list[Value] = []
        for column, value in (("status", self.status), ("platform", self.platform)):
            if value is not None:
                terms.append(f"orders.{column} = ?")
                values.append(value)
        if self.warehouses is not None:
            terms.append(f"{_PARCEL_AT} ({', '.join('?' * len(self.warehouses))}))")
            values += self.warehouses
        return terms, values


async def list_orders(
    tx: Transaction, wanted: OrderFilter, *, after: str, limit: int
) -> list[OrderState]:
    """Orders by id, from the one behind `after`."""
    terms, values = wanted.where()
    rows = await tx.fetch(
        f"select order_id from orders where {' and '.join([*terms, 'order_id > ?'])} "  # noqa: S608 -- constants only
        "order by order_id limit ?",
        [*values, after, limit],
    )
    return await load_orders(tx, [text(row[0]) for row in rows])


async def list_at_risk(
    tx: Transaction,
    wanted: OrderFilter,
    *,
    due_before_us: int,
    dark: Sequence[str],
    after: tuple[int, str],
    limit: int,
) -> list[OrderState]:
    """Orders that have not ended and are due, lack goods, or wait for a dark warehouse; by when
    they have to leave, behind a place."""
    terms, values = wanted.where()
    reasons, causes = ["orders.ship_by_us <= ?", "orders.is_missing = 1"], [due_before_us]
    if dark:
        marks = ", ".join("?" * len(dark))
        reasons.append(f"{_PARCEL_AT} ({marks}) and parcels.status = 'open')")
    conditions = [
        "orders.status not in ('delivered', 'cancelled')",
        "(orders.ship_by_us > ? or (orders.ship_by_us = ? and orders.order_id > ?))",
        f"({' or '.join(reasons)})",
        *terms,
    ]
    at_us, order_id = after
    rows = await tx.fetch(
        f"select order_id, ship_by_us from orders where {' and '.join(conditions)} "  # noqa: S608 -- constants only
        "order by ship_by_us, order_id limit ?",
        [at_us, at_us, order_id, *causes, *dark, *values, limit],
    )
    places = {text(row[0]): (integer(row[1]), text(row[0])) for row in rows}
    states = await load_orders(tx, places)
    return sorted(states, key=lambda it: places[it.order.id])
