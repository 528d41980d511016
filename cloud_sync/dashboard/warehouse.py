"""One warehouse: its stock, its lots in the order they should leave, climate, movements, work."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response

from cloud_sync.contract import documents as doc
from cloud_sync.contract import rights
from cloud_sync.dashboard.glance import Glance, Master
from cloud_sync.dashboard.overview import is_dark
from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.visit import Visit
from cloud_sync.service.problems import Refused
from cloud_sync.store.documents import read_documents
from cloud_sync.store.glances import Recent, ShelfLot, read_recent, read_shelf_lots
from cloud_sync.store.ports import Transaction
from cloud_sync.store.promises import read_rules
from cloud_sync.store.usable_lots import day_at

LOTS_MAX: Final = 2000
MOVEMENTS_MAX: Final = 300
READ_MAX: Final = 1500
"""Events looked through for movements; most of a quiet night's are the climate's."""
LATE_EXPIRY: Final = "9999-12-31"
AVAILABLE: Final = "available"


@dataclass(frozen=True, slots=True)
class StockRow:
    """One item at a warehouse, in one unit. on_hand: what is available; barred: held, damaged,
    in quarantine. first_expiry: of what is available."""

    item: str
    name: str
    zone: str
    unit: str
    on_hand: int
    barred: int
    n_lots: int
    first_expiry: str | None
    cover_days: float | None
    worth: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class LotRow:
    """One lot at a warehouse. locations: where it is and how much of it, "A-01 × 12"."""

    item: str
    name: str
    lot: str
    unit: str
    status: str
    expiry: str | None
    quantity: int
    locations: tuple[tuple[str, int], ...]


async def stock(visit: Visit) -> Response:
    """What is there, by item; two thousand rows are filtered in the page itself."""
    glance, master, is_silent = await about(visit)
    lots = await visit.read(partial(read_shelf_lots, warehouse=glance.warehouse))
    rows = await asyncio.to_thread(
        stock_rows, lots, master, glance.warehouse, visit.taste.words.language
    )
    return await visit.render(
        "warehouse_stock.html", glance=glance, is_silent=is_silent, rows=rows, tab="stock",
        may_costs=visit.may(rights.READ_COSTS), today=today_at(visit, glance),
    )  # fmt: skip


def stock_rows(
    lots: Iterable[ShelfLot], master: Master, warehouse: str, language: str
) -> list[StockRow]:
    """Lots added up by item and unit, by name."""
    by_item: dict[tuple[str, str], list[ShelfLot]] = defaultdict(list)
    for lot in lots:
        by_item[lot.item, lot.unit].append(lot)
    rows = []
    for (item, unit), held in by_item.items():
        there = [it for it in held if it.status == AVAILABLE]
        on_hand = sum(it.quantity for it in there)
        about = master.items.get(item)
        per_unit = about.grams_per_unit if about is not None else 0
        demand_g = master.demand_g.get((warehouse, item), 0.0)
        grams = on_hand if unit == "g" else on_hand * per_unit
        cost, currency = master.costs.get(item, (0, ""))
        units = sum(it.quantity for it in held) / (1 if unit == "EA" else per_unit or 1)
        rows.append(
            StockRow(
                item=item,
                name=master.name(item, language),
                zone=master.zone(item),
                unit=unit,
                on_hand=on_hand,
                barred=sum(it.quantity for it in held if it.status != AVAILABLE),
                n_lots=len({it.lot for it in held}),
                first_expiry=min(
                    (it.expiry for it in there if it.expiry and it.quantity > 0), default=None
                ),
                cover_days=grams / demand_g if demand_g > 0 else None,
                worth=(round(units * cost), currency) if currency else None,
            )
        )
    return sorted(rows, key=lambda it: (it.name, it.item, it.unit))


async def lots(visit: Visit) -> Response:
    """All lots, the first to leave first (FEFO)."""
    glance, master, is_silent = await about(visit)
    held = await visit.read(partial(read_shelf_lots, warehouse=glance.warehouse))
    rows = await asyncio.to_thread(lot_rows, held, master, visit.taste.words.language)
    return await visit.render(
        "warehouse_lots.html", glance=glance, is_silent=is_silent, rows=rows[:LOTS_MAX],
        n_rows=len(rows), tab="lots", today=today_at(visit, glance),
    )  # fmt: skip


def lot_rows(held: Iterable[ShelfLot], master: Master, language: str) -> list[LotRow]:
    """Lots with their places, in the order of their last days; those without one at the end."""
    places: dict[tuple[str, str, str, str], list[ShelfLot]] = defaultdict(list)
    for it in held:
        places[it.item, it.lot, it.status, it.unit].append(it)
    rows = [
        LotRow(
            item=item,
            name=master.name(item, language),
            lot=lot,
            unit=unit,
            status=status,
            expiry=found[0].expiry,
            quantity=sum(it.quantity for it in found),
            locations=tuple((it.location, it.quantity) for it in found),
        )
        for (item, lot, status, unit), found in places.items()
    ]
    return sorted(rows, key=lambda it: (it.expiry or LATE_EXPIRY, it.name, it.item, it.lot))


async def movements(visit: Visit) -> Response:
    """What was moved last, and by whom."""
    glance, master, is_silent = await about(visit)
    script = partial(read_recent, warehouse=glance.warehouse, limit=READ_MAX)
    moved = [it for it in await visit.read(script) if it.event.get("lines")]
    return await visit.render(
        "warehouse_movements.html", glance=glance, is_silent=is_silent, master=master,
        events=list(map(told, moved[:MOVEMENTS_MAX])), tab="movements",
    )  # fmt: skip


def told(recent: Recent) -> Mapping[str, object]:
    """An event with all its members that the page names, whether it has them or not."""
    event = recent.event
    return {
        "type": event["type"],
        "at_us": event["occurred_at_us"],
        "worker": event.get("worker"),
        "device": _member(event.get("device"), "id"),
        "documents": event.get("documents", []),
        "lines": event["lines"],
    }


def _member(found: object, name: str) -> object:
    return found.get(name) if isinstance(found, Mapping) else None


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done at a warehouse, each kind in the order of its time."""

    deliveries: Sequence[doc.Asn]
    transfers: Sequence[doc.Transfer]
    orders: Sequence[doc.Order]
    counts: Sequence[doc.Count]


