"""A driver on a link in memory, for tests that play the device's part themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from gateway.core.readings import Reading
from gateway.links.memory import MemoryLink, memory_pair
from gateway.ports import Arrival, ByteLink, Clock, DeviceHealth, Driver
from gateway.registry import DriverContext, DriverFactory
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.rigs.guard import GUARD_S


class LoopClock:
    """The event loop's own time, so that time-outs and the driver's clock agree."""

    def wall_us(self) -> int:
        return 1_795_000_000_000_000 + round(self.monotonic() * 1_000_000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class Driven:
    """A running driver: `device` is the device's end of its link."""

    driver: Driver
    device: MemoryLink
    intake: IntakeQueue
    arrivals: list[Arrival] = field(default_factory=list)

    async def readings(self, n: int) -> list[Reading]:
        """The next `n` readings. Raises TimeoutError."""
        async with asyncio.timeout(GUARD_S):
            while len(self.arrivals) < n:
                self.arrivals += await self.intake.get_group(n, GUARD_S)
        taken, self.arrivals = self.arrivals[:n], self.arrivals[n:]
        return [arrival.reading for arrival in taken]

    async def written(self, n_bytes: int) -> bytes:
        """The next bytes that the driver writes, at least so many. Raises TimeoutError."""
        data = b""
        async with asyncio.timeout(GUARD_S):
            while len(data) < n_bytes:
                data += await self.device.read()
        return data

    async def until(self, is_so: Callable[[DeviceHealth], bool]) -> DeviceHealth:
        """The first device's health as soon as `is_so` holds of it. Raises TimeoutError."""
        async with asyncio.timeout(GUARD_S):
            while not is_so(self.driver.health()[0]):
                await asyncio.sleep(0.001)
        return self.driver.health()[0]


def settings_of(driver: str, **options: object) -> DeviceSettings:
    """A device's configuration."""
    return DeviceSettings(
        name="gate", driver=driver, link="serial:///dev/ttyUSB0", zone="C", options=options
    )


@contextlib.asynccontextmanager
async def driven(
    factory: DriverFactory, settings: DeviceSettings, *, clock: Clock | None = None
) -> AsyncIterator[Driven]:
    """The driver, running while the context is open, on one link that is never lost."""
    box, device = memory_pair()

    async def open_link(url: str) -> ByteLink:
        return box

    context = DriverContext(
        warehouse="J1",
        clock=clock or LoopClock(),
        mqtt=None,
        open_link=open_link,
        random=lambda: 0.0,
    )
    driver = factory(settings, context)
    intake = IntakeQueue(1000)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(driver.run(intake), name="driver")
        yield Driven(driver, device, intake)
        task.cancel()
