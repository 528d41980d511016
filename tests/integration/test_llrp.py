"""Pins the LLRP driver over real TCP, against a reader written here from the standard and against
another author's: set-up, reports, events, silence, restarts, and nothing lost while away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from device_sim.broker import Endpoint
from device_sim.clock import wall_us
from device_sim.llrp import ReaderPort, calling, serving
from device_sim.llrp_reader import Reader, ReaderModel, TagFaults
from gateway.errors import ConfigError, LinkLost
from gateway.links.open import open_link
from gateway.ports import ByteLink
from tests.rigs.broker import free_port
from tests.rigs.llrp import Box, box_on, context_of, make_driver, settings_of, until

ANY_PORT = Endpoint("127.0.0.1", 0)
EPCS = [f"3034257BF7194E40{i:08X}" for i in range(500)]

BRISK = {"keepalive_s": 0.3}
"""For tests that wait for keep-alives, or for their absence."""


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


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The driver's life as it is logged: `link_lost` and `link_up`, in order."""
    caplog.set_level(logging.INFO, "gateway.drivers")

    class Lines(list[str]):
        def __iter__(self) -> Iterator[str]:
            return iter(str(getattr(record, "action", "")) for record in caplog.records)

    return Lines()


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


# ---------------------------------------------------------------- another author's reader


async def test_a_whole_session_with_another_authors_reader(lines: list[str]) -> None:
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
            await until(lambda: second.health.errors)
            assert "another client is connected" in second.health.errors
            assert second.tags == []
    assert list(lines) == ["link_lost"], "the second's; the first never lost its link"


# ---------------------------------------------------------------- the reader calls


async def test_a_reader_that_calls_is_served_and_may_call_again(lines: list[str]) -> None:
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
    assert list(lines) == ["link_lost", "link_up"]


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


# ---------------------------------------------------------------- losing it and having it back


async def test_a_silent_reader_is_lost_after_three_keepalives(lines: list[str]) -> None:
    async with rig(make_reader(), **BRISK) as (port, box):
        await until(lambda: box.tags)
        port.is_hung = True
        await until(lambda: box.health.state == "lost")
        n_tags = len(box.tags)
        port.is_hung = False
        await lost_and_back(box)
        await until(lambda: len(box.tags) > n_tags)
    assert list(lines) == ["link_lost", "link_up"]


async def test_a_quiet_reader_that_keeps_alive_is_not_lost() -> None:
    reader = make_reader()
    reader.tags = {}
    async with rig(reader, **BRISK) as (_, box):
        await until(lambda: reader.n_acks >= 5)
        assert (box.health.state, box.health.n_reconnects) == ("online", 0)


async def test_a_half_open_connection_is_left(lines: list[str]) -> None:
    async with rig(make_reader(), **BRISK) as (port, box):
        await until(lambda: box.tags)
        port.abandon()
        await lost_and_back(box)
        assert port.n_greeted == 2
    assert list(lines) == ["link_lost", "link_up"]


async def test_a_restarted_reader_is_set_up_anew_and_counted(lines: list[str]) -> None:
    async with rig(make_reader()) as (port, box):
        await until(lambda: box.tags)
        port.reboot()
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags + 2)
        assert box.health.errors["operation forgotten"] == 1
    assert list(lines) == ["link_lost", "reader_restarted", "link_up"]


async def test_an_operation_that_ends_is_started_again() -> None:
    reader = make_reader()
    async with rig(reader) as (_, box):
        await until(lambda: box.tags)
        reader.end_operations(wall_us())
        await lost_and_back(box)
        assert box.health.errors == {"operation ended": 1}
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags)


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


async def test_a_reader_that_cannot_hold_goes_on_without() -> None:
    async with rig(make_reader(can_hold=False)) as (port, box):
        await until(lambda: box.tags)
        port.cut()
        n_tags = len(box.tags)
        await until(lambda: len(box.tags) > n_tags)
        assert box.health.errors == {}


# ---------------------------------------------------------------- trouble


async def test_a_refused_connection_is_one_line_until_it_is_granted(lines: list[str]) -> None:
    reader = make_reader()
    async with serving(reader, ANY_PORT) as (port, number):
        port.is_occupied = True
        async with box_on(f"tcp://127.0.0.1:{number}") as box:
            await until(lambda: box.health.errors.get("another client is connected", 0) >= 3)
            assert box.health.state == "lost"
            port.is_occupied = False
            await until(lambda: box.tags)
    assert list(lines) == ["link_lost", "link_up"]


async def test_garbage_is_kept_and_the_connection_made_anew(lines: list[str]) -> None:
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
    assert list(lines) == ["link_lost", "link_up"]


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


async def test_an_exception_and_an_overflow_are_counted(caplog: pytest.LogCaptureFixture) -> None:
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


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"antennas": [5]}, "antenna 5, and the reader has 4"),
        ({"mode": 77}, "mode 77, and the reader has 0, 2, 1002"),
        ({"power_dbm": 3}, "power_dbm 3, less than the reader has"),
    ],
)
async def test_options_that_the_reader_cannot_follow_are_told(
    options: dict[str, object], reason: str, caplog: pytest.LogCaptureFixture
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


# ---------------------------------------------------------------- the simulated reader itself


async def test_another_authors_client_is_served_by_the_simulated_reader() -> None:
    client = pytest.importorskip("llrpkit")
    reader = make_reader()
    async with (
        serving(reader, ANY_PORT) as (_, number),
        client.Reader("127.0.0.1", number) as connected,
        asyncio.timeout(10),
    ):
        assert connected.max_antennas == 4
        assert connected.capabilities.transmit_powers[18] == 27.0
        async with contextlib.aclosing(connected.inventory(antennas=[2])) as tags:
            tag = await anext(tags)
        assert (tag.epc_hex.upper(), tag.antenna, tag.rssi_dbm) == (EPCS[0], 2, -53.81)
        assert reader.operations() == []
