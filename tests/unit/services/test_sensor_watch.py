"""Pins the sensor watch: faults journaled once, with the cursor, and taken up after a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

from cloud_sync.contract import events as ev
from gateway.core.facts import Facts
from gateway.core.readings import NoReading, Stamp
from gateway.core.sensor_faults import ERROR, SILENT, SensorRule
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.sensor_watch import CONSUMER, TICK_S, SensorWatch
from gateway.services.supervisor import Heartbeats
from tests.fakes.clock import START_US, FakeClock
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import opened, until

RULE = SensorRule(silent_s=100.0, missed_max=2, n_recover=2)
SENSORS = [("bus.1", "cold"), ("bus.2", "cold")]


class Bench:
    """A watch on a real journal. The clock stands; each `tick` moves it and wakes the watch."""

    def __init__(self, journal: JournalStore, clock: FakeClock, first_id: int = 1) -> None:
        self.journal = journal
        self.clock = clock
        self.served = {device for device, _ in SENSORS}
        self.facts = Facts("J1")
        self._ids = (f"00000000-0000-7000-8000-{n:012x}" for n in count(first_id))
        self.watch = SensorWatch(
            journal=journal,
            rule=RULE,
            warehouse="J1",
            clock=clock,
            new_id=self._ids.__next__,
            sensors=lambda: [s for s in SENSORS if s[0] in self.served],
            is_served=lambda name: name in self.served,
            facts=lambda: self.facts,
            heartbeats=Heartbeats(clock),
        )

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.watch.run())
            yield
            task.cancel()

    async def sample(self, device: str, centi_c: int) -> None:
        """One reading, journaled; it wakes the watch too."""
        now_us = self.clock.wall_us()
        event = ev.Event(
            event_id=next(self._ids), type=ev.CLIMATE_SAMPLED, version=1, occurred_at_us=now_us,
            received_at_us=now_us, warehouse="J1", zone="cold",
            device=ev.DeviceMark(id=device),
            body={"n": 1, "temperature_centi_c": dict.fromkeys(("min", "mean", "max"), centi_c)},
        )  # fmt: skip
        await self.journal.append(
            [Entry((Draft(event.event_id, event.type, now_us, ev.encode_event(event)),))]
        )

    def miss(self, device: str, kind: str) -> None:
        stamp = Stamp(device, None, None, None, self.clock.wall_us())
        self.watch.note(NoReading(stamp, "cold", kind, f"was {kind}"))

    async def told(self, n: int) -> list[ev.Event]:
        """The sensor events in the journal once there are `n`."""
        found: list[ev.Event] = []

        async def look() -> None:
            rows = await self.journal.read(after_seq=0, limit=10_000)
            found[:] = [ev.parse_event(row.body) for row in rows if row.type.startswith("sensor.")]

        async with asyncio.timeout(GUARD_S):
            while len(found) < n:
                await look()
                await asyncio.sleep(0)
        return found


@contextlib.asynccontextmanager
async def benched(path: Path) -> AsyncIterator[Bench]:
    clock = FakeClock()
    async with opened(path, clock=clock) as journal:
        yield Bench(journal, clock)


async def test_a_sensor_asked_in_vain_is_journaled_with_its_reason(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.miss("bus.1", SILENT)
        bench.miss("bus.1", SILENT)
        bench.miss("bus.2", ERROR)
        bench.miss("bus.2", ERROR)
        async with bench.watching():
            first, second = await bench.told(2)
    assert [first.type, second.type] == [ev.SENSOR_FAULT, ev.SENSOR_FAULT]
    assert first.device is not None
    assert (first.device.id, first.zone, first.warehouse) == ("bus.1", "cold", "J1")
    assert first.body["kind"] == SILENT
    assert "was silent" in str(first.body["reason"])
    assert second.body["kind"] == ERROR


async def test_silence_is_noticed_by_time_alone_and_ended_by_readings(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        await bench.sample("bus.1", 400)
        async with bench.watching():
            await until(lambda: "bus.1" in bench.watch._faults._sensors)
            bench.clock.forward(100)
            await bench.sample("bus.2", 410)  # wakes the watch, and is not silent itself
            (fault,) = await bench.told(1)
            assert fault.body["since_us"] == START_US
            assert fault.occurred_at_us == START_US + 100_000_000
            await bench.sample("bus.1", 401)
            await bench.sample("bus.1", 402)
            _, recovered = await bench.told(2)
    assert recovered.type == ev.SENSOR_RECOVERED
    assert recovered.cause == fault.event_id
    assert recovered.body["since_us"] == fault.body["since_us"]


async def test_a_fault_outlives_the_gateway_and_ends_once(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.miss("bus.1", SILENT)
        bench.miss("bus.1", SILENT)
        async with bench.watching():
            (fault,) = await bench.told(1)
    clock = FakeClock()
    clock.forward(5000)
    async with opened(tmp_path, clock=clock) as journal:
        again = Bench(journal, clock, first_id=1000)
        again.miss("bus.1", SILENT)
        again.miss("bus.1", SILENT)
        async with again.watching():
            # A miss between the two samples would begin the count of good readings anew.
            await until(lambda: not again.watch._missed)
            await again.sample("bus.1", 400)
            await again.sample("bus.1", 401)
            events = await again.told(2)
        assert again.watch.open_faults() == []
    assert [event.type for event in events] == [ev.SENSOR_FAULT, ev.SENSOR_RECOVERED]
    assert events[1].cause == fault.event_id
    assert events[1].body["since_us"] == fault.body["since_us"]


async def test_what_was_not_committed_is_found_again(tmp_path: Path) -> None:
    """Samples that were read before the cursor moved are read again after a crash."""
    async with benched(tmp_path) as bench:
        async with bench.watching():
            await bench.sample("bus.1", 9999)
            (fault,) = await bench.told(1)
        assert fault.body["kind"] == "out_of_range"
        before = await bench.journal.cursor(CONSUMER)
        assert before == 1
    async with opened(tmp_path) as journal:
        again = Bench(journal, FakeClock(), first_id=1000)
        async with again.watching():
            await again.sample("bus.1", 9999)
            await again.sample("bus.2", 9999)
            events = await again.told(2)
    assert events[0] == fault, "open still"
    assert events[1].device is not None
    assert events[1].device.id == "bus.2", "and not opened again before this one"


async def test_a_sensor_taken_from_the_configuration_ends_its_fault(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        bench.miss("bus.1", SILENT)
        bench.miss("bus.1", SILENT)
        async with bench.watching():
            await bench.told(1)
            bench.served.discard("bus.1")
            bench.clock.forward(TICK_S)
            await bench.sample("bus.2", 400)
            _, recovered = await bench.told(2)
    assert recovered.type == ev.SENSOR_RECOVERED
