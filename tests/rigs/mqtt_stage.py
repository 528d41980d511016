"""An MQTT driver on stage: a real broker, a connection that can be cut or slowed to bytes, and a
device that keeps every message until somebody says it was read."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from device_sim.broker import DeviceClient, Endpoint
from device_sim.faults import FaultyLine
from gateway.core.readings import Malformed, Reading
from gateway.links.mqtt import PahoSession
from gateway.ports import DeviceHealth, Driver, Receipt
from gateway.registry import DriverContext, DriverFactory
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings, MqttSettings
from tests.fakes.clock import FakeClock
from tests.rigs.broker import free_port
from tests.rigs.driving import LoopClock
from tests.rigs.guard import GUARD_S
from tests.rigs.players import facts_of
from tests.rigs.wires import let_in, listen

STEP_S = 0.01
_NUMBERS = count(1)
RESEND_S = 0.1


@dataclass(frozen=True)
class MqttCase:
    """A driver in the suite. `gate` is the device's name.

    messages: what the device publishes, by number; subject_of: what of message n must be heard.
    has_receipts: the device is told the fate of each message by (boot, seq). is_refused_to: it is
    told at least what was refused.
    """

    name: str
    factory: DriverFactory
    topic: str
    message: Callable[[int], dict[str, object]]
    subject_of: Callable[[int], tuple[str, object]]
    has_receipts: bool
    is_refused_to: bool = True
    options: Mapping[str, object] = field(default_factory=dict)


class Proxy:
    """The network between gateway and broker."""

    def __init__(self, broker_port: int) -> None:
        self.port = free_port()
        self.one_byte = False
        self._broker_port = broker_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        self._server = await listen(self._serve, self.port)
        await self._server.start_serving()

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await let_in()
        for writer in self._writers:
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving, timeout=GUARD_S)
        await asyncio.sleep(0)  # the transports' own goodbye

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
            both = {writer, far_writer}
            self._writers |= both
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(reader, far_writer))
                    group.create_task(self._copy(far_reader, writer))
            finally:
                self._writers -= both
                for each in both:
                    each.transport.abort()
        self._writers.discard(writer)
        writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                pieces = [data]
                if self.one_byte:
                    pieces = [data[i : i + 1] for i in range(len(data))]
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        writer.transport.abort()


class MqttStage:
    """What a test does to a driver, its broker's connection and its device.

    n_published: messages that the device handed to the broker; n_claimed: what came of them.
    n_given_up: connections of the gateway's that were lost or not made. is_dead: what arrives is
    not committed, as in a gateway that dies over it, but counted as n_forgotten.
    """

    def __init__(self, case: MqttCase, broker_port: int, clock: FakeClock | LoopClock) -> None:
        self.case = case
        self.proxy = Proxy(broker_port)
        self.line = FaultyLine((), Random("line"))
        self.queue = IntakeQueue(100)
        self.readings: list[Reading] = []
        self.n_rubbish = 0
        self.held: dict[int, bytes] = {}
        self.n_said = 0
        self.refusals: list[dict[str, object]] = []
        self.n_published = 0
        self.n_claimed = 0
        self.n_given_up = 0
        self.n_forgotten = 0
        self.is_dead = False
        settings = MqttSettings(host="127.0.0.1", port=self.proxy.port)
        self.session = PahoSession(
            settings,
            client_id=f"gw-{next(_NUMBERS)}",  # the broker keeps what the one before has not read
            clock=LoopClock(),
            random=self._jitter,
        )
        context = DriverContext(
            warehouse="J1", clock=clock, mqtt=self.session, open_link=_no_link,
            random=Random("jitter").random,
        )  # fmt: skip
        device = DeviceSettings(
            name="gate", driver=case.name, link="mqtt", zone="C", options=case.options
        )
        self.driver: Driver = case.factory(device, context)
        self._settling: list[tuple[Callable[[Receipt], None], Reading]] = []
        self.client = DeviceClient(
            Endpoint("127.0.0.1", broker_port),
            warehouse="J1",
            device="gate",
            subscriptions=["forepost/v1/J1/gate/result"],
            on_message=self._on_result,
        )

    def _jitter(self) -> float:
        """Chance, which a session asks for once with each connection that is lost or not made."""
        self.n_given_up += 1
        return 0.02

    def health(self) -> DeviceHealth:
        (health,) = self.driver.health()
        return health

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so. Raises TimeoutError with what there was instead."""
        try:
            async with asyncio.timeout(GUARD_S):
                while not is_so():
                    await asyncio.sleep(STEP_S)
        except TimeoutError as error:
            raise TimeoutError(f"{len(self.held)} held; {self.driver.health()}") from error

    async def say(self, n_messages: int) -> None:
        """Send new messages; return when each was heard, and told so where that is done."""
        for _ in range(n_messages):
            self.n_said += 1
            message = self.case.message(self.n_said)
            self.held[self.n_said] = json.dumps(message).encode()
        await self.until(lambda: not self.held)

    # ------------------------------------------------------------ the parts

    async def send(self) -> None:
        """Publish what is held, again and again."""
        while True:
            for payload in list(self.held.values()):
                self.line.put(payload, 0.0)
            for payload in self.line.take(60.0):
                self.client.publish(self.case.topic, payload)
                self.n_published += 1
            await asyncio.sleep(RESEND_S)

    async def collect(self) -> None:
        """The intake's other side: settles everything, as after a commit."""
        while True:
            for arrival in await self.queue.get_group(100, GUARD_S):
                reading = arrival.reading
                if self.is_dead:
                    self.n_forgotten += 1
                    continue
                self.n_rubbish += isinstance(reading, Malformed)
                self._heard(reading)
                if arrival.settle is not None:
                    status = "refused" if isinstance(reading, Malformed) else "accepted"
                    stamp = reading.stamp
                    body = {"v": 1, "status": status, "boot": stamp.boot, "seq": stamp.seq}
                    arrival.settle(Receipt(status, body))

    def _heard(self, reading: Reading) -> None:
        for fact, n_times in facts_of(reading):
            self.n_claimed += n_times
            self.readings.append(reading)
            known = [n for n in range(1, self.n_said + 1) if self.case.subject_of(n) == fact]
            assert known, f"never said: {fact}"
            if not self.case.has_receipts:
                for n in known:
                    self.held.pop(n, None)

    def _on_result(self, _topic: str, payload: bytes) -> None:
        body = json.loads(payload)
        if body["status"] == "refused":
            self.refusals.append(body)
        else:
            self.held.pop(body["seq"], None)


