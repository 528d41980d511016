"""Pins customers' orders on both stores: promised once, to the nearest, followed through."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.service.fulfilment import go_round
from cloud_sync.store.allocations import TRIED_EVERY_US
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, code_of
from tests.fakes.shop import HOUR_US, Shop, open_shop, order_body, parcels
from tests.fakes.uploads import ITEM, make_line

pytestmark = pytest.mark.slow


@pytest.fixture
async def cloud(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(database, tokens) as it:
        yield it


# ------------------------------------------------------------------ from order to customer


async def test_an_order_goes_to_the_nearest_and_is_followed_until_it_is_delivered(
    cloud: Shop,
) -> None:
    await cloud.stock(W1=10, C1=50)
    placed = await cloud.place(4)
    assert placed.status_code == 201, placed.text
    told = placed.json()
    assert (told["status"], parcels(told)) == ("allocated", [("O-1.1", "W1", "open", 4)])
    assert told["ship_by_us"] == NOW_US + 72 * HOUR_US
    assert await cloud.available() == {"W1": 6, "C1": 50}
    sent = (await cloud.documents("gw-W1"))["O-1.1"]
    assert sent is not None
    assert sent["lines"] == [{"item": ITEM, "quantity": 4, "unit": "EA"}]
    assert sent["order"] == "O-1"
    assert not await cloud.documents("gw-C1")

    for quantity, status in ((1, "picking"), (3, "picked")):
        await cloud.move("W1", ev.GOODS_PICKED, "O-1.1", "R-01", "PACK", quantity)
        assert (await cloud.get("/v1/orders/O-1"))["status"] == status
        assert (await cloud.available())["W1"] == 6, "what is picked is neither free nor reserved"
    for quantity, status in ((3, "part_delivered"), (1, "delivered")):
        await cloud.move("W1", ev.ORDER_DELIVERED, "O-1.1", "PACK", "@customer", quantity)
        assert (await cloud.get("/v1/orders/O-1"))["status"] == status
    sent = (await cloud.documents("gw-W1"))["O-1.1"]
    assert sent is not None
    assert sent["status"] == "closed"
    assert await cloud.available() == {"W1": 6, "C1": 50}


async def test_what_no_single_warehouse_has_is_completed_from_others(cloud: Shop) -> None:
    await cloud.stock(W1=3, C1=4)
    told = (await cloud.place(6)).json()
    assert parcels(told) == [("O-1.1", "W1", "open", 3), ("O-1.2", "C1", "open", 3)]
    assert set(await cloud.documents("gw-W1")) == {"O-1.1"}
    assert set(await cloud.documents("gw-C1")) == {"O-1.2"}
    assert await cloud.available() == {"W1": 0, "C1": 1}


async def test_an_order_that_is_short_waits_and_is_filled_when_goods_come(cloud: Shop) -> None:
    await cloud.stock(W1=3)
    told = (await cloud.place(5)).json()
    assert (told["status"], told["missing"][0]["quantity"]) == ("open", 2)
    await cloud.place(5, "O-2", partial=False)
    assert parcels(await cloud.get("/v1/orders/O-2")) == []
    await cloud.stock(C1=8)
    cloud.now_us += TRIED_EVERY_US - 1
    await go_round(cloud.database, cloud.now_us)
    assert (await cloud.get("/v1/orders/O-1"))["status"] == "open", "not tried again so soon"
    cloud.now_us += 1
    await go_round(cloud.database, cloud.now_us)
    assert parcels(await cloud.get("/v1/orders/O-1"))[1:] == [("O-1.2", "C1", "open", 2)]
    assert parcels(await cloud.get("/v1/orders/O-2")) == [("O-2.1", "C1", "open", 5)]


async def miss(cloud: Shop, missing: int, *, is_found: bool = False) -> None:
    """W1's picker misses so many of the first parcel, or finds them after all."""
    said = {"item": ITEM, "location": "R-01", "unit": "EA", "missing": missing}
    cloud.books["W1"].record(
        ev.EVENT_CORRECTED if is_found else ev.PICK_SHORT,
        documents=(ev.Document(type="order", id="O-1.1"),),
        body={"corrects_type": ev.PICK_SHORT, "of": said} if is_found else said,
    )
    await cloud.tell("W1")


