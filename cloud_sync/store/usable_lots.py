"""Which of the stock is usable: lots on the shelves, judged by the one rule (inventory/lots.py).

Everything that the cloud says may be sold, promised, allocated or sent elsewhere is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.contract.master import WAREHOUSE, Warehouse
from cloud_sync.fulfilment.places import Coordinates
from cloud_sync.fulfilment.promise import Shelf
from cloud_sync.inventory.lots import Bans, Usability, local_day, make_bans
from cloud_sync.inventory.stock import CATCH_WEIGHT
from cloud_sync.store.columns import integer, optional_text, text
from cloud_sync.store.documents import read_documents, read_kinds
from cloud_sync.store.lot_states import Barred, read_barred
from cloud_sync.store.ports import Transaction, fetch_in


@dataclass(frozen=True, slots=True)
class Lots:
    """What is usable of the lots on a shelf; expiry: YYYY-MM-DD or None."""

    shelf: Shelf
    lots: tuple[tuple[str, str | None, int], ...]


@dataclass(frozen=True, slots=True)
class JudgedLot:
    """A lot on a shelf, and whether it may be sold. expiry: YYYY-MM-DD or None."""

    shelf: Shelf
    lot: str
    expiry: str | None
    quantity: int
    usability: Usability


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a warehouse is, as far as that is known."""

    time_zone: str
    coordinates: Coordinates | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What lots are judged by: what the office says, what gateways say, and where they are."""

    holds: Sequence[doc.Hold]
    papers: Sequence[doc.Certificate]
    places: Mapping[str, Whereabouts]
    barred: Barred

    def bans(self) -> Bans:
        """What stands against items."""
        barred = self.barred
        return make_bans(self.holds, self.papers, held=barred.held, recalled=barred.recalled)


async def read_grounds(tx: Transaction, items: Iterable[str]) -> Grounds:
    """What lots of items are judged by."""
    kept = await read_kinds(tx, (doc.HOLD, doc.CERTIFICATE, WAREHOUSE))
    return Grounds(
        [doc.Hold.model_validate(it) for it in kept[doc.HOLD]],
        [doc.Certificate.model_validate(it) for it in kept[doc.CERTIFICATE]],
        _places(kept[WAREHOUSE]),
        await read_barred(tx, items),
    )


async def read_lots(tx: Transaction, items: Iterable[str], *, at_us: int) -> list[Lots]:
    """The lots of items that may be sold at `at_us`, by shelf."""
    found: dict[Shelf, list[tuple[str, str | None, int]]] = {}
    for it in await read_judged(tx, items, at_us=at_us):
        lots = found.setdefault(it.shelf, [])
        if it.quantity and it.usability:
            lots.append((it.lot, it.expiry, it.quantity))
    return [Lots(shelf, tuple(sorted(lots))) for shelf, lots in sorted(found.items())]


async def read_judged(
    tx: Transaction,
    items: Iterable[str],
    *,
    at_us: int,
    warehouse: str | None = None,
    grounds: Grounds | None = None,
) -> list[JudgedLot]:
    """All lots of items that are on a shelf, usable at `at_us` or not. warehouse: None for all.

    grounds: those of the items, where the caller has read them already.
    """
    wanted = sorted(set(items))
    known = await read_grounds(tx, wanted) if grounds is None else grounds
    bans, places = known.bans(), known.places
    at_one = "" if warehouse is None else "and stock.warehouse = ? "
    rows = await fetch_in(
        tx,
        "select stock.warehouse, stock.item, stock.unit, stock.lot, lots.expiry, "  # noqa: S608 -- our own words
        "cast(sum(stock.quantity) as bigint) from stock "
        "left join lots on lots.item = stock.item and lots.lot = stock.lot "
        "where stock.warehouse <> '' and stock.status = 'available' and stock.location <> ? "
        f"and stock.unit <> ? {at_one}and stock.item in (?*) "
        "group by stock.warehouse, stock.item, stock.unit, stock.lot, lots.expiry",
        wanted,
        before=(keys.PACKING, CATCH_WEIGHT, *(() if warehouse is None else (warehouse,))),
    )
    days: dict[str, str] = {}
    found = []
    for owner, item, unit, lot, expiry, quantity in rows:
        shelf = Shelf(text(owner), text(item), text(unit))
        if shelf.warehouse not in days:
            place = places.get(shelf.warehouse)
            days[shelf.warehouse] = day_at(at_us, place.time_zone if place else None)
        key, last_day = (shelf.item, text(lot)), optional_text(expiry)
        on = days[shelf.warehouse]
        found.append(
            JudgedLot(
                shelf,
                key[1],
                last_day,
                integer(quantity),
                bans.usable(shelf.warehouse, key, expiry=last_day, on=on),
            )
        )
    return found


def day_at(at_us: int, time_zone: str | None) -> str:
    """The date at a warehouse, YYYY-MM-DD; in UTC where its time zone is not known."""
    try:
        zone: tzinfo = ZoneInfo(time_zone) if time_zone else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = UTC
    return local_day(at_us, zone)


async def read_whereabouts(tx: Transaction) -> dict[str, Whereabouts]:
    """Where each warehouse is that has master data."""
    return _places(await read_documents(tx, WAREHOUSE))


def _places(contents: Iterable[Mapping[str, object]]) -> dict[str, Whereabouts]:
    found = {}
    for content in contents:
        about = Warehouse.model_validate(content)
        place = None
        if about.latitude is not None and about.longitude is not None:
            place = Coordinates(about.latitude, about.longitude)
        found[about.id] = Whereabouts(about.time_zone, place)
    return found
