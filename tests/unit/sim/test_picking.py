"""Pins a worker at the cloud's orders: by the list, short where nothing is found, boxed once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from random import Random

import pytest

from cloud_sync.contract import keys
from device_sim.catalog import make_catalog
from device_sim.stage.crew import Pace, Worker, parts_of
from device_sim.stage.ledger import Ledger
from device_sim.stage.picking import Picker
from device_sim.world import Lot, Place, World
from tests.rigs.guard import GUARD_S

Row = dict[str, object]


class Gateway:
    """Stands for PDA and gateway: answers each scan, with the lists that a test gives it."""

    def __init__(self, lists: list[list[Row]]) -> None:
        self.lists = lists
        self.heard: list[Mapping[str, object]] = []
        self.worker: Worker | None = None
        self._seq = 0

    def tell(self, order: Mapping[str, object]) -> None:
        task = order["task"]
        assert isinstance(task, dict)
        self._seq += 1
        self.heard.append(task)
        result: Row = {"status": "accepted"}
        if task["type"] in {"start", "short"}:
            result["stops"] = self.lists.pop(0)
        assert self.worker is not None
        self.worker.hear({"event": "scan", "ref": order["ref"], "boot": "b", "seq": self._seq})
        receipt = {"event": "receipt", "seq": self._seq, "status": "accepted", "result": result}
        asyncio.get_running_loop().call_soon(self.worker.hear, receipt)


def stop(lot: Lot, world: World, quantity: int) -> Row:
    place = world.bin_of(lot.item, lot.code)
    return {"location": place, "item": lot.item, "lot": lot.code, "quantity": quantity}


@pytest.fixture
def world() -> World:
    return World(make_catalog(), Random(1), date(2026, 11, 21))


def stocked(world: World, units: int) -> Lot:
    lot = world.make_lot(world.catalog[0])
    world.receive("J1", lot, units, asn="ASN")
    return lot


async def filled(world: World, gateway: Gateway, item: str, quantity: int) -> Picker:
    """A picker who has done whatever the board asks for."""
    worker = Worker(world, "J1", Ledger("pda"), Random(1), Pace(scan_s=0.0), pda=gateway)  # type: ignore[arg-type]  # stands for the PDA
    gateway.worker = worker
    picker = Picker(worker, Random(1), missed_share=0.0)
    worker.tasks = [{"type": "pick", "id": "O.1", "lines": [{"item": item, "quantity": quantity}]}]
    async with asyncio.timeout(GUARD_S), asyncio.TaskGroup() as group:
        picking = group.create_task(picker.keep_picking())
        while picker.n_boxes == 0 or worker.ledger.n_open:
            await asyncio.sleep(0)
        picking.cancel()
    return picker


async def test_a_list_is_picked_packed_and_sent_and_the_truth_follows(world: World) -> None:
    first, second = stocked(world, 2), stocked(world, 9)
    gateway = Gateway([[stop(first, world, 2), stop(second, world, 1)]])
    picker = await filled(world, gateway, first.item, 3)
    kinds = [task["type"] for task in gateway.heard]
    assert kinds == ["start", "pick", "pick", "pack", "pack", "ship"]
    (sscc,) = {str(task["sscc"]) for task in gateway.heard if task["type"] == "pack"}
    assert keys.is_sscc(sscc)
    assert picker.worker.sent == {("O.1", first.item): 3}
    left = {it.lot: n for it, n in world.truth.items() if it.warehouse == "J1"}
    assert left == {second.code: 8}


async def test_what_is_not_there_is_said_and_the_new_list_followed(world: World) -> None:
    first, second = stocked(world, 1), stocked(world, 9)
    gateway = Gateway([[stop(first, world, 3)], [stop(second, world, 2)]])
    await filled(world, gateway, first.item, 3)
    said = [(task["type"], task.get("quantity")) for task in gateway.heard]
    assert said[:4] == [("start", None), ("pick", 1), ("short", 2), ("pick", 2)]
    assert world.truth[Place("", keys.CUSTOMER, first.item, first.code)] == 1


async def test_a_list_that_walks_back_is_noted(world: World) -> None:
    far, near = stocked(world, 1), stocked(world, 1)
    stops = sorted(
        [stop(far, world, 1), stop(near, world, 1)], key=lambda it: str(it["location"])
    )[::-1]
    picker = await filled(world, Gateway([stops]), far.item, 2)
    assert len(picker.out_of_turn) == 1


@pytest.mark.parametrize(
    ("units", "n", "parts"), [(7, 1, [7]), (7, 2, [2, 5]), (0, 2, []), (1, 2, [1])]
)
def test_a_delivery_is_parted_into_lots(units: int, n: int, parts: list[int]) -> None:
    assert parts_of(units, n) == parts
