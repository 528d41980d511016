"""A byte link that the device opens: we listen, it calls.

Nobody listens while a caller is connected, so a second one is refused by the system at once, and
the port is free for the next wait as soon as the link is closed.
"""

from __future__ import annotations

import asyncio
import socket

from gateway.errors import LinkLost
from gateway.links.tcp import TcpLink

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def accept_tcp(host: str, port: int, *, caller: str | None) -> TcpLink:
    """Wait for a connection, as long as it takes. Raises LinkLost if the port cannot be had.

    caller: the one address that may connect; None lets anybody.
    """
    name = f"tcp-listen://{host}:{port}"
    loop = asyncio.get_running_loop()
    first: asyncio.Future[Streams] = loop.create_future()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_address = str(writer.get_extra_info("peername", ("",))[0])
        if first.done() or caller not in (None, its_address):
            writer.transport.abort()
        else:
            first.set_result((reader, writer))

    try:
        # Bound by ourselves, not serving yet: no await that a cancel could leave open.
        family, _, _, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
        bound = socket.create_server(address[:2], family=family)
    except OSError as error:
        raise LinkLost(name, str(error)) from error
    server = await asyncio.start_server(take, sock=bound, start_serving=False)
    try:
        await server.start_serving()
        reader, writer = await first
    except asyncio.CancelledError:
        if first.done() and not first.cancelled():
            first.result()[1].transport.abort()
        raise
    except OSError as error:
        raise LinkLost(name, str(error)) from error
    finally:
        first.cancel()
        server.close()
    return TcpLink(name, reader, writer)
