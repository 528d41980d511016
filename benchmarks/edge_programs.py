"""The programs of the edge benchmarks: gateway, counting cloud, broker's clients."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.cloud_double import DELIVERY, ITEM
from benchmarks.measuring import cpu_s
from tests.rigs.broker import wait_for_port
from tests.rigs.gateway import GatewayProcess

GATEWAY = "gw-edge"
WAREHOUSE = "W1"
DEVICES = 20
RECEIVE_MAXIMUM = 500
BROKER = "set_tcp_nodelay true\n"
"""As the broker is configured (gateway/broker/mosquitto.py)."""
SENSORS_AND_CLOUD = """
[[devices]]
name = "sensor-*"
driver = "mqtt-climate"
link = "mqtt"
[cloud]
url = "http://127.0.0.1:{cloud_port}"
token_file = "{token_file}"
poll_s = 0.5
"""


def payload(kind: str, device: int, seq: int) -> tuple[str, bytes]:
    """Topic and body of a message of about 200 bytes."""
    body: dict[str, object] = {"v": 1, "boot": "b1", "seq": seq, "time": "2026-11-21T08:15:30Z"}
    if kind == "climate":
        name, channel = f"sensor-{device}", "climate"
        body |= {"zone": "R", "temperature_c": 4.2, "humidity_pct": 83.0, "note": "x" * 70}
    else:
        name, channel = f"pda-{device}", "scan"
        task = {"type": "receive", "id": DELIVERY, "location": "DOCK", "quantity": 2}
        data = f"]C101{ITEM}172701011012"
        body |= {"data": data, "symbology": "GS1_128", "task": task}
    return f"forepost/v1/{WAREHOUSE}/{name}/{channel}", json.dumps(body).encode()


def connect(port: int, client_id: str, *, keep: bool) -> mqtt.Client:
    """A paho client with a network thread; keep: a persistent session."""
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=mqtt.MQTTv5,
        manual_ack=True,
    )
    client.max_inflight_messages_set(1000)
    client.max_queued_messages_set(0)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600 if keep else 0
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    connection = client.socket()
    assert isinstance(connection, socket.socket)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def peak_mib(pid: int) -> float:
    """The most memory a process has held."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def wait_until(is_so: Callable[[], bool], what: str, limit_s: float = 100.0) -> None:
    """Look now and then. Raises TimeoutError."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit_s} s: {what}")
        time.sleep(0.1)


class Gateway(GatewayProcess):
    """The real program, looked at from outside: asking it would be work of its own."""

    def __init__(self, directory: Path, config: str) -> None:
        super().__init__(directory, config)
        self._journal = directory / "state" / "journal.db"
        self._past_cpu_s = 0.0
        self.peak_mib = 0.0

    def start_and_wait(self) -> None:
        """Return when everything runs."""
        self.start()
        self.until(lambda status: status["stalled"] == [])

    def query(self, sql: str, *parameters: object) -> list[tuple[int, ...]]:
        """Rows of the journal; none while it is not there."""
        try:
            uri = f"file:{self._journal}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as journal:
                return journal.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError:
            return []

    def last_seq(self) -> int:
        """The newest row."""
        return sum(row[0] or 0 for row in self.query("select max(seq) from journal"))

    def is_done_up_to(self, seq: int) -> bool:
        """Whether the rows are there and folded into the read model."""
        found = self.query("select seq from cursor where consumer = 'projector'")
        return self.last_seq() >= seq and bool(found) and found[0][0] >= seq

    def cpu_s(self) -> float:
        """Processor seconds, over all restarts."""
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended by itself; log:\n{self.tail()}")
        self.peak_mib = max(self.peak_mib, peak_mib(self.process.pid))
        return self._past_cpu_s + cpu_s(self.process.pid)

    def kill(self) -> None:
        self._past_cpu_s = self.cpu_s()
        super().kill()


class CountingCloud:
    """benchmarks/cloud_double.py on a port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = Path(__file__).with_name("cloud_double.py")
        self._process = subprocess.Popen([sys.executable, str(program), str(self.port)])
        wait_for_port(self.port, 10)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def counts(self) -> dict[str, float]:
        found: dict[str, float] = self._get("counts")
        return found

    def reset(self) -> None:
        self._get("reset")

    def _get(self, path: str) -> dict[str, float]:
        answer = httpx.get(f"http://127.0.0.1:{self.port}/{path}", timeout=20)
        answer.raise_for_status()
        found: dict[str, float] = answer.json()
        return found


@contextlib.contextmanager
def counting_cloud(port: int) -> Iterator[CountingCloud]:
    """One that runs while the context is open."""
    cloud = CountingCloud(port)
    cloud.start()
    try:
        yield cloud
    finally:
        cloud.stop()
