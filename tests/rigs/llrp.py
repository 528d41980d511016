"""An LLRP driver over real TCP, and what it hands over, for tests that lead the reader."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from gateway.core.readings import Malformed, Reading, Tag, TagRead
from gateway.drivers.llrp import make_driver
from gateway.links.open import open_link
from gateway.ports import ByteLink, DeviceHealth, Driver
from gateway.registry import DriverContext
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.rigs.driving import LoopClock

LIMIT_S = 20.0
PATIENT = {"keepalive_s": 2.0, "timeout_s": 10.0}
"""A reader that lives keeps these even where the machine has other things to do."""


@dataclass
class Box:
    """The gateway's side: a driver and all that came of it, in order."""

    driver: Driver
    readings: list[Reading] = field(default_factory=list)

    @property
    def health(self) -> DeviceHealth:
        return self.driver.health()[0]

    @property
    def tags(self) -> list[Tag]:
        return [tag for read in self.readings if isinstance(read, TagRead) for tag in read.tags]

    @property
    def epcs(self) -> set[str]:
        return {tag.epc for tag in self.tags}

    @property
    def refused(self) -> list[Malformed]:
        return [reading for reading in self.readings if isinstance(reading, Malformed)]


async def until(is_so: Callable[[], object]) -> None:
    """Return as soon as it is so. Raises TimeoutError."""
    async with asyncio.timeout(LIMIT_S):
        while not is_so():
            await asyncio.sleep(0.001)


def settings_of(link: str, **options: object) -> DeviceSettings:
    return DeviceSettings(
        name="gate", driver="llrp", link=link, zone="C", options={**PATIENT, **options}
    )


def context_of(
    open_byte_link: Callable[[str], Awaitable[ByteLink]] = open_link,
) -> DriverContext:
    return DriverContext(
        warehouse="J1",
        clock=LoopClock(),
        mqtt=None,
        open_link=open_byte_link,
        random=lambda: 0.1,
    )


async def _collect(intake: IntakeQueue, box: Box) -> None:
    while True:
        group = await intake.get_group(1000, 0.0)
        box.readings += [arrival.reading for arrival in group]


@contextlib.asynccontextmanager
async def box_on(
    link: str,
    open_byte_link: Callable[[str], Awaitable[ByteLink]] = open_link,
    **options: object,
) -> AsyncIterator[Box]:
    """A driver that runs while the context is open."""
    box = Box(make_driver(settings_of(link, **options), context_of(open_byte_link)))
    intake = IntakeQueue(100)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(box.driver.run(intake), name="driver"),
            group.create_task(_collect(intake, box), name="collect"),
        ]
        try:
            yield box
        finally:
            for task in tasks:
                task.cancel()
