"""Pins where nothing is ever sent: to ourselves and our network, by whatever name or notation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from cloud_sync.outbound.post import (
    HttpPost,
    PostFailed,
    PostForbidden,
    check_url,
    is_open_address,
)

CLOSED_V4 = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255",
]  # fmt: skip
OPEN_V4 = ["93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
           "172.15.255.255", "172.32.0.0", "192.0.1.1", "198.17.255.255",
           "223.255.255.255"]  # fmt: skip
WRAPS = {
    "IPv4-mapped": "::ffff:{}",
    "NAT64": "64:ff9b::{}",
    "ISATAP": "2606:2800::5efe:{}",
    "ISATAP of a global address": "2606:2800::200:5efe:{}",
}


@pytest.mark.parametrize("address", CLOSED_V4)
def test_special_ipv4_addresses_are_closed_however_they_are_wrapped(address: str) -> None:
    assert not is_open_address(address)
    for how, wrap in WRAPS.items():
        assert not is_open_address(wrap.format(address)), how
    a, b, c, d = map(int, address.split("."))
    assert not is_open_address(f"2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"), "6to4"


@pytest.mark.parametrize("address", OPEN_V4)
def test_other_ipv4_addresses_are_open(address: str) -> None:
    assert is_open_address(address)
    assert all(is_open_address(wrap.format(address)) for wrap in WRAPS.values())


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("2a00:1450:4001::1", True),
        ("::", False),
        ("::1", False),
        ("::10.0.0.1", False),
        ("64:ff9b:1::1", False),
        ("100::1", False),
        ("2001::1", False),
        ("2001:0:7f00:1::", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("fc00::1", False),
        ("fd12:3456::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_ipv6_is_open_where_it_is_unicast_of_the_open_network(address: str, is_open: bool) -> None:
    assert is_open_address(address) is is_open


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://2130706433/",
            "http://0x7f.1:9/", "http://[::ffff:127.0.0.1]:9/", "http://[64:ff9b::7f00:1]:9/"]
)  # fmt: skip
async def test_nothing_is_sent_to_ourselves(url: str) -> None:
    with pytest.raises(PostForbidden):
        await HttpPost(allows_private=False)(url, b"{}", {})
    assert check_url(url)


class Names:
    """A resolver whose answer changes with every question."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        self.asked.append(name)
        return self.answers.pop(0)


@pytest.mark.parametrize(
    "found", [["93.184.216.34", "127.0.0.1"], ["10.0.0.1", "93.184.216.34"], ["::ffff:10.0.0.1"]]
)
async def test_one_closed_address_closes_a_name(found: list[str]) -> None:
    names = Names(found)
    with pytest.raises(PostForbidden):
        await HttpPost(allows_private=False, look_up=names)("https://partner.example/", b"", {})
    assert names.asked == ["partner.example"]


async def test_a_name_without_address_is_tried_again_later() -> None:
    with pytest.raises(PostFailed) as failed:
        await HttpPost(allows_private=False, look_up=Names([]))("https://a.example/", b"", {})
    assert not isinstance(failed.value, PostForbidden)


@contextlib.asynccontextmanager
async def web(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers every request so; gives its port and the heads of the requests."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heads


async def test_a_name_means_what_it_meant_when_it_was_checked() -> None:
    """The second answer would lead elsewhere; there is no second question."""
    async with web(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") as (port, heads):
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        post = HttpPost(allows_private=True, deadline_s=60, look_up=names)
        assert await post(f"http://partner.example:{port}/hook?a=1", b"{}", {"X-A": "b"}) == 204
        assert names.asked == ["partner.example"]
        (head,) = heads
        assert head.startswith(b"POST /hook?a=1 HTTP/1.1\r\n")
        assert f"host: partner.example:{port}".encode() in head.lower()


async def test_nobody_is_sent_on_elsewhere() -> None:
    async with web(b"HTTP/1.1 204 No Content\r\n\r\n") as (other, elsewhere):
        answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{other}/\r\n"
        async with web(answer.encode() + b"Content-Length: 0\r\n\r\n") as (port, heads):
            post = HttpPost(allows_private=True, deadline_s=60, look_up=Names(["127.0.0.1"]))
            assert await post(f"http://partner.example:{port}/", b"{}", {}) == 307
            assert len(heads) == 1
        assert elsewhere == []
