"""What is at stake in the items of a warehouse, from the office's terms, prices and rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloud_sync.contract import documents as doc
from cloud_sync.contract import master as own
from cloud_sync.demand.keeping import Stakes
from cloud_sync.demand.worth import best_terms, net_price, stakes_of
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
    market = await _read_market(tx, warehouse, kept, on=on)
    return stakes_of(market.terms, market.prices, market.vat_basis_points, stocking)


@dataclass(frozen=True, slots=True)
class ItemWorth:
    """What a piece sells for and costs, in minor units of one currency, without VAT; None where
    nobody says. currency: of the price, else of the terms; "" where neither is known."""

    net_price: float | None
    cost: float | None
    currency: str


async def read_item_worth(
    tx: Transaction, warehouse: str, items: Iterable[str], *, on: str
) -> dict[str, ItemWorth]:
    """Prices and best terms of items at a warehouse; a cost in another currency is not known."""
    found = await find_documents(tx, doc.ITEM, items)
    kept = {it.key: doc.Item.model_validate(it.content) for it in found}
    market = await _read_market(tx, warehouse, kept, on=on)
    worth = {}
    for gtin in kept:
        price, terms = market.prices.get(gtin), market.terms.get(gtin)
        net = None if price is None else net_price(price, market.vat_basis_points.get(gtin))
        currency = price.currency if price else terms.currency if terms else ""
        is_comparable = terms is not None and terms.currency == currency
        cost = float(terms.cost_minor) if terms is not None and is_comparable else None
        worth[gtin] = ItemWorth(net, cost, currency)
    return worth


@dataclass(frozen=True, slots=True)
class _Market:
    """By item: the best terms, the price where the warehouse is, and its VAT rate there."""

    terms: Mapping[str, own.Supply]
    prices: Mapping[str, own.Price]
    vat_basis_points: Mapping[str, int]


async def _read_market(
    tx: Transaction, warehouse: str, kept: Mapping[str, doc.Item], *, on: str
) -> _Market:
    terms = best_terms(
        it
        for it in map(own.Supply.model_validate, await read_documents(tx, own.SUPPLY))
        if it.gtin in kept
    )
    market = None
    for place in await find_documents(tx, own.WAREHOUSE, [warehouse]):
        market = own.Warehouse.model_validate(place.content).country
    if market is None:
        return _Market(terms, {}, {})
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
    return _Market(terms, prices, by_item)
