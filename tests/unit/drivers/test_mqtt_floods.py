"""Pins what becomes of a device on MQTT that sends faster than it may: it is held back and told
of, it stands in nobody's way, and it is well again once it is slower."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from gateway.core.pacing import FLOOD_S
from gateway.drivers.mqtt_devices import BURST_S, MAX_DEVICES, TOO_FAST
from gateway.drivers.pda import make_driver
from gateway.links.open import open_link
from gateway.ports import DeviceHealth, Driver
from gateway.registry import DriverContext
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.fakes.clock import FakeClock
from tests.fakes.mqtt_session import MemoryMqttSession

PER_S = 2
BURST = PER_S * BURST_S


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A family of handhelds that may send two messages a second each."""
    options = {"max_per_s": PER_S}
    settings = DeviceSettings(name="pda-*", driver="pda", link="mqtt", options=options)
    it = Stage(FakeClock(), MemoryMqttSession(), IntakeQueue(10_000))
    context = DriverContext("J1", it.clock, it.session, open_link, lambda: 0.5)
    driver = it.driver = make_driver(settings, context)
    serving = asyncio.create_task(driver.run(it.queue))
    await asyncio.sleep(0)  # it subscribes before it waits
    try:
        yield it
    finally:
        serving.cancel()


@dataclass
class Stage:
    clock: FakeClock
    session: MemoryMqttSession
    queue: IntakeQueue
    driver: Driver = field(init=False)

    def scan(self, device: str, seq: int) -> None:
        body = {"v": 1, "boot": "b", "seq": seq, "data": "shelf 1", "symbology": "CODE128"}
        self.session.receive(f"forepost/v1/J1/{device}/scan", json.dumps(body).encode())

    def health(self, name: str) -> DeviceHealth:
        return next(it for it in self.driver.health() if it.name == name)


async def test_what_is_beyond_a_devices_pace_gets_no_receipt_and_blocks_nobody() -> None:
    async with stage() as it:
        for seq in range(BURST + 30):
            it.scan("pda-1", seq)
        it.scan("pda-2", 1)
        assert len(it.queue) == BURST + 1
        assert len(it.session.acknowledged) == 30, "the broker holds nothing back for it"
        assert it.session.published == [], "and it keeps what it was told nothing about"
        flooding = it.health("pda-1")
        assert (flooding.state, flooding.errors) == ("faulty", {TOO_FAST: 30})
        assert it.health("pda-2").state == "online"


async def test_a_device_that_slows_down_is_well_again() -> None:
    async with stage() as it:
        for seq in range(BURST + 1):
            it.scan("pda-1", seq)
        it.clock.forward(1.0)
        it.scan("pda-1", BURST + 2)
        assert len(it.queue) == BURST + 1, "taken in, within its pace"
        assert it.health("pda-1").state == "faulty", "a flood pauses now and then"
        it.clock.forward(FLOOD_S)
        assert it.health("pda-1").state == "online"


async def test_names_made_up_share_one_pace() -> None:
    async with stage() as it:
        for n in range(MAX_DEVICES):
            it.scan(f"pda-{n}", 1)
        taken = len(it.queue)
        for n in range(MAX_DEVICES, MAX_DEVICES + 2 * BURST):
            it.scan(f"pda-{n}", 1)
        assert len(it.queue) - taken == BURST
