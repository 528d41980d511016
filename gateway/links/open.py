"""A link is a URL: `serial:///dev/ttyUSB0?baud=115200`, `tcp://host:port`, for a device that calls
us `tcp-listen://address:port?from=its-address`, and for one that streams `http(s)://host/path`.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from gateway.errors import ConfigError
from gateway.links.http import open_http, parse_http
from gateway.links.serial import open_serial
from gateway.links.tcp import open_tcp
from gateway.links.tcp_listen import accept_tcp
from gateway.ports import ByteLink

DEFAULT_BAUD = 115_200


def check_link(url: str, *, is_for_reading: bool = False) -> None:
    """Raises ConfigError if `url` is no link that `open_link` could open.

    is_for_reading: the driver never writes, so that a stream over HTTP will do.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"link: {url!r}: {error}") from error
    if parts.scheme == "serial" and parts.path.startswith("/"):
        _baud(url, parts.query)
    elif parts.scheme == "tcp-listen" and parts.hostname is not None and port is not None:
        _options(url, parts.query, "from")
    elif parts.scheme in ("http", "https") and is_for_reading:
        parse_http(url)
    elif parts.scheme != "tcp" or parts.hostname is None or port is None:
        raise ConfigError(
            f"link: {url!r} is neither serial:///dev/NAME?baud=N nor tcp://HOST:PORT "
            "nor tcp-listen://ADDRESS:PORT"
        )


async def open_link(url: str) -> ByteLink:
    """Open the link behind a URL. Raises ConfigError (no link), LinkLost (nothing there)."""
    check_link(url, is_for_reading=True)
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return await open_http(url)
    if parts.scheme == "serial":
        return await open_serial(parts.path, baud=_baud(url, parts.query))
    if parts.scheme == "tcp-listen":
        caller = _options(url, parts.query, "from").get("from")
        return await accept_tcp(parts.hostname or "", parts.port or 0, caller=caller)
    return await open_tcp(parts.hostname or "", parts.port or 0)


def _baud(url: str, query: str) -> int:
    text = _options(url, query, "baud").get("baud", str(DEFAULT_BAUD))
    if not (text.isascii() and text.isdigit() and 300 <= int(text) <= 4_000_000):
        raise ConfigError(f"link: {url!r}: baud must be 300 to 4000000, got {text!r}")
    return int(text)


def _options(url: str, query: str, known: str) -> dict[str, str]:
    options = parse_qs(query)
    unknown = sorted(options.keys() - {known})
    if unknown:
        raise ConfigError(f"link: {url!r}: unknown option {unknown[0]!r}")
    return {name: values[0] for name, values in options.items()}
