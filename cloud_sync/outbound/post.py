"""Sending to an address that somebody gave: only to the open network, and never for long.

- The name is looked up once and the connection goes to what was found, so that a name cannot
  mean a public address when it is checked and one of ours when it is used.
- Loopback, private, link-local and other special addresses are refused, unless the operator
  allows them, and so are IPv6 addresses that lead to such IPv4 ones; so are other schemes than
  http and https, and names in place of passwords.
- One deadline for the whole exchange, no redirects, no proxy variables; of the answer only the
  status is read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

import httpx

DEADLINE_S: Final = 10.0
_PORTS: Final = {"http": 80, "https": 443}


class PostFailed(Exception):
    """It did not arrive, or nobody knows whether it did. Try again later."""


class PostForbidden(PostFailed):
    """Nothing is ever sent there."""


class Post(Protocol):
    """Sends a body to a URL and gives the status of the answer. Raises PostFailed."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send once."""
        ...


def check_url(url: str) -> SplitResult:
    """The parts of a URL that may be sent to, whatever its name means. Raises PostForbidden."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PostForbidden(f"no URL: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise PostForbidden("an http or https URL with a host is expected")
    if parts.username is not None or parts.password is not None:
        raise PostForbidden("no user or password in the URL")
    if port == 0:
        raise PostForbidden("port 0")
    return parts


_CLOSED_V4: Final = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""The special registry of IPv4, written down: what Python calls global differs by its version."""

_OPEN_V6: Final = ipaddress.IPv6Network("2000::/3")
_CLOSED_V6: Final = tuple(
    ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "3fff::/20")
)
"""Protocols' own, Teredo among them, and documentation; all else of IPv6 is not unicast at all."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


def is_open_address(address: str) -> bool:
    """True for an address of the open network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in each for each in _CLOSED_V4)
    inner = _inner_v4(found)
    if inner is not None and any(inner in each for each in _CLOSED_V4):
        return False
    if found.ipv4_mapped is not None or found in _NAT64:
        return True
    return found in _OPEN_V6 and not any(found in each for each in _CLOSED_V6)


def _inner_v4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to an IPv6 one end at, where it carries one."""
    low = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64 or (int(address) >> 32 & 0xFFFF_FFFF) in _ISATAP:
        return low
    return address.ipv4_mapped or address.sixtofour


LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, for a port. Raises OSError."""


async def look_up(name: str, port: int) -> Sequence[str]:
    """Implements LookUp by the machine's own resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class HttpPost:
    """Implements Post."""

    def __init__(
        self, *, allows_private: bool, deadline_s: float = DEADLINE_S, look_up: LookUp = look_up
    ) -> None:
        self._allows_private = allows_private
        self._deadline_s = deadline_s
        self._look_up = look_up

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send once, within the deadline."""
        parts = check_url(url)
        try:
            async with asyncio.timeout(self._deadline_s):
                address = await self._address_of(parts)
                return await self._send(parts, address, body, headers)
        except TimeoutError as error:
            raise PostFailed(f"not done within {self._deadline_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise PostFailed(f"{type(error).__name__}: {error}") from error

    async def _address_of(self, parts: SplitResult) -> str:
        port = parts.port or _PORTS[parts.scheme]
        addresses = await self._look_up(parts.hostname or "", port)
        if not addresses:
            raise PostFailed("the name has no address")
        if not self._allows_private and not all(map(is_open_address, addresses)):
            raise PostForbidden("the name leads to an address that is not of the open network")
        return addresses[0]

    async def _send(
        self, parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]
    ) -> int:
        host = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port else ""
        target = parts._replace(netloc=f"{host}{port}", fragment="").geturl()
        named = parts.netloc
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=None) as client,  # noqa: S113 -- the deadline is around all of it
            client.stream(
                "POST",
                target,
                content=body,
                headers={**headers, "Host": named},
                extensions={"sni_hostname": parts.hostname},
            ) as response,
        ):
            return response.status_code
