"""Pins the UHFReader18 driver: answers of several frames, several readers, silence, lies, echo."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from device_sim.uhfreader18 import Bus, Reader
from gateway.codecs.uhfreader18 import DONE, INVENTORY, TagReport, inventory_data, response
from gateway.core.readings import Malformed, TagRead
from gateway.drivers.uhfreader18 import make_driver
from gateway.errors import ConfigError
from tests.rigs.driving import Driven, driven, settings_of

ASKED = bytes.fromhex("040001db4b")
"""The inventory command for reader 0, as the maker's manual prints it."""

EPCS = [f"30340000000000000000{i:04X}" for i in range(7)]


@contextlib.asynccontextmanager
async def played(bus: Bus, *, echoes: bool = False, **options: object) -> AsyncIterator[Driven]:
    """The driver on a simulated bus."""
    async with driven(make_driver, settings_of("uhfreader18", **options)) as it:

        async def play() -> None:
            while True:
                asked = await it.device.read()
                if echoes:
                    await it.device.write(asked)
                for answer in bus.take(asked):
                    await it.device.write(answer)

        async with asyncio.TaskGroup() as group:
            playing = group.create_task(play(), name="play")
            yield it
            playing.cancel()


def epcs_of(reading: object) -> list[str]:
    assert isinstance(reading, TagRead)
    return [tag.epc for tag in reading.tags]


async def test_the_manuals_command_is_sent_and_the_manuals_answer_read() -> None:
    async with driven(make_driver, settings_of("uhfreader18")) as it:
        assert await it.written(len(ASKED)) == ASKED
        await it.device.write(bytes.fromhex("13000101010c3074257bf7194e4000001a859382"))
        (reading,) = await it.readings(1)
    assert epcs_of(reading) == ["3074257BF7194E4000001A85"]
    assert it.driver.health()[0].n_reads == 1


@pytest.mark.parametrize("echoes", [False, True], ids=["quiet", "echo"])
async def test_an_answer_of_several_frames_is_taken_whole(echoes: bool) -> None:
    bus = Bus({0: Reader(dict.fromkeys(EPCS, 0))})
    async with played(bus, echoes=echoes) as it:
        readings = await it.readings(3)
        assert [epc for reading in readings for epc in epcs_of(reading)] == EPCS
        assert it.driver.health()[0].errors == {}


async def test_rssi_is_reported_only_where_its_unit_is_told() -> None:
    bus = Bus({0: Reader({EPCS[0]: 107})}, has_antenna=True)
    async with played(bus) as it:
        (unknown,) = await it.readings(1)
    async with played(bus, rssi_offset_db=-129) as it:
        (known,) = await it.readings(1)
    assert isinstance(unknown, TagRead)
    assert isinstance(known, TagRead)
    assert (unknown.tags[0].rssi_centi_dbm, known.tags[0].rssi_centi_dbm) == (None, -2200)


async def test_a_dead_reader_is_its_own_fault_and_comes_back() -> None:
    bus = Bus({1: Reader({EPCS[1]: 0}, state="dead"), 2: Reader({EPCS[2]: 0})})
    async with played(bus, addresses=[1, 2], timeout_s=0.01, period_s=0.001) as it:
        await it.until(lambda health: health.errors.get("silent", 0) > 1)
        dead, alive = it.driver.health()
        assert (dead.name, dead.state) == ("gate.1", "faulty")
        assert (alive.name, alive.state) == ("gate.2", "online")
        for reading in await it.readings(2):
            assert isinstance(reading, TagRead)
            assert reading.stamp.device == "gate"
            assert [(tag.epc, tag.antenna) for tag in reading.tags] == [(EPCS[2], 201)]
        bus.readers[1].state = "ok"
        await it.until(lambda health: health.n_reads > 0)
        assert it.driver.health()[0].state == "online"


async def test_an_antenna_error_is_counted_by_its_name() -> None:
    bus = Bus({0: Reader(state="antenna_error")})
    async with played(bus, period_s=0.001) as it:
        health = await it.until(lambda health: bool(health.errors))
    assert set(health.errors) == {"antenna error"}


async def test_an_empty_field_is_no_fault() -> None:
    async with played(Bus({0: Reader()}), period_s=0.001) as it:
        health = await it.until(lambda health: health.last_seen_us is not None)
        assert (health.state, health.errors, health.n_reads) == ("online", {}, 0)


async def test_a_lying_length_in_front_costs_no_tag() -> None:
    async with driven(make_driver, settings_of("uhfreader18", period_s=0.001)) as it:
        await it.written(len(ASKED))
        answer = response(
            0, INVENTORY, DONE, inventory_data([TagReport(EPCS[0])], has_antenna=False)
        )
        await it.device.write(b"\xf0" + answer)
        (reading,) = await it.readings(1)
        assert epcs_of(reading) == [EPCS[0]]
        assert await it.written(len(ASKED)), "the next round begins"
        assert it.driver.health()[0].errors == {"noise": 1}


async def test_garbage_for_an_answer_is_set_aside_with_its_bytes() -> None:
    async with driven(make_driver, settings_of("uhfreader18", timeout_s=0.05)) as it:
        await it.written(len(ASKED))
        await it.device.write(b"\x05\x00\x01\xfb\x00\x00")
        (reading,) = await it.readings(1)
    assert isinstance(reading, Malformed)
    assert reading.raw == b"\x05\x00\x01\xfb\x00\x00"
    assert it.driver.health()[0].errors == {"silent": 1}


async def test_a_reader_in_real_time_mode_is_only_listened_to() -> None:
    async with driven(make_driver, settings_of("uhfreader18", poll=False)) as it:
        data = b"\x01\x0c" + bytes.fromhex(EPCS[3]) + b"\x50"
        await it.device.write(response(0, 0xEE, 0, data) + response(0, 0xEE, 0x28, bytes(16)))
        (reading,) = await it.readings(1)
    assert epcs_of(reading) == [EPCS[3]]
    assert it.driver.health()[0].errors == {}


async def test_power_and_command_parameters_are_sent_as_told() -> None:
    options = {"power_dbm": 26, "command_parameters": "0F00"}
    async with driven(make_driver, settings_of("uhfreader18", **options)) as it:
        assert (await it.written(6))[:4] == bytes.fromhex("05002f1a")
        await it.device.write(response(0, 0x2F, 0))
        assert (await it.written(7))[:5] == bytes.fromhex("0600010f00")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"addresses": [256]}, "addresses.0"),
        ({"addresses": []}, "addresses"),
        ({"command_parameters": "0F0"}, "command_parameters"),
        ({"speed": 1}, "speed: unknown key"),
    ],
)
async def test_a_wrong_option_is_named(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        async with driven(make_driver, settings_of("uhfreader18", **options)):
            pass
