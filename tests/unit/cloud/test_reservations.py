"""Pins reservations on both stores: the last pieces once each, all lines or none, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.service.fulfilment import go_round
from cloud_sync.store.ports import Database, Script
from tests.fakes.http_words import bearer, code_of
from tests.fakes.shop import HOUR_US, Shop, open_shop, reservation_body
from tests.fakes.uploads import ITEM

OTHER = "04012345678901"
T = TypeVar("T")


@pytest.fixture
async def cloud(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(database, tokens) as it:
        yield it


async def test_fifty_at_once_over_the_last_ten_pieces(cloud: Shop) -> None:
    await cloud.stock(W1=10)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                cloud.call("POST", "/v1/reservations", reservation_body(1)), name=f"reserver {n}"
            )
            for n in range(50)
        ]
    answers = [task.result() for task in tasks]
    assert sorted(it.status_code for it in answers) == [201] * 10 + [409] * 40
    assert {code_of(it) for it in answers if it.status_code == 409} == {"short"}
    assert await cloud.available() == {"W1": 0}


async def test_orders_and_reservations_at_once_never_promise_a_piece_twice(cloud: Shop) -> None:
    await cloud.stock(W1=7, C1=6)
    async with asyncio.TaskGroup() as group:
        for n in range(8):
            group.create_task(cloud.place(2, f"O-{n}"), name=f"order {n}")
            group.create_task(
                cloud.call("POST", "/v1/reservations", reservation_body(2)), name=f"reserver {n}"
            )
    assert all(left in {0, 1} for left in (await cloud.available()).values())


async def test_a_reservation_takes_all_lines_or_none(cloud: Shop) -> None:
    await cloud.stock(W1=10)
    lines = [{"item": ITEM, "quantity": 1}, {"item": OTHER, "quantity": 1}]
    refused = await cloud.call("POST", "/v1/reservations", reservation_body(1, lines=lines))
    assert (refused.status_code, code_of(refused)) == (409, "short")
    assert await cloud.available() == {"W1": 10}


@pytest.mark.parametrize(("later_s", "state", "left"), [(59, "held", 3), (60, "expired", 10)])
async def test_a_reservation_ends_by_itself(
    cloud: Shop, later_s: int, state: str, left: int
) -> None:
    await cloud.stock(W1=10)
    made = (await cloud.call("POST", "/v1/reservations", reservation_body(7))).json()
    cloud.now_us += later_s * 1_000_000
    path = f"/v1/reservations/{made['reservation']}"
    assert (await cloud.get(path))["state"] == state
    assert (await cloud.available())["W1"] == left
    await go_round(cloud.database, cloud.now_us)
    assert (await cloud.get(path))["state"] == state
    confirmed = await cloud.call("POST", f"{path}/confirm")
    assert confirmed.status_code == (200 if state == "held" else 409)


class Waiting:
    """A store at which a read waits for its turn, in which something else is done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)

    async def read(self, script: Script[T]) -> T:
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
        return await self._database.read(script)


async def test_goods_of_an_ended_reservation_never_count_twice(
    database: Database, tokens: dict[str, str]
) -> None:
    store = Waiting(database)
    async with open_shop(store, tokens) as cloud:  # type: ignore[arg-type]  # the rest is the store's own
        await cloud.stock(W1=10)
        made = await cloud.call("POST", "/v1/reservations", reservation_body(7))
        assert made.status_code == 201

        async def take_over() -> None:
            cloud.now_us += 60_000_000
            again = await cloud.call("POST", "/v1/reservations", reservation_body(9))
            assert again.status_code == 201

        assert (await cloud.available())["W1"] == 3
        store.meanwhile = take_over
        assert (await cloud.available())["W1"] == 1


async def test_a_confirmed_reservation_stays_and_a_released_one_goes(cloud: Shop) -> None:
    await cloud.stock(W1=10)
    made = (await cloud.call("POST", "/v1/reservations", reservation_body(7))).json()
    path = f"/v1/reservations/{made['reservation']}"
    for _ in range(2):
        assert (await cloud.call("POST", f"{path}/confirm")).json()["state"] == "confirmed"
    cloud.now_us += 100 * HOUR_US
    await go_round(cloud.database, cloud.now_us)
    assert (await cloud.get(path))["state"] == "confirmed"
    for _ in range(2):
        assert (await cloud.call("POST", f"{path}/release")).json()["state"] == "released"
    assert (await cloud.call("POST", f"{path}/confirm")).status_code == 409


async def test_a_reservation_is_not_made_without_a_key(cloud: Shop) -> None:
    await cloud.stock(W1=10)
    headers = bearer(cloud.tokens["admin"])
    refused = await cloud.http.post("/v1/reservations", json=reservation_body(7), headers=headers)
    assert (refused.status_code, code_of(refused)) == (422, "malformed")
    assert "idempotency-key" in refused.text
    twice = [
        await cloud.call(
            "POST", "/v1/reservations", reservation_body(7), **{"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert twice[0].json() == twice[1].json()
    assert await cloud.available() == {"W1": 3}


async def test_a_repeated_confirm_is_told_the_same_whatever_became_of_the_goods(
    cloud: Shop,
) -> None:
    await cloud.stock(W1=10)
    made = (await cloud.call("POST", "/v1/reservations", reservation_body(7))).json()
    path = f"/v1/reservations/{made['reservation']}/confirm"
    first = await cloud.call("POST", path)
    await cloud.move("W1", ev.STOCK_WASTED, "none", "R-01", "@waste", 5)
    assert await cloud.available() == {"W1": -2}
    repeat = await cloud.call("POST", path)
    assert (repeat.status_code, repeat.json()) == (200, first.json())


async def test_an_order_takes_over_what_was_reserved_for_it(cloud: Shop) -> None:
    await cloud.stock(W1=5)
    made = (await cloud.call("POST", "/v1/reservations", reservation_body(5))).json()
    assert (await cloud.place(5, "O-0")).json()["status"] == "open"
    told = (await cloud.place(5, "O-1", reservation=made["reservation"])).json()
    assert (told["status"], await cloud.available()) == ("allocated", {"W1": 0})
    found = await cloud.get(f"/v1/reservations/{made['reservation']}")
    assert found["state"] == "released"
    refused = await cloud.call("POST", "/v1/reservations/O-1.1/release")
    assert code_of(refused) == "ended", "a parcel's reservation ends with its order only"
