"""A TCP connection as a byte link."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from gateway.errors import LinkLost

READ_BYTES: Final = 16_384
CONNECT_TIMEOUT_S: Final = 10.0
WRITE_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 1.0
"""For what was written last to get out; a peer that takes nothing must not hold up its own end."""


class TcpLink:
    """An open connection. Made by `open_tcp`."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._name = name
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """The next bytes. Raises LinkLost at the end of the stream."""
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise LinkLost(self._name, str(error)) from error
        if not data:
            raise LinkLost(self._name, "the other side closed")
        return data

    async def write(self, data: bytes) -> None:
        """Send all of `data`. Raises LinkLost."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                self._writer.write(data)
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise LinkLost(self._name, str(error) or "takes no more bytes") from error

    async def close(self) -> None:
        """Release the connection; one that takes no more bytes is cut off."""
        self._writer.close()
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._writer.wait_closed()
        finally:
            # Once all is written the transport is closed, and `abort` is not for closed ones.
            if self._writer.transport.get_write_buffer_size():
                self._writer.transport.abort()


async def open_tcp(host: str, port: int) -> TcpLink:
    """Connect. Raises LinkLost."""
    name = f"tcp://{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise LinkLost(name, str(error) or "no answer") from error
    return TcpLink(name, reader, writer)
