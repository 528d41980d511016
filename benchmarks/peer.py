"""The nearest peer's own load, and what our gateway makes of it: rate, cost, kills.

Climate readings of 200 bytes, QoS 1, of 20 devices in two warehouses go in at a broker as fast as
it takes them ("flood") or at a rate; what comes out is counted at the other end by each reading's
identity. Killed is the gateway, with -9; it is started again two seconds later. The cloud may be
away from before the first reading until the kill. A flood's rate ends with the last reading there.
With --thingsboard PATH the same floods go through thingsboard-gateway (3.8.5 was used; installed
in an environment of its own, PATH its command), in turn with ours; without it the figures that
were recorded with the same load stand beside. --write puts the table into docs/benchmarks/peer.md.
Usage: python benchmarks/peer.py [--messages N] [--rounds N] [--thingsboard PATH] [--write]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.cloud_double import PROBE
from benchmarks.edge_programs import CountingCloud, Gateway, wait_until
from benchmarks.measuring import machine, write_page
from benchmarks.peer_thingsboard import run_flood
from tests.rigs.broker import Mosquitto, free_port, running_broker

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/peer.md"
PROGRAM = "benchmarks/peer.py"
DEVICES, WAREHOUSES, SIZE, WINDOW = 20, 2, 200, 200
DOWN_S, QUIET_S, LIMIT_S = 2.0, 8.0, 110.0
RECORDED = {"per_s": 3736.0, "cpu_us": 254.0, "peak_mib": 79.0}
"""thingsboard-gateway 3.8.5, SQLite storage, read batch 1000: the best of its settings."""
CONFIG = """
[gateway]
id = "gw-peer"
warehouse = "w00"
state_dir = "{state}"
[mqtt]
host = "127.0.0.1"
port = {port}
[[devices]]
name = "dev*"
driver = "mqtt-climate"
link = "mqtt"
options = {{ any_warehouse = true }}
[cloud]
url = "http://127.0.0.1:{cloud_port}"
token_file = "{token_file}"
"""


@dataclass(frozen=True, slots=True)
class Case:
    """rate: readings a second, 0 for a flood. kill_share: of the readings acknowledged when the
    gateway is killed, 0 for never. has_outage: the cloud is away until the kill."""

    name: str
    rate: float = 0.0
    kill_share: float = 0.0
    has_outage: bool = False


CASES = (
    Case("1000/s, killed in the middle", 1000, 0.4),
    Case("flood, killed in the middle", 0, 0.5),
    Case("1000/s, cloud away, killed late", 1000, 0.75, has_outage=True),
    Case("flood, cloud away, killed when all was published", 0, 1.0, has_outage=True),
)


def reading(n: int, shape: str) -> tuple[str, bytes]:
    """Topic and 200 bytes of the n-th reading, in our words or in the peer's."""
    zone = ("ambient", "refrigerated", "frozen")[n % 3]
    celsius, humidity = round(3.0 + (n % 50) / 10, 1), 60 + n % 30
    body: dict[str, object] = {"eid": n, "ts": 1_790_000_000_000 + n, "zone": zone}
    body |= {"t": celsius, "h": humidity, "pad": ""}
    if shape == "forepost":
        body = {"v": 1, "boot": "b1", "seq": n // DEVICES, "zone": zone}
        body |= {"temperature_c": celsius, "humidity_pct": humidity, "pad": ""}
    body["pad"] = "x" * (SIZE - len(json.dumps(body, separators=(",", ":"))))
    device = n % DEVICES
    topic = f"forepost/v1/w{device % WAREHOUSES:02d}/dev{device:02d}/climate"
    return topic, json.dumps(body, separators=(",", ":")).encode()


def publish(port: int, shape: str, n_messages: int, rate: float) -> None:
    """A program of its own: a line with how many are acknowledged, now and then and at the end."""
    slots, done, n_done = threading.Semaphore(WINDOW), threading.Event(), 0

    def on_publish(*_: object) -> None:
        nonlocal n_done
        n_done += 1
        slots.release()
        if n_done == n_messages:
            done.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher")
    client.max_inflight_messages_set(WINDOW)
    client.on_publish = on_publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun = time.monotonic()
    for n in range(n_messages):
        if rate:
            time.sleep(max(0.0, begun + n / rate - time.monotonic()))
        slots.acquire()
        client.publish(*reading(n, shape), qos=1)
        if n % 250 == 0:
            print(n_done, flush=True)
    done.wait(LIMIT_S)
    print(n_done, flush=True)
    client.disconnect()
    client.loop_stop()


class Publisher:
    """The publishing program, and how far it is."""

    def __init__(self, port: int, shape: str, n_messages: int, rate: float) -> None:
        command = [sys.executable, __file__, "--as-publisher", str(port), "--shape", shape]
        command += ["--messages", str(n_messages), "--rate", str(rate)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.n_done = 0
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.n_done = int(line)

    def join(self) -> None:
        self._process.wait(LIMIT_S)
        self._follower.join(10)


@contextlib.contextmanager
def running_peer_broker(directory: Path) -> Iterator[Mosquitto]:
    """As the peer was measured with: nothing kept on disk, no bound on what waits."""
    port = free_port()
    config = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_queued_messages 0\nmax_inflight_messages 200\nuser root\n"
    )
    with running_broker(directory, port, config) as broker:
        yield broker


def run_ours(case: Case, n_messages: int) -> dict[str, float]:
    """Our gateway through one case."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        broker = stack.enter_context(running_peer_broker(directory))
        cloud = CountingCloud(free_port())
        stack.callback(cloud.stop)
        (directory / "token").write_text("counting-needs-none")
        config = CONFIG.format(
            state=directory / "state",
            port=broker.port,
            cloud_port=cloud.port,
            token_file=directory / "token",
        )
        gateway = Gateway(directory, config)
        if not case.has_outage:
            cloud.start()
        gateway.start_and_wait()
        stack.callback(gateway.process.kill)
        _probe(broker.port, gateway)
        before_s, begun_s = gateway.cpu_s(), time.monotonic()
        publisher = Publisher(broker.port, "forepost", n_messages, case.rate)
        if case.kill_share:
            wait_until(
                lambda: publisher.n_done >= case.kill_share * n_messages, "far enough", LIMIT_S
            )
            gateway.kill()
            time.sleep(DOWN_S)
            if case.has_outage:
                cloud.start()
            gateway.start()
        found = _wait_for_all(cloud, gateway, n_messages)
        publisher.join()
        spent_s = gateway.cpu_s() - before_s
        gateway.stop()
    return {
        "per_s": found["distinct"] / (found["last_s"] - begun_s),
        "cpu_us": spent_s / n_messages * 1e6,
        "peak_mib": gateway.peak_mib,
        "missing": n_messages - found["distinct"],
        "repeated": found["repeated"],
    }


def _probe(port: int, gateway: Gateway) -> None:
    """Return once a reading has gone from the broker to the journal: the session is there."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="probe")
    client.connect("127.0.0.1", port)
    client.loop_start()
    body = {"v": 1, "boot": PROBE, "seq": 0, "zone": "R", "temperature_c": 1}
    before = gateway.last_seq()

    def is_there() -> bool:
        client.publish("forepost/v1/w00/dev00/climate", json.dumps(body).encode(), qos=1)
        return gateway.last_seq() > before

    wait_until(is_there, "a probe in the journal")
    client.disconnect()
    client.loop_stop()
    time.sleep(1)


def _wait_for_all(cloud: CountingCloud, gateway: Gateway, n_messages: int) -> dict[str, float]:
    """What the cloud has when it has all, or when nothing came for QUIET_S."""
    begun_s = time.monotonic()
    while True:
        time.sleep(0.05)
        found = cloud.counts()
        gateway.cpu_s()
        now_s = time.monotonic()
        quiet_s = now_s - max(found["last_s"], begun_s + QUIET_S)
        if found["distinct"] >= n_messages:
            time.sleep(1)  # whatever comes twice would come now
            return cloud.counts()
        if quiet_s > QUIET_S or now_s - begun_s > LIMIT_S:
            return found


def run_theirs(command: str, n_messages: int) -> dict[str, float]:
    """The peer through a flood."""
    with tempfile.TemporaryDirectory() as name, running_peer_broker(Path(name)) as broker:
        return run_flood(
            command,
            Path(name),
            broker.port,
            lambda: Publisher(broker.port, "thingsboard", n_messages, 0.0).join,
            probe_topic=reading(0, "thingsboard")[0],
            n_messages=n_messages,
        )


def make_table(
    ours: list[dict[str, float]], theirs: list[dict[str, float]], kills: list[dict[str, float]]
) -> str:
    """The page's tables."""
    names = ("per_s", "cpu_us", "peak_mib")
    mine = {name: statistics.median(each[name] for each in ours) for name in names}
    peer = RECORDED
    if theirs:
        peer = {name: statistics.median(each[name] for each in theirs) for name in names}
    where = "measured in turn with ours" if theirs else "as recorded, on another day"
    lines = [
        f"Measured on {machine()}. thingsboard-gateway 3.8.5: {where}.",
        "",
        "| flood, median of rounds | readings/s at the other end | CPU µs each | peak MiB |",
        "|---|---:|---:|---:|",
        _row("Forepost", mine),
        _row("thingsboard-gateway", peer),
        "| ratio | " + " | ".join(f"{mine[name] / peer[name]:.2f}" for name in names) + " |",
        "",
        "| case | missing | repeated |",
        "|---|---:|---:|",
        *(
            f"| {name} | {found['missing']:.0f} | {found['repeated']:.0f} |"
            for name, found in (
                *((f"flood {n}", flood) for n, flood in enumerate(ours, 1)),
                *((case.name, found) for case, found in zip(CASES, kills, strict=True)),
            )
        ),
    ]
    return "\n".join(lines)


def _row(name: str, found: dict[str, float]) -> str:
    return f"| {name} | {found['per_s']:.0f} | {found['cpu_us']:.0f} | {found['peak_mib']:.0f} |"


def main() -> None:
    """Run what was asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="floods")
    parser.add_argument("--thingsboard", metavar="PATH", help="the peer's command")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/peer.md")
    parser.add_argument("--as-publisher", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--shape", default="forepost", help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_publisher is not None:
        publish(options.as_publisher, options.shape, options.messages, options.rate)
        return
    ours, theirs = [], []
    for _ in range(options.rounds):
        if options.thingsboard:
            theirs.append(run_theirs(options.thingsboard, options.messages))
        ours.append(run_ours(Case("flood"), options.messages))
    kills = [run_ours(case, options.messages) for case in CASES]
    print(json.dumps({"ours": ours, "theirs": theirs, "kills": kills}))
    if options.write:
        write_page(PAGE, PROGRAM, make_table(ours, theirs, kills))


if __name__ == "__main__":
    main()
