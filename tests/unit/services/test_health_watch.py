"""Pins device.health: journaled with what was told, so that nothing is told twice."""

import asyncio
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.contract import events as ev
from gateway.core.device_news import DEVICES_MAX, HOLD_S
from gateway.journal.store import JournalStore
from gateway.services.health_watch import HealthWatch
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import START_US, FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened

PDA: dict[str, object] = {
    "name": "pda-1", "driver": "pda", "link": "mqtt", "state": "online", "last_seen_us": START_US,
    "last_reading": "scan", "n_reads": 7, "n_reconnects": 0, "errors": {"json": 1},
    "clock_offset_us": -5, "battery_pct": None, "firmware": "2.1", "zone": None, "n_missing": 2,
    "faults": [],
}  # fmt: skip


class Bench:
    """A watch on a real journal; the devices are as the test says."""

    def __init__(self, journal: JournalStore, *rows: dict[str, object], first_id: int = 1) -> None:
        self.journal = journal
        self.rows = list(rows)
        self.clock = FakeClock()
        ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(first_id))
        self.watch = HealthWatch(
            journal=journal,
            devices=lambda: self.rows,
            warehouse="J1",
            clock=self.clock,
            new_id=ids.__next__,
            heartbeats=Heartbeats(self.clock),
        )

    async def hold(self) -> None:
        """Look, let the time pass that a state must hold, and look again."""
        devices = await self.watch.load()
        await self.watch.look(devices)
        self.clock.forward(HOLD_S)
        await self.watch.look(devices)
        await self.watch.look(devices)

    async def told(self) -> list[ev.Event]:
        rows = await self.journal.read(after_seq=0, limit=100)
        return [ev.parse_event(row.body) for row in rows]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_a_device_is_told_as_the_status_shows_it(state: Path) -> None:
    async with opened(state) as journal:
        bench = Bench(journal, PDA)
        await bench.hold()
        (event,) = await bench.told()
    assert (event.type, event.device) == ("device.health", ev.DeviceMark(id="pda-1"))
    assert (event.occurred_at_us, event.received_at_us) == (
        START_US,
        START_US + round(HOLD_S * 1e6),
    )
    assert event.body == {
        "state": "online", "is_battery_low": False, "driver": "pda", "link": "mqtt",
        "last_seen_us": START_US, "n_reads": 7, "n_reconnects": 0, "errors": {"json": 1},
        "clock_offset_us": -5, "firmware": "2.1", "n_missing": 2,
    }  # fmt: skip


async def test_after_a_restart_what_was_told_is_not_told_again(state: Path) -> None:
    async with opened(state) as journal:
        await Bench(journal, PDA).hold()
    async with opened(state) as journal:
        bench = Bench(journal, PDA, first_id=100)
        await bench.hold()
        assert len(await bench.told()) == 1
        bench.rows = [PDA | {"state": "lost"}]
        await bench.hold()
        states = [(e.body.get("before"), e.body["state"]) for e in await bench.told()]
    assert states == [(None, "online"), ("online", "lost")]


async def test_a_running_watch_begins_from_what_was_told_and_looks_at_once(state: Path) -> None:
    async with opened(state) as journal, asyncio.TaskGroup() as group, asyncio.timeout(GUARD_S):
        await Bench(journal, PDA).hold()
        bench = Bench(journal, PDA | {"battery_pct": 3}, first_id=100)
        task = group.create_task(bench.watch.run())
        await journal.wait_beyond(1)
        task.cancel()
        assert [event.body["is_battery_low"] for event in await bench.told()] == [False, True]


async def test_only_so_many_devices_are_remembered(state: Path) -> None:
    async with opened(state) as journal:
        await Bench(journal, PDA).hold()
        bench = Bench(journal, first_id=100)
        bench.clock.forward(60)
        bench.rows = [PDA | {"name": f"d{n}"} for n in range(DEVICES_MAX)]
        await bench.hold()
        names = {str(name) for (name,) in await journal.query("select device from device_told")}
    assert len(names) == DEVICES_MAX
    assert "pda-1" not in names
