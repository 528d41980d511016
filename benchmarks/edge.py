"""How fast a message gets from the broker to the disk: side by side with a bare subscriber.

A broker (Mosquitto) holds N messages of climate sensors or handhelds for one persistent session.
Then the consumer starts, and what is timed is its way through them, in alternating rounds:
    bare      paho-mqtt alone, acknowledging each message by hand and doing nothing with it
    gateway   the real program: decoded, journaled, synced to disk, then acknowledged
Printed are messages per second, processor seconds per 1000 messages, and the ratio of the rates
(median of the rounds). `--paced R` instead publishes R scans a second and prints how long their
results took.
Usage: python benchmarks/edge.py [--messages N] [--rounds N] [--kind climate|scan] [--paced R]
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.rigs.broker import running_mosquitto
from tests.rigs.cloud import CloudProcess
from tests.rigs.gateway import GatewayProcess

GATEWAY = "gw-edge"
WAREHOUSE = "W1"
DEVICES = 20
ITEM = "09506000134352"
RECEIVE_MAXIMUM = 500
CONFIG = """
[gateway]
id = "{gateway}"
warehouse = "{warehouse}"
state_dir = "{state}"
[mqtt]
host = "127.0.0.1"
port = {port}
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
[[devices]]
name = "sensor-*"
driver = "mqtt-climate"
link = "mqtt"
"""


def payload(kind: str, device: int, seq: int) -> tuple[str, bytes]:
    """Topic and body of a message of about 200 bytes."""
    body: dict[str, object] = {"v": 1, "boot": "b1", "seq": seq, "time": "2026-11-21T08:15:30Z"}
    if kind == "climate":
        name, channel = f"sensor-{device}", "climate"
        body |= {"zone": "R", "temperature_c": 4.2, "humidity_pct": 83.0, "note": "x" * 70}
    else:
        name, channel = f"pda-{device}", "scan"
        task = {"type": "receive", "id": "ASN-1", "location": "DOCK", "quantity": 2}
        body |= {"data": "]C10109506000134352172701011012", "symbology": "GS1_128", "task": task}
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
    return client


def fill(port: int, kind: str, n_messages: int) -> None:
    """Publish and wait until the broker has everything."""
    client = connect(port, "filler", keep=False)
    client.loop_start()
    infos = [
        client.publish(*payload(kind, n % DEVICES, n // DEVICES + 1), qos=1)
        for n in range(n_messages)
    ]
    for info in infos:
        info.wait_for_publish()
    client.disconnect()
    client.loop_stop()


def bare(port: int, kind: str, n_messages: int) -> None:
    """The consumer of its own process: prints seconds and processor seconds."""
    client = connect(port, "bare", keep=True)
    times: list[float] = []

    def on_message(client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        client.ack(message.mid, message.qos)
        times.append(time.perf_counter())
        if len(times) == n_messages:
            client.disconnect()

    client.on_message = on_message
    client.subscribe(f"forepost/v1/{WAREHOUSE}/+/{kind}", qos=1)
    if n_messages == 0:
        client.on_subscribe = lambda client, *_: client.disconnect()
    before = time.process_time()
    client.loop_forever()
    if n_messages:
        took_s, cpu_s = times[-1] - times[0], time.process_time() - before
        print(json.dumps({"seconds": took_s, "cpu": cpu_s}))


def run_bare(port: int, kind: str, n_messages: int) -> dict[str, float]:
    """One round of the bare subscriber."""
    command = [sys.executable, __file__, "--as-bare", str(port), "--kind", kind, "--messages"]
    subprocess.run([*command, "0"], check=True)
    fill(port, kind, n_messages)
    done = subprocess.run([*command, str(n_messages)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run_gateway(port: int, kind: str, n_messages: int, directory: Path) -> dict[str, float]:
    """One round of the real program."""
    state = directory / "state"
    config = CONFIG.format(gateway=GATEWAY, warehouse=WAREHOUSE, state=state, port=port)
    teach_items(directory, config)
    gateway = GatewayProcess(directory, config)
    gateway.start()
    before = last_seq(gateway.until(lambda status: status["stalled"] == []))
    time.sleep(1)
    start_cpu_s = _cpu_s(gateway.process.pid)
    gateway.stop()
    fill(port, kind, n_messages)
    gateway.start()
    gateway.until(lambda status: last_seq(status) >= before + n_messages, limit_s=60)
    cpu_s = _cpu_s(gateway.process.pid) - start_cpu_s
    gateway.stop()
    with sqlite3.connect(state / "journal.db") as journal:
        first, last, rows = journal.execute(
            "select min(recorded_at_us), max(recorded_at_us), count(*) from journal where seq > ?",
            (before,),
        ).fetchone()
    if rows < n_messages:
        raise AssertionError(f"{rows} rows for {n_messages} messages")
    return {"seconds": (last - first) / 1e6, "cpu": cpu_s}


def last_seq(status: dict[str, object]) -> int:
    """The newest row of a status report."""
    return int(status["journal"]["last_seq"])  # type: ignore[index,call-overload]


def teach_items(directory: Path, config: str) -> None:
    """Bring the item of the scans into the gateway's journal, by a real cloud that then goes."""
    cloud = CloudProcess(directory)
    token_file = directory / "token"
    token_file.write_text(cloud.token("gateways", "enrol", GATEWAY, "--warehouse", WAREHOUSE))
    admin = cloud.token("tokens", "create", "office", "--role", "admin")
    cloud.start()
    item = {"gtin": ITEM, "names": {"en": "Milk"}, "zone": "cold", "grams_per_unit": 1000}
    httpx.put(
        f"{cloud.url}/v1/items/{ITEM}", json=item, headers={"Authorization": f"Bearer {admin}"}
    ).raise_for_status()
    way_up = f'[cloud]\nurl = "{cloud.url}"\ntoken_file = "{token_file}"\npoll_s = 0.2\n'
    gateway = GatewayProcess(directory, config + way_up)
    gateway.start()
    gateway.until(lambda status: last_seq(status) >= 1)
    gateway.stop()
    cloud.terminate()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_paced(port: int, rate: float, seconds: float, directory: Path) -> dict[str, float]:
    """Milliseconds from publish to result, of `rate` scans a second."""
    state = directory / "state"
    config = CONFIG.format(gateway=GATEWAY, warehouse=WAREHOUSE, state=state, port=port)
    teach_items(directory, config)
    gateway = GatewayProcess(directory, config)
    gateway.start()
    gateway.until(lambda status: status["stalled"] == [])
    sent: dict[tuple[str, int], float] = {}
    took_ms: list[float] = []
    n_messages = round(rate * seconds)
    all_here = threading.Event()

    def on_message(client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        client.ack(message.mid, message.qos)
        key = (message.topic.split("/")[3], json.loads(message.payload)["seq"])
        took_ms.append((time.perf_counter() - sent[key]) * 1000)
        if len(took_ms) == n_messages:
            all_here.set()

    client = connect(port, "handhelds", keep=False)
    client.on_message = on_message
    client.subscribe(f"forepost/v1/{WAREHOUSE}/+/result", qos=1)
    client.loop_start()
    time.sleep(1)
    cpu_before, begun = _cpu_s(gateway.process.pid), time.perf_counter()
    for n in range(n_messages):
        time.sleep(max(0.0, begun + n / rate - time.perf_counter()))
        topic, body = payload("scan", n % DEVICES, n // DEVICES + 1)
        sent[topic.split("/")[3], n // DEVICES + 1] = time.perf_counter()
        client.publish(topic, body, qos=1)
    all_here.wait(60)
    cpu_s = _cpu_s(gateway.process.pid) - cpu_before
    client.disconnect()
    client.loop_stop()
    gateway.stop()
    took_ms.sort()
    return {
        "results": len(took_ms),
        "median_ms": round(statistics.median(took_ms), 2),
        "p99_ms": round(took_ms[round(len(took_ms) * 0.99) - 1], 2),
        "cores": round(cpu_s / seconds, 3),
    }


def main() -> None:
    """Run what was asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=["climate", "scan"], default="climate")
    parser.add_argument("--paced", type=float, help="scans per second instead of a backlog")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--as-bare", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_bare is not None:
        bare(options.as_bare, options.kind, options.messages)
        return
    rounds: list[tuple[dict[str, float], dict[str, float]]] = []
    for _ in range(1 if options.paced else options.rounds):
        with tempfile.TemporaryDirectory() as name, running_mosquitto(Path(name)) as broker:
            if options.paced:
                print(
                    json.dumps(run_paced(broker.port, options.paced, options.seconds, Path(name)))
                )
                return
            alone = run_bare(broker.port, options.kind, options.messages)
            ours = run_gateway(broker.port, options.kind, options.messages, Path(name))
            rounds.append((alone, ours))
    print(json.dumps(_summary(rounds, options.messages)))


def _summary(
    rounds: list[tuple[dict[str, float], dict[str, float]]], n_messages: int
) -> dict[str, object]:
    ratios = sorted(alone["seconds"] / ours["seconds"] for alone, ours in rounds)
    summary: dict[str, object] = {"ratio": [round(ratio, 3) for ratio in ratios]}
    for place, name in enumerate(("bare", "gateway")):
        figures = [each[place] for each in rounds]
        summary[name] = {
            "per_s": round(n_messages / statistics.median(f["seconds"] for f in figures)),
            "cpu_s_per_1000": round(
                statistics.median(f["cpu"] for f in figures) / n_messages * 1000, 4
            ),
        }
    return summary


if __name__ == "__main__":
    main()
