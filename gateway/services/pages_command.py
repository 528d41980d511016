"""`forepost-gateway pages …`: the box's own pages, in a process beside the gateway's.

Without the table `[pages]` in the configuration there are none, and the program ends at once.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeVar

from gateway.clock import SystemClock
from gateway.errors import ConfigError, GatewayError
from gateway.journal.connection import FILE
from gateway.journal.durable import SECRET, put_file
from gateway.journal.shelf import newest_set_aside, read_set_aside, read_shelf
from gateway.ops.logs import set_up_logging
from gateway.ops.metrics import render_metrics
from gateway.ops.notify import Notifier
from gateway.ops.pages.exchange import Limits, Server
from gateway.ops.pages.sessions import KEPT_IN, Sessions, digest_of, new_token
from gateway.ops.pages.site import Site, SiteOptions, Sources
from gateway.ops.status import ask_status
from gateway.services.last_words import report_of_files
from gateway.services.quarantine_command import leave_request
from gateway.services.support_bundle import write_bundle
from gateway.settings import PagesSettings, Settings, load_settings

logger = logging.getLogger(__name__)

MESSAGES_SHOWN: Final = 50
REPORT_S: Final = 1.0
"""However many pages are open, the gateway is asked no more often."""
T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands and their options."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration"
    )
    commands = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    commands.add_parser("run", parents=[where], help="serve the pages until SIGTERM")
    commands.add_parser(
        "token", parents=[where], help="make the token to sign in with; the one before ends"
    )


def run(namespace: argparse.Namespace) -> int:
    """Run one sub-command. Raises GatewayError."""
    settings = load_settings(namespace.config)
    if namespace.what == "token":
        _make_token(settings.gateway.state_dir / KEPT_IN)
        return 0
    set_up_logging(is_json=False, level="INFO")
    if settings.pages is None:
        print("the configuration has no [pages]: there is nothing to serve")
        Notifier.from_environment().ready()  # which is no failure
        return 0
    asyncio.run(_serve(settings, namespace.config, Notifier.from_environment()))
    return 0


def _make_token(path: Path) -> None:
    token = new_token()
    try:
        put_file(path, digest_of(token).encode(), mode=SECRET)
    except OSError as error:
        raise GatewayError(f"{path}: not written: {error.strerror}") from error
    print(token)


async def _serve(settings: Settings, config: Path, notifier: Notifier) -> None:
    pages = settings.pages
    if pages is None:
        raise AssertionError("served without [pages]")
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    sessions = Sessions(settings.gateway.state_dir / KEPT_IN, SystemClock().monotonic)
    site = Site(_options(settings, pages), sources_of(settings, config), sessions)
    server = Server(site.answer, Limits())
    tls = _tls(pages)
    try:
        async with server.listening(pages.address, pages.port, tls) as port:
            shown = f"[{pages.address}]" if ":" in pages.address else pages.address
            address = f"{'http' if tls is None else 'https'}://{shown}:{port}/"
            notifier.ready()
            logger.info("pages served", extra={"action": "pages_served", "address": address})
            await stop.wait()
            notifier.stopping()
    except OSError as error:
        raise GatewayError(f"{pages.address}:{pages.port}: {error.strerror or error}") from error


def _options(settings: Settings, pages: PagesSettings) -> SiteOptions:
    own = socket.gethostname().lower()
    names = {"localhost", "127.0.0.1", "::1", *(name.lower() for name in pages.hosts)}
    if not pages.is_loopback:
        names |= {own, f"{own}.local"}
        if not ip_address(pages.address).is_unspecified:
            names.add(pages.address)
    labels: dict[str, list[str]] = {}
    for kind, pattern in settings.labels.patterns():
        labels.setdefault(kind, []).append(pattern)
    return SiteOptions(
        hosts=frozenset(names),
        is_open=pages.is_loopback,
        is_tls=pages.cert_file is not None,
        language=settings.gateway.language,
        websocket_port=pages.websocket_port,
        pda={"warehouse": settings.gateway.warehouse, "labels": labels},
    )


def _tls(pages: PagesSettings) -> ssl.SSLContext | None:
    if pages.cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(pages.cert_file, pages.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"pages.cert_file, pages.key_file: {error}") from error
    return context


def sources_of(settings: Settings, config: Path) -> Sources:
    """Where the pages of this box have it from."""
    state_dir = settings.gateway.state_dir
    journal = state_dir / FILE
    looks = _Looks()

    clock = SystemClock()
    newest = Newest(lambda: ask_status(settings.status_socket), clock.monotonic)

    async def files(why: str) -> Mapping[str, object]:
        return await looks.take(lambda: report_of_files(settings, why=why))

    async def metrics() -> str:
        try:
            return render_metrics(await newest.report())
        except GatewayError as error:
            return render_metrics(await files(str(error)))

    async def bundle() -> tuple[str, bytes]:
        return await looks.take(lambda: _bundle(config))

    async def reinject(id_: int) -> None:
        await asyncio.to_thread(leave_request, state_dir, id_)

    return Sources(
        report=newest.report,
        files=files,
        shelf=lambda: looks.take(lambda: _shelf(journal)),
        quarantine=lambda before: looks.take(lambda: _quarantine(journal, before)),
        message=lambda id_: looks.take(lambda: _message(journal, id_)),
        reinject=reinject,
        metrics=metrics,
        bundle=bundle,
    )


class Newest:
    """The gateway's report, asked for once for all who want it at the same time."""

    def __init__(
        self, ask: Callable[[], Awaitable[Mapping[str, object]]], now_s: Callable[[], float]
    ) -> None:
        self._ask, self._now_s = ask, now_s
        self._turn = asyncio.Lock()
        self._told: Mapping[str, object] = {}
        self._until_s = 0.0

    async def report(self) -> Mapping[str, object]:
        """A report that is REPORT_S old at most. Raises GatewayError if none can be had."""
        async with self._turn:
            if self._now_s() >= self._until_s:
                self._told = await self._ask()
                self._until_s = self._now_s() + REPORT_S
            return self._told


class _Looks:
    """Looks into the journal in a thread, one at a time: pages never crowd the disk."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def take(self, look: Callable[[], T]) -> T:
        """What `look` finds. Raises JournalError."""
        async with self._turn:
            return await asyncio.to_thread(look)


def _bundle(config: Path) -> tuple[str, bytes]:
    at = datetime.fromtimestamp(SystemClock().wall_us() / 1e6, UTC)
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / f"forepost-support-{at:%Y%m%dT%H%M%SZ}.tar.gz"
        write_bundle(config, target, at=at)
        return target.name, target.read_bytes()


def _shelf(journal: Path) -> Mapping[str, object]:
    found = read_shelf(journal)
    items = {
        str(it["gtin"]): {"names": it.get("names", {}), "zone": it.get("zone")}
        for it in found.items
    }
    return {"items": items, "lots": [list(lot) for lot in found.lots]}


def _quarantine(journal: Path, before: int | None) -> Mapping[str, object]:
    found = newest_set_aside(journal, before_id=before, limit=MESSAGES_SHOWN + 1)
    shown = [{**asdict(it), "head": it.head.hex()} for it in found[:MESSAGES_SHOWN]]
    return {"messages": shown, "more": len(found) > MESSAGES_SHOWN}


def _message(journal: Path, id_: int) -> Mapping[str, object]:
    message = read_set_aside(journal, id_)
    return {**asdict(message), "id": id_, "raw": message.raw.hex()}
