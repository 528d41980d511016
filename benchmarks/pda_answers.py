"""How long a worker waits: from a scan's publish to its `result`, with fifty PDAs at work.

    python benchmarks/pda_answers.py [--write] [--seconds 20]

The real gateway on a real Mosquitto, its journal synced to disk at every commit. Each PDA keeps
one connection of its own and scans at its rate, whether or not the answers have come: half of
them receive against a delivery, a quarter picks from an order, a quarter counts piece by piece.
The control is the same load answered by a bare subscriber that writes nothing: what broker,
network and the load's own processes take. None may be lost, doubled or left without an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import BaseModel

ROOT: Final = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import cpu_s, machine, write_page  # noqa: E402  # after the path
from cloud_sync.contract import documents as doc  # noqa: E402
from cloud_sync.contract import events as ev  # noqa: E402
from tests.rigs.broker import running_mosquitto  # noqa: E402
from tests.rigs.gateway import GatewayProcess, pda_config  # noqa: E402
from tests.rigs.seeding import master_data, seed  # noqa: E402

PAGE: Final = ROOT / "docs" / "benchmarks" / "pda-answers.md"
PROGRAM: Final = "benchmarks/pda_answers.py"
N_PDAS: Final = 50
RATES: Final = (1.0, 10.0)
"""Scans per PDA and second: a brisk picker, and a trigger that is held down."""
MILK: Final = "09506000134352"
SYMBOL: Final = f"]C101{MILK}1770113010OLD"
WARM_UP: Final = 50
"""Scans that are sent before the clock runs, one per PDA."""
DRAIN_S: Final = 20.0


@dataclass(slots=True)
class Heard:
    """What a run came to. waits_ms: of every answered scan. n_again: answers beyond the first."""

    n_sent: int = 0
    n_again: int = 0
    cpu_s: float = 0.0
    seconds: float = 0.0
    waits_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """The wait that this share of all scans stays below, in ms."""
        ordered = sorted(self.waits_ms)
        return ordered[min(len(ordered) - 1, round(share * len(ordered)))]


def task_of(i_pda: int) -> dict[str, object]:
    """What the i-th PDA is doing all the time."""
    if i_pda % 4 == 0:
        return {"type": "pick", "id": f"O-{i_pda}", "location": "R-01", "worker": "w1"}
    if i_pda % 4 == 1:
        return {"type": "count", "id": "C-1", "location": "R-02", "worker": "w1"}
    return {"type": "receive", "id": "ASN-1", "worker": "w1"}


def documents() -> list[tuple[str, str, BaseModel]]:
    """A delivery and orders that are large enough for the whole run, and a count."""
    line = doc.ShipmentLine(item=MILK, quantity=10**6, lot="OLD")
    asn = doc.Asn(
        id="ASN-1", warehouse="J1", source="@supplier", status="dispatched", ordered=[line]
    )
    lines = [doc.OrderLine(item=MILK, quantity=10**5)]
    orders = [
        (doc.ORDER, f"O-{i}", doc.Order(id=f"O-{i}", warehouse="J1", lines=lines))
        for i in range(0, N_PDAS, 4)
    ]
    count = doc.Count(id="C-1", warehouse="J1", locations=["R-02"])
    return [*master_data(), (doc.ASN, "ASN-1", asn), *orders, (doc.COUNT, "C-1", count)]


class Fleet:
    """Fifty PDAs, each with a connection and a numbering of its own, in one thread.

    Fifty network threads would wait for one another longer than for any answer.
    """

    def __init__(self, port: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sent_s: dict[tuple[int, int], float] = {}
        self._heard: set[tuple[int, int]] = set()
        self._n_ready = 0
        self._next = [0] * N_PDAS
        self.run_of = Heard()
        self._clients = [self._connect(port, i) for i in range(N_PDAS)]
        deadline_s = time.monotonic() + DRAIN_S
        while self._n_ready < N_PDAS:
            self._serve(deadline_s - time.monotonic())

    def _connect(self, port: int, i_pda: int) -> mqtt.Client:
        name = f"pda-{i_pda}"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        client.on_message = lambda _client, _data, message: self._take(i_pda, message.payload)
        results = f"forepost/v1/J1/{name}/result"

        def subscribe(*_: object) -> None:
            client.subscribe(results, qos=1)

        def count_ready(*_: object) -> None:
            self._n_ready += 1

        client.on_connect = subscribe
        client.on_subscribe = count_ready
        client.connect("127.0.0.1", port)
        link = client.socket()
        if link is None:
            raise TimeoutError(f"{name} could not connect")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(link, selectors.EVENT_READ, client)
        return client

    def _serve(self, limit_s: float) -> None:
        """Take in what has come, waiting for it no longer than `limit_s`."""
        if limit_s <= 0 and self._n_ready < N_PDAS:
            raise TimeoutError("the broker does not let all PDAs in")
        for key, _ in self._selector.select(max(0.0, limit_s)):
            client: mqtt.Client = key.data
            client.loop_read()
            if client.want_write():
                client.loop_write()

    def _take(self, i_pda: int, payload: bytes | bytearray) -> None:
        now_s = time.monotonic()
        result = json.loads(payload)
        key = (i_pda, result["seq"])
        if key in self._heard:
            self.run_of.n_again += 1
            return
        self._heard.add(key)
        self.run_of.waits_ms.append((now_s - self._sent_s[key]) * 1000)
        self.run_of.statuses[result["status"]] += 1

    def _scan(self, i_pda: int) -> None:
        self._next[i_pda] += 1
        seq = self._next[i_pda]
        body = {
            "v": 1, "boot": "b1", "seq": seq, "data": SYMBOL, "symbology": "GS1_128",
            "task": task_of(i_pda),
        }  # fmt: skip
        self.run_of.n_sent += 1
        self._sent_s[i_pda, seq] = time.monotonic()
        client = self._clients[i_pda]
        client.publish(f"forepost/v1/J1/pda-{i_pda}/scan", json.dumps(body).encode(), qos=1)
        if client.want_write():
            client.loop_write()

    def run(self, rate: float, seconds: float) -> Heard:
        """All PDAs scan at `rate`; gives what came back. Raises TimeoutError if not all did."""
        heard = self.run_of = Heard()
        n_scans = round(rate * seconds * N_PDAS)
        began_s = time.monotonic()
        for n in range(n_scans):
            # Evenly over the second, whatever the answers do: a queue that grows must show.
            due_s = began_s + n / (rate * N_PDAS)
            self._serve(0.0)  # even when late: answers that lie here unread are not the gateway's
            while (wait_s := due_s - time.monotonic()) > 0:
                self._serve(wait_s)
            self._scan(n % N_PDAS)
        deadline_s = time.monotonic() + DRAIN_S
        while len(heard.waits_ms) < heard.n_sent:
            self._serve(deadline_s - time.monotonic())
            if time.monotonic() > deadline_s:
                missing = heard.n_sent - len(heard.waits_ms)
                raise TimeoutError(f"{missing} of {heard.n_sent} scans without an answer")
        heard.seconds = time.monotonic() - began_s
        return heard

    def close(self) -> None:
        """Switch all of them off."""
        for client in self._clients:
            client.disconnect()
            client.loop_write()
        self._selector.close()


ANSWERER: Final = """
import json, sys
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
it = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=mqtt.MQTTv5)
def answer(client, _data, message):
    seq = json.loads(message.payload)["seq"]
    body = json.dumps({"v": 1, "seq": seq, "status": "accepted", "message": "x" * 80})
    client.publish(message.topic.replace("/scan", "/result"), body, qos=1)
