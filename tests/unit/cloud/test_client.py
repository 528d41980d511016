"""Pins the edge side of the wire against servers that drip, lie, redirect, bomb and babble."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cloud_sync.client.errors import Refused, Unavailable
from cloud_sync.client.http import MAX_REPLY_BYTES, CloudClient, open_client
from tests.rigs.guard import GUARD_S

Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
GOOD = b'{"acknowledged_seq":3,"events":[{"seq":3,"status":"accepted"}]}'


@contextlib.asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[str]:
    """Reads one whole request on each connection, then lets `talk` answer and hangs up."""
    connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            await talk(head + await reader.readexactly(length), writer)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as it:
        yield f"http://127.0.0.1:{it.sockets[0].getsockname()[1]}"
        for writer in connections:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def client_of(talk: Talk, *, deadline_s: float = GUARD_S) -> AsyncIterator[CloudClient]:
    async with (
        server(talk) as url,
        open_client(url, token="fp_secret", deadline_s=deadline_s) as client,
    ):
        yield client


def answer(body: bytes, *, status: str = "200 OK", headers: dict[str, str] | None = None) -> Talk:
    """Always the same reply."""

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> None:
        lines = {"Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return talk


async def test_a_batch_goes_out_packed_and_the_answer_comes_back() -> None:
    seen: list[bytes] = []

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        await answer(GOOD)(request, writer)

    async with client_of(talk) as client:
        found = await client.send_batch(b'{"a":1}' * 100)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /sync/v1/batches HTTP/1.1")
    assert b"authorization: bearer fp_secret" in head.lower()
    assert gzip.decompress(body) == b'{"a":1}' * 100
    assert found.acknowledged_seq == 3


async def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(b'{"changes":[],"next_cursor":7,"more":false}')
    async with client_of(answer(packed, headers={"Content-Encoding": "gzip"})) as client:
        assert (await client.fetch_changes(7, 10)).next_cursor == 7


async def test_a_dripping_server_is_left_at_the_deadline() -> None:
    async def drip(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with client_of(drip, deadline_s=0.2) as client, asyncio.timeout(GUARD_S):
        with pytest.raises(Unavailable, match=r"0\.2 s"):
            await client.send_batch(b"{}")


BAD_ANSWERS = {
    "rubbish": b"\x00\xff\r\n\r\n",
    "nothing": b"",
    "cut head": b"HTTP/1.1 200",
    "cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    "not json": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "other json": b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 12}',
    "false gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "huge header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    "text for a number": b"HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"
    b'{"acknowledged_seq":"3","events":[]}',
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_is_no_answer(name: str) -> None:
    async def talk(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(BAD_ANSWERS[name])

    async with client_of(talk) as client:
        with pytest.raises(Unavailable):
            await client.send_batch(b"{}")


async def test_a_cut_gzip_answer_is_no_answer() -> None:
    packed = gzip.compress(GOOD)
    async with client_of(answer(packed[:-6], headers={"Content-Encoding": "gzip"})) as client:
        with pytest.raises(Unavailable):
            await client.send_batch(b"{}")


@pytest.mark.parametrize("is_packed", [True, False])
async def test_an_endless_answer_is_left_at_the_cap(is_packed: bool) -> None:
    body = b" " * (MAX_REPLY_BYTES * 4)
    headers = {"Content-Encoding": "gzip"} if is_packed else {}
    sent = gzip.compress(body, 1) if is_packed else body
    async with client_of(answer(sent, headers=headers)) as client:
        with pytest.raises(Unavailable, match="longer than"):
            await client.send_batch(b"{}")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_no_redirect_is_followed(status: str) -> None:
    followed = asyncio.Event()

    async def trap(request: bytes, writer: asyncio.StreamWriter) -> None:
        followed.set()

    async with server(trap) as elsewhere:
        talk = answer(b"", status=status, headers={"Location": elsewhere})
        async with client_of(talk) as client:
            with pytest.raises(Unavailable):
                await client.send_batch(b"{}")
    assert not followed.is_set()


async def test_proxy_variables_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with client_of(answer(GOOD)) as client:
        assert (await client.send_batch(b"{}")).acknowledged_seq == 3


async def test_nobody_there_is_unavailable() -> None:
    async with server(answer(GOOD)) as url:
        pass
    async with open_client(url, token="x", deadline_s=GUARD_S) as client:
        with pytest.raises(Unavailable):
            await client.fetch_changes(0, 1)


@pytest.mark.parametrize(
    ("status", "retry_after", "expected_s"),
    [
        ("429 Too Many", "7", 7.0),
        ("503 Unavailable", "120", 120.0),
        ("503 Unavailable", "soon", None),
        ("500 Fault", "-1", None),
        ("502 Bad", "999999999999", None),
    ],
)
async def test_later_is_heard(status: str, retry_after: str, expected_s: float | None) -> None:
    async with client_of(
        answer(b"busy", status=status, headers={"Retry-After": retry_after})
    ) as client:
        with pytest.raises(Unavailable) as later:
            await client.send_batch(b"{}")
    assert later.value.retry_after_s == expected_s


@pytest.mark.parametrize(
    ("status", "problem", "code", "expected_seq"),
    [
        ("409 Conflict", {"code": "gap", "message": "m", "expected_seq": 4}, "gap", 4),
        ("401 No", {"code": "unauthorised", "message": "m"}, "unauthorised", None),
        ("422 No", {"code": "malformed", "message": "m"}, "malformed", None),
        ("404 Not Found", None, "http_404", None),
    ],
)
async def test_no_is_told_in_the_clouds_words(
    status: str, problem: dict[str, object] | None, code: str, expected_seq: int | None
) -> None:
    body = b"<html>" if problem is None else json.dumps({"error": problem}).encode()
    async with client_of(answer(body, status=status)) as client:
        with pytest.raises(Refused) as refused:
            await client.send_batch(b"{}")
    assert (refused.value.code, refused.value.expected_seq) == (code, expected_seq)
