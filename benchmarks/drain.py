"""How fast a long backlog gets to the cloud, and what it costs: real programs.

A journal holds N events that nobody has sent: the box was offline and worked on. Then the real
gateway program sends them to the real cloud service on a PostgreSQL of its own (fsync on), while
handhelds go on scanning through a real broker. Printed, as one JSON object:
    events_per_s      N over the time from the first batch acknowledged to the last
    quarters          the same for each quarter of the way: the last as fast as the first
    cpu_us_per_event  of gateway, cloud and PostgreSQL; the gateway's with the live scans in it
    rss_mib           of gateway and cloud, at a tenth of the way and the highest after it
    live              of the scans during the drain: milliseconds from publish to receipt
With --page the table in docs/benchmarks/drain.md is written anew.
Usage: python benchmarks/drain.py [--events N] [--live SCANS_PER_S] [--directory DIR] [--page]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncpg
from paho.mqtt import client as mqtt

from benchmarks.measuring import cpu_s, write_page
from benchmarks.stock_events import make_event
from cloud_sync.contract import events as ev
from cloud_sync.inventory.places import Place
from gateway.clock import EventIds, SystemClock
from gateway.core.book import StockEffects
from gateway.journal.ledger_tables import ledger_statements
from gateway.journal.store import open_journal
from gateway.ports import Draft, Entry, ReceiptKey
from gateway.settings import JournalSettings
from tests.rigs.broker import running_mosquitto
from tests.rigs.cloud import CloudProcess
from tests.rigs.gateway import GatewayProcess, pda_config
from tests.rigs.postgres import find_programs, running_postgres

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/drain.md"
GATEWAY, WAREHOUSE = "gw-drain", "W1"
BATCH = 4000
SAMPLE_S = 0.25
LIMIT_S = 280.0
RESULT = b'{"status":"accepted","v":1}'
PER_APPEND = 500
UPLINK = """
[cloud]
url = "{url}"
token_file = "{token}"
batch_events = {batch}
batch_bytes = 4194304
"""


@dataclass(frozen=True)
class Sample:
    """One look at the running programs: memory in MiB, `seq` acknowledged by the cloud."""

    at_s: float
    seq: int
    gateway_mib: float
    cloud_mib: float


def occurred_at_us(seq: int) -> int:
    """A scan every 600 ms."""
    return 1_795_000_000_000_000 + seq * 600_000


def make_entry(seq: int, new_id: EventIds) -> Entry:
    """A receipt or a move of one of a few hundred items, and what its scan was answered with."""
    now_us = occurred_at_us(seq)
    event = make_event(
        seq, new_id(), warehouse=WAREHOUSE, occurred_at_us=now_us, received_at_us=now_us + 40_000
    )
    draft = Draft(event.event_id, event.type, now_us, ev.encode_event(event))
    device = event.device
    if device is None or device.boot is None or device.seq is None:
        return Entry((draft,))
    # A scan that has its row and is not known as received would be damage to be mended first.
    return Entry((draft,), receipt=(ReceiptKey(device.id, device.boot, device.seq), RESULT))


async def fill(state: Path, n_events: int) -> None:
    """The journal of a box that was offline: everything folded and planned, nothing sent."""
    settings, new_id = JournalSettings(), EventIds(SystemClock())
    async with open_journal(
        state, gateway=GATEWAY, settings=settings, clock=SystemClock()
    ) as journal:
        for first in range(1, n_events + 1, PER_APPEND):
            last = min(first + PER_APPEND, n_events + 1)
            await journal.append([make_entry(seq, new_id) for seq in range(first, last)])
        # Stock that was never folded would be folded first; how fast is another question.
        time_us = occurred_at_us(n_events)
        place = Place(time_us, GATEWAY, journal.epoch, "", 0, n_events)
        folded = ledger_statements(StockEffects(time_us=time_us, horizon=place))
        await journal.advance("projector", to_seq=n_events, effects=folded)
        for consumer in ("planner", "sensor-watch", "demand"):
            await journal.advance(consumer, to_seq=n_events)


class Scanning:
    """Handhelds that scan at a steady rate until the context ends."""

    def __init__(self, port: int, rate: float) -> None:
        self._rate = rate
        self._sent: dict[int, float] = {}
        self._stop = threading.Event()
        self.took_ms: list[float] = []
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="pda-live", protocol=mqtt.MQTTv5
        )
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"forepost/v1/{WAREHOUSE}/pda-live/result", 1)
        self._client.loop_start()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Scan while the context is open."""
        thread = threading.Thread(target=self._run, name="scanning")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self._client.disconnect()
            self._client.loop_stop()

    def _run(self) -> None:
        begun = time.perf_counter()
        seq = 0
        while self._rate and not self._stop.wait(
            max(0.0, begun + seq / self._rate - time.perf_counter())
        ):
            seq += 1
            body = {"v": 1, "boot": "live", "seq": seq, "data": "]C101095060001343521726123110L1",
                    "task": {"type": "receive", "location": "DOCK", "quantity": 1}}  # fmt: skip
            self._sent[seq] = time.perf_counter()
            self._client.publish(f"forepost/v1/{WAREHOUSE}/pda-live/scan", json.dumps(body), qos=1)

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        seq = json.loads(message.payload)["seq"]
        self.took_ms.append((time.perf_counter() - self._sent[seq]) * 1000)


