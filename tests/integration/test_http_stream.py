"""Pins the HTTP stream link on real sockets: bodies of both kinds, refusals, ends, given-up reads.

The answers are written by hand, after RFC 9112."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.core.readings import TagRead
from gateway.drivers.impinj import make_driver
from gateway.errors import ConfigError, LinkLost
from gateway.links.http import HttpLink, open_http, parse_http
from gateway.links.open import check_link, open_link
from gateway.registry import DriverContext
from gateway.services.intake_queue import IntakeQueue
from gateway.settings import DeviceSettings
from tests.rigs.driving import LoopClock
from tests.rigs.guard import GUARD_S

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """A server that hands request heads to `answer` and keeps connections open behind it."""
    open_writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        await answer(await reader.readuntil(b"\r\n\r\n"), writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[HttpLink]:
    async with asyncio.timeout(GUARD_S):
        link = await open_http(url)
    try:
        yield link
    finally:
        await link.close()


async def read_all(link: HttpLink) -> bytes:
    """The body until the link is lost."""
    body = b""
    with contextlib.suppress(LinkLost):
        async with asyncio.timeout(GUARD_S):
            while True:
                body += await link.read()
    return body


async def test_the_request_is_a_get_with_the_users_name_and_no_option_of_ours(
    tmp_path: Path,
) -> None:
    password, heads = tmp_path / "password", []
    password.write_text("im:pinj\n")

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head.decode())
        writer.write(CHUNKED)

    async with serving(answer) as port:
        url = f"http://root@127.0.0.1:{port}/api/v1/data/stream?password_file={password}"
        async with opened(url):
            pass
    first, *lines = heads[0].split("\r\n")
    assert first == "GET /api/v1/data/stream HTTP/1.1"
    fields = dict(line.lower().split(": ", 1) for line in lines if line)
    assert fields["host"] == f"127.0.0.1:{port}"
    pair = base64.b64encode(b"root:im:pinj").decode()
    assert f"Basic {pair}" in heads[0]


@pytest.mark.parametrize(
    ("answered", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n4;x=y\r\nde\r\n\r\n0\r\n\r\n", b"abcde\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"1\r\na\r\n", b"a"),
        (CHUNKED + b"5\r\nab", b"ab"),
        (CHUNKED + b"1\r\na\r\nnonsense\r\n", b"a"),
    ],
    ids=["chunks", "length", "until-closed", "continue", "cut-in-a-chunk", "nonsense"],
)
@pytest.mark.parametrize("is_slow", [False, True], ids=["at-once", "byte-by-byte"])
async def test_a_body_is_read_to_where_it_ends(
    answered: bytes, body: bytes, is_slow: bool
) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        for i in range(0, len(answered), 1 if is_slow else len(answered)):
            writer.write(answered[i : i + 1] if is_slow else answered)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async with serving(answer) as port, opened(f"http://127.0.0.1:{port}/s") as link:
        assert await read_all(link) == body


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "status 401"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "illegal status line"),
        (b"", "closed"),
    ],
    ids=["refused", "sent-elsewhere", "something-else", "hangs-up"],
)
async def test_what_is_no_stream_is_a_lost_link(answered: bytes, reason: str) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answered)
        writer.close()

    async with serving(answer) as port:
        with pytest.raises(LinkLost, match=reason):
            async with opened(f"http://127.0.0.1:{port}/s"):
                pass


async def test_a_read_that_is_given_up_loses_nothing() -> None:
    writers = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"5\r\nab")
        writers.append(writer)

    async with serving(answer) as port, opened(f"http://127.0.0.1:{port}/s") as link:
        body = await link.read()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await link.read()
        writers[0].write(b"cde\r\n0\r\n\r\n")
        assert body + await read_all(link) == b"abcde"


async def test_nothing_can_be_written() -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)

    async with serving(answer) as port, opened(f"http://127.0.0.1:{port}/s") as link:
        with pytest.raises(LinkLost):
            await link.write(b"x")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://root:secret@host/s", "does not stand in the URL"),
        ("http://root@host/s", "go together"),
        ("http://host/s?password_file=/p", "go together"),
        ("http://host/s?ca_file=/c", "is for https"),
        ("https://host/s?token=1", "unknown option 'token'"),
        ("http:///s", "is not http"),
        ("http://host/a b", "is not http"),
        ("http://host:x/s", "link"),
    ],
)
def test_a_wrong_url_is_named_and_a_password_is_not(url: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        check_link(url, is_for_reading=True)
    assert "secret" not in str(caught.value)


def test_a_stream_is_no_link_for_a_device_that_is_written_to() -> None:
    with pytest.raises(ConfigError, match="is neither"):
        check_link("http://host/s")
    assert parse_http("https://host/s?ca_file=/c").is_tls


async def test_a_reader_that_falls_silent_is_asked_anew() -> None:
    n_asked = 0

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal n_asked
        n_asked += 1
        event = b'{"eventType":"tagInventory","tagInventoryEvent":{"epcHex":"%04X"}}\r\n' % n_asked
        writer.write(CHUNKED + b"%x\r\n%s\r\n" % (len(event), event))

    async with serving(answer) as port:
        device = DeviceSettings(
            name="r700",
            driver="impinj",
            link=f"http://127.0.0.1:{port}/s",
            options={"silent_s": 0.05},
        )
        context = DriverContext("J1", LoopClock(), None, open_link, lambda: 0.0)
        driver, intake = make_driver(device, context), IntakeQueue(10)
        found = []
        async with asyncio.TaskGroup() as group, asyncio.timeout(GUARD_S):
            running = group.create_task(driver.run(intake), name="driver")
            while len(found) < 2:
                found += [a.reading for a in await intake.get_group(10, GUARD_S)]
            running.cancel()
    assert [tag.epc for r in found if isinstance(r, TagRead) for tag in r.tags][:2] == [
        "0001",
        "0002",
    ]
    assert driver.health()[0].n_reconnects >= 1
