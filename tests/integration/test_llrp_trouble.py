"""Pins what an LLRP driver does when its reader is silent, restarted, taken, broken or overrun,
over real TCP: lost and found again in one line each, and nothing is missing that was held."""

from __future__ import annotations

import asyncio
import logging

import pytest

from device_sim import llrp_wire as wire
from device_sim.clock import wall_us
from device_sim.llrp import serving
from tests.rigs.llrp import (
    ANY_PORT,
    BRISK,
    EPCS,
    box_on,
    lives,
    lost_and_back,
    make_reader,
    rig,
    until,
)

# ---------------------------------------------------------------- losing it and having it back


@pytest.mark.slow
async def test_a_silent_reader_is_lost_after_three_keepalives(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    async with rig(make_reader(), **BRISK) as (port, box):
        await until(lambda: box.tags)
        port.is_hung = True
        await until(lambda: box.health.state == "lost")
        n_tags = len(box.tags)
        port.is_hung = False
        await lost_and_back(box)
        await until(lambda: len(box.tags) > n_tags)
    assert lives(caplog.records) == ["link_lost", "link_up"]


@pytest.mark.slow
async def test_a_quiet_reader_that_keeps_alive_is_not_lost() -> None:
    reader = make_reader()
    reader.tags = {}
    async with rig(reader, keepalive_s=1.0) as (_, box):
        await until(lambda: reader.n_acks >= 4)
        assert (box.health.state, box.health.n_reconnects) == ("online", 0)


@pytest.mark.slow
async def test_a_half_open_connection_is_left(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    async with rig(make_reader(), **BRISK) as (port, box):
        await until(lambda: box.tags)
        port.abandon()
        await lost_and_back(box)
        assert port.n_greeted == 2
    assert lives(caplog.records) == ["link_lost", "link_up"]


async def test_a_restarted_reader_is_set_up_anew_and_counted(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    async with rig(make_reader()) as (port, box):
        await until(lambda: box.tags)
        port.reboot()
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags + 2)
        assert box.health.errors["operation forgotten"] == 1
    assert lives(caplog.records) == ["link_lost", "reader_restarted", "link_up"]


async def test_an_operation_that_ends_is_started_again() -> None:
    reader = make_reader()
    async with rig(reader) as (_, box):
        await until(lambda: box.tags)
        reader.end_operations(wall_us())
        await lost_and_back(box)
        assert box.health.errors == {"operation ended": 1}
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags)


async def test_a_report_behind_the_last_word_is_still_taken() -> None:
    reader = make_reader()
    reader.tags = {}
    async with rig(reader) as (port, box):
        await until(lambda: box.health.state == "online")
        over = wire.tlv(249, (1).to_bytes(1), (1).to_bytes(4), bytes(4))
        event = wire.notification(wall_us(), over, has_utc=True, version=1)
        report = wire.message(61, 0, wire.tlv(240, b"\x8d", bytes.fromhex(EPCS[9])))
        port.send_bytes(event + report)
        await until(lambda: box.epcs == {EPCS[9]})
        await lost_and_back(box)


async def test_nothing_that_is_reported_while_away_is_lost() -> None:
    reader = make_reader()
    reader.tags = {}
    async with rig(reader) as (port, box):
        await until(lambda: box.health.state == "online")
        before = reader.operations()
        port.is_occupied = True
        port.cut()
        await until(lambda: box.health.state == "lost")
        for epc in EPCS:
            reader.pass_by(bytes.fromhex(epc), 1, -6000, wall_us())
        port.is_occupied = False
        await until(lambda: len(box.tags) >= len(EPCS))
        assert [tag.epc for tag in box.tags] == EPCS, "each once, in the order they were read"
        assert (reader.n_reads, reader.n_lost) == (len(EPCS), 0)
        assert reader.operations() == before
        assert reader.n_added == 1, "the operation was found running, and left alone"


async def test_a_gateway_that_was_restarted_gets_what_the_reader_held() -> None:
    reader = make_reader()
    reader.tags = {}
    async with serving(reader, ANY_PORT) as (_, number):
        async with box_on(f"tcp://127.0.0.1:{number}") as box:
            await until(lambda: box.health.state == "online")
        await until(lambda: not reader.is_connected)
        reader.pass_by(bytes.fromhex(EPCS[5]), 1, -6000, wall_us())
        # With other options: what was held comes before its operation is replaced.
        async with box_on(f"tcp://127.0.0.1:{number}", session=3) as box:
            await until(lambda: box.health.state == "online")
            await until(lambda: box.tags)
            assert box.epcs == {EPCS[5]}
            assert [operation.session for operation in reader.operations()] == [3]


@pytest.mark.slow
async def test_a_slow_journal_is_no_missing_answer() -> None:
    """What was held comes before an answer, and may take longer than an answer has time."""
    reader = make_reader()
    reader.tags = {}
    async with serving(reader, ANY_PORT) as (_, number):
        link = f"tcp://127.0.0.1:{number}"
        async with box_on(link) as box:
            await until(lambda: box.health.state == "online")
        await until(lambda: not reader.is_connected)
        for epc in EPCS:
            reader.pass_by(bytes.fromhex(epc), 1, -6000, wall_us())
        # Other options, so that an answer is waited for behind the reports.
        async with box_on(link, session=3, timeout_s=2.0, slow_s=0.006) as box:
            await until(lambda: box.health.state == "online")
            await until(lambda: len(box.tags) == len(EPCS))
            assert (box.health.n_reconnects, box.health.errors) == (0, {})


async def test_what_a_reader_was_told_to_hold_by_others_is_released() -> None:
    reader = make_reader()
    async with serving(reader, ANY_PORT) as (_, number):
        async with box_on(f"tcp://127.0.0.1:{number}") as box:
            await until(lambda: box.tags)
        await until(lambda: not reader.is_connected)
        async with box_on(f"tcp://127.0.0.1:{number}", hold=False) as box:
            await until(lambda: box.tags)


async def test_a_reader_that_cannot_hold_goes_on_without() -> None:
    async with rig(make_reader(can_hold=False)) as (port, box):
        await until(lambda: box.tags)
        port.cut()
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags)
        assert box.health.errors == {}