async def work(visit: Visit) -> Response:
    """Tasks and counts that are open."""
    glance, master, is_silent = await about(visit)
    found = await visit.read(partial(read_work, warehouse=glance.warehouse))
    return await visit.render(
        "warehouse_work.html", glance=glance, is_silent=is_silent, work=found, master=master,
        tab="work",
    )  # fmt: skip


async def read_work(tx: Transaction, warehouse: str) -> Work:
    """The documents that ask somebody at a warehouse to do something."""

    async def of(kind: str) -> list[dict[str, object]]:
        return await read_documents(tx, kind, warehouse=warehouse)

    deliveries = [doc.Asn.model_validate(it) for it in await of(doc.ASN)]
    transfers = [doc.Transfer.model_validate(it) for it in await of(doc.TRANSFER)]
    orders = [doc.Order.model_validate(it) for it in await of(doc.ORDER)]
    counts = [doc.Count.model_validate(it) for it in await of(doc.COUNT)]
    return Work(
        sorted(
            (it for it in deliveries if it.status != "received" and it.closed is None),
            key=lambda it: (it.expected_at_us or 2**53, it.id),
        ),
        [it for it in transfers if it.status == "ordered" and it.closed is None],
        sorted(
            (it for it in orders if it.status == "open"),
            key=lambda it: (it.ship_by_us or 2**53, it.id),
        ),
        sorted(
            (it for it in counts if it.status == "open"),
            key=lambda it: (it.due_at_us or 2**53, it.id),
        ),
    )


async def about(visit: Visit) -> tuple[Glance, Master, bool]:
    """The warehouse in the path, what the office knows, and whether it is silent."""
    name = visit.warehouse()
    glance = (await visit.glances.all()).get(name)
    if glance is None:
        raise Refused("not_found", f"there is no warehouse {name}")
    rules = await visit.read(read_rules)
    master = await visit.glances.master()
    return glance, master, is_dark(glance, visit.now_us, rules.dark_after_s)


def today_at(visit: Visit, glance: Glance) -> str:
    """The date there."""
    return day_at(visit.now_us, glance.time_zone)


PAGES: Final[tuple[Page, ...]] = (
    get("/warehouses/{warehouse}", stock),
    get("/warehouses/{warehouse}/lots", lots),
    get("/warehouses/{warehouse}/movements", movements),
    get("/warehouses/{warehouse}/work", work),
)
