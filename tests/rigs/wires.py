"""The way between a byte-link driver and a simulated device: in memory, a terminal, a socket, the
body of an HTTP answer.

All are the same to whoever plays the device: learn that somebody has connected, read what the
gateway wrote, write what the device says, cut the way and mend it under the same name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from device_sim.pty_port import open_pty
from gateway.errors import LinkLost
from gateway.links.memory import MemoryLink, memory_pair
from gateway.links.open import open_link
from gateway.ports import ByteLink
from tests.rigs.broker import free_port
from tests.rigs.guard import GUARD_S

CHUNK = 1024
MEMORY = "memory:"
"""The wire in memory is known to a driver by whatever URL suits it."""


class Wire(Protocol):
    """The device's end. `url` is what the driver is configured with."""

    url: str

    async def open(self, url: str) -> ByteLink: ...

    async def met(self) -> None:
        """Return once for each connection, as soon as the device knows of it."""

    async def read(self) -> bytes: ...

    async def write(self, data: bytes) -> None: ...

    async def cut(self) -> None: ...

    async def mend(self) -> None: ...


class MemoryWire:
    """Two queues; runs under virtual time."""

    url = MEMORY

    def __init__(self) -> None:
        self._device: MemoryLink | None = None
        self._met = asyncio.Semaphore(0)
        self._is_cut = False
        self._news = asyncio.Event()

    async def open(self, url: str) -> ByteLink:
        if self._is_cut:
            raise LinkLost(url, "not there")
        box, self._device = memory_pair()
        self._news.set()
        self._met.release()
        return box

    async def met(self) -> None:
        await self._met.acquire()

    async def read(self) -> bytes:
        while True:
            if self._device is not None:
                with contextlib.suppress(LinkLost):
                    return await self._device.read()
                self._device = None
            self._news.clear()
            await self._news.wait()

    async def write(self, data: bytes) -> None:
        with contextlib.suppress(LinkLost):
            if self._device is not None:
                await self._device.write(data)

    async def cut(self) -> None:
        self._is_cut = True
        if self._device is not None:
            await self._device.close()

    async def mend(self) -> None:
        self._is_cut = False


class PtyWire:
    """A pseudo-terminal under a fixed name, pulled and plugged in again."""

    def __init__(self, path: Path) -> None:
        self.url = f"serial://{path}?baud=115200"
        self._context = open_pty(path)
        self._port = self._context.__enter__()
        self._port.listen()

    async def open(self, url: str) -> ByteLink:
        return await open_link(url)

    async def met(self) -> None:
        """Never: a device on a serial line does not see who has its other end."""
        await asyncio.Event().wait()

    async def read(self) -> bytes:
        return await self._port.read()

    async def write(self, data: bytes) -> None:
        """As a wire does: what finds no room is lost."""
        for start in range(0, len(data), CHUNK):
            self._port.write(data[start : start + CHUNK])
            await asyncio.sleep(0)

    async def cut(self) -> None:
        self._port.unplug()

    async def mend(self) -> None:
        self._port.plug()

    def close(self) -> None:
        self._context.__exit__(None, None, None)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def listen(serve: Serve, port: int) -> asyncio.Server:
    """A server that does not serve yet: asyncio's start of one, stopped in its last await, leaves
    a socket that nobody knows of."""
    return await asyncio.start_server(serve, "127.0.0.1", port, start_serving=False)


async def let_in() -> None:
    """Let connections that a server has just accepted get as far as whoever serves them."""
    for _ in range(5):
        await asyncio.sleep(0)


class TcpWire:
    """A serial device server: one connection at a time, the newest is the device's."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"tcp://127.0.0.1:{self._port}"
        self._server: asyncio.Server | None = None
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._met = asyncio.Semaphore(0)

    async def open(self, url: str) -> ByteLink:
        return await open_link(url)

    async def met(self) -> None:
        await self._met.acquire()

    async def read(self) -> bytes:
        return await self._received.get()

    async def write(self, data: bytes) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.write(data)
                await self._writer.drain()

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await let_in()
        if self._writer is not None:
            self._writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving, timeout=GUARD_S)
        await asyncio.sleep(0)  # the transport's own goodbye

    async def mend(self) -> None:
        self._server = await listen(self._serve, self._port)
        await self._server.start_serving()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        if self._writer is not None:
            self._writer.transport.abort()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._begin(reader, writer)
            self._writer = writer
            self._met.release()
            while data := await reader.read(4096):
                self._received.put_nowait(data)
        writer.close()

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What comes before the device's own words."""


class HttpWire(TcpWire):
    """A reader's web server: asked once, it answers without end. Each write is a chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.url.rpartition(':')[2]}/api/v1/data/stream"

    async def write(self, data: bytes) -> None:
        await super().write(b"%x\r\n%s\r\n" % (len(data), data))

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


@contextlib.asynccontextmanager
async def memory_wire(_directory: Path) -> AsyncIterator[Wire]:
    yield MemoryWire()


@contextlib.asynccontextmanager
async def pty_wire(directory: Path) -> AsyncIterator[Wire]:
    wire = PtyWire(directory / "tty")
    try:
        yield wire
    finally:
        wire.close()


@contextlib.asynccontextmanager
async def _served(wire: TcpWire) -> AsyncIterator[Wire]:
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()


MakeWire = Callable[[Path], contextlib.AbstractAsyncContextManager[Wire]]

WIRES: dict[str, MakeWire] = {
    "memory": memory_wire,
    "pty": pty_wire,
    "tcp": lambda _directory: _served(TcpWire()),
    "http": lambda _directory: _served(HttpWire()),
}
