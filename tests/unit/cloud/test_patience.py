"""Pins that a connection on which no request is ever whole is ended, the first as well as a later
one, and that a request whose answer takes long is not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from cloud_sync.service.patience import HeadsInTime
from tests.rigs.guard import GUARD_S

REQUEST = b"GET /%s HTTP/1.1\r\nHost: cloud\r\n\r\n"


class Impatient(HeadsInTime):
    """Otherwise the same."""

    head_s = 0.05


class Application:
    """Answers 204: /slow when it is told to, anything else at once."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            self.has_begun.set()
            await self.may_end.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def served(app: Application) -> AsyncIterator[int]:
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(lambda: Impatient(config, state, {}, loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still came before the other side hung up."""
    async with asyncio.timeout(GUARD_S):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read()
        return b""


async def answered(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(GUARD_S):
        return await reader.readuntil(b"\r\n\r\n")


async def test_who_never_ends_a_head_is_hung_up_on_and_others_are_served() -> None:
    app = Application()
    async with served(app) as port, connected(port) as (slow, asks):
        asks.write(REQUEST % b"slow")
        async with asyncio.timeout(GUARD_S):
            await app.has_begun.wait()
        for begun in (b"", b"GET", (REQUEST % b"x")[:-2]):
            async with connected(port) as (reader, writer):
                writer.write(begun)
                assert await ended(reader) == b""
        app.may_end.set()
        assert (await answered(slow)).startswith(b"HTTP/1.1 204 ")


async def test_a_later_head_on_the_same_connection_has_its_time_too() -> None:
    async with served(Application()) as port, connected(port) as (reader, writer):
        writer.write(REQUEST % b"first")
        assert (await answered(reader)).startswith(b"HTTP/1.1 204 ")
        writer.write((REQUEST % b"second")[:-2])
        assert await ended(reader) == b""