Log = pytest.LogCaptureFixture


# ---------------------------------------------------------------- trouble


async def test_a_refused_connection_is_one_line_until_it_is_granted(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    reader = make_reader()
    async with serving(reader, ANY_PORT) as (port, number):
        port.is_occupied = True
        async with box_on(f"tcp://127.0.0.1:{number}") as box:
            await until(lambda: box.health.errors.get("another client is connected", 0) >= 3)
            assert box.health.state == "lost"
            port.is_occupied = False
            await until(lambda: box.tags)
    assert lives(caplog.records) == ["link_lost", "link_up"]


async def test_garbage_is_kept_and_the_connection_made_anew(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    async with rig(make_reader()) as (port, box):
        await until(lambda: box.tags)
        port.send_bytes(b"\xff\x00garbage" * 10_000)
        await lost_and_back(box)
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags)
        (refused,) = box.refused
        assert refused.kind == "llrp"
        assert refused.raw.startswith(b"\xff\x00garbage")
        assert len(refused.raw) == 1024
        assert box.health.errors == {"malformed": 1}
    assert lives(caplog.records) == ["link_lost", "link_up"]


async def test_one_broken_message_among_good_ones_is_set_aside() -> None:
    async with rig(make_reader()) as (port, box):
        await until(lambda: box.tags)
        broken = bytes.fromhex("043d0000000e0000000000f00004")
        port.send_bytes(broken)
        await until(lambda: box.refused)
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags)
        assert [refused.raw for refused in box.refused] == [broken]
        assert "lacks EPC" in box.refused[0].reason
        assert (box.health.state, box.health.n_reconnects) == ("online", 0)


async def test_an_antenna_that_is_lost_shows_at_once_and_after_a_reconnect() -> None:
    reader = make_reader()
    async with rig(reader, antennas=[1, 2]) as (port, box):
        await until(lambda: box.tags)
        reader.set_antenna(2, is_connected=False, now_us=wall_us())
        await until(lambda: box.health.state == "faulty")
        port.cut()
        await lost_and_back(box)
        await until(lambda: box.health.state == "faulty")
        reader.set_antenna(2, is_connected=True, now_us=wall_us())
        await until(lambda: box.health.state == "online")
        assert box.health.errors == {"antenna 2 lost": 1}


async def test_an_exception_and_an_overflow_are_counted(caplog: Log) -> None:
    caplog.set_level(logging.INFO, "gateway.drivers")
    reader = make_reader()
    async with rig(reader) as (port, box):
        await until(lambda: box.tags)
        reader.fail("fan stopped", wall_us())
        await until(lambda: box.health.errors.get("reader exception") == 1)
        reader.held_max = 1
        port.is_occupied = True
        port.cut()
        await until(lambda: reader.n_lost >= 1)
        port.is_occupied = False
        await until(lambda: box.health.errors.get("report buffer overflow") == 1)
    told = {getattr(record, "reason", "") for record in caplog.records}
    assert {"fan stopped", "the reader lost reports"} <= told


# ---------------------------------------------------------------- stopping


async def test_a_full_intake_slows_the_reader_and_loses_nothing() -> None:
    reader = make_reader()
    reader.tags = {}
    async with rig(reader) as (_, box):
        await until(lambda: box.health.state == "online")
        for _ in range(4):  # many times what the intake of this rig holds
            for epc in EPCS:
                reader.pass_by(bytes.fromhex(epc), 1, -6000, wall_us())
        await until(lambda: len(box.tags) == 4 * len(EPCS))
        await asyncio.sleep(0)
        assert len(box.tags) == reader.n_reads
