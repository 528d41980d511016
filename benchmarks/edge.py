"""How fast a message gets from the broker to the disk: side by side with a bare subscriber.

A broker (Mosquitto) holds N messages of climate sensors or handhelds for one persistent session.
Then the consumer starts, and what is timed is its way through them, in alternating rounds:
    bare      paho-mqtt alone, acknowledging each message by hand and doing nothing with it
    gateway   the real program: decoded, journaled, synced to disk, then acknowledged
Then scans come at a steady rate, and what is timed is how long each waits for its result; the
events go to a counting cloud meanwhile, so what it costs is all the gateway does with them. The
readings of sensors come at such rates, too; nobody waits for those.
Printed as JSON; --write puts the tables into docs/benchmarks/edge.md. A few minutes.
Usage: python benchmarks/edge.py [--messages N] [--rounds N] [--seconds S] [--rates R …] [--write]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paho.mqtt import client as mqtt

from benchmarks.cloud_double import CHANGES
from benchmarks.edge_programs import (
    BROKER,
    DEVICES,
    GATEWAY,
    SENSORS_AND_CLOUD,
    WAREHOUSE,
    CountingCloud,
    Gateway,
    connect,
    counting_cloud,
    payload,
    wait_until,
)
from benchmarks.measuring import cpu_s, machine, write_page
from tests.rigs.broker import free_port, running_mosquitto
from tests.rigs.gateway import pda_config

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/edge.md"
KINDS = ("climate", "scan")
Figures = dict[str, float]


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
        took_s, spent_s = times[-1] - times[0], time.process_time() - before
        print(json.dumps({"seconds": took_s, "cpu": spent_s}))


def run_bare(port: int, kind: str, n_messages: int) -> Figures:
    """One round of the bare subscriber."""
    command = [sys.executable, __file__, "--as-bare", str(port), "--kind", kind, "--messages"]
    subprocess.run([*command, "0"], check=True)
    fill(port, kind, n_messages)
    done = subprocess.run([*command, str(n_messages)], check=True, capture_output=True, text=True)
    found: Figures = json.loads(done.stdout)
    return found


def make_gateway(directory: Path, port: int, cloud: CountingCloud) -> Gateway:
    """A gateway that knows what the scans are about, and runs."""
    token_file = directory / "token"
    token_file.write_text("counting-needs-none")
    more = SENSORS_AND_CLOUD.format(cloud_port=cloud.port, token_file=token_file)
    config = pda_config(directory / "state", port, more, gateway=GATEWAY, warehouse=WAREHOUSE)
    gateway = Gateway(directory, config)
    gateway.start_and_wait()
    wait_until(lambda: gateway.is_done_up_to(len(CHANGES)), "item and delivery are known")
    return gateway


def run_gateway(port: int, kind: str, n_messages: int, directory: Path) -> Figures:
    """One round of the real program; its start is timed before and taken off."""
    with counting_cloud(free_port()) as cloud:
        gateway = make_gateway(directory, port, cloud)
        gateway.stop()
        gateway.start_and_wait()
        time.sleep(1)
        before, start_s = gateway.last_seq(), cpu_s(gateway.process.pid)
        gateway.stop()
        fill(port, kind, n_messages)
        gateway.start()
        wait_until(lambda: gateway.is_done_up_to(before + n_messages), "the backlog is taken in")
        wait_until(lambda: cloud.counts()["distinct"] >= n_messages, "the cloud has it")
        spent_s = cpu_s(gateway.process.pid) - start_s
        gateway.stop()
    ((first, last, n_rows),) = gateway.query(
        "select min(recorded_at_us), max(recorded_at_us), count(*) from journal where seq > ?",
        before,
    )
    if n_rows < n_messages:
        raise AssertionError(f"{n_rows} rows for {n_messages} messages")
    return {"seconds": (last - first) / 1e6, "cpu": spent_s}


def run_paced(kind: str, port: int, rate: float, seconds: float, directory: Path) -> Figures:
    """What `rate` messages a second cost; of scans, the milliseconds from publish to result."""
    sent: dict[tuple[str, int], float] = {}
    took_ms: list[float] = []
    n_messages = round(rate * seconds)
    n_results = n_messages if kind == "scan" else 0
    all_here = threading.Event()

    def on_message(client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        now = time.perf_counter()
        client.ack(message.mid, message.qos)
        key = (message.topic.split("/")[3], json.loads(message.payload)["seq"])
        took_ms.append((now - sent[key]) * 1000)
        if len(took_ms) == n_results:
            all_here.set()

    with counting_cloud(free_port()) as cloud:
        gateway = make_gateway(directory, port, cloud)
        client = connect(port, "handhelds", keep=False)
        client.on_message = on_message
        client.subscribe(f"forepost/v1/{WAREHOUSE}/+/result", qos=1)
        client.loop_start()
        time.sleep(1)
        cpu_before, begun = gateway.cpu_s(), time.perf_counter()
        for n in range(n_messages):
            time.sleep(max(0.0, begun + n / rate - time.perf_counter()))
            topic, body = payload(kind, n % DEVICES, n // DEVICES + 1)
            sent[topic.split("/")[3], n // DEVICES + 1] = time.perf_counter()
            client.publish(topic, body, qos=1)
        sent_s = time.perf_counter() - begun
        if n_results:
            all_here.wait(60)
        wait_until(lambda: cloud.counts()["distinct"] >= n_messages, "the cloud has it")
        spent_s = gateway.cpu_s() - cpu_before
        counts = cloud.counts()
        client.disconnect()
        client.loop_stop()
        gateway.stop()
    figures: Figures = {
        "rate": round(n_messages / sent_s),
        "results": len(took_ms),
        "repeated": counts["repeated"],
        "cores": round(spent_s / sent_s, 3),
        "cpu_us": round(spent_s / n_messages * 1e6),
    }
    if took_ms:
        took_ms.sort()
        figures["median_ms"] = round(statistics.median(took_ms), 1)
        figures["p99_ms"] = round(took_ms[round(len(took_ms) * 0.99) - 1], 1)
        figures["max_ms"] = round(took_ms[-1], 1)
    return figures


def run_rounds(kind: str, n_messages: int, n_rounds: int) -> dict[str, object]:
    """Both consumers, in turn; medians, and the ratio of each round."""
    rounds: list[tuple[Figures, Figures]] = []
    for _ in range(n_rounds):
        with (
            tempfile.TemporaryDirectory() as name,
            running_mosquitto(Path(name), BROKER) as broker,
        ):
            alone = run_bare(broker.port, kind, n_messages)
            ours = run_gateway(broker.port, kind, n_messages, Path(name))
        rounds.append((alone, ours))
    ratios = sorted(alone["seconds"] / ours["seconds"] for alone, ours in rounds)
    summary: dict[str, object] = {
        "ratio": [round(ratio, 3) for ratio in ratios],
        "cpu_ratio": [
            round(ratio, 3)
            for ratio in sorted(alone["cpu"] / ours["cpu"] for alone, ours in rounds)
        ],
    }
    for place, name in enumerate(("bare", "gateway")):
        figures = [each[place] for each in rounds]
        summary[name] = {
            "per_s": round(n_messages / statistics.median(f["seconds"] for f in figures)),
            "cpu_us": round(statistics.median(f["cpu"] for f in figures) / n_messages * 1e6),
        }
    return summary


def make_table(backlog: dict[str, dict[str, object]], paced: dict[str, list[Figures]]) -> str:
    """The page's tables."""
    lines = [
        f"Measured on {machine()}.",
        "",
        "| backlog | bare paho /s | gateway /s | ratio (rounds) | CPU µs, bare | gateway, all |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind, found in backlog.items():
        alone, ours, ratios = found["bare"], found["gateway"], found["ratio"]
        assert isinstance(alone, dict)
        assert isinstance(ours, dict)
        assert isinstance(ratios, list)
        shown = " ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"| {kind} | {alone['per_s']} | {ours['per_s']} | {statistics.median(ratios):.2f}"
            f" ({shown}) | {alone['cpu_us']} | {ours['cpu_us']} |"
        )
    lines += [
        "",
        "| | per s | results | median ms | p99 ms | longest ms | share of a core | CPU µs each |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {kind} | {f['rate']:.0f} | {f['results']:.0f} | {f.get('median_ms', '')}"
        f" | {f.get('p99_ms', '')} | {f.get('max_ms', '')} | {f['cores']} | {f['cpu_us']:.0f} |"
        for kind, runs in paced.items()
        for f in runs
    ]
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=KINDS, help="only this kind")
    parser.add_argument("--rates", type=float, nargs="*", default=[250, 500, 1000, 2000])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each rate")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/edge.md")
    parser.add_argument("--as-bare", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_bare is not None:
        bare(options.as_bare, options.kind, options.messages)
        return
    kinds = (options.kind,) if options.kind else KINDS
    backlog = {
        kind: run_rounds(kind, options.messages, options.rounds)
        for kind in kinds
        if options.rounds
    }
    paced: dict[str, list[Figures]] = {kind: [] for kind in kinds}
    for kind in kinds:
        for rate in options.rates:
            with (
                tempfile.TemporaryDirectory() as name,
                running_mosquitto(Path(name), BROKER) as broker,
            ):
                run = run_paced(kind, broker.port, rate, options.seconds, Path(name))
            paced[kind].append(run)
    print(json.dumps({"backlog": backlog, "paced": paced}))
    if options.write:
        write_page(PAGE, "benchmarks/edge.py", make_table(backlog, paced))


if __name__ == "__main__":
    main()
