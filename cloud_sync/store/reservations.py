"""Reservations: goods at one warehouse, promised to somebody and still on its shelves.

    held ──confirm──► confirmed ──picked──► consumed
      │                   │
      ├──release──────────┴─release──────► released
      └──its time is over────────────────► expired

A held one counts until its time is over, whether or not anybody wrote that down. All lines of a
reservation are made together or none is: each by an insert that takes place only if enough is
left, on shelves that were locked before (promises.py), in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.fulfilment.promise import Goods, Promise, Shelf
from cloud_sync.store.columns import integer, optional_integer, optional_text, text
from cloud_sync.store.ports import Row, Transaction, fetch_in
from cloud_sync.store.promises import ACTIVE

HELD: Final = "held"
CONFIRMED: Final = "confirmed"
RELEASED: Final = "released"
EXPIRED: Final = "expired"
CONSUMED: Final = "consumed"

_COLUMNS: Final = (
    "reservation, warehouse, item, unit, quantity, consumed, state, expires_at_us, order_id, "
    "created_at_us"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be reserved. expires_at_us: None for good; order_id: whose parcel it is."""

    reservation: str
    warehouse: str
    lines: Mapping[Goods, int]
    expires_at_us: int | None
    order_id: str | None = None


async def reserve(
    tx: Transaction, wanted: Wanted, promises: Mapping[Shelf, Promise], now_us: int
) -> list[Goods]:
    """Reserve all lines; gives those of which there was too little.

    promises: read after the shelves were locked. If any line is short, the caller must undo the
    transaction.
    """
    state = CONFIRMED if wanted.expires_at_us is None else HELD
    short = []
    for goods, quantity in sorted(wanted.lines.items()):
        shelf = Shelf(wanted.warehouse, *goods)
        held = promises.get(shelf)
        # Without the reservations, which the insert itself counts.
        ceiling = 0 if held is None else held.available + held.reserved
        if not await _insert(tx, wanted, shelf, quantity, state=state, ceiling=ceiling, at=now_us):
            short.append(goods)
    return short


