"""Pins what master data and scope do to promises: places, time zones, holds, papers, rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.credentials import create_token, put_user
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, code_of
from tests.fakes.shop import Shop, open_shop, order_body, parcels, reservation_body
from tests.fakes.uploads import ITEM

BERLIN = {"latitude": 52.52, "longitude": 13.405}
PARIS = {"latitude": 48.8566, "longitude": 2.3522}
POTSDAM = {"latitude": 52.39, "longitude": 13.06}


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """Master data is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def cloud(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(database, tokens) as it:
        yield it


async def put(cloud: Shop, path: str, body: dict[str, object]) -> None:
    response = await cloud.call("PUT", path, body)
    assert response.status_code == 200, response.text


async def warehouse(
    cloud: Shop, name: str, place: dict[str, float], time_zone: str = "UTC"
) -> None:
    body = {"id": name, "name": name, "country": "DE", "time_zone": time_zone, **place}
    await put(cloud, f"/v1/warehouses/{name}", body)


def without_distances(quantity: int, order: str) -> dict[str, object]:
    body = {**order_body(quantity, order), "place": POTSDAM}
    del body["distances_m"]
    return body


async def test_the_nearest_by_coordinates_gets_the_order(cloud: Shop) -> None:
    await cloud.stock(W1=5, C1=5)
    await warehouse(cloud, "W1", PARIS)
    nowhere = await cloud.call("POST", "/v1/orders", without_distances(1, "O-1"))
    assert [it["warehouse"] for it in nowhere.json()["parcels"]] == ["W1"], "C1 is nowhere yet"
    await warehouse(cloud, "C1", BERLIN)
    told = (await cloud.call("POST", "/v1/orders", without_distances(1, "O-2"))).json()
    assert [it["warehouse"] for it in told["parcels"]] == ["C1"]
    assert abs(told["parcels"][0]["distance_m"] - 27_400) < 500


async def test_a_day_ends_in_the_warehouses_own_zone(cloud: Shop) -> None:
    book = cloud.books["W1"]
    book.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "L1", "expiry": "2023-11-14"})
    book.receive(5, to="R-01", lot="L1")
    await cloud.tell("W1")
    assert await cloud.available() == {"W1": 5}, "22:13 in UTC: it is still its last day"
    await warehouse(cloud, "W1", BERLIN, "Asia/Shanghai")
    assert await cloud.available() == {"W1": 0}, "06:13 of the next day over there"


async def test_held_goods_are_not_promised_and_come_back_with_the_release(cloud: Shop) -> None:
    cloud.books["W1"].receive(5, to="R-01", lot="L1")
    cloud.books["W1"].receive(3, to="R-01", lot="L2")
    await cloud.tell("W1")
    hold = {"id": "H-1", "kind": "hold", "item": ITEM, "lot": "L1", "reason": "smells"}
    await put(cloud, "/v1/holds/H-1", hold)
    assert await cloud.available() == {"W1": 3}
    refused = await cloud.call("POST", "/v1/reservations", reservation_body(4))
    assert code_of(refused) == "short"
    assert (await cloud.call("DELETE", "/v1/holds/H-1")).status_code == 200
    assert await cloud.available() == {"W1": 8}


async def test_an_item_whose_paper_ran_out_is_not_promised(cloud: Shop) -> None:
    await cloud.stock(W1=5)
    paper = {"id": "P-1", "type": "organic", "items": [ITEM], "valid_until": "2023-11-14"}
    await put(cloud, "/v1/certificates/P-1", paper)
    assert await cloud.available() == {"W1": 5}
    assert (await cloud.place(1)).json()["status"] == "open", "not good until it has to leave"
    await put(cloud, "/v1/certificates/P-2", {**paper, "id": "P-2", "valid_until": "2024-11-14"})
    assert (await cloud.place(1, "O-2")).json()["status"] == "allocated"


async def test_who_has_one_warehouse_sells_from_it_alone(cloud: Shop, database: Database) -> None:
    await database.transact(
        partial(put_user, name="ann", role="supervisor", scope=frozenset({"C1"}), now_us=1)
    )
    token = await database.transact(
        partial(create_token, name="ann", role="supervisor", now_us=NOW_US)
    )
    await cloud.stock(W1=5, C1=5)
    await cloud.place(1, "O-W")
    admin, cloud.tokens["admin"] = cloud.tokens["admin"], token
    told = (await cloud.place(1, "O-C")).json()
    assert parcels(told) == [("O-C.1", "C1", "open", 1)]
    orders = (await cloud.get("/v1/orders"))["orders"]
    assert isinstance(orders, list)
    assert [it["id"] for it in orders] == ["O-C"]
    assert await cloud.available() == {"C1": 4}
    for method, path, body in (
        ("GET", "/v1/orders/O-W", None),
        ("GET", "/v1/orders?warehouse=W1", None),
        ("GET", "/v1/reservations/O-W.1", None),
        ("POST", "/v1/orders/O-W/cancel", None),
        ("POST", "/v1/orders/O-W/move", {"warehouse": "W1"}),
        ("POST", "/v1/reservations", reservation_body(1)),
        ("PUT", "/v1/promise-rules", {"buffer_per_mille": 0}),
    ):
        refused = await cloud.call(method, path, body)
        assert (refused.status_code, code_of(refused)) == (403, "forbidden"), path
    cloud.tokens["admin"] = admin
    assert (await cloud.get("/v1/orders/O-W"))["status"] == "allocated"


async def test_a_fresh_gateway_gets_the_orders_as_they_stand(cloud: Shop) -> None:
    await cloud.stock(W1=9)
    for n in range(3):
        await cloud.place(2, f"O-{n}")
    await cloud.call("POST", "/v1/orders/O-1/cancel")
    response = await cloud.http.get(
        "/sync/v1/changes?cursor=0", headers=bearer(cloud.tokens["gw-W1"])
    )
    found = [
        (it["key"], it["deleted"]) for it in response.json()["changes"] if it["kind"] == "order"
    ]
    assert found == [("O-0.1", False), ("O-2.1", False), ("O-1.1", True)]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders?after=x",
        "/v1/orders/at-risk?after=WyItLTUiLCJPIl0=",
        "/v1/orders/at-risk?soon_s=-1",
        "/v1/orders?status=lost",
        "/v1/orders?limit=0",
        "/v1/reservations?state=lost",
        "/v1/promises?item=123",
        "/v1/promises?at_us=-1",
        "/v1/transfer-proposals?cover_days=1000",
    ],
)
async def test_a_question_that_is_not_one_is_refused(cloud: Shop, path: str) -> None:
    refused = await cloud.call("GET", path)
    assert (refused.status_code, code_of(refused)) == (422, "malformed")


@pytest.mark.parametrize("path", ["/v1/orders/O-1/cancel", "/v1/reservations/R-1/confirm"])
async def test_what_takes_no_body_says_so(cloud: Shop, path: str) -> None:
    refused = await cloud.call("POST", path, {"why": "because"})
    assert (refused.status_code, code_of(refused)) == (422, "malformed")
    assert (await cloud.call("POST", path)).status_code == 404