async def test_a_short_pick_is_completed_from_elsewhere(cloud: Shop) -> None:
    await cloud.stock(W1=9, C1=9)
    await cloud.place(5)
    await cloud.move("W1", ev.GOODS_PICKED, "O-1.1", "R-01", "PACK", 2)
    await miss(cloud, 3)
    told = await cloud.get("/v1/orders/O-1")
    assert told["missing"] == [{"item": ITEM, "unit": "EA", "quantity": 3}]
    cloud.now_us += TRIED_EVERY_US
    await go_round(cloud.database, cloud.now_us)
    told = await cloud.get("/v1/orders/O-1")
    assert parcels(told) == [("O-1.1", "W1", "open", 5), ("O-1.2", "C1", "open", 3)]
    assert told["missing"] == []
    sent = (await cloud.documents("gw-W1"))["O-1.1"]
    assert sent is not None
    assert sent["lines"] == [{"item": ITEM, "quantity": 2, "unit": "EA"}]


@pytest.mark.parametrize("is_given", [False, True], ids=["at once", "given elsewhere"])
async def test_a_short_pick_that_was_taken_back_is_picked_where_it_lies(
    cloud: Shop, *, is_given: bool
) -> None:
    await cloud.stock(W1=9, C1=9)
    await cloud.place(5)
    await miss(cloud, 3)
    if is_given:
        cloud.now_us += TRIED_EVERY_US
        await go_round(cloud.database, cloud.now_us)
    await miss(cloud, 3, is_found=True)
    told = await cloud.get("/v1/orders/O-1")
    assert told["missing"] == []
    assert parcels(told)[0] == ("O-1.1", "W1", "open", 5)
    assert parcels(told)[1:] == ([("O-1.2", "C1", "moved", 3)] if is_given else [])
    sent = (await cloud.documents("gw-W1"))["O-1.1"] or {}
    assert sent["lines"] == [{"item": ITEM, "quantity": 5, "unit": "EA"}]
    assert not is_given or (await cloud.documents("gw-C1"))["O-1.2"] is None
    assert await cloud.available() == {"W1": 4, "C1": 9}


@pytest.mark.parametrize("missing", [3, 5], ids=["some", "all"])
async def test_what_was_found_again_stays_where_it_is_once_another_has_begun(
    cloud: Shop, missing: int
) -> None:
    left = 5 - missing
    await cloud.stock(W1=9, C1=9)
    await cloud.place(5)
    await miss(cloud, missing)
    cloud.now_us += TRIED_EVERY_US
    await go_round(cloud.database, cloud.now_us)
    await cloud.move("C1", ev.GOODS_PICKED, "O-1.2", "R-01", "PACK", 1)
    await miss(cloud, missing, is_found=True)
    assert await cloud.available() == {"W1": 9 - left, "C1": 9 - missing}
    sent = (await cloud.documents("gw-W1"))["O-1.1"] or {}
    lines = [{"item": ITEM, "quantity": left, "unit": "EA"}]
    assert sent["lines"] == lines if left else sent["status"] == "closed"
    if left:
        await cloud.move("W1", ev.GOODS_PICKED, "O-1.1", "R-01", "PACK", left)
    await cloud.move("C1", ev.GOODS_PICKED, "O-1.2", "R-01", "PACK", missing - 1)
    assert (await cloud.get("/v1/orders/O-1"))["status"] == "picked"


async def test_what_was_picked_and_put_back_is_to_be_picked_again(cloud: Shop) -> None:
    await cloud.stock(W1=9)
    await cloud.place(5)
    await cloud.move("W1", ev.GOODS_PICKED, "O-1.1", "R-01", "PACK", 5)
    await cloud.move("W1", ev.EVENT_CORRECTED, "O-1.1", "PACK", "R-01", 5)
    assert (await cloud.get("/v1/orders/O-1"))["status"] == "allocated"
    assert await cloud.available() == {"W1": 4}