async def _insert(
    tx: Transaction,
    wanted: Wanted,
    shelf: Shelf,
    quantity: int,
    *,
    state: str,
    ceiling: int,
    at: int,
) -> bool:
    rows = await tx.fetch(
        "insert into reservations(warehouse, item, unit, reservation, quantity, consumed, state, "  # noqa: S608 -- a constant
        "expires_at_us, order_id, created_at_us) "
        "select cast(? as text), cast(? as text), cast(? as text), cast(? as text), "
        "cast(? as bigint), 0, cast(? as text), cast(? as bigint), cast(? as text), "
        "cast(? as bigint) where cast(? as bigint) - coalesce((select sum(quantity - consumed) "
        f"from reservations where {ACTIVE} and warehouse = ? and item = ? and unit = ?), 0) "
        ">= cast(? as bigint) returning reservation",
        (
            *(*shelf, wanted.reservation, quantity, state),
            *(wanted.expires_at_us, wanted.order_id, at),
            *(ceiling, at, *shelf, quantity),
        ),
    )
    return bool(rows)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation as it stands. lines: goods, and of each what was reserved and consumed."""

    reservation: str
    warehouse: str
    state: str
    expires_at_us: int | None
    order_id: str | None
    created_at_us: int
    lines: Mapping[Goods, tuple[int, int]]


async def find_reservation(tx: Transaction, reservation: str, now_us: int) -> Reservation | None:
    """One reservation, if there is one of that id."""
    found = await _read_of(tx, [reservation], now_us)
    return found[0] if found else None


async def lock_reservation(tx: Transaction, reservation: str, now_us: int) -> Reservation | None:
    """The same, kept from changing until the transaction is over."""
    await tx.execute_many(
        "update reservations set consumed = consumed where reservation = ?", [(reservation,)]
    )
    return await find_reservation(tx, reservation, now_us)


async def read_reservations(
    tx: Transaction,
    *,
    warehouses: Sequence[str] | None,
    state: str | None,
    after: str,
    limit: int,
    now_us: int,
) -> list[Reservation]:
    """Reservations by id, from the one behind `after`."""
    terms: list[str] = ["reservation > ?"]
    values: list[str | int] = [after]
    if state is not None:
        terms.append(
            "(case when state = 'held' and expires_at_us <= ? then 'expired' else state end) = ?"
        )
        values += [now_us, state]
    if warehouses is not None:
        terms.append(f"warehouse in ({', '.join('?' * len(warehouses))})")
        values += warehouses
    rows = await tx.fetch(
        f"select distinct reservation from reservations where {' and '.join(terms)} "  # noqa: S608 -- constants only
        "order by reservation limit ?",
        [*values, limit],
    )
    found = await _read_of(tx, [text(row[0]) for row in rows], now_us)
    return sorted(found, key=lambda it: it.reservation)


async def _read_of(tx: Transaction, names: Iterable[str], now_us: int) -> list[Reservation]:
    rows = await fetch_in(
        tx,
        f"select {_COLUMNS} from reservations where reservation in (?*)",  # noqa: S608 -- a constant
        names,
    )
    return _grouped(rows, now_us)


def _grouped(rows: Iterable[Row], now_us: int) -> list[Reservation]:
    found: dict[str, Reservation] = {}
    for name, warehouse, item, unit, quantity, consumed, state, ends, order_id, made in rows:
        lines = found[text(name)].lines if name in found else {}
        expires_at_us = optional_integer(ends)
        is_over = state == HELD and expires_at_us is not None and expires_at_us <= now_us
        # A line that is done says less of the reservation than one that is not.
        now = EXPIRED if is_over else text(state)
        if now == CONSUMED and name in found:
            now = found[text(name)].state
        found[text(name)] = Reservation(
            text(name),
            text(warehouse),
            now,
            expires_at_us,
            optional_text(order_id),
            integer(made),
            {**lines, Goods(text(item), text(unit)): (integer(quantity), integer(consumed))},
        )
    return list(found.values())


async def confirm(tx: Transaction, reservation: str) -> None:
    """Keep a held reservation for good."""
    await tx.execute_many(
        "update reservations set state = 'confirmed', expires_at_us = null "
        "where reservation = ? and state = 'held'",
        [(reservation,)],
    )


async def release(tx: Transaction, reservation: str) -> None:
    """Give back what is not consumed."""
    await tx.execute_many(
        "update reservations set state = 'released' "
        "where reservation = ? and state in ('held', 'confirmed')",
        [(reservation,)],
    )


async def consume(
    tx: Transaction, reservation: str, warehouse: str, consumed: Mapping[Goods, int]
) -> None:
    """Set how much of each line is not reserved any more, because it was taken or is not there."""
    await tx.execute_many(
        "update reservations set consumed = ?, "
        "state = case when quantity = ? then 'consumed' else 'confirmed' end "
        "where reservation = ? and warehouse = ? and item = ? and unit = ? "
        "and state in ('confirmed', 'consumed') and consumed <> ?",
        [
            (amount, amount, reservation, warehouse, *goods, amount)
            for goods, amount in sorted(consumed.items())
        ],
    )


async def lessen(
    tx: Transaction, reservation: str, warehouse: str, less: Mapping[Goods, int]
) -> None:
    """Promise so much less of its lines; one of which nothing is left is gone.

    How much of the others is consumed is to be said anew (`consume`).
    """
    lines = [(amount, reservation, warehouse, *goods) for goods, amount in sorted(less.items())]
    await tx.execute_many(
        "delete from reservations "
        "where reservation = ? and warehouse = ? and item = ? and unit = ? and quantity <= ?",
        [(*line, amount) for amount, *line in lines],
    )
    await tx.execute_many(
        "update reservations set quantity = quantity - ?, consumed = 0, state = 'confirmed' "
        "where reservation = ? and warehouse = ? and item = ? and unit = ?",
        lines,
    )


async def expire(tx: Transaction, now_us: int) -> None:
    """Write down whose time is over, so that the active ones stay few."""
    await tx.execute_many(
        "update reservations set state = 'expired' where state = 'held' and expires_at_us <= ?",
        [(now_us,)],
    )
