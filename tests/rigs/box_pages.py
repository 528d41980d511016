"""A warehouse whose box serves its pages: broker with WebSockets, gateway and pages, all real."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloud_sync.contract import documents as doc
from tests.rigs.broker import Mosquitto, free_port, running_mosquitto, wait_for_port
from tests.rigs.gateway import ROOT, GatewayProcess, pda_config
from tests.rigs.guard import GUARD_S
from tests.rigs.seeding import Documents, master_data, seed

MILK, RICE, PEAS = "09506000134352", "09506000134369", "09506000134376"
OLD = f"]C101{MILK}1770113010OLD"
NEW = f"]C101{MILK}1770122410NEW"
BAG = f"]C101{RICE}10RR"
ICE = f"]C101{PEAS}10P1"
TABLES = """
[labels]
location = ["R-*", "A-*", "F-*"]
worker = ["w*"]
[[devices]]
name = "probe-*"
driver = "mqtt-climate"
link = "mqtt"
[pages]
port = {pages}
websocket_port = {sockets}
"""


def work_to_do() -> Documents:
    """A delivery, an order and a count, and what they are about."""
    milk = doc.ShipmentLine(item=MILK, quantity=10, lot="OLD", expiry="2070-11-30")
    asn = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched",
        ordered=[milk, doc.ShipmentLine(item=PEAS, quantity=2)],
    )  # fmt: skip
    order = doc.Order(id="O-1", warehouse="J1", lines=[doc.OrderLine(item=MILK, quantity=3)])
    cycle = doc.Count(id="C-1", warehouse="J1", locations=["R-02"])
    return [
        *master_data(),
        (doc.ASN, "ASN-1", asn),
        (doc.ORDER, "O-1", order),
        (doc.COUNT, "C-1", cycle),
    ]


class BoxSite:
    """The programs of one warehouse, and what its journal says."""

    def __init__(self, directory: Path, broker: Mosquitto, gateway: GatewayProcess) -> None:
        self.directory, self.broker, self.gateway = directory, broker, gateway
        self.url = ""

    def pages_command(self, what: str) -> subprocess.CompletedProcess[str]:
        return self.gateway.command("pages", what, "--config", str(self.gateway.config))

    def events_of(self, device: str, event_type: str) -> list[dict[str, object]]:
        """What the journal has of a device, oldest first."""
        done = self.gateway.command("journal", "export", "--config", str(self.gateway.config))
        assert done.returncode == 0, done.stderr
        rows = (json.loads(line)["event"] for line in done.stdout.splitlines())
        return [it for it in rows if it["type"] == event_type and it["device"]["id"] == device]


@contextlib.contextmanager
def running_box(directory: Path) -> Iterator[BoxSite]:
    """All of it, for the time of the context."""
    sockets, pages = free_port(), free_port()
    store, home = directory / "broker", directory / "gateway"
    store.mkdir()
    home.mkdir()
    with ThreadPoolExecutor(1) as aside:  # Playwright's loop runs in this thread
        aside.submit(lambda: asyncio.run(seed(directory / "state", work_to_do()))).result()
    # Only an IPv4 socket of its WebSockets is bound to the address that is asked for.
    listener = f"listener {sockets} 127.0.0.1\nsocket_domain ipv4\nprotocol websockets\n"
    with running_mosquitto(store, listener) as broker:
        tables = TABLES.format(pages=pages, sockets=sockets)
        gateway = GatewayProcess(home, pda_config(directory / "state", broker.port, tables))
        gateway.start()
        site = BoxSite(directory, broker, gateway)
        site.url = f"http://localhost:{pages}"
        try:
            gateway.until_listening()
            with _pages(gateway, home / "pages.log"):
                wait_for_port(pages, GUARD_S)
                wait_for_port(sockets, GUARD_S)
                yield site
        finally:
            if gateway.process.poll() is None:
                gateway.kill()


@contextlib.contextmanager
def _pages(gateway: GatewayProcess, log: Path) -> Iterator[None]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "pages", "run", "--config", str(gateway.config)],
            stdout=out,
            stderr=out,
            cwd=ROOT,
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(GUARD_S) == 0, log.read_text()