# ------------------------------------------------------------------ cancelled, moved, dark


async def test_a_cancelled_order_frees_its_goods_and_leaves_a_tombstone(cloud: Shop) -> None:
    await cloud.stock(W1=9)
    await cloud.place(5)
    told = (await cloud.call("POST", "/v1/orders/O-1/cancel")).json()
    assert (told["status"], parcels(told)) == ("cancelled", [("O-1.1", "W1", "cancelled", 5)])
    assert await cloud.available() == {"W1": 9}
    assert await cloud.documents("gw-W1") == {"O-1.1": None}
    again = await cloud.call("POST", "/v1/orders/O-1/cancel")
    assert (again.status_code, code_of(again)) == (409, "ended")


async def test_orders_leave_a_warehouse_that_is_dark_too_long_unless_begun(cloud: Shop) -> None:
    await cloud.stock(W1=20, C1=20)
    await cloud.place(5, "O-1")
    await cloud.place(5, "O-2")
    await cloud.move("W1", ev.GOODS_PICKED, "O-2.1", "R-01", "PACK", 1)
    cloud.now_us += 2 * HOUR_US + 1
    cloud.books["C1"].receive(1)
    await cloud.tell("C1")
    await go_round(cloud.database, cloud.now_us)
    told = await cloud.get("/v1/orders/O-1")
    assert parcels(told) == [("O-1.1", "W1", "moved", 5), ("O-1.2", "C1", "open", 5)]
    assert parcels(await cloud.get("/v1/orders/O-2")) == [("O-2.1", "W1", "open", 5)]
    risky = (await cloud.get("/v1/orders/at-risk"))["orders"]
    assert isinstance(risky, list)
    assert [(it["id"], it["risks"]) for it in risky] == [("O-2", ["dark"])]
    assert (await cloud.documents("gw-W1"))["O-1.1"] is None, "told once it asks again"


async def test_an_order_that_nobody_else_can_fill_stays_at_the_dark_warehouse(
    cloud: Shop,
) -> None:
    await cloud.stock(W1=20, C1=4)
    await cloud.place(5)
    cloud.now_us += 3 * HOUR_US
    cloud.books["C1"].receive(0)
    await cloud.tell("C1")
    await go_round(cloud.database, cloud.now_us)
    assert parcels(await cloud.get("/v1/orders/O-1")) == [("O-1.1", "W1", "open", 5)]
    refused = await cloud.call("POST", "/v1/orders/O-1/move", {"warehouse": "W1"})
    assert (refused.status_code, code_of(refused)) == (409, "short")


async def test_orders_give_way_where_less_is_left_than_was_promised(cloud: Shop) -> None:
    await cloud.stock(W1=10, C1=4)
    for n in range(3):
        await cloud.place(3, f"O-{n}", ordered_at_us=NOW_US + n)
    cloud.now_us += TRIED_EVERY_US
    cloud.books["W1"].record(ev.STOCK_WASTED, lines=(make_line("R-01", "@waste", 2),))
    await cloud.tell("W1")
    assert await cloud.available() == {"W1": -1, "C1": 4}
    place = await go_round(cloud.database, cloud.now_us)
    assert place == "", "all items were looked at"
    assert await cloud.available() == {"W1": 2, "C1": 1}
    assert parcels(await cloud.get("/v1/orders/O-2")) == [
        ("O-2.1", "W1", "moved", 3),
        ("O-2.2", "C1", "open", 3),
    ]
    cloud.books["W1"].record(ev.STOCK_WASTED, lines=(make_line("R-01", "@waste", 4),))
    await cloud.tell("W1")
    await go_round(cloud.database, cloud.now_us)
    assert (await cloud.available())["W1"] == -2, "nobody has it; a picker may find it yet"


# ------------------------------------------------------------------ promises


