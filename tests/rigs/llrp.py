"""An LLRP driver over real TCP, and what it hands over, for tests that lead the reader."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from device_sim.broker import Endpoint
from device_sim.clock import wall_us
from device_sim.llrp import ReaderPort, serving
from device_sim.llrp_reader import Reader, ReaderModel
from gateway.core.readings import Malformed, Reading, Tag, TagRead
from gateway.drivers.llrp import make_driver
from gateway.links.open import open_link
from gateway.ports import ByteLink, DeviceHealth, Driver
from gateway.registry import DriverContext
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.rigs.driving import LoopClock
from tests.rigs.guard import GUARD_S

ANY_PORT = Endpoint("127.0.0.1", 0)
EPCS = [f"3034257BF7194E40{i:08X}" for i in range(500)]

BRISK = {"keepalive_s": 0.5}
"""For tests that wait for keep-alives, or for their absence."""
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
    async with asyncio.timeout(GUARD_S):
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


async def _collect(intake: IntakeQueue, box: Box, slow_s: float) -> None:
    while True:
        group = await intake.get_group(1 if slow_s else 1000, GUARD_S)
        box.readings += [arrival.reading for arrival in group]
        await asyncio.sleep(slow_s)


@contextlib.asynccontextmanager
async def box_on(
    link: str,
    open_byte_link: Callable[[str], Awaitable[ByteLink]] = open_link,
    *,
    slow_s: float = 0.0,
    **options: object,
) -> AsyncIterator[Box]:
    """A driver that runs while the context is open. slow_s: what the journal takes for each."""
    box = Box(make_driver(settings_of(link, **options), context_of(open_byte_link)))
    intake = IntakeQueue(100 if slow_s == 0 else 1)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(box.driver.run(intake), name="driver"),
            group.create_task(_collect(intake, box, slow_s), name="collect"),
        ]
        try:
            yield box
        finally:
            for task in tasks:
                task.cancel()


def make_reader(**model: object) -> Reader:
    reader = Reader(ReaderModel(**model), Random(1), wall_us())  # type: ignore[arg-type]
    reader.tags = {2: {bytes.fromhex(EPCS[0]): -5381}}
    return reader


@contextlib.asynccontextmanager
async def rig(reader: Reader, **options: object) -> AsyncIterator[tuple[ReaderPort, Box]]:
    """A listening reader and a driver connected to it."""
    async with (
        serving(reader, ANY_PORT) as (port, number),
        box_on(f"tcp://127.0.0.1:{number}", **options) as box,
    ):
        yield port, box


async def lost_and_back(box: Box) -> None:
    n_before = box.health.n_reconnects
    await until(lambda: box.health.n_reconnects > n_before and box.health.state != "lost")


def lives(records: Sequence[logging.LogRecord]) -> list[str]:
    """What a driver's log tells of its links and readers: `link_lost`, `link_up` and so on."""
    actions = [str(getattr(record, "action", "")) for record in records]
    return [action for action in actions if action.startswith(("link_", "reader_restarted"))]
