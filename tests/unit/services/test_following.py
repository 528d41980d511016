"""Pins when a consumer takes its next round: at once after a quiet time, else gathered."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.services.following import GATHER_ROWS, GATHER_S, IDLE_S, next_rows
from gateway.services.supervisor import Heartbeats
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.driving import LoopClock
from tests.rigs.journal import entry
from tests.simulation.virtual_time import VirtualLoop

LATE_S = 10 * GATHER_S


class Following:
    """A journal that fills at given times, and the rounds of somebody who reads it."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.heartbeats = Heartbeats(LoopClock())
        self.rounds: list[tuple[float, int]] = []

    def fill(self, n_rows: int, at_s: float) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(at_s, self.journal.append, [entry(n) for n in range(n_rows)])

    async def take(self, n_rounds: int) -> None:
        done = 0
        for _ in range(n_rounds):
            rows = await next_rows(
                self.journal,
                after_seq=done,
                limit=10 * GATHER_ROWS,
                consumer="projector",
                heartbeats=self.heartbeats,
            )
            done = rows[-1].seq
            self.rounds.append((round(asyncio.get_running_loop().time(), 6), len(rows)))


def played(scene: Callable[[Following], Awaitable[None]]) -> list[tuple[float, int]]:
    """When each round was taken, in a time that passes only where somebody waits, and its rows."""

    async def play() -> list[tuple[float, int]]:
        following = Following()
        await scene(following)
        return following.rounds

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(play())


def test_the_first_row_after_a_quiet_time_is_taken_at_once() -> None:
    async def scene(following: Following) -> None:
        following.fill(1, LATE_S)
        await following.take(1)

    assert played(scene) == [(LATE_S, 1)]


def test_rows_gather_after_a_round() -> None:
    async def scene(following: Following) -> None:
        following.fill(1, LATE_S)
        for n in range(1, 6):
            following.fill(1, LATE_S + n * GATHER_S / 10)
        await following.take(2)

    assert played(scene) == [(LATE_S, 1), (round(LATE_S + GATHER_S, 6), 5)]


def test_many_rows_are_not_waited_for() -> None:
    async def scene(following: Following) -> None:
        following.fill(1, LATE_S)
        following.fill(GATHER_ROWS - 1, LATE_S + GATHER_S / 10)
        following.fill(1, LATE_S + GATHER_S / 5)
        await following.take(2)

    assert played(scene) == [(LATE_S, 1), (round(LATE_S + GATHER_S / 5, 6), GATHER_ROWS)]


def test_a_quiet_night_is_no_stall() -> None:
    async def scene(following: Following) -> None:
        following.fill(1, 3 * IDLE_S)
        async with asyncio.TaskGroup() as group:
            group.create_task(following.take(1))
            for _ in range(3):
                await asyncio.sleep(IDLE_S - 0.1)
                assert following.heartbeats.stalled(IDLE_S) == []

    assert played(scene) == [(3 * IDLE_S, 1)]
