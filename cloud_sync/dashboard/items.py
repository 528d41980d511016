"""Items over all warehouses: stock, what may be promised, what is asked for, what to send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys, rights
from cloud_sync.dashboard.demand_chart import days_before, draw_demand
from cloud_sync.dashboard.glance import Master
from cloud_sync.dashboard.overview import visible
from cloud_sync.dashboard.page import Page, get
from cloud_sync.dashboard.visit import Visit
from cloud_sync.fulfilment.promise import Promise, Shelf
from cloud_sync.fulfilment.transfers import Proposal, TransferRules
from cloud_sync.service.problems import Refused
from cloud_sync.store.glances import Holding, read_holdings, read_sold
from cloud_sync.store.ports import Transaction
from cloud_sync.store.promises import read_policies, read_promises
from cloud_sync.store.proposals import read_proposals
from cloud_sync.store.usable_lots import JudgedLot, day_at, read_judged

RULES: Final = TransferRules(3, 2)
"""Three days of cover for both, two days left on arrival: as the API proposes by default."""


@dataclass(slots=True)
class ItemRow:
    """An item over the warehouses in scope. pieces, grams: available."""

    item: str
    name: str
    zone: str
    n_warehouses: int = 0
    pieces: int = 0
    grams: int = 0
    grams_per_day: float = 0.0
    grams_in_all: int = 0

    @property
    def cover_days(self) -> float | None:
        """How long it lasts; None where nobody knows the demand."""
        return self.grams_in_all / self.grams_per_day if self.grams_per_day > 0 else None


async def items(visit: Visit) -> Response:
    """All items that the office knows or that are somewhere."""
    master = await visit.glances.master()
    held = [it for it in await visit.read(read_holdings) if visit.credential.reaches(it.warehouse)]
    places = [it.warehouse for it in await visible(visit)]
    rows = item_rows(held, master, places, visit.taste.words.language)
    return await visit.render("items.html", rows=rows)


def item_rows(
    held: list[Holding], master: Master, places: list[str], language: str
) -> list[ItemRow]:
    """Items by name."""
    rows = {
        it: ItemRow(it, master.name(it, language), master.zone(it))
        for it in {*master.items, *(it.item for it in held)}
    }
    for it in held:
        if it.status != "available":
            continue
        row, about = rows[it.item], master.items.get(it.item)
        row.n_warehouses += it.quantity > 0
        if it.unit == "g":
            row.grams += it.quantity
            row.grams_in_all += it.quantity
        else:
            row.pieces += it.quantity
            row.grams_in_all += it.quantity * (about.grams_per_unit if about else 0)
    for row in rows.values():
        row.grams_per_day = sum(master.demand_g.get((it, row.item), 0.0) for it in places)
    return sorted(rows.values(), key=lambda it: (it.name, it.item))


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """All about an item now."""

    promises: Mapping[Shelf, Promise]
    lots: list[JudgedLot]
    policies: Mapping[str, doc.Policy]
    proposals: list[Proposal]
    sold: Mapping[str, int]


async def item(visit: Visit) -> Response:
    """One item at every warehouse in scope."""
    gtin = visit.asked("item")
    if not keys.is_gtin(gtin):
        raise Refused("not_found", f"{gtin!r} is no GTIN")
    master = await visit.glances.master()
    glances = {it.warehouse: it for it in await visible(visit)}
    today = day_at(visit.now_us, None)
    facts = await visit.read(
        partial(
            read_facts,
            item=gtin,
            warehouses=list(glances),
            now_us=visit.now_us,
            days=days_before(today),
        )
    )
    if gtin not in master.items and not facts.lots:
        raise Refused("not_found", f"there is no item {gtin}")
    lots: dict[str, list[JudgedLot]] = defaultdict(list)
    for it in sorted(facts.lots, key=lambda it: (it.expiry or "9999", it.lot)):
        if it.quantity and it.shelf.warehouse in glances:
            lots[it.shelf.warehouse].append(it)
    return await visit.render(
        "item.html",
        gtin=gtin,
        about=master.items.get(gtin),
        name=master.name(gtin, visit.taste.words.language),
        cost=master.costs.get(gtin) if visit.may(rights.READ_COSTS) else None,
        glances=glances,
        promises=sorted(
            (shelf, it) for shelf, it in facts.promises.items() if shelf.warehouse in glances
        ),
        lots=lots,
        policies=facts.policies,
        demand=draw_demand(
            facts.sold, facts.policies.values(), today=today, words=visit.taste.words
        ),
        proposals=[
            it
            for it in facts.proposals
            if visit.credential.reaches(it.source) and visit.credential.reaches(it.destination)
        ],
    )


async def read_facts(
    tx: Transaction, *, item: str, warehouses: list[str], now_us: int, days: list[str]
) -> ItemFacts:
    """What is known of an item, on one state of the database."""
    policies = await read_policies(tx, [item], warehouses)
    return ItemFacts(
        await read_promises(tx, [item], now_us=now_us, at_us=now_us),
        await read_judged(tx, [item], at_us=now_us),
        {it.warehouse: it for it in policies.values()},
        await read_proposals(tx, [item], rules=RULES, now_us=now_us),
        await read_sold(tx, item, warehouses=warehouses, days=days),
    )


PAGES: Final[tuple[Page, ...]] = (get("/items", items), get("/items/{item}", item))
