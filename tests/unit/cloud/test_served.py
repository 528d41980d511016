"""Pins what central warehouses are told of those that they serve: stock that may be sold, what is
due and promised, plans that wait, when each was heard of; and of suppliers' terms."""

from __future__ import annotations

from functools import partial

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.served import (
    SERVED,
    SERVED_STOCK,
    TERMS,
    ServedContact,
    ServedItem,
    ServedStock,
    SupplyTerms,
    TermsPage,
    page_of,
)
from cloud_sync.service.served import TELL_EVERY_US, go_round
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.documents import EVERYBODY, OF_THE_CLOUD, Draft, put_documents
from cloud_sync.store.feed import read_changes
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.uploads import ITEM, Book, make_line

HOUR_US = 3_600_000_000
NOW_US = 20_000 * 24 * HOUR_US
OTHER = "09506000134369"
NETWORK = {
    "format": "forepost-network/1",
    "products": [],
    "central_warehouses": [{"id": "C1"}],
    "warehouses": [{"id": "W1"}, {"id": "W2"}],
}


def policy(item: str, warehouse: str = "W1") -> Draft:
    content = {
        "warehouse": warehouse, "gtin": item, "demand_units_per_day": 12.5,
        "demand_sd_units_per_day": 3.0, "reorder_point_units": 20, "lead_time_days": 0.5,
    }  # fmt: skip
    return Draft(doc.POLICY, f"{warehouse}.{item}", warehouse, content)


def asn(status: str = "planned", ordered: int = 50) -> Draft:
    content = {
        "id": "ASN-1", "warehouse": "W1", "source": "C1", "status": status,
        "ordered": [{"item": ITEM, "quantity": ordered, "unit": "EA"}], "shipped": [],
    }  # fmt: skip
    return Draft(doc.ASN, "ASN-1", "W1", content)


async def put(database: Database, *drafts: Draft) -> None:
    await database.transact(partial(put_documents, drafts=drafts))


async def take(database: Database, book: Book, *, now_us: int = NOW_US) -> None:
    upload = book.upload(1, len(book.bodies))
    script = partial(take_batch, gateway="gw-W1", warehouse="W1", upload=upload, now_us=now_us)
    assert isinstance(await database.transact(script), Taken)


async def hear(database: Database, at_us: int) -> None:
    async def script(tx: Transaction) -> None:
        await tx.execute_many(
            "update gateways set contact_at_us = ? where gateway = 'gw-W1'", [(at_us,)]
        )

    await database.transact(script)


async def told(database: Database, warehouse: str = "C1") -> dict[tuple[str, str], doc.Change]:
    page = await database.read(partial(read_changes, warehouse=warehouse, after=0, limit=500))
    kinds = {SERVED, SERVED_STOCK, TERMS}
    return {(it.kind, it.key): it for it in page.changes if it.kind in kinds}


async def items_of(database: Database, place: str = "C1.W1") -> dict[str, ServedItem]:
    found: dict[str, ServedItem] = {}
    for (kind, key), change in (await told(database)).items():
        if kind == SERVED_STOCK and key.startswith(f"{place}.") and not change.deleted:
            page = ServedStock.model_validate(change.data)
            assert {page_of(gtin) for gtin in page.items} == {int(key[-2:])}
            found |= dict(page.rows())
    return found


@pytest.fixture
async def network(database: Database, tokens: dict[str, str]) -> Database:
    await put(
        database,
        Draft(doc.NETWORK, "network", EVERYBODY, NETWORK),
        Draft(doc.ITEM, ITEM, EVERYBODY, {
            "gtin": ITEM, "names": {"en": "milk"}, "zone": "cold", "grams_per_unit": 500}),
        policy(ITEM), policy(OTHER),
    )  # fmt: skip
    return database