async def test_a_dark_warehouse_promises_less_and_then_nothing_that_spoils(cloud: Shop) -> None:
    item = {"gtin": ITEM, "names": {"en": "Milk"}, "zone": "refrigerated", "grams_per_unit": 1000}
    policy = {
        "warehouse": "W1",
        "gtin": ITEM,
        "demand_units_per_day": 24,
        "demand_sd_units_per_day": 1,
        "reorder_point_units": 5,
        "lead_time_days": 1.0,
    }
    assert (await cloud.call("PUT", f"/v1/items/{ITEM}", item)).status_code == 200
    assert (await cloud.call("PUT", f"/v1/policies/W1/{ITEM}", policy)).status_code == 200
    await cloud.stock(W1=20)
    cloud.now_us += 6 * HOUR_US
    assert await cloud.available() == {"W1": 14}
    rules = await cloud.get("/v1/promise-rules")
    await cloud.call("PUT", "/v1/promise-rules", {**rules, "buffer_per_mille": 2000})
    assert await cloud.available() == {"W1": 8}
    await cloud.call("PUT", f"/v1/items/{ITEM}", {**item, "shelf_life_days": 9})
    rows = (await cloud.get(f"/v1/promises?item={ITEM}"))["promises"]
    assert isinstance(rows, list)
    assert [(it["is_stopped"], it["available"]) for it in rows] == [(True, 0)]


async def test_a_lot_is_promised_up_to_its_last_day(cloud: Shop) -> None:
    book = cloud.books["W1"]
    book.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "L1", "expiry": "2023-11-16"})
    book.receive(5, to="R-01", lot="L1")
    await cloud.tell("W1")
    # NOW_US is 2023-11-14 22:13:20 UTC; the last day ends 25 h 46 min 40 s after its noon.
    end_us = 1_700_179_200_000_000
    for at_us, available in ((end_us - 1, 5), (end_us, 0)):
        rows = (await cloud.get(f"/v1/promises?at_us={at_us}"))["promises"]
        assert isinstance(rows, list)
        assert [it["available"] for it in rows] == [available]
    told = (await cloud.place(1)).json()
    assert told["status"] == "open", "by its ship-by time the lot will have gone off"
    told = (await cloud.place(1, "O-2", promised_at_us=end_us - 1)).json()
    assert told["status"] == "allocated"


async def test_what_a_gateway_holds_or_recalls_is_not_promised(cloud: Shop) -> None:
    for warehouse in ("W1", "C1"):
        for lot in ("L1", "L2"):
            cloud.books[warehouse].receive(5, to="R-01", lot=lot)
        await cloud.tell(warehouse)
    for at_us, kind, body, expected in (
        (20, ev.LOT_HELD, {"lot": "L1"}, {"W1": 5, "C1": 10}),
        (10, ev.LOT_RELEASED, {"lot": "L1"}, {"W1": 5, "C1": 10}),
        (30, ev.LOT_RELEASED, {"lot": "L1"}, {"W1": 10, "C1": 10}),
        (40, ev.LOT_RECALLED, {"lot": "L2"}, {"W1": 5, "C1": 5}),
        (50, ev.LOT_HELD, {}, {"W1": 0, "C1": 5}),
        (60, ev.LOT_RELEASED, {}, {"W1": 5, "C1": 5}),
        (70, ev.LOT_RELEASED, {"lot": "L2", "lifts": "recall"}, {"W1": 10, "C1": 10}),
    ):
        cloud.books["W1"].record(kind, body={"item": ITEM, "reason": "x", **body}, at_us=at_us)
        await cloud.tell("W1")
        assert await cloud.available() == expected, (at_us, kind)


# ------------------------------------------------------------------ lists, words, mistakes


async def test_orders_are_listed_in_pages(cloud: Shop) -> None:
    await cloud.stock(W1=2)
    for n in range(5):
        await cloud.place(1, f"O-{n}", ordered_at_us=NOW_US - n)
    for path, order in (("/v1/orders", range(5)), ("/v1/orders/at-risk", (4, 3, 2))):
        seen: list[str] = []
        after = ""
        while True:
            page = await cloud.get(f"{path}?limit=2{after}")
            rows = page["orders"]
            assert isinstance(rows, list)
            seen += [row["id"] for row in rows]
            if "next_after" not in page:
                break
            after = f"&after={page['next_after']}"
        assert seen == [f"O-{n}" for n in order]
    found = (await cloud.get("/v1/orders?status=allocated&warehouse=W1"))["orders"]
    assert isinstance(found, list)
    assert [it["id"] for it in found] == ["O-0", "O-1"]


