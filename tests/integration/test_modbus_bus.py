"""Pins the Modbus driver against pymodbus's server: a good unit, a dead one, one that refuses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pymodbus.simulator import SimDevice

from gateway.core.readings import ClimateSample, NoReading, Reading
from gateway.core.sensor_faults import ERROR, OUT_OF_RANGE, SILENT
from gateway.drivers.xy_md02 import make_driver
from gateway.links.open import open_link
from gateway.ports import DeviceHealth, Driver
from gateway.registry import DriverContext
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.rigs.driving import LoopClock
from tests.rigs.guard import GUARD_S
from tests.rigs.modbus import Bridge, modbus_bus, unit


class Listened:
    """A driver on the bus and what came of it."""

    def __init__(self, driver: Driver, bridge: Bridge) -> None:
        self.driver = driver
        self.bridge = bridge
        self.readings: list[Reading] = []

    def of(self, address: int) -> list[Reading]:
        return [each for each in self.readings if each.stamp.device == f"bus.{address}"]

    def health(self, address: int) -> DeviceHealth:
        return next(each for each in self.driver.health() if each.name == f"bus.{address}")

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(GUARD_S):
            while not is_so():
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def listening(
    directory: Path,
    units: list[SimDevice],
    addresses: list[int],
    *,
    dead: frozenset[int] | set[int] = frozenset(),
    **options: object,
) -> AsyncIterator[Listened]:
    async with modbus_bus(directory, units) as (link, bridge):
        bridge.dead |= dead
        settings = DeviceSettings(
            name="bus",
            driver="xy-md02",
            link=link,
            options={
                "units": [{"address": address, "zone": f"Z{address}"} for address in addresses],
                "period_s": 0.05,
                "timeout_s": 0.25,
                **options,
            },
        )
        context = DriverContext("J1", LoopClock(), None, open_link, lambda: 0.5)
        it = Listened(make_driver(settings, context), bridge)
        queue = IntakeQueue(1000)

        async def collect() -> None:
            while True:
                it.readings += [each.reading for each in await queue.get_group(100, GUARD_S)]

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(it.driver.run(queue), name="driver"),
                group.create_task(collect(), name="collect"),
            ]
            try:
                yield it
            finally:
                for task in tasks:
                    task.cancel()


async def test_a_dead_and_a_refusing_unit_hold_up_nobody(tmp_path: Path) -> None:
    units = [unit(1, 4.2, 83.0), unit(2, -18.5, 60.0), unit(3, 0, 0, first=100), unit(4, 0, 0)]
    async with listening(tmp_path, units, [1, 2, 3, 4], dead={4}) as it:
        await it.until(lambda: min(len(it.of(address)) for address in (1, 2, 3, 4)) >= 3)
        for address, celsius, percent in ((1, 420, 8300), (2, -1850, 6000)):
            for reading in it.of(address):
                assert isinstance(reading, ClimateSample)
                assert (reading.zone, reading.temperature_centi_c, reading.humidity_centi_pct) == (
                    f"Z{address}", celsius, percent,
                )  # fmt: skip
            assert it.health(address).state == "online"
            assert it.health(address).errors == {}
        refused, silent = it.of(3)[0], it.of(4)[0]
        assert isinstance(refused, NoReading)
        assert (refused.kind, refused.zone) == (ERROR, "Z3")
        assert "illegal data address" in refused.reason
        assert isinstance(silent, NoReading)
        assert silent.kind == SILENT
        assert set(it.health(3).errors) == {"exception 2"}
        assert set(it.health(4).errors) == {"silent"}
        assert (it.health(3).state, it.health(4).state) == ("faulty", "faulty")
        it.bridge.dead.clear()
        await it.until(lambda: isinstance(it.of(4)[-1], ClimateSample))
        assert it.health(4).state == "online"


async def test_a_wrong_checksum_is_no_reading_and_passes(tmp_path: Path) -> None:
    async with listening(tmp_path, [unit(1, 4.2, 83.0), unit(2, 5.0, 50.0)], [1, 2]) as it:
        it.bridge.damaged = {1}
        await it.until(lambda: len(it.of(1)) >= 3 and len(it.of(2)) >= 3)
        assert {each.kind for each in it.of(1) if isinstance(each, NoReading)} == {ERROR}
        assert all(isinstance(each, ClimateSample) for each in it.of(2))
        assert set(it.health(1).errors) == {"crc"}
        it.bridge.damaged = set()
        await it.until(lambda: isinstance(it.of(1)[-1], ClimateSample))
        assert it.health(1).state == "online"


@pytest.mark.parametrize("celsius", [125.1, -40.1])
async def test_an_impossible_value_is_a_fault_and_no_reading(
    tmp_path: Path, celsius: float
) -> None:
    async with listening(tmp_path, [unit(1, celsius, 50.0)], [1]) as it:
        await it.until(lambda: len(it.of(1)) >= 2)
        for reading in it.of(1):
            assert isinstance(reading, NoReading)
            assert reading.kind == OUT_OF_RANGE
            assert f"{celsius:g}" in reading.reason


async def test_registers_may_stand_elsewhere(tmp_path: Path) -> None:
    options = {"temperature_register": 100, "humidity_register": None}
    async with listening(tmp_path, [unit(7, 21.5, 0, first=100)], [7], **options) as it:
        await it.until(lambda: len(it.of(7)) >= 1)
        (reading, *_) = it.of(7)
        assert isinstance(reading, ClimateSample)
        assert (reading.temperature_centi_c, reading.humidity_centi_pct) == (2150, None)
