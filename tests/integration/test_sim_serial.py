"""Pins a simulated port under the gateway's serial link: quiet is not closed, pulled is lost."""

import asyncio
from pathlib import Path

import pytest

from device_sim.pty_port import open_pty
from gateway.errors import LinkLost
from gateway.links.serial import open_serial
from tests.rigs.guard import GUARD_S

QUIET_S = 0.2


async def test_a_quiet_line_is_waited_for(tmp_path: Path) -> None:
    with open_pty(tmp_path / "tty") as port:
        link = await open_serial(str(tmp_path / "tty"), baud=9600)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                await link.read()
        port.write(b"\xbb\x00\x0d\x0a\x03\x04")
        async with asyncio.timeout(GUARD_S):
            assert await link.read() == b"\xbb\x00\x0d\x0a\x03\x04", "the line must be raw"
        await link.close()


async def test_what_the_gateway_writes_arrives_as_it_is(tmp_path: Path) -> None:
    with open_pty(tmp_path / "tty") as port:
        port.listen()
        link = await open_serial(str(tmp_path / "tty"), baud=9600)
        await link.write(bytes(range(256)))
        received = b""
        async with asyncio.timeout(GUARD_S):
            while len(received) < 256:
                received += await port.read()
        assert received == bytes(range(256))
        await link.close()


async def test_a_pulled_cable_is_a_lost_link(tmp_path: Path) -> None:
    with open_pty(tmp_path / "tty"):
        link = await open_serial(str(tmp_path / "tty"), baud=9600)
    with pytest.raises(LinkLost):
        async with asyncio.timeout(GUARD_S):
            await link.read()
    await link.close()
    assert not (tmp_path / "tty").exists()


async def test_a_cable_is_pulled_and_put_back_under_the_same_name(tmp_path: Path) -> None:
    with open_pty(tmp_path / "tty") as port:
        port.listen()
        first = await open_serial(str(tmp_path / "tty"), baud=9600)
        port.unplug()
        port.write(b"lost")
        assert port.n_lost_bytes == 4
        with pytest.raises(LinkLost):
            async with asyncio.timeout(GUARD_S):
                await first.read()
        await first.close()
        with pytest.raises(LinkLost):
            await open_serial(str(tmp_path / "tty"), baud=9600)
        port.plug()
        second = await open_serial(str(tmp_path / "tty"), baud=9600)
        await second.write(b"there again")
        async with asyncio.timeout(GUARD_S):
            assert await port.read() == b"there again"
        port.write(b"so am I")
        async with asyncio.timeout(GUARD_S):
            assert await second.read() == b"so am I"
        await second.close()