def sample(journal: sqlite3.Connection, gateway: int, cloud: int) -> Sample:
    """How it stands now."""
    found = journal.execute("select seq from cursor where consumer = 'uplink'").fetchone()
    return Sample(
        time.perf_counter(), found[0] if found else 0, resident_mib(gateway), resident_mib(cloud)
    )


def resident_mib(pid: int) -> float:
    """What a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def is_running(pid: int) -> bool:
    """False once a process has ended, even if nobody has asked for its exit code yet."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0] != "Z"


def postgres_cpu_s(postmaster: int) -> float:
    """Processor seconds of a PostgreSQL cluster."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return cpu_s(postmaster) + sum(cpu_s(int(child)) for child in children)


def watch(state: Path, gateway: int, cloud: int, n_events: int) -> list[Sample]:
    """Samples until everything is acknowledged. Raises TimeoutError."""
    samples: list[Sample] = []
    deadline = time.perf_counter() + LIMIT_S
    uri = f"file:{state}/journal.db?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as journal:
        while time.perf_counter() < deadline:
            if not (is_running(gateway) and is_running(cloud)):
                raise RuntimeError(f"a program ended; see {state.parent}/*.log")
            samples.append(sample(journal, gateway, cloud))
            if samples[-1].seq >= n_events:
                return samples
            time.sleep(SAMPLE_S)
    raise TimeoutError(f"{samples[-1].seq} of {n_events} after {LIMIT_S} s")


def rate(samples: list[Sample]) -> int:
    """Events per second from the first of some samples to the last."""
    first, last = samples[0], samples[-1]
    return round((last.seq - first.seq) / (last.at_s - first.at_s))


def figures(samples: list[Sample], n_events: int) -> dict[str, object]:
    """What the samples say."""
    way = [it for it in samples if it.seq > 0]
    quarters = [
        [
            it
            for it in way
            if n_events * q // 4 <= it.seq <= n_events * (q + 1) // 4 + n_events // 50
        ]
        for q in range(4)
    ]
    rest = [it for it in way if it.seq > n_events // 10]
    return {
        "events": n_events,
        "events_per_s": rate(way),
        "quarters": [rate(each) for each in quarters if len(each) > 1],
        "rss_mib": {
            "gateway": [round(rest[0].gateway_mib), round(max(it.gateway_mib for it in rest))],
            "cloud": [round(rest[0].cloud_mib), round(max(it.cloud_mib for it in rest))],
        },
    }


async def held(url: str) -> int:
    """How many events the cloud holds as accepted."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            "select count(*) from received where status = 'accepted' and gateway = $1", GATEWAY
        )
        return int(found)
    finally:
        await connection.close()


