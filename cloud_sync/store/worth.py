"""What is at stake in the items of a warehouse, from the office's terms, prices and rates."""

from __future__ import annotations

from collections.abc import Iterable

from cloud_sync.contract import documents as doc
from cloud_sync.contract import master as own
from cloud_sync.demand.keeping import Stakes
from cloud_sync.demand.worth import best_terms, stakes_of
from cloud_sync.store.documents import find_documents, read_documents
from cloud_sync.store.ports import Transaction

BY_DEFAULT = own.Stocking(id=own.EVERY_WAREHOUSE, lost_sale="margin")
"""Where the office has said nothing."""


async def read_stocking(tx: Transaction, warehouse: str) -> own.Stocking:
    """By what the levels of a warehouse go: its own word, or that for all."""
    keys = [warehouse, own.EVERY_WAREHOUSE]
    said = {it.key: it.content for it in await find_documents(tx, own.STOCKING, keys)}
    for key in keys:
        if key in said:
            return own.Stocking.model_validate(said[key])
    return BY_DEFAULT


async def read_stakes(
    tx: Transaction, warehouse: str, items: Iterable[doc.Item], stocking: own.Stocking, *, on: str
) -> dict[str, Stakes]:
    """What is at stake in a piece of these items. on: the day whose VAT rates count.

    The market of a warehouse is its country. Of a warehouse that the office does not know the
    prices are not known.
    """
    kept = {it.gtin: it for it in items}
    terms = best_terms(
        it
        for it in map(own.Supply.model_validate, await read_documents(tx, own.SUPPLY))
        if it.gtin in kept
    )
    market = None
    for place in await find_documents(tx, own.WAREHOUSE, [warehouse]):
        market = own.Warehouse.model_validate(place.content).country
    if market is None:
        return stakes_of(terms, {}, {}, stocking)
    listed = await find_documents(tx, own.PRICE, [f"{market}.{gtin}" for gtin in kept])
    prices = {it.gtin: it for it in (own.Price.model_validate(row.content) for row in listed)}
    categories = {it.vat for it in kept.values() if it.vat is not None}
    found = await find_documents(tx, own.VAT, [f"{market}.{it}" for it in sorted(categories)])
    rates = {
        it.category: it.rate_on(on) for it in (own.Vat.model_validate(r.content) for r in found)
    }
    by_item = {
        gtin: rates[it.vat] for gtin, it in kept.items() if it.vat is not None and it.vat in rates
    }
    return stakes_of(terms, prices, by_item, stocking)
