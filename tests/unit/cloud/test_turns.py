"""Pins that a gateway's batches go in one at a time, in order, and that nobody waits in vain."""

from __future__ import annotations

import asyncio

import pytest

from cloud_sync.contract.batches import BatchAnswer
from cloud_sync.inbox.admission import Refusal
from cloud_sync.service import turns
from cloud_sync.service.turns import Turn
from cloud_sync.store.batches import Taken
from tests.rigs.guard import GUARD_S


class Desk:
    """Takes numbers in their order; notes who was inside with whom."""

    def __init__(self) -> None:
        self.last = 0
        self.n_tries = 0
        self.n_at_once = 0
        self.turn = Turn()

    async def _take(self, number: int) -> Taken | Refusal:
        self.n_at_once += 1
        self.n_tries += 1
        assert self.n_at_once == 1, "two transactions of one gateway at once"
        await asyncio.sleep(0)
        self.n_at_once -= 1
        if number > self.last + 1:
            return Refusal("gap", "ahead", expected_seq=self.last + 1)
        self.last = number
        return Taken(BatchAnswer(acknowledged_seq=number, events=[]), 1, 0, 0)

    async def send(self, number: int, *, reading: asyncio.Event | None = None) -> Taken | Refusal:
        async with self.turn.inside():
            if reading is not None:
                await reading.wait()
            return await self.turn.take(lambda: self._take(number))


@pytest.fixture(autouse=True)
def _waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the time limit instead of for the others then hangs."""
    monkeypatch.setattr(turns, "OVERTAKEN_S", 3600.0)


async def send_all(*sendings: asyncio.Task[Taken | Refusal]) -> list[Taken | Refusal]:
    async with asyncio.timeout(GUARD_S):
        return [await each for each in sendings]


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (3, 1, 4, 2)])
async def test_whatever_the_order_of_arrival_all_are_taken(order: tuple[int, ...]) -> None:
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(desk.send(number)) for number in order]
        outcomes = await send_all(*tasks)
    assert all(isinstance(each, Taken) for each in outcomes)
    assert desk.last == 4


async def test_it_waits_for_one_whose_body_is_still_being_read() -> None:
    desk, reading = Desk(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(desk.send(1, reading=reading))
        early = group.create_task(desk.send(2))
        while desk.n_tries == 0:
            await asyncio.sleep(0)
        reading.set()
        outcomes = await send_all(slow, early)
    assert all(isinstance(each, Taken) for each in outcomes)


@pytest.mark.parametrize("numbers", [(5,), (5, 6), (8, 7, 6, 5)])
async def test_where_all_are_ahead_all_are_told(numbers: tuple[int, ...]) -> None:
    """As after a restore of the cloud: nobody inside can close the gap."""
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        outcomes = await send_all(*[group.create_task(desk.send(each)) for each in numbers])
    assert [each.code for each in outcomes if isinstance(each, Refusal)] == ["gap"] * len(numbers)


async def test_one_that_leaves_without_a_batch_keeps_nobody() -> None:
    desk, reading = Desk(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        cut = group.create_task(desk.send(1, reading=reading))
        early = group.create_task(desk.send(2))
        while desk.n_tries == 0:
            await asyncio.sleep(0)
        cut.cancel()
        (outcome,) = await send_all(early)
    assert isinstance(outcome, Refusal)


async def test_the_wait_ends_though_another_never_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "OVERTAKEN_S", 0.0)
    desk, reading = Desk(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(desk.send(1, reading=reading))
        (outcome,) = await send_all(group.create_task(desk.send(2)))
        assert isinstance(outcome, Refusal)
        reading.set()
        await send_all(slow)
