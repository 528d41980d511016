"""Pins the drivers of other makers' MQTT readers: topics, best effort, back-pressure, health."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from gateway.core.readings import Malformed, Reading, Scan, TagRead
from gateway.drivers import datawedge, impinj, zebra_fx, zebra_rfd
from gateway.errors import ConfigError
from gateway.links.memory import memory_pair
from gateway.ports import ByteLink, DeviceHealth, Driver, Receipt
from gateway.registry import DriverContext, DriverFactory
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.fakes.clock import FakeClock
from tests.fakes.mqtt_session import MemoryMqttSession
from tests.rigs.guard import GUARD_S

EPC = "E2801170200014CD9B5A08EC"
ACCEPTED = Receipt("accepted", {})


@dataclass
class Rig:
    driver: Driver
    session: MemoryMqttSession
    intake: IntakeQueue
    clock: FakeClock

    def send(self, topic: str, value: object, *, is_retained: bool = False) -> bytes:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.session.receive(topic, payload, is_retained=is_retained)
        return payload

    async def settle(self, n: int = 100) -> list[Reading]:
        """What came in, settled as after a commit."""
        arrivals = await self.intake.get_group(n, 0.0)
        for arrival in arrivals:
            assert arrival.settle is not None
            arrival.settle(ACCEPTED)
        return [arrival.reading for arrival in arrivals]

    def health(self, name: str = "dock-1") -> DeviceHealth:
        return next(health for health in self.driver.health() if health.name == name)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(GUARD_S):
            while not is_so():
                await asyncio.sleep(0.001)


def make(
    factory: DriverFactory,
    *,
    name: str = "dock-1",
    session: MemoryMqttSession | None,
    clock: FakeClock,
    **options: object,
) -> Driver:
    box, _ = memory_pair()

    async def open_link(url: str) -> ByteLink:
        return box

    context = DriverContext(
        warehouse="J1", clock=clock, mqtt=session, open_link=open_link, random=lambda: 0.0
    )
    device = DeviceSettings(name=name, driver="impinj", link="mqtt", options=options)
    return factory(device, context)


@contextlib.asynccontextmanager
async def running(
    factory: DriverFactory, *, name: str = "dock-1", room: int = 100, **options: object
) -> AsyncIterator[Rig]:
    session, clock, intake = MemoryMqttSession(), FakeClock(), IntakeQueue(room)
    options = {"topics": ["site/{device}/events"]} | options
    driver = make(factory, name=name, session=session, clock=clock, **options)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(driver.run(intake), name="driver")
        rig = Rig(driver, session, intake, clock)
        await rig.until(lambda: bool(session.filters))
        yield rig
        task.cancel()


def read(epc: str = EPC) -> dict[str, object]:
    return {"eventType": "tagInventory", "tagInventoryEvent": {"epcHex": epc, "antennaPort": 2}}


async def test_a_read_is_acknowledged_only_once_it_is_durable() -> None:
    async with running(impinj.make_driver) as rig:
        payload = rig.send("site/dock-1/events", read())
        assert rig.session.acknowledged == []
        (reading,) = await rig.settle()
        assert rig.session.acknowledged == [payload]
    assert isinstance(reading, TagRead)
    assert (reading.stamp.device, reading.tags[0].epc) == ("dock-1", EPC)
    assert (reading.stamp.boot, reading.stamp.seq) == (None, None), "best effort: not numbered"
    assert rig.session.published == [], "nobody waits for a result"


async def test_a_family_is_told_apart_by_the_level_of_the_topic() -> None:
    topics = ["site/{device}/events", "+/health/{device}"]
    async with running(impinj.make_driver, name="dock-*", topics=topics) as rig:
        assert rig.session.filters == ["site/+/events", "+/health/+"]
        for topic in ("site/dock-1/events", "x/health/dock-2", "site/gate-1/events"):
            rig.send(topic, read())
        rig.send("site/dock 3/events", read())
        readings = await rig.settle()
    assert [reading.stamp.device for reading in readings] == ["dock-1", "dock-2"]
    assert rig.session.n_untaken == 2, "strangers are left to other drivers"
    assert [health.name for health in rig.driver.health()] == ["dock-1", "dock-2"]


async def test_one_readers_topics_need_not_name_it() -> None:
    async with running(zebra_fx.make_driver, topics=["FX9600F0B1E4/#"]) as rig:
        rig.send("FX9600F0B1E4/tags", {"data": {"idHex": EPC}})
        (reading,) = await rig.settle()
    assert reading.stamp.device == "dock-1"


async def test_a_batch_is_one_reading_and_a_bad_event_costs_no_other() -> None:
    async with running(impinj.make_driver) as rig:
        payload = rig.send("site/dock-1/events", [read(), read("zz"), read(EPC[:-4] + "0000")])
        tags, refused = await rig.settle()
    assert isinstance(tags, TagRead)
    assert len(tags.tags) == 2
    assert isinstance(refused, Malformed)
    assert (refused.raw, refused.kind) == (payload, "impinj")
    assert rig.session.acknowledged == [payload]
    assert rig.health().errors == {"refused event": 1}


async def test_a_retained_message_is_no_read() -> None:
    async with running(impinj.make_driver) as rig:
        payload = rig.send("site/dock-1/events", read(), is_retained=True)
        assert await rig.settle() == []
    assert rig.session.acknowledged == [payload]
    assert rig.health().errors == {"retained message left out": 1}


async def test_a_message_that_half_fitted_is_neither_lost_nor_doubled() -> None:
    async with running(impinj.make_driver, room=1) as rig:
        payload = rig.send("site/dock-1/events", [read(), read("zz")])
        last = rig.send("site/dock-1/events", read())
        assert rig.session.n_held == 2
        readings: list[Reading] = []
        while len(readings) < 3:
            readings += await rig.settle(1)
            await asyncio.sleep(0)
        await rig.until(lambda: rig.session.n_held == 0)
    assert [type(reading) for reading in readings] == [TagRead, Malformed, TagRead]
    assert rig.session.acknowledged == [payload, last]
    assert rig.health().n_reads == 2


async def test_gaps_in_a_readers_numbers_are_counted_and_repeats_are_not() -> None:
    async with running(zebra_fx.make_driver) as rig:
        # 4 and 5 are missing; 6 comes again after a reconnect; then the reader restarts.
        for number in (2, 3, 6, 7, 6, 8, 100_000, 1, 2):
            data = {"idHex": EPC, "eventNum": number}
            rig.send("site/dock-1/events", {"data": data})
        await rig.settle()
    assert rig.health().n_missing == 2 + 99_991
    assert rig.health().errors == {}


async def test_what_a_reader_says_of_itself_is_its_health() -> None:
    beat = {"eventName": "heartbeat", "data": {"batteryAlert": {"chargePercentage": 85}}}
    async with running(zebra_rfd.make_driver) as rig:
        payload = rig.send("site/dock-1/events", beat)
        assert await rig.settle() == []
        assert rig.session.acknowledged == [payload]
    assert (rig.health().battery_pct, rig.health().state) == (85, "online")


async def test_a_reader_that_says_nothing_for_too_long_is_lost_until_it_speaks() -> None:
    async with running(impinj.make_driver, name="dock-*", silent_s=60) as rig:
        rig.send("site/dock-1/events", read())
        rig.clock.forward(2)
        rig.send("site/dock-2/events", read())
        rig.clock.forward(59)
        await rig.until(lambda: rig.health().state == "lost")
        assert rig.health("dock-2").state == "online", "59 s are not too long"
        rig.send("site/dock-1/events", read())
        assert (rig.health().state, rig.health().n_reconnects) == ("online", 1)


async def test_a_configured_reader_is_shown_before_it_has_spoken() -> None:
    async with running(impinj.make_driver) as rig:
        assert rig.health().state == "starting"


async def test_a_sleds_barcode_is_a_scan_in_the_configured_task() -> None:
    task = {"type": "receive", "location": "DOCK", "quantity": 3}
    codes = [{"decodedBarcode": "]C10109506000134352", "symbology": "CODE128"}]
    async with running(zebra_rfd.make_driver, task=task) as rig:
        rig.send("site/dock-1/events", {"type": "X", "data": {"barcodeData": codes}})
        (scan,) = await rig.settle()
    assert isinstance(scan, Scan)
    assert scan.symbol is not None
    assert scan.symbol.gtin == "09506000134352"
    assert scan.task is not None
    assert (scan.task.type, scan.task.location, scan.task.quantity) == ("receive", "DOCK", 3)


async def test_datawedge_scans_without_a_task_are_look_ups() -> None:
    async with running(datawedge.make_driver) as rig:
        rig.send("site/dock-1/events", [{"data_string": "1"}, {"data_string": "2"}])
        readings = await rig.settle()
    assert [(r.data, r.task) for r in readings if isinstance(r, Scan)] == [
        ("1", None),
        ("2", None),
    ]


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("dock-1", {}, "topics: "),
        ("dock-1", {"topics": []}, "topics: "),
        ("dock-*", {"topics": ["a/b"]}, "topics: needs a level"),
        ("dock-1", {"topics": ["a/#/b"]}, "topics.0: "),
        ("dock-1", {"topics": ["a/b+"]}, "topics.0: "),
        ("dock-1", {"topics": ["{device}/{device}"]}, "topics.0: "),
        ("dock-1", {"topics": ["a"], "task": {"type": "dance"}}, "task.type: "),
        ("dock-1", {"topics": ["a"], "topic": "b"}, "topic: unknown key"),
    ],
)
def test_a_wrong_option_is_named(name: str, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make(
            impinj.make_driver,
            name=name,
            session=MemoryMqttSession(),
            clock=FakeClock(),
            **options,
        )


def test_a_broker_is_needed() -> None:
    with pytest.raises(ConfigError, match="must be 'mqtt'"):
        make(impinj.make_driver, session=None, clock=FakeClock(), topics=["a"])