it.on_message = answer
it.on_subscribe = lambda *_: print("ready", flush=True)
it.connect("127.0.0.1", int(sys.argv[1]))
it.subscribe("forepost/v1/J1/+/scan", qos=1)
it.loop_forever()
"""


def measure_bare(directory: Path, seconds: float) -> dict[float, Heard]:
    """The same load, answered by somebody who only answers."""
    with running_mosquitto(directory, "set_tcp_nodelay true\n") as broker:
        bare = subprocess.Popen(
            [sys.executable, "-c", ANSWERER, str(broker.port)], stdout=subprocess.PIPE
        )
        try:
            if bare.stdout is None or bare.stdout.readline() != b"ready\n":
                raise SystemExit("the bare answerer did not start")
            return _runs(broker.port, bare.pid, seconds)
        finally:
            bare.kill()
            bare.wait()


def measure_gateway(directory: Path, seconds: float) -> dict[float, Heard]:
    """The load at the gateway; then its journal must hold each scan exactly once."""
    state = directory / "gw" / "state"
    stock = [
        ev.Line(item=MILK, lot="OLD", from_location="@supplier", to_location=place,
                quantity=10**6)
        for place in ("R-01", "R-02")
    ]  # fmt: skip
    asyncio.run(seed(state, documents(), stock))
    with running_mosquitto(directory, "set_tcp_nodelay true\n") as broker:
        gateway = GatewayProcess(directory / "gw", pda_config(state, broker.port))
        gateway.start()
        try:
            gateway.until(lambda status: True)
            found = _runs(broker.port, gateway.process.pid, seconds)
            if gateway.stop() != 0:
                raise SystemExit(f"the gateway did not stop in order:\n{gateway.tail()}")
        finally:
            if gateway.process.poll() is None:
                gateway.kill()
        _check_journal(gateway, found)
    return found


def _runs(port: int, pid: int, seconds: float) -> dict[float, Heard]:
    fleet = Fleet(port)
    try:
        fleet.run(1.0, WARM_UP / N_PDAS)
        found = {}
        for rate in RATES:
            before_s = cpu_s(pid)
            heard = fleet.run(rate, seconds)
            heard.cpu_s = cpu_s(pid) - before_s
            found[rate] = heard
        return found
    finally:
        fleet.close()


def _check_journal(gateway: GatewayProcess, found: dict[float, Heard]) -> None:
    """Every scan is one event, none is two. Raises SystemExit."""
    done = gateway.command("journal", "export", "--config", str(gateway.config))
    seen: Counter[tuple[str, int]] = Counter()
    for line in done.stdout.splitlines():
        event = json.loads(line)["event"]
        mark = event.get("device", {})
        if "seq" in mark and event["type"] not in {ev.LOT_CREATED, ev.PICK_ALLOCATED}:
            seen[mark["id"], mark["seq"]] += 1
    n_sent = WARM_UP + sum(heard.n_sent for heard in found.values())
    doubled = [key for key, n in seen.items() if n > 1]
    if len(seen) != n_sent or doubled:
        raise SystemExit(f"{n_sent} scans, {len(seen)} in the journal, {len(doubled)} doubled")


def table(bare: dict[float, Heard], ours: dict[float, Heard]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{N_PDAS} PDAs; {machine()}. Waits in ms.",
        "",
        "| answered by | scans/s, each | scans | median | 99 % | longest | cores | lost, twice |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, runs in (("nobody's journal (bare)", bare), ("the gateway", ours)):
        for rate, heard in runs.items():
            lost = heard.n_sent - len(heard.waits_ms)
            lines.append(
                f"| {name} | {rate:g} | {heard.n_sent} | {heard.percentile(0.5):.1f} |"
                f" {heard.percentile(0.99):.1f} | {max(heard.waits_ms):.1f} |"
                f" {heard.cpu_s / heard.seconds:.2f} | {lost}, {heard.n_again} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--seconds", type=float, default=20.0, help="per rate and answerer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bare_directory, gateway_directory = Path(name) / "bare", Path(name) / "gateway"
        bare_directory.mkdir()
        gateway_directory.mkdir()
        bare = measure_bare(bare_directory, options.seconds)
        ours = measure_gateway(gateway_directory, options.seconds)
    found = table(bare, ours)
    print(found)
    if options.write:
        write_page(PAGE, PROGRAM, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
