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


@dataclass(slots=True)
class UplinkLine:
    """The line. Made by `open_uplink_line`."""

    target: Endpoint
    port: int = 0
    n_connections: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _passes: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """What a gateway takes for the cloud."""
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        """Begin to take connections, on the same port as before."""
        self._passes.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
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
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                there = await asyncio.open_connection(self.target.host, self.target.port)
            self._open |= {writer, there[1]}
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, there[1]), name="uplink-up")
                    group.create_task(self._pass_on(there[0], writer), name="uplink-down")
            finally:
                self._open -= {writer, there[1]}
                there[1].close()
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the sender has no more or the line breaks; then the other side hears of it."""
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def open_uplink_line(target: Endpoint) -> AsyncIterator[UplinkLine]:
    """A line to `target` for the time of the context."""
    line = UplinkLine(target)
    await line.listen()
    try:
        yield line
    finally:
        line.close()