def run(directory: Path, postgres: Path, n_events: int, live: float) -> dict[str, object]:
    """One drain."""
    state = directory / "state"
    asyncio.run(fill(state, n_events))
    url = f"postgresql://forepost@/postgres?host={postgres}"
    cloud = CloudProcess(directory)
    cloud.database = url
    token = directory / "token"
    token.touch(0o600)
    token.write_text(cloud.token("gateways", "enrol", GATEWAY, "--warehouse", WAREHOUSE))
    cloud.start()
    postmaster = int((postgres / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    broker_store = directory / "broker"
    broker_store.mkdir()
    with running_mosquitto(broker_store) as broker:
        uplink = UPLINK.format(url=cloud.url, token=token, batch=BATCH)
        config = pda_config(state, broker.port, uplink, gateway=GATEWAY, warehouse=WAREHOUSE)
        gateway = GatewayProcess(directory, config)
        scanning = Scanning(broker.port, live)
        assert cloud.process is not None
        before = cpu_s(cloud.process.pid), postgres_cpu_s(postmaster)
        gateway.start()
        try:
            with scanning.running():
                samples = watch(state, gateway.process.pid, cloud.process.pid, n_events)
            used = {
                "gateway": cpu_s(gateway.process.pid),
                "cloud": cpu_s(cloud.process.pid) - before[0],
                "postgresql": postgres_cpu_s(postmaster) - before[1],
            }
        finally:
            gateway.stop()
            cloud.terminate()
    n_held = asyncio.run(held(url))
    if n_held < n_events:
        raise AssertionError(f"the cloud holds {n_held} of {n_events}")
    took_ms = sorted(scanning.took_ms)
    summary = figures(samples, n_events)
    summary["cpu_us_per_event"] = {
        name: round(seconds / n_events * 1e6, 1) for name, seconds in used.items()
    }
    if took_ms:
        summary["live"] = {
            "scans": len(took_ms),
            "median_ms": round(statistics.median(took_ms), 1),
            "p99_ms": round(took_ms[round(len(took_ms) * 0.99) - 1], 1),
        }
    return summary


def table(found: dict[str, object]) -> str:
    """The figures for people."""
    rate, cpu, rss = found["events_per_s"], found["cpu_us_per_event"], found["rss_mib"]
    live = found.get("live")
    assert isinstance(cpu, dict)
    assert isinstance(rss, dict)
    lines = [
        ("events", f"{found['events']:,}"),
        ("events/s, from the first batch to the last", f"{rate:,}"),
        ("events/s in each quarter", ", ".join(map("{:,}".format, _listed(found["quarters"])))),
        *((f"{name}: processor time per event", f"{us} µs") for name, us in cpu.items()),
        *((f"{name}: memory after a tenth, and the most after it", f"{a} MiB, {b} MiB")
          for name, (a, b) in rss.items()),
    ]  # fmt: skip
    if isinstance(live, dict):
        lines.append(
            (
                "scan to receipt meanwhile, median and 99 %",
                f"{live['median_ms']} ms, {live['p99_ms']} ms",
            )
        )
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in lines)])


def _listed(value: object) -> list[int]:
    assert isinstance(value, list)
    return value


def main() -> None:
    """Drain once and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--live", type=float, default=50.0)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks/drain.md")
    options = parser.parse_args()
    programs = find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed; scripts/debian-packages test installs it")
    with (
        tempfile.TemporaryDirectory(dir=options.directory) as name,
        running_postgres(programs, is_durable=True) as postgres,
    ):
        found = run(Path(name), postgres, options.events, options.live)
    print(json.dumps(found))
    if options.page:
        write_page(PAGE, "benchmarks/drain.py", table(found))


if __name__ == "__main__":
    main()
