"""Pins a link that the other side opens: a wait for it that is stopped leaves nobody hanging."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from gateway.links.tcp_listen import accept_tcp
from tests.rigs.broker import free_port
from tests.rigs.guard import GUARD_S


@pytest.mark.parametrize("n_steps", range(12))
async def test_a_wait_that_is_stopped_as_somebody_calls_lets_him_go(n_steps: int) -> None:
    port = free_port()
    waiting = asyncio.create_task(accept_tcp("127.0.0.1", port, caller=None))
    async with asyncio.timeout(GUARD_S):
        # He calls between two steps of the loop; then the wait is stopped after so many more.
        while (caller := connected(port)) is None:
            await asyncio.sleep(0)
        for _ in range(n_steps):
            await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await waiting).close()
        reader, writer = await asyncio.open_connection(sock=caller)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    assert connected(port) is None


def connected(port: int) -> socket.socket | None:
    """A caller of whom the loop has not heard yet; None if nobody listens."""
    try:
        return socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return None


async def test_a_second_caller_is_refused_while_the_first_is_connected() -> None:
    port = free_port()
    waiting = asyncio.create_task(accept_tcp("127.0.0.1", port, caller="127.0.0.1"))
    async with asyncio.timeout(GUARD_S):
        while not waiting.done():
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                link = await waiting
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        assert await link.read() == b"hello"
        await link.close()
        writer.close()
