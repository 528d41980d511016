"""Pins sessions with LLRP readers over real TCP, against a reader written here from the standard
and against another author's: who connects, how the reader is set up, what its reports become."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from device_sim.broker import Endpoint
from device_sim.clock import wall_us
from device_sim.llrp import calling, serving
from device_sim.llrp_reader import TagFaults
from gateway.errors import ConfigError, LinkLost
from gateway.links.open import open_link
from gateway.ports import ByteLink
from tests.rigs.broker import free_port
from tests.rigs.guard import GUARD_S
from tests.rigs.llrp import (
    ANY_PORT,
    BRISK,
    EPCS,
    box_on,
    context_of,
    lives,
    lost_and_back,
    make_driver,
    make_reader,
    rig,
    settings_of,
    until,
)

# ---------------------------------------------------------------- a session


async def test_a_reader_is_set_up_and_its_tags_come() -> None:
    reader = make_reader()
    async with rig(reader, antennas=[1, 2], power_dbm=27.6, mode=1002, session=2, **BRISK) as (
        _,
        box,
    ):
        await until(lambda: len(box.tags) >= 3 and reader.n_acks >= 3)
        tag = box.tags[0]
        assert (tag.epc, tag.antenna, tag.count) == (EPCS[0], 2, 1)
        assert tag.rssi_centi_dbm == -5381, "Impinj's finer figure, asked for and understood"
        assert tag.first_us is not None
        assert abs(wall_us() - tag.first_us) < 60_000_000
        (operation,) = reader.operations()
        assert operation.antennas == (1, 2)
        assert operation.session == 2
        assert operation.mode == 1002
        assert operation.power == 18, "the table's 18th is 27 dBm, the nearest not above 27.6"
        assert (box.health.state, box.health.firmware) == ("online", "sim 1.0")
        assert box.health.clock_offset_us is not None
        assert box.health.errors == {}


async def test_a_reader_of_another_make_reports_whole_decibels() -> None:
    async with rig(make_reader(manufacturer=161)) as (_, box):
        await until(lambda: box.tags)
        assert box.tags[0].rssi_centi_dbm == -5400


async def test_what_was_seen_in_a_period_is_one_tag_with_a_count() -> None:
    reader = make_reader()
    reader.faults = TagFaults(repeated=1.0)
    async with rig(reader, report_n_tags=0, report_period_s=0.5) as (_, box):
        await until(lambda: any(tag.count >= 4 for tag in box.tags))
        assert all(tag.count % 2 == 0 for tag in box.tags), "every round reads the tag twice"
        tag = max(box.tags, key=lambda tag: tag.count)
        assert tag.first_us is not None
        assert tag.last_us is not None
        assert tag.first_us < tag.last_us


async def test_a_reader_without_a_clock_is_given_ours() -> None:
    reader = make_reader(has_utc=False, can_hold=False)
    reader.boot_us -= 3_600_000_000
    async with rig(reader) as (_, box):
        await until(lambda: box.tags)
        (tag, read) = (box.tags[0], box.readings[0])
        assert tag.first_us is not None
        assert abs(tag.first_us - read.stamp.received_at_us) < 60_000_000
        assert box.health.clock_offset_us is None


async def test_llrp_1_1_is_agreed_on_with_a_reader_that_speaks_it() -> None:
    # The simulated reader refuses every message of another version once one was agreed on.
    async with rig(make_reader(speaks_1_1=True), version="1.1") as (_, box):
        await until(lambda: box.tags)
        assert box.health.errors == {}


async def test_a_reader_of_1_0_1_is_spoken_to_in_1_0_1() -> None:
    async with rig(make_reader(speaks_1_1=False), version="1.1") as (_, box):
        await until(lambda: box.tags)
        assert box.health.state == "online"


async def test_bytes_may_come_one_at_a_time() -> None:
    async def open_slow(url: str) -> ByteLink:
        return Trickle(await open_link(url))

    async with (
        serving(make_reader(), ANY_PORT) as (_, number),
        box_on(f"tcp://127.0.0.1:{number}", open_slow) as box,
    ):
        await until(lambda: len(box.tags) >= 2)
        assert box.refused == []


class Trickle:
    """A link that gives what it reads a byte at a time."""

    def __init__(self, link: ByteLink) -> None:
        self._link, self._rest = link, b""
        self.write, self.close = link.write, link.close

    async def read(self) -> bytes:
        if not self._rest:
            self._rest = await self._link.read()
        byte, self._rest = self._rest[:1], self._rest[1:]
        return byte


Log = pytest.LogCaptureFixture


# ---------------------------------------------------------------- another author's reader


async def test_a_whole_session_with_another_authors_reader(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    emulator = pytest.importorskip("llrpkit.emulator")
    tag = emulator.EmulatedTag(bytes.fromhex(EPCS[7]), antennas=(3,), rssi_dbm=-60.0)
    async with (
        emulator.LLRPEmulator(tags=[tag], seed=3) as reader,
        box_on(f"tcp://127.0.0.1:{reader.port}", antennas=[3], power_dbm=29, **BRISK) as box,
    ):
        await until(lambda: len(box.tags) >= 5 and reader.keepalive_acks >= 2)
        assert box.epcs == {EPCS[7]}
        assert {seen.antenna for seen in box.tags} == {3}
        assert all(-7500 < seen.rssi_centi_dbm < -4500 for seen in box.tags)
        assert any(seen.rssi_centi_dbm % 100 for seen in box.tags), "Impinj's finer figure"
        assert box.health.firmware == "llrpkit-emu 0.1"
        await reader.set_antenna_connected(3, False)
        await until(lambda: box.health.state == "faulty")
        await reader.set_antenna_connected(3, True)
        await until(lambda: box.health.state == "online")
        # It says that it can hold reports, and does not know the message that asks for them.
        assert box.health.errors == {"antenna 3 lost": 1, "unexpected ERROR_MESSAGE": 1}
        async with box_on(f"tcp://127.0.0.1:{reader.port}") as second:
            await until(lambda: second.health.state == "lost")
            assert "another client is connected" in second.health.errors
            assert second.tags == []
    assert lives(caplog.records) == ["link_lost"], "the second's; the first never lost its link"


# ---------------------------------------------------------------- the reader calls


async def test_a_reader_that_calls_is_served_and_may_call_again(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    number = free_port()
    async with (
        calling(make_reader(), Endpoint("127.0.0.1", number)) as port,
        box_on(f"tcp-listen://127.0.0.1:{number}") as box,
    ):
        await until(lambda: box.tags)
        port.cut()
        n_tags = len(box.tags)
        await lost_and_back(box)
        await until(lambda: len(box.tags) > n_tags)
    assert lives(caplog.records) == ["link_lost", "link_up"]


async def test_a_stranger_may_not_call() -> None:
    number = free_port()
    reader = make_reader()
    async with (
        calling(reader, Endpoint("127.0.0.1", number)) as port,
        box_on(f"tcp-listen://127.0.0.1:{number}?from=127.0.0.9") as box,
    ):
        await until(lambda: port.n_greeted >= 3)
        assert box.tags == []
        assert box.health.state == "starting"


async def test_a_port_that_cannot_be_had_is_a_lost_link() -> None:
    async with serving(make_reader(), ANY_PORT) as (_, number):
        with pytest.raises(LinkLost):
            await open_link(f"tcp-listen://127.0.0.1:{number}")


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"antennas": [5]}, "antenna 5, and the reader has 4"),
        ({"mode": 77}, "mode 77, and the reader has 0, 2, 1002"),
        ({"power_dbm": 3}, "power_dbm 3, less than the reader has"),
    ],
)
async def test_options_that_the_reader_cannot_follow_are_told(
    options: dict[str, object], reason: str, caplog: Log
) -> None:
    reader = make_reader()
    async with rig(reader, **options) as (_, box):
        await until(lambda: box.health.errors.get("options impossible", 0) >= 2)
        assert box.health.state == "lost"
        assert reader.operations() == []
    (told,) = [getattr(record, "reason", "") for record in caplog.records]
    assert reason in told


def test_wrong_options_and_links_are_refused() -> None:
    for link, options, path in (
        ("serial:///dev/ttyUSB0", {}, "link"),
        ("tcp-listen://0.0.0.0:5084?form=1.2.3.4", {}, "link"),
        ("tcp://reader", {}, "link"),
        ("tcp://reader:5084", {"antennas": [0]}, "options.antennas.0"),
        ("tcp://reader:5084", {"report_n_tags": 0}, "report_period_s"),
        ("tcp://reader:5084", {"speed": 1}, "options.speed: unknown key"),
    ):
        with pytest.raises(ConfigError, match=f"devices.gate.*{path}"):
            make_driver(settings_of(link, **options), context_of())


# ---------------------------------------------------------------- the simulated reader itself


async def test_another_authors_client_is_served_by_the_simulated_reader() -> None:
    client = pytest.importorskip("llrpkit")
    reader = make_reader()
    async with (
        serving(reader, ANY_PORT) as (_, number),
        client.Reader("127.0.0.1", number) as connected,
        asyncio.timeout(GUARD_S),
    ):
        assert connected.max_antennas == 4
        assert connected.capabilities.transmit_powers[18] == 27.0
        async with contextlib.aclosing(connected.inventory(antennas=[2])) as tags:
            tag = await anext(tags)
        assert (tag.epc_hex.upper(), tag.antenna, tag.rssi_dbm) == (EPCS[0], 2, -53.81)
        assert reader.operations() == []
