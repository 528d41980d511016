"""Pins whom the HTTPS stream of a reader trusts: the authority it is told, and no other."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.errors import LinkLost
from gateway.links.http import open_http
from tests.rigs.certificates import Pair, make_authority, make_certificate
from tests.rigs.guard import GUARD_S

pytestmark = pytest.mark.slow

ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def authority(directory: Path) -> Pair:
    return make_authority(directory, "warehouse")


@contextlib.asynccontextmanager
async def reader_with(certificate: Pair, heads: list[bytes]) -> AsyncIterator[int]:
    """A reader's web server behind TLS; `heads` is what it is asked."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


async def read(port: int, options: str) -> bytes:
    async with asyncio.timeout(GUARD_S):
        link = await open_http(f"https://127.0.0.1:{port}/api/v1/data/stream{options}")
        try:
            return await link.read()
        finally:
            await link.close()


async def test_a_reader_of_the_told_authority_is_read(directory: Path, authority: Pair) -> None:
    certificate = make_certificate(directory, authority, alternative="IP:127.0.0.1")
    heads: list[bytes] = []
    async with reader_with(certificate, heads) as port:
        assert await read(port, f"?ca_file={authority.certificate}") == b"abc"
    assert heads[0].startswith(b"GET /api/v1/data/stream HTTP/1.1\r\n"), (
        "no option of ours is sent"
    )


async def test_nobody_else_is_trusted(directory: Path, authority: Pair) -> None:
    """Another authority, the system's own ones, another's certificate, and no certificates."""
    certificate = make_certificate(directory, authority, alternative="IP:127.0.0.1")
    others = make_certificate(directory, authority, alternative="DNS:other.example")
    stranger = make_authority(directory, "stranger")
    rubbish = directory / "rubbish.pem"
    rubbish.write_text("no certificate\n")
    heads: list[bytes] = []
    for shown, options, reason in (
        (certificate, f"?ca_file={stranger.certificate}", "certificate verify failed"),
        (certificate, "", "certificate verify failed"),
        (others, f"?ca_file={authority.certificate}", "certificate is not valid for"),
        (certificate, f"?ca_file={rubbish}", "no certificate"),
        (certificate, f"?ca_file={directory / 'missing.pem'}", "No such file"),
    ):
        async with reader_with(shown, heads) as port:
            with pytest.raises(LinkLost, match=reason):
                await read(port, options)
    assert heads == [], "who is not trusted is asked nothing"


async def test_a_reader_without_tls_is_not_spoken_to_in_the_clear(authority: Pair) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1024))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkLost):
            await read(port, f"?ca_file={authority.certificate}")
    assert b"GET" not in heard[0]
