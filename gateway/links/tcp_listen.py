"""A byte link that the device opens: we listen, it calls.

Nobody listens while a caller is connected, so a second one is refused by the system at once, and
the port is free for the next wait as soon as the link is closed. The one connection is accepted
here and not by asyncio's server, which forgets a socket that it is just taking when it is closed.
"""

from __future__ import annotations

import asyncio
import socket

from gateway.errors import LinkLost
from gateway.links.tcp import TcpLink


async def accept_tcp(host: str, port: int, *, caller: str | None) -> TcpLink:
    """Wait for a connection, as long as it takes. Raises LinkLost if the port cannot be had.

    caller: the one address that may connect; None lets anybody.
    """
    name = f"tcp-listen://{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        family, _, _, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
        with socket.create_server(address[:2], family=family) as bound:
            accepted = await _accept(bound, caller)
        reader, writer = await asyncio.open_connection(sock=accepted)
    except OSError as error:
        raise LinkLost(name, str(error)) from error
    return TcpLink(name, reader, writer)


async def _accept(bound: socket.socket, caller: str | None) -> socket.socket:
    """The first connection of one who may; a cancel leaves none behind. Raises OSError."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[socket.socket] = loop.create_future()

    def take() -> None:
        if first.done():
            return
        try:
            accepted, address = bound.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # he has thought better of it
        except OSError as error:
            first.set_exception(error)
            return
        if caller in (None, address[0]):
            first.set_result(accepted)
        else:
            accepted.close()

    bound.setblocking(False)
    loop.add_reader(bound, take)
    try:
        return await first
    except asyncio.CancelledError:
        if first.done() and not first.cancelled() and first.exception() is None:
            first.result().close()
        raise
    finally:
        loop.remove_reader(bound)
