"""Prices and VAT rates of a market, as they are on the day of an order."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cloud_sync.contract import documents as doc
from cloud_sync.contract.master import PRICE, VAT, WAREHOUSE, Price, Vat, Warehouse
from cloud_sync.fulfilment.placed import CustomerOrder
from cloud_sync.fulfilment.prices import with_prices
from cloud_sync.store.columns import text
from cloud_sync.store.documents import read_documents
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.usable_lots import day_at


async def price_order(tx: Transaction, order: CustomerOrder) -> CustomerOrder:
    """The order with the prices and rates that it leaves to the master data."""
    items = {line.item for line in order.lines}
    listed = await _documents(tx, PRICE, (f"{order.market}.{item}" for item in items))
    prices = {each.gtin: each for each in map(Price.model_validate, listed)}
    return with_prices(order, prices, await _rates(tx, order, items))


async def _rates(tx: Transaction, order: CustomerOrder, items: set[str]) -> dict[str, int]:
    """By item the rate of its category on the day of the order in the market's country."""
    known = map(doc.Item.model_validate, await _documents(tx, doc.ITEM, items))
    category_of = {each.gtin: each.vat for each in known if each.vat is not None}
    keys = (f"{order.market}.{category}" for category in category_of.values())
    rates = {
        each.category: each for each in map(Vat.model_validate, await _documents(tx, VAT, keys))
    }
    if not rates:
        return {}
    day = day_at(order.ordered_at_us, await _time_zone(tx, order.market))
    return {
        item: rates[category].rate_on(day)
        for item, category in category_of.items()
        if category in rates
    }


async def _time_zone(tx: Transaction, country: str) -> str | None:
    """The clock of a country: that of its first warehouse by id; None where there is none."""
    places = map(Warehouse.model_validate, await read_documents(tx, WAREHOUSE))
    here = [(each.id, each.time_zone) for each in places if each.country == country]
    return min(here)[1] if here else None


async def _documents(tx: Transaction, kind: str, keys: Iterable[str]) -> list[object]:
    rows = await fetch_in(
        tx,
        "select content from documents where kind = ? and is_deleted = 0 and key in (?*)",
        keys,
        before=(kind,),
    )
    return [json.loads(text(content)) for (content,) in rows]
