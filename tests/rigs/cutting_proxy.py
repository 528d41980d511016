"""A proxy that carries requests whole and cuts each answer after so many bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass
class Proxy:
    """bytes_left: how much of the next answer goes through; None for all of it."""

    url: str = ""
    bytes_left: int | None = None
    n_carried: int = 0


@contextlib.asynccontextmanager
async def cutting_proxy(port: int) -> AsyncIterator[Proxy]:
    """A proxy before a server of this machine, for the time of the context."""
    proxy, open_now = Proxy(), set[asyncio.Task[None]]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        up = asyncio.create_task(_pump(reader, up_writer), name="up")
        try:
            await _answer(up_reader, writer, proxy)
        finally:
            up.cancel()
            await asyncio.wait({up})
            for each in (up_writer, writer):
                each.close()
            open_now.discard(task)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield proxy
        for task in list(open_now):
            task.cancel()
        if open_now:
            await asyncio.wait(open_now)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


async def _answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter, proxy: Proxy) -> None:
    """Carry answers until one is cut. The server answered, so what it did stands."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            if proxy.bytes_left is not None and len(data) > proxy.bytes_left:
                sink.write(data[: proxy.bytes_left])
                await sink.drain()
                return
            if proxy.bytes_left is not None:
                proxy.bytes_left -= len(data)
            proxy.n_carried += len(data)
            sink.write(data)
            await sink.drain()
