"""Closed periods: up to when the books are closed, and by what was known when they were.

A closed period never changes. Closing moves the time at which the next batch of every warehouse
is known behind it, so what is on its way at that moment belongs to the open period, however early
it began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel, ConfigDict

from cloud_sync.contract.events import Id, Time
from cloud_sync.inventory.moving import DAY_US
from cloud_sync.inventory.stock import StockKey
from cloud_sync.store.balances_then import Asked, Balances, read_balances
from cloud_sync.store.columns import integer, text
from cloud_sync.store.documents import OF_THE_CLOUD, Draft, put_documents, read_documents
from cloud_sync.store.ports import Transaction, Value
from cloud_sync.store.postings import unpacked

PERIOD: Final = "period"
OPEN: Final = "open"
"""The name of the period that is not closed."""


class Period(BaseModel):
    """A closed period. It begins where the one before ends.

    until_us: what happened up to here belongs to it. closed_us: what was known up to here counts.
    author: who closed it.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    id: Id
    until_us: Time
    closed_us: Time
    author: Id


@dataclass(frozen=True, slots=True)
class Bounds:
    """A period between two closings: until when it goes and what was known, None for now; and the
    same of the one before, None where it is the first."""

    before: tuple[int, int] | None
    until_us: int | None
    closed_us: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What a period did to a balance.

    late: by events of periods that were closed when they came. moved: by its own.
    """

    opening: int
    late: int
    moved: int

    @property
    def closing(self) -> int:
        """What was there in the end."""
        return self.opening + self.late + self.moved


@dataclass(frozen=True, slots=True)
class Late:
    """A late entry: what an event of a closed period added to a balance, and its row."""

    key: StockKey
    at_us: int
    quantity: int
    gateway: str
    epoch: str
    seq: int


async def read_periods(tx: Transaction) -> list[Period]:
    """The closed periods, the earliest first."""
    found = [Period.model_validate(it) for it in await read_documents(tx, PERIOD)]
    return sorted(found, key=lambda it: it.until_us)


def bounds_of(periods: Sequence[Period], name: str) -> Bounds | None:
    """The bounds of a period by its id, or of the open one; None if there is none."""
    ends = [(it.until_us, it.closed_us) for it in periods]
    if name == OPEN:
        return Bounds(ends[-1] if ends else None, None, None)
    for n, it in enumerate(periods):
        if it.id == name:
            return Bounds(ends[n - 1] if n else None, it.until_us, it.closed_us)
    return None


async def hold_ledgers(tx: Transaction, now_us: int) -> int:
    """Hold the ledgers of all warehouses; gives a time before which all that they have was known.

    They are locked in one order, and before any document; who is taking a batch holds one of them
    and is waited for.
    """
    held_us = now_us
    for (warehouse,) in await tx.fetch("select warehouse from ledgers order by warehouse"):
        ((known_us,),) = await tx.fetch(
            "update ledgers set known_us = known_us where warehouse = ? returning known_us",
            (text(warehouse),),
        )
        held_us = max(held_us, integer(known_us))
    return held_us


async def close_period(tx: Transaction, period: Period) -> None:
    """Close the books. Whatever is told from here on is known later than `closed_us`.

    The caller holds the ledgers.
    """
    await tx.execute_many("update ledgers set known_us = ?", [(period.closed_us + 1,)])
    await put_documents(tx, [Draft(PERIOD, period.id, OF_THE_CLOUD, period.model_dump())])


async def read_movements(
    tx: Transaction, bounds: Bounds, *, warehouse: str, item: str | None, after: str, rows_max: int
) -> tuple[Mapping[StockKey, Moved], str | None] | None:
    """What a period did to the balances of an item or of the next items, and the last of them.

    None where a warehouse's postings are not complete.
    """

    asked = Asked(warehouse, item, after, rows_max, bounds.until_us, bounds.closed_us)
    closing = await read_balances(tx, asked)
    opening: Balances | None = Balances({})
    corrected: Balances | None = Balances({})
    if bounds.before is not None:
        until_us, closed_us = bounds.before
        corrected = await read_balances(tx, replace(asked, as_of_us=until_us))
        opening = await read_balances(tx, replace(asked, as_of_us=until_us, known_at_us=closed_us))
    if closing is None or opening is None or corrected is None:
        return None
    found = {}
    for key in sorted({*closing.quantities, *opening.quantities, *corrected.quantities}):
        was, then = opening.quantities.get(key, 0), corrected.quantities.get(key, 0)
        found[key] = Moved(was, then - was, closing.quantities.get(key, 0) - then)
    return found, closing.last


async def read_late(tx: Transaction, bounds: Bounds, *, warehouse: str, item: str) -> list[Late]:
    """What was told of an item in this period and happened in one that was closed, by its rows."""
    if bounds.before is None:
        return []
    until_us, known_us = bounds.before
    upper = ""
    values: list[Value] = [warehouse, item, until_us // DAY_US, warehouse, known_us]
    if bounds.closed_us is not None:
        upper = " and b.known_us <= ?"
        values.append(bounds.closed_us)
    rows = await tx.fetch(
        "select p.location, p.item, p.lot, p.status, p.unit, p.gateway, p.epoch, p.entries "  # noqa: S608 -- our own words
        "from stock_postings p where p.warehouse = ? and p.item = ? and p.day <= ? "
        "and p.batch in (select b.batch from ledger_batches b where b.warehouse = ? "
        f"and b.known_us > ?{upper})",
        values,
    )
    found = []
    for location, gtin, lot, status, unit, gateway, epoch, entries in rows:
        key = StockKey(warehouse, text(location), text(gtin), text(lot), text(status), text(unit))
        for at_us, seq, quantity in unpacked(entries):
            if at_us <= until_us:
                found.append(Late(key, at_us, quantity, text(gateway), text(epoch), abs(seq)))
    return sorted(found, key=lambda it: (it.at_us, it.key, it.gateway, it.epoch, it.seq))
