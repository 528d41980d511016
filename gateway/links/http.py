"""The body of an HTTP answer that never ends, as a byte link to read from.

    http://USER@HOST:PORT/PATH?password_file=/path/of/a/file
    https://…?password_file=…&ca_file=/path/of/a/certificate

Spoken by h11, which also speaks for httpx: a read that is given up must leave the stream whole,
and httpx's streams end with the first one that is.

The two options are ours and are not sent; a password does not stand in a URL. TLS without
`ca_file` trusts the system's authorities. Whatever is not 200 is a lost link: the reader behind
it may be starting, or in another mode.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import h11

from gateway.errors import ConfigError, LinkLost

READ_BYTES: Final = 16_384
CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 1.0
_PORTS: Final = {"http": 80, "https": 443}
_PATH: Final = re.compile(r"(/[!-~]*)?")
_OPTIONS: Final = frozenset({"password_file", "ca_file"})


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """What a URL says. name: the URL without anything of ours, for messages."""

    name: str
    host: str
    port: int
    path: str
    user: str | None
    password_file: Path | None
    ca_file: Path | None
    is_tls: bool


class HttpLink:
    """An answer that has begun. Made by `open_http`."""

    def __init__(
        self,
        name: str,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._name = name
        self._connection = connection
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """The next bytes of the body. Raises LinkLost at its end."""
        while True:
            event = await self.next_event()
            if not isinstance(event, h11.Data):
                raise LinkLost(self._name, "the stream ended")
            if event.data:
                return bytes(event.data)

    async def next_event(self) -> h11.Event:
        """The next event of the answer. Raises LinkLost when the other side breaks off."""
        is_at_end = False
        while True:
            try:
                event = self._connection.next_event()
                if isinstance(event, h11.Event):
                    return event
                if event is h11.PAUSED:
                    raise LinkLost(self._name, "the stream ended")
                data = await self._reader.read(READ_BYTES)
                is_at_end = not data
                self._connection.receive_data(data)
            except (h11.RemoteProtocolError, OSError) as error:
                reason = "the other side closed" if is_at_end else str(error)
                raise LinkLost(self._name, reason) from error

    async def ask(self, request: h11.Request) -> None:
        """Send the one request that there is. Raises LinkLost."""
        head = self._connection.send(request) or b""
        end = self._connection.send(h11.EndOfMessage()) or b""
        try:
            self._writer.write(head + end)
            await self._writer.drain()
        except OSError as error:
            raise LinkLost(self._name, str(error)) from error

    async def write(self, data: bytes) -> None:
        """Raises LinkLost: the request is over, and the answer is for reading."""
        raise LinkLost(self._name, "nothing can be written to an HTTP stream")

    async def close(self) -> None:
        """Cut the connection: the answer has no end to wait for."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()


def parse_http(url: str) -> HttpTarget:
    """What an http(s) link says. Raises ConfigError."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise ConfigError(f"link: {url!r}: unknown option {unknown[0]!r}")
    if parts.scheme not in _PORTS or not parts.hostname or not _PATH.fullmatch(parts.path):
        raise ConfigError(f"link: {url!r} is not http(s)://HOST/PATH")
    if parts.password is not None:
        raise ConfigError("link: a password does not stand in the URL; name a password_file")
    files = {name: Path(values[0]) for name, values in options.items()}
    is_tls = parts.scheme == "https"
    if "ca_file" in files and not is_tls:
        raise ConfigError(f"link: {url!r}: ca_file is for https")
    if ("password_file" in files) != (parts.username is not None):
        raise ConfigError(f"link: {url!r}: a user and a password_file go together")
    return HttpTarget(
        name=f"{parts.scheme}://{_authority(parts)}{parts.path}",
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        path=parts.path or "/",
        user=None if parts.username is None else unquote(parts.username),
        password_file=files.get("password_file"),
        ca_file=files.get("ca_file"),
        is_tls=is_tls,
    )


def _authority(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port}" if parts.port else f"{host}"


async def open_http(url: str) -> HttpLink:
    """Ask for the stream and wait for its answer to begin. Raises ConfigError, LinkLost."""
    target = parse_http(url)
    try:
        context = ssl.create_default_context(cafile=target.ca_file) if target.is_tls else None
        headers = _headers(target)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                target.host, target.port, ssl=context, limit=READ_BYTES
            )
    except (OSError, TimeoutError, UnicodeDecodeError) as error:
        raise LinkLost(target.name, str(error) or "no answer") from error
    link = HttpLink(target.name, h11.Connection(h11.CLIENT), reader, writer)
    try:
        await _ask(link, target, headers)
    except BaseException:
        await link.close()
        raise
    return link


async def _ask(link: HttpLink, target: HttpTarget, headers: list[tuple[str, str]]) -> None:
    request = h11.Request(method="GET", target=target.path, headers=headers)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await link.ask(request)
            answer = await link.next_event()
            while isinstance(answer, h11.InformationalResponse):
                answer = await link.next_event()
    except TimeoutError as error:
        raise LinkLost(target.name, "no answer") from error
    if not isinstance(answer, h11.Response) or answer.status_code != 200:
        status = answer.status_code if isinstance(answer, h11.Response) else "no"
        raise LinkLost(target.name, f"answers with status {status}")


def _headers(target: HttpTarget) -> list[tuple[str, str]]:
    host = target.name.split("/")[2]
    headers = [("Host", host), ("Accept", "application/json"), ("Connection", "close")]
    if target.user is not None and target.password_file is not None:
        password = target.password_file.read_text(encoding="utf-8").strip()
        pair = base64.b64encode(f"{target.user}:{password}".encode()).decode()
        headers.append(("Authorization", f"Basic {pair}"))
    return headers