async def _no_link(url: str) -> object:
    raise AssertionError(f"an MQTT driver opens {url}")


@contextlib.asynccontextmanager
async def mqtt_staged(
    case: MqttCase, broker_port: int, *, clock: FakeClock | None = None
) -> AsyncIterator[MqttStage]:
    """The stage with its device playing; the driver is run by the caller."""
    stage = MqttStage(case, broker_port, clock or LoopClock())
    await stage.proxy.mend()
    await stage.client.start()
    await stage.until(lambda: stage.client.is_connected)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(stage.send(), name="device"),
                group.create_task(stage.collect(), name="collector"),
            ]
            try:
                yield stage
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        await stage.client.stop()
        await stage.proxy.cut()


async def run_driver(stage: MqttStage) -> None:
    """Session and driver, as the gateway runs them."""
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.session.run(), name="session")
        group.create_task(stage.driver.run(stage.queue), name="driver")


@contextlib.asynccontextmanager
async def mqtt_driving(
    case: MqttCase, broker_port: int, *, clock: FakeClock | None = None
) -> AsyncIterator[MqttStage]:
    """The stage with driver and session running."""
    async with (
        mqtt_staged(case, broker_port, clock=clock) as stage,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(run_driver(stage), name="gateway")
        try:
            yield stage
        finally:
            task.cancel()


def link_lines(records: Sequence[object]) -> list[str]:
    """What the log says of links, in order."""
    actions = [str(getattr(record, "action", "")) for record in records]
    return [action for action in actions if action.startswith("link_")]
