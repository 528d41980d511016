"""What central warehouses are told of those that they serve (contract/served.py), from stock,
deliveries, reservations, plans and policies of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import served as own
from cloud_sync.contract.master import SUPPLY, Supply
from cloud_sync.demand.worth import best_terms
from cloud_sync.fulfilment.promise import Shelf
from cloud_sync.store.columns import integer, text
from cloud_sync.store.documents import (
    Draft,
    Gone,
    change_documents,
    find_documents,
    read_documents,
)
from cloud_sync.store.plans import read_proposed
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.promises import ACTIVE
from cloud_sync.store.usable_lots import read_judged

KEY_MAX: Final = 64
"""Of a document; warehouses whose names are longer together are not told of each other."""


async def read_centrals(tx: Transaction) -> dict[str, list[str]]:
    """The warehouses that each central warehouse of a planning network may serve."""
    found: dict[str, list[str]] = {}
    for network in await read_documents(tx, doc.NETWORK):
        places = _ids(network.get("warehouses"))
        for central in _ids(network.get("central_warehouses")):
            found.setdefault(central, []).extend(
                it for it in places if it != central and len(f"{central}.{it}.00") <= KEY_MAX
            )
    return {central: sorted(set(places)) for central, places in sorted(found.items())}


def _ids(places: object) -> list[str]:
    named = places if isinstance(places, list) else []
    return [str(it["id"]) for it in named if isinstance(it, dict) and "id" in it]


async def read_heard(tx: Transaction) -> dict[str, int]:
    """When each warehouse was last heard of; one that never was is not in it."""
    rows = await tx.fetch(
        "select warehouse, min(contact_at_us) from gateways where contact_at_us is not null "
        "and exists (select 1 from credentials where credentials.name = gateways.gateway "
        "and credentials.warehouse is not null and credentials.revoked_at_us is null) "
        "group by warehouse"
    )
    return {text(warehouse): integer(heard) for warehouse, heard in rows}


async def tell_centrals(
    tx: Transaction, centrals: Iterable[str], warehouse: str, *, heard_at_us: int, now_us: int
) -> int:
    """Put what is known of a warehouse for these central ones; gives how much of it is new."""
    pages = await _pages(tx, warehouse, now_us)
    drafts: list[Draft] = []
    gone: list[Gone] = []
    for central in centrals:
        name = f"{central}.{warehouse}"
        contact = own.ServedContact(warehouse=central, of=warehouse, heard_at_us=heard_at_us)
        drafts.append(Draft(own.SERVED, name, central, contact.model_dump()))
        for n in range(own.N_PAGES):
            if n in pages:
                content = {"warehouse": central, "of": warehouse, **pages[n]}
                drafts.append(Draft(own.SERVED_STOCK, f"{name}.{n:02d}", central, content))
            else:
                gone.append(Gone(own.SERVED_STOCK, f"{name}.{n:02d}", central))
    return await change_documents(tx, drafts, gone)


async def told_at(tx: Transaction, central: str, warehouse: str) -> int | None:
    """Up to when a central warehouse was told of another; None: never."""
    for found in await find_documents(tx, own.SERVED, [f"{central}.{warehouse}"]):
        return own.ServedContact.model_validate(found.content).heard_at_us
    return None


async def tell_terms(tx: Transaction, centrals: Iterable[str]) -> int:
    """Put who delivers what for these central warehouses; gives how much of it is new."""
    best = best_terms(map(Supply.model_validate, await read_documents(tx, SUPPLY)))
    rows: dict[int, list[tuple[str, own.SupplyTerms]]] = {}
    for gtin, it in sorted(best.items()):
        terms = own.SupplyTerms(it.supplier, it.lead_time_days, it.minimum_order_units)
        rows.setdefault(own.page_of(gtin), []).append((gtin, terms))
    drafts: list[Draft] = []
    gone: list[Gone] = []
    for central in centrals:
        for n in range(own.N_PAGES):
            name = f"{central}.{n:02d}"
            if n in rows:
                content = {"warehouse": central, **_columns(own.SupplyTerms._fields, rows[n])}
                drafts.append(Draft(own.TERMS, name, central, content))
            else:
                gone.append(Gone(own.TERMS, name, central))
    return await change_documents(tx, drafts, gone)


def _columns(
    fields: Sequence[str], rows: Sequence[tuple[str, tuple[object, ...]]]
) -> dict[str, list[object]]:
    columns = zip(*(row for _, row in rows), strict=True)
    table = {name: list(column) for name, column in zip(fields, columns, strict=True)}
    return {"items": [item for item, _ in rows], **table}


async def _pages(
    tx: Transaction, warehouse: str, now_us: int
) -> dict[int, dict[str, list[object]]]:
    """Its items that have a policy, by page."""
    found = await read_documents(tx, doc.POLICY, warehouse=warehouse)
    policies = {it.gtin: it for it in map(doc.Policy.model_validate, found)}
    grams = await _grams(tx, policies)
    on_hand = await _on_hand(tx, warehouse, grams, now_us)
    on_order = await _on_order(tx, warehouse, grams)
    allocated = await _allocated(tx, warehouse, grams, now_us)
    planned: dict[str, int] = {}
    for plan in await read_proposed(tx, warehouse):
        for line in plan.lines:
            planned[line.item] = planned.get(line.item, 0) + line.quantity
    rows: dict[int, list[tuple[str, own.ServedItem]]] = {}
    for gtin, policy in sorted(policies.items()):
        item = own.ServedItem(
            on_hand=on_hand.get(gtin, 0),
            on_order=on_order.get(gtin, 0),
            allocated=allocated.get(gtin, 0),
            planned=planned.get(gtin, 0),
            reorder_point=policy.reorder_point_units,
            demand_per_day=policy.demand_units_per_day,
            demand_sd_per_day=policy.demand_sd_units_per_day,
            lead_time_days=policy.lead_time_days,
            order_up_to=None if policy.levels is None else policy.levels.order_up_to_units,
            cycle_days=None if policy.levels is None else policy.levels.cycle_days,
        )
        rows.setdefault(own.page_of(gtin), []).append((gtin, item))
    return {n: _columns(own.ServedItem._fields, page) for n, page in rows.items()}


async def _grams(tx: Transaction, items: Iterable[str]) -> dict[str, int]:
    """What a unit of each item weighs; a gram where nobody has said."""
    weights = dict.fromkeys(items, 1)
    for it in await find_documents(tx, doc.ITEM, weights):
        weights[it.key] = doc.Item.model_validate(it.content).grams_per_unit
    return weights


async def _on_hand(
    tx: Transaction, warehouse: str, grams: Mapping[str, int], now_us: int
) -> dict[str, int]:
    """Usable units on the shelves; what is kept by weight makes as many as it weighs."""
    sums: dict[Shelf, int] = {}
    for it in await read_judged(tx, grams, at_us=now_us, warehouse=warehouse):
        if it.usability:
            sums[it.shelf] = sums.get(it.shelf, 0) + it.quantity
    found: dict[str, int] = {}
    for shelf, quantity in sums.items():
        units = quantity if shelf.unit == "EA" else quantity // grams[shelf.item]
        found[shelf.item] = found.get(shelf.item, 0) + units
    return found


async def _on_order(tx: Transaction, warehouse: str, grams: Mapping[str, int]) -> dict[str, int]:
    """What deliveries still owe: asked for or sent, whichever is more, less what has come."""
    found: dict[str, int] = {}
    open_ = [
        asn
        for it in await read_documents(tx, doc.ASN, warehouse=warehouse)
        if (asn := doc.Asn.model_validate(it)).status != "received"
    ]
    came: dict[tuple[str, str], int] = {}
    for document, name, unit, quantity in await fetch_in(
        tx,
        "select document, item, unit, cast(sum(quantity) as bigint) from flows "
        "where kind = 'asn' and warehouse = ? and document in (?*) "
        "group by document, item, unit",
        [asn.id for asn in open_],
        before=(warehouse,),
    ):
        key = text(document), text(name)
        units = _units(integer(quantity), text(unit), grams.get(key[1]))
        came[key] = came.get(key, 0) + units
    for asn in open_:
        asked, sent = _sums(asn.ordered, grams), _sums(asn.shipped, grams)
        for item in asked.keys() | sent.keys():
            expected = max(asked.get(item, 0), sent.get(item, 0))
            due = max(0, expected - came.get((asn.id, item), 0))
            found[item] = found.get(item, 0) + due
    return found


def _sums(lines: Iterable[doc.ShipmentLine], grams: Mapping[str, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in lines:
        units = _units(line.quantity, line.unit, grams.get(line.item))
        sums[line.item] = sums.get(line.item, 0) + units
    return sums


def _units(quantity: int, unit: str, grams: int | None) -> int:
    return quantity if unit == "EA" else quantity // (grams or 1)


async def _allocated(
    tx: Transaction, warehouse: str, grams: Mapping[str, int], now_us: int
) -> dict[str, int]:
    """What is promised of the shelves and still on them."""
    found: dict[str, int] = {}
    for item, unit, quantity in await fetch_in(
        tx,
        "select item, unit, cast(sum(quantity - consumed) as bigint) from reservations "  # noqa: S608 -- a constant
        f"where {ACTIVE} and warehouse = ? and item in (?*) group by item, unit",
        grams,
        before=(now_us, warehouse),
    ):
        gtin = text(item)
        units = integer(quantity) if text(unit) == "EA" else -(-integer(quantity) // grams[gtin])
        found[gtin] = found.get(gtin, 0) + units
    return found
