"""Pins a fleet that changes while it runs: who is as it was never notices, a message is taken by
the old driver or by the new one and never by both or none, a port is free before it is opened."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.core.readings import Scan
from gateway.drivers import datawedge, pda
from gateway.errors import ConfigError
from gateway.ports import DeviceHealth, Intake
from gateway.registry import DriverContext
from gateway.services.fleet import Changes, Device, Fleet
from gateway.services.intake_queue import IntakeQueue
from gateway.services.session_part import SessionPart
from gateway.settings import DeviceSettings
from tests.fakes.clock import FakeClock
from tests.fakes.mqtt_session import MemoryMqttSession
from tests.rigs.guard import GUARD_S

FACTORIES = {"pda": pda.make_driver, "datawedge": datawedge.make_driver}
READER = {"topics": ["dock/#"]}


def configured(name: str, driver: str = "pda", **options: object) -> DeviceSettings:
    told = {"name": name, "driver": driver, "link": "mqtt", "options": options}
    return DeviceSettings.model_validate(told)


async def no_link(_url: str) -> None:
    raise AssertionError("no device here has one")


class Stage:
    """A fleet on a session in memory, with a queue that the test empties."""

    def __init__(self, *devices: DeviceSettings, queue_max: int = 1000) -> None:
        self.clock = FakeClock()
        self.session = MemoryMqttSession()
        self.queue = IntakeQueue(queue_max)
        self.fleet = Fleet(
            [self.make(it) for it in devices],
            intake=self.queue,
            clock=self.clock,
            random=lambda: 0.5,
        )

    def make(self, device: DeviceSettings) -> Device:
        part = SessionPart(self.session)
        context = DriverContext("J1", self.clock, part, no_link, lambda: 0.5)  # type: ignore[arg-type]
        if device.driver not in FACTORIES:
            raise ConfigError(f"driver: {device.driver!r} is not installed")
        return Device(device, FACTORIES[device.driver](device, context), part)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.timeout(GUARD_S), self.fleet.running():
            await asyncio.sleep(0)
            yield

    def scan(self, name: str, seq: int) -> None:
        body = {"v": 1, "boot": "b", "seq": seq, "data": f"X{seq}"}
        self.session.receive(f"forepost/v1/J1/{name}/scan", json.dumps(body).encode())

    async def taken(self) -> list[str]:
        """What is in the queue, which is empty afterwards."""
        found: list[str] = []
        while len(self.queue):
            arrivals = await self.queue.get_group(100, GUARD_S)
            found += [it.reading.data for it in arrivals if isinstance(it.reading, Scan)]
        return found


async def test_only_what_changed_is_made_anew() -> None:
    stage = Stage(configured("pda-*"), configured("t-1"), configured("t-2"))
    async with stage.running():
        before = list(stage.fleet.drivers)
        wanted = [configured("t-3"), configured("pda-*"), configured("t-1", max_per_s=9.0)]
        changes = await stage.fleet.change(wanted, stage.make)
        after = list(stage.fleet.drivers)
        assert changes == Changes(added=("t-3",), removed=("t-2",), changed=("t-1",))
        assert after[1] is before[0]
        assert after[2] is not before[1]
        assert stage.fleet.settings == tuple(wanted)
        assert await stage.fleet.change(wanted, stage.make) == Changes()
        assert [a is b for a, b in zip(stage.fleet.drivers, after, strict=True)] == [True] * 3


async def test_a_device_that_cannot_be_made_leaves_all_as_it_was() -> None:
    stage = Stage(configured("pda-1"))
    async with stage.running():
        before = list(stage.fleet.drivers)
        wanted = [configured("pda-1", max_per_s=9.0), configured("x", driver="nix")]
        with pytest.raises(ConfigError):
            await stage.fleet.change(wanted, stage.make)
        assert list(stage.fleet.drivers) == before
        stage.scan("pda-1", 1)
        assert await stage.taken() == ["X1"]


@pytest.mark.parametrize("n_turns", range(12))
async def test_a_message_at_any_moment_of_a_change_is_taken_once(n_turns: int) -> None:
    stage = Stage(configured("pda-*"))
    async with stage.running(), asyncio.TaskGroup() as group:
        wanted = [configured("pda-*", max_per_s=9.0)]
        changing = group.create_task(stage.fleet.change(wanted, stage.make), name="change")
        for _ in range(n_turns):
            await asyncio.sleep(0)
        stage.scan("pda-1", 1)
        await changing
        stage.scan("pda-1", 2)
        assert await stage.taken() == ["X1", "X2"]
    assert stage.session.n_untaken == 0


async def test_a_message_that_was_taken_by_half_is_taken_whole_and_once() -> None:
    stage = Stage(configured("dock", "datawedge", **READER), queue_max=2)
    barcodes = [
        {
            "com.symbol.datawedge.data_string": f"X{n}",
            "com.symbol.datawedge.label_type": "LABEL-TYPE-CODE128",
        }
        for n in range(4)
    ]
    async with stage.running(), asyncio.TaskGroup() as group:
        stage.session.receive("dock/scans", json.dumps(barcodes).encode())
        assert len(stage.queue) == 2
        assert stage.session.is_holding
        wanted = [configured("dock", "datawedge", silent_s=60.0, **READER)]
        changing = group.create_task(stage.fleet.change(wanted, stage.make), name="change")
        found: list[str] = []
        while not changing.done():
            await asyncio.sleep(0)
            found += await stage.taken()
        stage.session.resume()
        found += await stage.taken()
    assert found == ["X0", "X1", "X2", "X3"]


async def test_a_device_that_went_is_not_heard_any_more() -> None:
    stage = Stage(configured("pda-*"), configured("t-1"))
    async with stage.running():
        await stage.fleet.change([configured("t-1")], stage.make)
        stage.scan("pda-1", 1)
        assert await stage.taken() == []
        assert stage.session.n_untaken == 1
        assert not stage.fleet.is_served("pda-1")


@dataclass
class Port:
    """A driver of something that one alone may hold."""

    holders: list[str]
    name: str
    health_row: list[DeviceHealth] = field(default_factory=list)

    def health(self) -> list[DeviceHealth]:
        return self.health_row

    async def run(self, _intake: Intake) -> None:
        assert not self.holders, "the port is still in use"
        self.holders.append(self.name)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # closing takes its time
            self.holders.remove(self.name)


async def test_a_port_is_free_before_it_is_opened_again() -> None:
    holders: list[str] = []
    told = {"name": "a", "driver": "m100", "link": "serial:///dev/ttyX"}
    first = DeviceSettings.model_validate(told)
    second = DeviceSettings.model_validate(told | {"zone": "C"})
    fleet = Fleet(
        [Device(first, Port(holders, "old"))],
        intake=IntakeQueue(1),
        clock=FakeClock(),
        random=lambda: 0.5,
    )
    async with asyncio.timeout(GUARD_S), fleet.running():
        await asyncio.sleep(0)
        await fleet.change([second], lambda it: Device(it, Port(holders, "new")))
        await asyncio.sleep(0)
        assert holders == ["new"]
    assert holders == []


def test_who_must_speak() -> None:
    stage = Stage(configured("pda-*"), configured("gate"), configured("x-*", silent_s=60.0))
    speaks = stage.fleet.must_speak
    assert [speaks(name, None) for name in ("pda-1", "gate", "x-7", "y")] == [
        False, True, True, False,
    ]  # fmt: skip
    assert speaks("pda-1", "C"), "a sensor must"
