"""Pins what drivers may expect of a byte link, be it a serial port, a TCP connection or memory."""

import asyncio
import contextlib
import errno
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from device_sim.pty_port import open_pty
from gateway.errors import ConfigError, LinkLost
from gateway.links.open import check_link, open_link
from gateway.links.serial import Opening
from gateway.ports import ByteLink
from tests.rigs.guard import GUARD_S
from tests.rigs.interrupting import open_files
from tests.rigs.wires import WIRES, Wire

BOTH_WAYS = ("memory", "pty", "tcp")
"""A stream over HTTP goes one way; tests/integration/test_http_stream.py has its tricks."""
EVERY_BYTE = bytes(range(256))
TOO_MUCH = bytes(1024) * 24 * 1024
"""More than any buffer between two ends holds."""


@pytest.fixture(params=BOTH_WAYS)
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    async with WIRES[request.param](tmp_path) as made:
        yield made


@pytest.fixture
async def link(wire: Wire) -> AsyncIterator[ByteLink]:
    opened = await wire.open(wire.url)
    yield opened
    await opened.close()


async def read_all(read: Callable[[], Awaitable[bytes]], n_bytes: int) -> bytes:
    data = b""
    async with asyncio.timeout(GUARD_S):
        while len(data) < n_bytes:
            piece = await read()
            assert piece, "a read gives at least one byte"
            data += piece
    return data


async def lost(work: Callable[[], Awaitable[object]]) -> None:
    """Do it until the link is known to be lost; the first tries may still find room."""
    is_lost = False
    async with asyncio.timeout(GUARD_S):
        while not is_lost:
            try:
                await work()
            except LinkLost:
                is_lost = True
            await asyncio.sleep(0)


async def exchange(wire: Wire, link: ByteLink) -> None:
    await link.write(b"to the device")
    assert await read_all(wire.read, 13) == b"to the device"
    await wire.write(b"to the box")
    assert await read_all(link.read, 10) == b"to the box"


async def test_every_byte_goes_both_ways_in_order(wire: Wire, link: ByteLink) -> None:
    await link.write(EVERY_BYTE)
    await link.write(EVERY_BYTE[::-1])
    assert await read_all(wire.read, 512) == EVERY_BYTE + EVERY_BYTE[::-1]
    await wire.write(EVERY_BYTE)
    await wire.write(EVERY_BYTE[::-1])
    assert await read_all(link.read, 512) == EVERY_BYTE + EVERY_BYTE[::-1]


async def test_a_quiet_link_is_not_a_lost_one(wire: Wire, link: ByteLink) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await link.read()
    await exchange(wire, link)


async def test_a_read_that_is_cancelled_loses_nothing(wire: Wire, link: ByteLink) -> None:
    await exchange(wire, link)
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await link.read()
    await exchange(wire, link)


async def test_a_cut_is_a_lost_link_for_who_reads_and_who_writes(
    wire: Wire, link: ByteLink
) -> None:
    await exchange(wire, link)
    await wire.cut()
    await lost(link.read)
    await lost(lambda: link.write(b"is anybody there"))


async def test_a_cut_is_told_to_who_is_waiting(wire: Wire, link: ByteLink) -> None:
    await exchange(wire, link)
    waiting = asyncio.ensure_future(link.read())
    await asyncio.sleep(0.01)
    await wire.cut()
    with pytest.raises(LinkLost):
        async with asyncio.timeout(GUARD_S):
            await waiting


async def test_closing_is_told_to_who_is_waiting(wire: Wire, link: ByteLink) -> None:
    await exchange(wire, link)
    waiting = asyncio.ensure_future(link.read())
    await asyncio.sleep(0.01)
    await link.close()
    with pytest.raises(LinkLost):
        async with asyncio.timeout(GUARD_S):
            await waiting


async def test_a_closed_link_is_lost_and_may_be_closed_again(wire: Wire, link: ByteLink) -> None:
    await link.close()
    await link.close()
    await lost(link.read)
    await lost(lambda: link.write(b"x"))


