"""Pins that no piece is promised twice: after any run of calls and facts, and with all at once."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.service.fulfilment import go_round
from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.orders import OPEN, load_orders
from cloud_sync.store.ports import Database
from tests.fakes.shop import Shop, open_shop, order_body, reservation_body
from tests.fakes.uploads import ITEM
from tests.rigs.patterns import opened_cloud

pytestmark = pytest.mark.slow

WAREHOUSES = ("W1", "C1")
STEPS = (
    "reserve", "confirm", "release", "place", "cancel", "pick", "back", "deliver", "short",
    "receive", "wait", "round", "move",
)  # fmt: skip

steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), min_size=5, max_size=25)


class Day:
    """A shop and what has been asked of it; each step is made by a name and a number."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.reservations: list[str] = []
        self.orders: list[str] = []

    async def step(self, name: str, number: int) -> None:
        """One step, as far as there is something to do it with."""
        shop = self.shop
        warehouse, quantity = WAREHOUSES[number % 2], 1 + number % 7
        if name == "reserve":
            body = reservation_body(quantity, warehouse=warehouse, expires_in_s=1 + number)
            answer = await shop.call("POST", "/v1/reservations", body)
            if answer.status_code == 201:
                self.reservations.append(answer.json()["reservation"])
        elif name in {"confirm", "release"} and self.reservations:
            which = self.reservations[number % len(self.reservations)]
            await shop.call("POST", f"/v1/reservations/{which}/{name}")
        elif name == "place":
            order = f"O-{len(self.orders)}"
            self.orders.append(order)
            body = order_body(2 * quantity, order, partial=number % 3 > 0)
            assert (await shop.call("POST", "/v1/orders", body)).status_code == 201
        elif name == "cancel" and self.orders:
            which = self.orders[number % len(self.orders)]
            await shop.call("POST", f"/v1/orders/{which}/cancel")
        elif name == "move" and self.orders:
            which = self.orders[number % len(self.orders)]
            await shop.call("POST", f"/v1/orders/{which}/move", {"warehouse": warehouse})
        elif name == "receive":
            await shop.stock(**{warehouse: quantity})
        elif name == "wait":
            shop.now_us += number * 1_000_000
        elif name == "round":
            await go_round(shop.database, shop.now_us)
        else:
            await self.work(name, number, quantity)

    async def work(self, name: str, number: int, quantity: int) -> None:
        """What pickers do for a parcel, never more than it asks for."""
        found = await self.shop.database.read(partial(load_orders, ids=self.orders))
        parts = [
            part
            for state in found
            for row, part in zip(state.parcels, state.parts, strict=False)
            if row.status == OPEN
        ]
        if not parts or name not in {"pick", "back", "deliver", "short"}:
            return
        part = parts[number % len(parts)]
        (goods,) = part.wanted
        on_bench = part.taken.get(goods, 0) - part.delivered.get(goods, 0)
        left = {"pick": part.to_come(goods), "short": part.to_come(goods)}.get(name, on_bench)
        amount = min(quantity, left)
        if amount <= 0:
            return
        move = partial(self.shop.move, part.warehouse)
        if name == "pick":
            await move(ev.GOODS_PICKED, part.parcel, "R-01", "PACK", amount)
        elif name == "back":
            await move(ev.EVENT_CORRECTED, part.parcel, "PACK", "R-01", amount)
        elif name == "deliver":
            await move(ev.ORDER_DELIVERED, part.parcel, "PACK", "@customer", amount)
        else:
            self.shop.books[part.warehouse].record(
                ev.PICK_SHORT,
                documents=(ev.Document(type="order", id=part.parcel),),
                body={"item": ITEM, "unit": "EA", "missing": amount, "reason": "empty"},
            )
            await self.shop.tell(part.warehouse)

    async def check(self) -> None:
        """No shelf has more promised than stands on it; no order got more than it asked for."""
        rows = (await self.shop.get("/v1/promises"))["promises"]
        assert isinstance(rows, list)
        for row in rows:
            assert row["reserved"] <= row["usable"], row
        for state in await self.shop.database.read(partial(load_orders, ids=self.orders)):
            (goods,) = state.order.wanted
            to_come = sum(part.to_come(goods) for part in state.parts)
            taken = sum(part.taken.get(goods, 0) for part in state.parts)
            asked = state.order.wanted[goods]
            assert to_come + taken <= asked, state
            if not state.is_cancelled:
                assert to_come + taken + state.missing.get(goods, 0) == asked, state
            kept = await self.shop.database.read(
                lambda tx, name=state.order.id: tx.fetch(  # type: ignore[misc]  # bound at once
                    "select sum(quantity - consumed) from reservations "
                    "where order_id = ? and state = 'confirmed'",
                    (name,),
                )
            )
            assert (kept[0][0] or 0) == to_come, "reserved is what is still to be taken"


async def _play(plan: Sequence[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with opened_cloud(str(Path(directory) / "cloud.db")) as database:
            tokens = await _enrol(database)
            async with open_shop(database, tokens) as shop:
                day = Day(shop)
                await shop.stock(W1=12, C1=9)
                for name, number in plan:
                    await day.step(name, number)
                    await day.check()


async def _enrol(database: Database) -> dict[str, str]:
    tokens = {
        f"gw-{it}": await database.transact(
            partial(enrol_gateway, gateway=f"gw-{it}", warehouse=it, now_us=1)
        )
        for it in WAREHOUSES
    }
    admin = partial(create_token, name="admin", role="admin", now_us=1)
    return {**tokens, "admin": await database.transact(admin)}


@given(steps)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_run_of_steps_promises_a_piece_twice(plan: list[tuple[str, int]]) -> None:
    asyncio.run(_play(plan))


@pytest.mark.parametrize("seed", [1, 2])
async def test_many_at_once_promise_no_piece_twice(
    database: Database, tokens: dict[str, str], seed: int
) -> None:
    rng = random.Random(seed)
    calls = ["reserve", "confirm", "release", "place", "place", "reserve", "round"]
    facts = ["pick", "back", "deliver", "short", "pick"]
    async with open_shop(database, tokens) as shop:
        day = Day(shop)
        await shop.stock(W1=30, C1=20)
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                # One gateway's facts come one after the other; all else comes at once.
                group.create_task(_one_by_one(day, facts, rng.randrange(100)), name="facts")
                _at_once(group, day, calls, rng)
            await day.check()
            # Who picks for a parcel that was just taken away takes what nobody promised, so facts
            # keep still while orders are cancelled and moved.
            async with asyncio.TaskGroup() as group:
                _at_once(group, day, [*calls, "cancel", "move"], rng)
            await day.check()


def _at_once(group: asyncio.TaskGroup, day: Day, names: Sequence[str], rng: random.Random) -> None:
    for n in range(12):
        name, number = rng.choice(names), rng.randrange(100)
        group.create_task(day.step(name, number), name=f"{n}: {name}")


async def _one_by_one(day: Day, names: Sequence[str], number: int) -> None:
    for name in names:
        await day.step(name, number)
