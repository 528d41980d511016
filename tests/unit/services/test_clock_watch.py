"""Pins what a gateway says about its own clock: unset, set, jumped; and that order never cares."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count

import pytest

from cloud_sync.contract import events as ev
from gateway.clock import UNSET_BEFORE_US, is_set
from gateway.ports import Entry
from gateway.services import clock_watch as clock_watch_module
from gateway.services.alarms import Alarms
from gateway.services.clock_watch import ClockWatch
from tests.fakes.clock import START_US, FakeClock
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import draft
from tests.unit.services.test_housekeeping import CountedRounds

BOOT_S = 40.0


class Bench:
    def __init__(self, at_us: int) -> None:
        self.clock = FakeClock()
        self.clock.jump((at_us - START_US) / 1_000_000)
        self.journal = MemoryJournal()
        self.alarms = Alarms(self.clock)
        self.heartbeats = CountedRounds(self.clock)
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(1))
        self.watch = ClockWatch(
            journal=self.journal,
            warehouse="J1",
            clock=self.clock,
            new_id=ids.__next__,
            alarms=self.alarms,
            heartbeats=self.heartbeats,
        )

    async def rounds(self, n: int) -> None:
        """Let the watch look that many times."""
        goal = self.heartbeats.n_rounds + n
        async with asyncio.timeout(GUARD_S):
            while self.heartbeats.n_rounds <= goal:
                await asyncio.sleep(0)

    async def record(self, n: int) -> None:
        await self.journal.append([Entry((draft(n),))])

    def told(self) -> list[dict[str, object]]:
        rows = [row for row in self.journal.rows if row.type == ev.GATEWAY_HEALTH]
        return [dict(ev.parse_event(row.body).body) for row in rows]


@contextlib.asynccontextmanager
async def watching(bench: Bench) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.watch.run())
        yield
        task.cancel()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_watch_module, "TICK_S", 0.0)


async def test_a_box_without_a_clock_says_by_how_much_it_was_wrong() -> None:
    bench = Bench(round(BOOT_S * 1_000_000))
    async with watching(bench):
        await bench.record(1)
        await bench.record(2)
        await bench.rounds(2)
        assert [alarm["name"] for alarm in bench.alarms.shown()] == ["clock_unset"]
        assert bench.told() == []
        bench.clock.forward(3600)
        await bench.rounds(2)
        assert bench.told() == []  # an hour that passed is no jump
        before_us = bench.clock.wall_us()
        bench.clock.jump((START_US - before_us) / 1_000_000)
        await bench.rounds(2)
        await bench.record(3)
        await bench.rounds(2)
    (told,) = bench.told()
    assert told == {
        "what": "clock_set",
        "shift_us": START_US - before_us,
        "before_us": before_us,
        "first_seq": 1,
        "last_seq": 2,
    }
    assert bench.alarms.shown() == []


@pytest.mark.parametrize("shift_s", [3600, -3600, -5 * 365 * 86_400 // 5, 2, -2])
async def test_a_jump_is_recorded_once(shift_s: int) -> None:
    bench = Bench(START_US)
    async with watching(bench):
        await bench.rounds(2)
        bench.clock.jump(shift_s)
        await bench.rounds(3)
    (told,) = bench.told()
    assert (told["what"], told["shift_us"]) == ("clock_jumped", shift_s * 1_000_000)


async def test_a_clock_that_is_slewed_does_not_jump() -> None:
    bench = Bench(START_US)
    async with watching(bench):
        for _ in range(50):
            bench.clock.jump(0.4)
            await bench.rounds(1)
    assert bench.told() == []


def test_only_a_time_before_the_program_was_written_is_unset() -> None:
    assert not is_set(0)
    assert not is_set(UNSET_BEFORE_US - 1)
    assert is_set(UNSET_BEFORE_US)
