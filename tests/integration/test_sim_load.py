"""Pins `load` and the PDA's faults against a real gateway: all that is sent has its result."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.broker import Mosquitto
from tests.rigs.gateway import GatewayProcess, pda_config
from tests.rigs.guard import GUARD_S

pytestmark = pytest.mark.slow


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto) -> Iterator[GatewayProcess]:
    it = GatewayProcess(tmp_path, pda_config(tmp_path / "state", broker.port))
    it.start()
    it.until_listening()
    yield it
    it.kill()


def sim(*options: str) -> list[str]:
    return [sys.executable, "-m", "device_sim", *options]


def asked(gateway: GatewayProcess) -> tuple[str, str]:
    return "--gateway-status", str(gateway.config)


def test_every_scan_of_a_load_has_its_result(gateway: GatewayProcess, broker: Mosquitto) -> None:
    options = ("--devices", "12", "--rate", "300", "--duration", "2", "--warehouse", "J1")
    done = subprocess.run(
        sim("load", "--broker", f"127.0.0.1:{broker.port}", *options, *asked(gateway)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sent = json.loads(done.stdout)
    assert (sent["sent"], sent["without_result"]) == (600, 0)
    assert sum(sent["results"].values()) == 600
    assert sent["journal"] == {"arrived": 600, "missing": 0, "twice": 0, "never_sent": 0}
    assert sum(device["last_seq"] for device in sent["devices"]) == 600
    status = gateway.until(lambda s: bool(s["stock"]))
    received = sum(r["quantity"] for r in status["stock"] if r["location"] == "LOAD")  # type: ignore[attr-defined]
    assert received == 600


def test_every_tag_of_a_load_of_reads_arrives_once(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    options = ("--kind", "reads", "--devices", "3", "--rate", "200", "--duration", "2")
    done = subprocess.run(
        sim(
            *("load", "--broker", f"127.0.0.1:{broker.port}", "--warehouse", "J1", *options),
            *asked(gateway),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sent = json.loads(done.stdout)
    assert (sent["sent"], sent["without_result"]) == (400, None)
    assert sent["journal"] == {"arrived": 400, "missing": 0, "twice": 0, "never_sent": 0}


def test_a_pda_on_a_bad_line_gets_every_scan_through_once(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    device = subprocess.Popen(
        sim(
            *("device", "pda", "--broker", f"127.0.0.1:{broker.port}", "--warehouse", "J1"),
            *("--faults", "drop=0.3,repeat=0.3,reorder=0.3,delay_s=0.2"),
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if device.stdin is None or device.stdout is None:
        raise AssertionError("both are pipes")
    for ref in range(40):
        task = {"type": "receive", "location": "A-01", "quantity": 1}
        order = {"do": "scan", "ref": ref, "data": "]C10109506000134352", "task": task}
        print(json.dumps(order), file=device.stdin, flush=True)
    receipts, n_sent = [], 0
    while len(receipts) < 40:
        report = json.loads(device.stdout.readline())
        n_sent += report["event"] == "sent"
        if report["event"] == "receipt":
            receipts.append(report["seq"])
    device.stdin.close()
    assert device.wait(GUARD_S) == 0
    device.stdout.close()
    assert sorted(receipts) == list(range(1, 41))
    assert n_sent > 40, "the faults did not bite"

    def units(status: dict[str, object]) -> list[int]:
        return [r["quantity"] for r in status["stock"] if r["location"] == "A-01"]  # type: ignore[attr-defined]

    assert units(gateway.until(lambda s: units(s) == [40])) == [40]


def test_no_broker_is_one_clear_line() -> None:
    options = ("--devices", "1", "--rate", "1", "--duration", "1", "--warehouse", "J1")
    done = subprocess.run(
        sim("load", "--broker", "127.0.0.1:1", *options),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "refused" in done.stderr
