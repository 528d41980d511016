"""Pins the line to the cloud: it passes bytes on, is cut in two ways, and is whole again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from device_sim.broker import Endpoint
from device_sim.stage.uplink import UplinkLine, open_uplink_line
from tests.rigs.guard import GUARD_S


@pytest.fixture
async def line() -> AsyncIterator[UplinkLine]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.Event()
        served.append(ended)
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()
        await writer.wait_closed()
        ended.set()

    served: list[asyncio.Event] = []
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_uplink_line(Endpoint("127.0.0.1", port)) as it:
        yield it
    server.close()
    async with asyncio.timeout(GUARD_S):
        for ended in served:
            await ended.wait()


async def connect(line: UplinkLine) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", line.port)


async def close(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    streams[1].close()
    await streams[1].wait_closed()


async def ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], text: bytes) -> bytes:
    streams[1].write(text)
    async with asyncio.timeout(GUARD_S):
        return await streams[0].readexactly(len(text))


async def test_bytes_pass_both_ways(line: UplinkLine) -> None:
    streams = await connect(line)
    assert await ask(streams, b"hello") == b"hello"
    await close(streams)


async def test_a_refusing_line_breaks_what_is_open_and_takes_nothing_new(
    line: UplinkLine,
) -> None:
    streams = await connect(line)
    assert await ask(streams, b"hello") == b"hello"
    line.cut("refused")
    async with asyncio.timeout(GUARD_S):
        assert await streams[0].read() == b""
    with pytest.raises(ConnectionRefusedError):
        await connect(line)
    await line.mend()
    again = await connect(line)
    assert await ask(again, b"again") == b"again"
    await close(streams)
    await close(again)


async def test_a_silent_line_takes_everything_and_gives_it_late(line: UplinkLine) -> None:
    streams = await connect(line)
    assert await ask(streams, b"hello") == b"hello"
    line.cut("silent")
    streams[1].write(b"into the dark")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await streams[0].readexactly(1)
    await line.mend()
    async with asyncio.timeout(GUARD_S):
        assert await streams[0].readexactly(13) == b"into the dark"
    await close(streams)