async def test_the_clock_of_72_hours(cloud: Shop) -> None:
    await cloud.stock(W1=2)
    await cloud.place(1)
    for left_s, risks in ((86_401, []), (86_400, ["due"]), (0, ["due"]), (-1, ["late"])):
        cloud.now_us = NOW_US + 72 * HOUR_US - left_s * 1_000_000
        cloud.books["W1"].receive(0)
        await cloud.tell("W1")
        found = (await cloud.get("/v1/orders/at-risk"))["orders"]
        assert isinstance(found, list)
        assert [it["risks"] for it in found] == ([risks] if risks else [])


WRONG: list[dict[str, object]] = [
    {"id": "O.1"},
    {"id": "x" * 57},
    {"currency": "eur"},
    {"market": "Germany"},
    {"lines": []},
    {"lines": [{"item": ITEM, "quantity": 0}]},
    {"lines": [{"item": "09506000134353", "quantity": 1}]},
    {"lines": [{"item": ITEM, "quantity": 1}, {"item": ITEM, "quantity": 2}]},
    {"lines": [{"item": ITEM, "quantity": "1"}]},
    {"distances_m": {}},
    {"distances_m": None},
    {"place": {"latitude": 91, "longitude": 0}, "distances_m": None},
    {"place": {"latitude": 1, "longitude": 0}},
    {"colour": "red"},
]
"""What an order must not be; None takes a key away."""


async def test_an_order_that_is_not_one_is_refused(cloud: Shop) -> None:
    for wrong in WRONG:
        body = {key: it for key, it in {**order_body(1), **wrong}.items() if it is not None}
        refused = await cloud.call("POST", "/v1/orders", body)
        assert (refused.status_code, code_of(refused)) == (422, "malformed"), wrong
    assert (await cloud.get("/v1/orders"))["orders"] == []


async def test_an_order_is_placed_once(cloud: Shop) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = [await cloud.call("POST", "/v1/orders", order_body(1), **key) for _ in range(2)]
    assert (first.status_code, again.content) == (201, first.content)
    refused = await cloud.place(1)
    assert (refused.status_code, code_of(refused)) == (409, "exists")
    assert (await cloud.call("GET", "/v1/orders/O-2")).status_code == 404
    assert (await cloud.call("POST", "/v1/orders/O-2/cancel")).status_code == 404


async def test_proposals_name_lots_and_days_left(cloud: Shop) -> None:
    policy = {
        "warehouse": "W1",
        "gtin": ITEM,
        "demand_units_per_day": 2,
        "demand_sd_units_per_day": 1,
        "reorder_point_units": 5,
        "lead_time_days": 1.0,
    }
    await cloud.call("PUT", f"/v1/policies/W1/{ITEM}", policy)
    book = cloud.books["C1"]
    book.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "L1", "expiry": "2023-11-30"})
    book.receive(50, to="R-01", lot="L1")
    await cloud.tell("C1")
    assert (await cloud.get("/v1/transfer-proposals"))["proposals"] == [
        {
            "item": ITEM,
            "unit": "EA",
            "source": "C1",
            "destination": "W1",
            "quantity": 11,
            "arrives_on": "2023-11-15",
            "lots": [{"lot": "L1", "expiry": "2023-11-30", "quantity": 11}],
            "days_left_on_arrival": 16,
        }
    ]
    asn = {
        "id": "ASN-1",
        "warehouse": "W1",
        "source": "@supplier",
        "status": "planned",
        "ordered": [{"item": ITEM, "quantity": 6}],
    }
    assert (await cloud.call("PUT", "/v1/asns/ASN-1", asn)).status_code == 200
    assert (await cloud.get("/v1/transfer-proposals"))["proposals"] == []
