"""A driver on stage: its simulated device plays at the other end of a wire and can misbehave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from device_sim.faults import Drop, Fault, FaultyLine
from gateway.core.readings import Malformed, NoReading, Reading
from gateway.errors import LinkLost
from gateway.ports import ByteLink, DeviceHealth, Driver, Receipt
from gateway.registry import DriverContext, DriverFactory
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.rigs.driving import LoopClock
from tests.rigs.guard import GUARD_S
from tests.rigs.players import Fact, Player, facts_of
from tests.rigs.wires import MEMORY, Wire

STEP_S = 0.005


@dataclass(frozen=True)
class DriverCase:
    """A driver in the suite.

    play: makes the device it is played against, known as `gate`. silent_after_s: the time after
    which a device that says nothing is no longer shown as online. resend_s: how often the device
    speaks by itself; 0 for one that only answers. faults: what a line may do to its frames
    without making it say what is not true; asked_faults: to what the device is asked.
    memory_url: the link it is told on the wire in memory. growth_bytes: what a flood may take,
    less than it brings. lie: what a frame begins with that promises more bytes than come, where
    frames can be told from noise around them.
    """

    name: str
    factory: DriverFactory
    play: Callable[[], Player]
    silent_after_s: float
    resend_s: float
    faults: tuple[Fault, ...]
    asked_faults: tuple[Fault, ...] = (Drop(0.2),)
    options: Mapping[str, object] = field(default_factory=dict)
    wires: tuple[str, ...] = ("memory", "pty", "tcp")
    memory_url: str = "serial:///dev/ttyUSB0"
    growth_bytes: int = 48 * 1024
    lie: bytes = b""

    @property
    def is_serial(self) -> bool:
        """True for a device whose line may hum and lose bytes."""
        return "pty" in self.wires


class Collector:
    """The intake's other side: takes everything, remembers what was claimed, settles all."""

    def __init__(self, player: Player) -> None:
        self.queue = IntakeQueue(1000)
        self.seen: set[str] = set()
        self.untrue: list[Fact] = []
        self.n_rubbish = 0
        self.n_missed = 0
        self.n_claimed = 0
        self._player = player

    async def run(self) -> None:
        while True:
            for arrival in await self.queue.get_group(100, GUARD_S):
                self._take(arrival.reading)
                if arrival.settle is not None:
                    arrival.settle(_receipt(arrival.reading))

    def _take(self, reading: Reading) -> None:
        self.n_rubbish += isinstance(reading, Malformed)
        self.n_missed += isinstance(reading, NoReading)
        for fact, count in facts_of(reading):
            self.n_claimed += count
            self.seen.add(fact[0])
            if not self._player.is_true(fact):
                self.untrue.append(fact)


def _receipt(reading: Reading) -> Receipt:
    stamp = reading.stamp
    status = "refused" if isinstance(reading, Malformed) else "accepted"
    return Receipt(status, {"v": 1, "status": status, "boot": stamp.boot, "seq": stamp.seq})


class TrackedLink:
    """A link that is known to be open or closed."""

    def __init__(self, link: ByteLink) -> None:
        self._link = link
        self.is_closed = False

    async def read(self) -> bytes:
        return await self._link.read()

    async def write(self, data: bytes) -> None:
        await self._link.write(data)

    async def close(self) -> None:
        self.is_closed = True
        await self._link.close()


class Stage:
    """What a test does to a driver and its device. Made by `staged`.

    n_in_vain: attempts to open a link that is not there. n_copies: how often the line delivers
    each frame at most.
    """

    def __init__(self, driver: Driver, player: Player, wire: Wire, case: DriverCase) -> None:
        self.driver = driver
        self.player = player
        self.wire = wire
        self.case = case
        self.collector = Collector(player)
        self.line = FaultyLine((), Random("line"))
        self.asked = FaultyLine((), Random("asked"))
        self.is_silent = False
        self.one_byte = False
        self.links: list[TrackedLink] = []
        self.n_in_vain = 0
        self.n_copies = 1
        # A device ends one frame before it begins the next, whichever of its tasks they come from.
        self._one_at_a_time = asyncio.Lock()

    def health(self) -> Sequence[DeviceHealth]:
        return self.driver.health()

    async def all_heard(self) -> None:
        """Return when everybody who must be heard was heard anew. Raises TimeoutError."""
        self.collector.seen.clear()
        await self.until(lambda: self.player.subjects <= self.collector.seen)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so. Raises TimeoutError with what there was instead."""
        try:
            async with asyncio.timeout(GUARD_S):
                while not is_so():
                    await asyncio.sleep(STEP_S)
        except TimeoutError as error:
            missing = self.player.subjects - self.collector.seen
            raise TimeoutError(f"not heard: {missing}; {self.health()}") from error

    def states(self) -> set[str]:
        return {health.state for health in self.health()}

    # ------------------------------------------------------------ the device's part

    async def greet(self) -> None:
        """Say what a device says to who connects."""
        while True:
            await self.wire.met()
            for frame in self.player.greet(asyncio.get_running_loop().time()):
                await self._send(frame)

    async def listen(self) -> None:
        """Answer what is asked."""
        while True:
            self.asked.put(await self.wire.read(), 0.0)
            for data in self.asked.take(0.0):
                for frame in self.player.take(data, asyncio.get_running_loop().time()):
                    await self._send(frame)

    async def speak(self) -> None:
        """Say what comes of itself."""
        while self.case.resend_s > 0:
            for frame in self.player.speak(asyncio.get_running_loop().time()):
                await self._send(frame)
            await asyncio.sleep(self.case.resend_s)

    async def _send(self, frame: bytes) -> None:
        if self.is_silent:
            return
        self.line.put(frame, 0.0)
        async with self._one_at_a_time:
            for payload in self.line.take(60.0):
                pieces = [payload]
                if self.one_byte:
                    pieces = [payload[i : i + 1] for i in range(len(payload))]
                for piece in pieces:
                    await self.wire.write(piece)


@contextlib.asynccontextmanager
async def staged(case: DriverCase, wire: Wire) -> AsyncIterator[Stage]:
    """A driver and its device, the device playing; the driver is run by `driving`."""

    async def open_link(url: str) -> ByteLink:
        try:
            link = TrackedLink(await wire.open(url))
        except LinkLost:
            stage.n_in_vain += 1
            raise
        stage.links.append(link)
        return link

    context = DriverContext(
        warehouse="J1",
        clock=LoopClock(),
        mqtt=None,
        open_link=open_link,
        random=lambda: 0.05,
    )
    link = case.memory_url if wire.url == MEMORY else wire.url
    settings = DeviceSettings(
        name="gate", driver=case.name, link=link, zone="C", options=case.options
    )
    stage = Stage(case.factory(settings, context), case.play(), wire, case)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(stage.greet(), name="device greets"),
            group.create_task(stage.listen(), name="device listens"),
            group.create_task(stage.speak(), name="device speaks"),
            group.create_task(stage.collector.run(), name="collector"),
        ]
        try:
            yield stage
        finally:
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def driving(case: DriverCase, wire: Wire) -> AsyncIterator[Stage]:
    """A driver that runs against its device while the context is open."""
    async with staged(case, wire) as stage, asyncio.TaskGroup() as group:
        task = group.create_task(stage.driver.run(stage.collector.queue), name="driver")
        try:
            yield stage
        finally:
            task.cancel()
