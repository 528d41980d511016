"""HTTP/1.1 for the box's pages: requests in, responses out, and a bound on everything.

h11 knows the protocol; here are the sockets, the deadlines and the limits. One request at a time
per connection. Who is slower than a deadline, or one connection too many, is hung up on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

logger = logging.getLogger(__name__)

HEAD_BYTES_MAX: Final = 16 * 1024
BODY_BYTES_MAX: Final = 16 * 1024
READ_BYTES: Final = 16 * 1024
LINGER_S: Final = 1.0
LINGER_READS: Final = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient the server is. connections: at once, from all clients together."""

    request_s: float = 10.0
    """From the first byte of a request to its last: a slow sender is no friend."""
    idle_s: float = 30.0
    write_s: float = 20.0
    connections: int = 64


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks. headers: by lower-case name; of one that is repeated, the last."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def cookie(self, name: str) -> str | None:
        """A cookie's value."""
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(content: object, status: int = 200, **headers: str) -> Response:
    """An answer in JSON. headers: with underscores for hyphens."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, body, "application/json", named)


def refusal(status: int, message: str, **headers: str) -> Response:
    """An answer that says why not, in the form of the cloud's."""
    code = HTTPStatus(status).name.lower()
    return as_json({"error": {"code": code, "message": message}}, status, **headers)


Handler = Callable[[Request], Awaitable[Response]]


class _HungUp(Exception):
    """The other side is gone or not worth waiting for."""


class Server:
    """Serves one handler on one address."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._open: set[asyncio.Task[object]] = set()

    @contextlib.asynccontextmanager
    async def listening(
        self, address: str, port: int, tls: ssl.SSLContext | None
    ) -> AsyncIterator[int]:
        """Serve while the context is open; gives the port. Raises OSError."""
        server = await asyncio.start_server(
            self._serve,
            address,
            port,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else self._limits.request_s,
            limit=READ_BYTES,
        )
        async with server:
            yield server.sockets[0].getsockname()[1]
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("served outside of a task")
        self._open.add(task)
        try:
            if len(self._open) <= self._limits.connections:
                await self._talk(_Wire(reader, writer, self._limits))
            else:
                logger.warning("too many connections", extra={"action": "pages_crowded"})
        except (_HungUp, OSError, TimeoutError, asyncio.CancelledError):
            pass  # the end of a conversation, whoever ended it
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _talk(self, wire: _Wire) -> None:
        while True:
            try:
                request = await wire.request()
            except h11.RemoteProtocolError as error:
                status = max(error.error_status_hint, 400)
                await wire.answer(refusal(status, str(error)), is_head=False, is_last=True)
                return
            answer = await self._handler(request)
            if not await wire.answer(answer, is_head=request.method == "HEAD", is_last=False):
                return


class _Wire:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self._reader, self._writer, self._limits = reader, writer, limits
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)

    async def request(self) -> Request:
        """The next one, whole. Raises h11.RemoteProtocolError, _HungUp, TimeoutError."""
        first = b""
        if not self._connection.trailing_data[0]:
            async with asyncio.timeout(self._limits.idle_s):
                first = await self._reader.read(READ_BYTES)
            self._connection.receive_data(first)
        async with asyncio.timeout(self._limits.request_s):
            head = await self._event()
            if not isinstance(head, h11.Request):
                raise _HungUp
            body = bytearray()
            while isinstance(part := await self._event(), h11.Data):
                body += part.data
                if len(body) > BODY_BYTES_MAX:
                    raise h11.RemoteProtocolError("body too large", error_status_hint=413)
        return _request(head, bytes(body))

    async def _event(self) -> h11.Event:
        while True:
            event = self._connection.next_event()
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                raise _HungUp
            if isinstance(event, h11.Event):
                return event
            if self._connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._connection.send(go_on) or b"")
            data = await self._reader.read(READ_BYTES)
            self._connection.receive_data(data)

    async def answer(self, response: Response, *, is_head: bool, is_last: bool) -> bool:
        """Send it; True if the connection may be used again."""
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            *response.headers.items(),
        ]
        if is_last:
            headers.append(("Connection", "close"))
        head = h11.Response(status_code=response.status, headers=headers)
        out = bytearray(self._connection.send(head) or b"")
        if not is_head and response.status not in (204, 304):
            out += self._connection.send(h11.Data(data=response.body)) or b""
        out += self._connection.send(h11.EndOfMessage()) or b""
        self._writer.write(bytes(out))
        async with asyncio.timeout(self._limits.write_s):
            await self._writer.drain()
            if self._connection.our_state is not h11.DONE:
                await self._close()
                return False
        if self._connection.their_state is not h11.DONE:
            return False
        self._connection.start_next_cycle()
        return True

    async def _close(self) -> None:
        """Say goodbye; what still comes is thrown away, so that the answer arrives."""
        if not self._writer.can_write_eof():
            self._writer.close()
            await self._writer.wait_closed()
            return
        self._writer.write_eof()
        async with asyncio.timeout(LINGER_S):
            for _ in range(LINGER_READS):
                if not await self._reader.read(READ_BYTES):
                    return


def _request(head: h11.Request, body: bytes) -> Request:
    target = urlsplit(head.target.decode("ascii"))
    # What comes as bytes beyond ASCII is nobody's business here.
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    return Request(
        method=head.method.decode("ascii"),
        path=unquote(target.path, errors="replace"),
        query=dict(parse_qsl(target.query, max_num_fields=32)),
        headers=headers,
        body=body,
    )