async def test_stock_is_told_as_plans_count_it(network: Database) -> None:
    book = Book()
    book.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "OLD", "expiry": "2020-01-01"})
    book.record(ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", 30),), at_us=NOW_US)
    book.record(
        ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", 7, lot="OLD"),), at_us=NOW_US
    )
    arrived = (ev.Document(type="asn", id="ASN-1"),)
    book.record(
        ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", 20),), documents=arrived,
        at_us=NOW_US,
    )  # fmt: skip
    await put(network, asn())
    await take(network, book)
    await hear(network, NOW_US)
    await go_round(network, NOW_US + 1)
    found = await items_of(network)
    assert found[ITEM] == ServedItem(
        on_hand=50, on_order=30, allocated=0, planned=0, reorder_point=20, demand_per_day=12.5,
        demand_sd_per_day=3.0, lead_time_days=0.5,
    )  # fmt: skip
    assert found[OTHER].on_hand == 0, "an item without stock is told of: it is needed most"
    contact = ServedContact.model_validate((await told(network))[SERVED, "C1.W1"].data)
    assert contact.heard_at_us == NOW_US


async def test_nobody_but_the_central_warehouse_is_told(network: Database) -> None:
    await take(network, _received(5))
    await hear(network, NOW_US)
    await go_round(network, NOW_US)
    assert await told(network)
    assert not await told(network, "W1")


def _received(units: int) -> Book:
    book = Book()
    book.record(ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", units),), at_us=NOW_US)
    return book


async def test_what_was_told_is_told_again_after_an_hour_and_only_what_is_new(
    network: Database,
) -> None:
    await take(network, _received(5))
    await hear(network, NOW_US)
    assert await go_round(network, NOW_US) == 3, "the contact and the pages of two items"
    await hear(network, NOW_US + TELL_EVERY_US - 1)
    assert await go_round(network, NOW_US + TELL_EVERY_US) == 0
    await hear(network, NOW_US + TELL_EVERY_US)
    assert await go_round(network, NOW_US + TELL_EVERY_US) == 1, "the stock is what it was"
    # Nothing was heard since, however long that is.
    assert await go_round(network, NOW_US + 100 * TELL_EVERY_US) == 0


async def test_an_item_that_is_kept_no_more_leaves_its_page(network: Database) -> None:
    await take(network, _received(5))
    await hear(network, NOW_US)
    await go_round(network, NOW_US)

    async def drop(tx: Transaction) -> None:
        await tx.execute_many(
            "update documents set is_deleted = 1 where kind = 'policy' and key = ?",
            [(f"W1.{OTHER}",)],
        )

    await network.transact(drop)
    await hear(network, NOW_US + TELL_EVERY_US)
    await go_round(network, NOW_US + TELL_EVERY_US)
    assert set(await items_of(network)) == {ITEM}


def supply(supplier: str, cost: int, **more: object) -> Draft:
    content = {
        "supplier": supplier, "gtin": ITEM, "lead_time_days": 2.0, "cost_minor": cost,
        "currency": "EUR", "minimum_order_units": 24,
    }  # fmt: skip
    return Draft("supply", f"{supplier}.{ITEM}", OF_THE_CLOUD, content | more)


async def test_the_preferred_supplier_is_told_then_the_cheapest(network: Database) -> None:
    async def asked() -> dict[str, SupplyTerms]:
        await go_round(network, NOW_US)
        pages = [it for (kind, _), it in (await told(network)).items() if kind == TERMS]
        return dict(row for it in pages for row in TermsPage.model_validate(it.data).rows())

    await put(network, supply("B", 90), supply("A", 120))
    assert (await asked())[ITEM] == SupplyTerms("B", 2.0, 24)
    await put(network, supply("A", 120, preferred=True))
    assert (await asked())[ITEM].supplier == "A"


async def test_without_a_network_nobody_is_told(
    database: Database, tokens: dict[str, str]
) -> None:
    await put(database, policy(ITEM), supply("B", 90))
    await take(database, _received(5))
    assert await go_round(database, NOW_US) == 0


def test_a_page_whose_columns_differ_in_length_is_none() -> None:
    good = {
        "warehouse": "C1", "of": "W1", "items": [ITEM], "on_hand": [1], "on_order": [0],
        "allocated": [0], "planned": [0], "reorder_point": [1], "demand_per_day": [1.0],
        "demand_sd_per_day": [0.0], "lead_time_days": [1.0],
    }  # fmt: skip
    told = dict(ServedStock.model_validate(good).rows())[ITEM]
    assert (told.on_hand, told.order_up_to) == (1, None), "as an older cloud tells it"
    more = good | {"order_up_to": [7], "cycle_days": [2.0]}
    assert dict(ServedStock.model_validate(more).rows())[ITEM].order_up_to == 7
    with pytest.raises(ValueError, match="columns"):
        ServedStock.model_validate(good | {"on_hand": [1, 2]})
