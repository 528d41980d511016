"""The line between gateways and cloud, so that it can be cut: bytes are passed on both ways.

Cut in one of two ways. `refused`: connections break and new ones are refused, as when the
router is off. `silent`: connections stay and nothing passes any more, as when a link is up and
leads nowhere; the worst kind, because nothing but the gateway's own deadline ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Literal

from device_sim.broker import Endpoint

Cut = Literal["refused", "silent"]

READ_BYTES: Final = 65_536
CONNECT_S: Final = 5.0
CLOSE_S: Final = 1.0


@dataclass(slots=True)
class UplinkLine:
    """The line. Made by `open_uplink_line`."""

    target: Endpoint
    group: asyncio.TaskGroup
    port: int = 0
    n_connections: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _passes: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """What a gateway takes for the cloud."""
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        """Begin to take connections, on the same port as before."""
        self._passes.set()
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, how: Cut) -> None:
        """Let nothing through any more."""
        self._passes.clear()
        if how == "refused":
            self.close()

    async def mend(self) -> None:
        """Let everything through again; what was on its way in silence arrives late."""
        self._passes.set()
        if self._server is None:
            await self.listen()

    def close(self) -> None:
        """Break every connection and take no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._open:
            connection.cancel()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        task = self.group.create_task(self._serve(reader, writer), name="uplink-connection")
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # One that is cancelled before it began has closed nothing itself.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; however it ends, both sides of it are closed."""
        async with _closing(writer):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_S):
                    there = await asyncio.open_connection(self.target.host, self.target.port)
                async with _closing(there[1]), asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, there[1]), name="uplink-up")
                    group.create_task(self._pass_on(there[0], writer), name="uplink-down")

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the sender has no more or the line breaks; then the other side hears of it."""
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close at the end of the context; what nobody takes within CLOSE_S is dropped."""
    try:
        yield
    finally:
        writer.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await writer.wait_closed()
        except (OSError, TimeoutError):
            writer.transport.abort()


@contextlib.asynccontextmanager
async def open_uplink_line(target: Endpoint) -> AsyncIterator[UplinkLine]:
    """A line to `target` for the time of the context."""
    async with asyncio.TaskGroup() as group:
        line = UplinkLine(target, group)
        await line.listen()
        try:
            yield line
        finally:
            line.close()