async def test_nothing_is_there_while_it_is_cut_and_all_is_well_after(
    wire: Wire, link: ByteLink
) -> None:
    await exchange(wire, link)
    await wire.cut()
    await lost(link.read)
    await link.close()
    for _ in range(3):
        with pytest.raises(LinkLost):
            await wire.open(wire.url)
    await wire.mend()
    again = await wire.open(wire.url)
    await exchange(wire, again)
    await again.close()


async def test_opening_and_closing_leaves_no_file_open(wire: Wire) -> None:
    async def open_and_close() -> None:
        link = await wire.open(wire.url)
        await exchange(wire, link)
        await link.close()

    await open_and_close()
    before = open_files()
    for _ in range(5):
        await open_and_close()
    async with asyncio.timeout(GUARD_S):
        while len(open_files()) > len(before):  # the device's end closes in its own time
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", BOTH_WAYS)
async def test_who_writes_to_nobody_waits_instead_of_filling_memory(
    name: str, tmp_path: Path
) -> None:
    """The other end reads nothing for a while; then all of it arrives, in order."""
    async with stuffed(name, tmp_path) as (link, read):
        n_written = 0

        async def write() -> None:
            nonlocal n_written
            for start in range(0, len(TOO_MUCH), 4096):
                await link.write(TOO_MUCH[start : start + 4096])
                n_written += 4096

        writing = asyncio.ensure_future(write())
        _, pending = await asyncio.wait({writing}, timeout=0.3)
        assert pending, "it waits"
        assert n_written < len(TOO_MUCH)
        async with asyncio.timeout(GUARD_S):
            assert await read()
        writing.cancel()
        await asyncio.wait({writing})


@contextlib.asynccontextmanager
async def stuffed(
    name: str, directory: Path
) -> AsyncIterator[tuple[ByteLink, Callable[[], Awaitable[bytes]]]]:
    """A link whose other end does not read until it is told to."""
    if name == "pty":
        with open_pty(directory / "tty") as port:
            link = await open_link(f"serial://{port.link}?baud=9600")

            async def read() -> bytes:
                port.listen()
                return await port.read()

            yield link, read
            await link.close()
    elif name == "tcp":
        accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        accepted = asyncio.Queue()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.put_nowait((reader, writer))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port_number = server.sockets[0].getsockname()[1]
        link = await open_link(f"tcp://127.0.0.1:{port_number}")
        reader, writer = await accepted.get()
        yield link, lambda: reader.read(4096)
        await link.close()
        writer.close()
        server.close()
    else:
        async with WIRES["memory"](directory) as wire:
            link = await wire.open(wire.url)
            yield link, wire.read
            await link.close()


async def test_a_port_is_for_one_process_alone(tmp_path: Path) -> None:
    async with WIRES["pty"](tmp_path) as wire:
        link = await wire.open(wire.url)
        with pytest.raises(LinkLost, match="lock"):
            await wire.open(wire.url)
        await link.close()
        await (await wire.open(wire.url)).close()


@pytest.mark.parametrize("is_late", [False, True], ids=["while it opens", "once it is open"])
def test_a_port_whose_opening_was_abandoned_is_closed(tmp_path: Path, is_late: bool) -> None:
    with open_pty(tmp_path / "tty") as port:
        opening = Opening()
        if is_late:
            opened = opening.open(str(port.link), 9600)
            opening.abandon()
        else:
            opening.abandon()
            opened = opening.open(str(port.link), 9600)
        assert not opened.is_open


async def test_a_cable_pulled_while_the_port_opens_is_a_lost_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment is shorter than a test can hit: between two of pyserial's calls to the system."""
    async with WIRES["pty"](tmp_path) as wire:

        def pulled(*_arguments: object) -> None:
            raise termios.error(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(termios, "tcflush", pulled)
            with pytest.raises(LinkLost):
                await wire.open(wire.url)
        await (await wire.open(wire.url)).close()


@pytest.mark.parametrize(
    "url",
    [
        "serial:/dev/ttyUSB0?baud=12",
        "serial:///dev/ttyUSB0?speed=9600",
        "serial:ttyUSB0",
        "tcp://host",
        "tcp://host:99999",
        "udp://host:1",
        "",
    ],
)
def test_what_is_no_link_is_refused_before_it_is_opened(url: str) -> None:
    with pytest.raises(ConfigError, match="link"):
        check_link(url)
