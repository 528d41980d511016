"""Sending to an address that somebody gave: only to the open network, and never for long.

- The name is looked up once and the connection goes to what was found, so that a name cannot
  mean a public address when it is checked and one of ours when it is used.
- Loopback, private, link-local and other special addresses are refused, unless the operator
  allows them; so are other schemes than http and https, and names in place of passwords.
- One deadline for the whole exchange, no redirects, no proxy variables; of the answer only the
  status is read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
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


def is_open_address(address: str) -> bool:
    """True for an address of the open network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    known = mapped or found
    return known.is_global and not known.is_multicast


class HttpPost:
    """Implements Post."""

    def __init__(self, *, allows_private: bool, deadline_s: float = DEADLINE_S) -> None:
        self._allows_private = allows_private
        self._deadline_s = deadline_s

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send once, within the deadline."""
        parts = check_url(url)
        try:
            async with asyncio.timeout(self._deadline_s):
                address = await self._look_up(parts)
                return await self._send(parts, address, body, headers)
        except TimeoutError as error:
            raise PostFailed(f"not done within {self._deadline_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise PostFailed(f"{type(error).__name__}: {error}") from error

    async def _look_up(self, parts: SplitResult) -> str:
        port = parts.port or _PORTS[parts.scheme]
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, port, type=socket.SOCK_STREAM
        )
        addresses = [str(entry[4][0]) for entry in found]
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
