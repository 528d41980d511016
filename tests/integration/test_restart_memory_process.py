"""Pins what the gateway program still knows of devices after kill -9: clocks, gaps, tags."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.rigs.broker import running_mosquitto
from tests.rigs.device import Device, device
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.guard import wait_until

pytestmark = pytest.mark.slow

SCAN = "]C101095060001343521726123110L1"
EPC = "3034257BF7194E4000001A85"
SLOW = timedelta(hours=2)
CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{directory}/state"

[mqtt]
host = "127.0.0.1"
port = {port}

[smoothing]
gone_after_s = 600.0

[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[tuple[GatewayProcess, Device]]:
    store = tmp_path / "broker"
    store.mkdir()
    with running_mosquitto(store) as broker, device(broker.port) as pda:
        config = CONFIG.format(directory=tmp_path, port=broker.port)
        gateway = GatewayProcess(tmp_path, config)
        gateway.start()
        gateway.until_listening()
        yield gateway, pda
        gateway.kill()


def scan(pda: Device, seq: int, true_time: datetime) -> None:
    """A scan made at a time, as a PDA says it whose clock is two hours slow."""
    said = (true_time - SLOW).isoformat()
    body = {"v": 1, "boot": "boot-1", "seq": seq, "time": said, "data": SCAN}
    pda.publish("scan", body | {"task": {"type": "receive", "location": "R-01"}})


def exported(gateway: GatewayProcess) -> list[dict[str, object]]:
    done = gateway.command("journal", "export", "--config", str(gateway.config))
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["event"] for line in done.stdout.splitlines()]


def sightings(gateway: GatewayProcess) -> list[object]:
    return [e["type"] for e in exported(gateway) if str(e["type"]).startswith("tag.")]


def told_states(gateway: GatewayProcess) -> list[object]:
    bodies = [e["body"] for e in exported(gateway) if e["type"] == "device.health"]
    return [body["state"] for body in bodies if isinstance(body, dict)]


def n_missing(status: Status) -> int:
    (health,) = status["devices"]  # type: ignore[misc]
    return int(health["n_missing"])


def kill_when_saved(gateway: GatewayProcess, pda: Device, state: Path) -> None:
    """Kill it as soon as clock, gap and a tag are on disk."""
    with contextlib.closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as connection:

        def has(sql: str) -> bool:
            return connection.execute(sql).fetchone() is not None

        saved = "select 1 from device_boot where missing = '[[2, 3]]' and offset_us is not null"
        assert wait_until(lambda: has(saved)), gateway.tail()
        pda.publish("reads", {"v": 1, "reads": [{"epc": EPC, "antenna": 1, "count": 3}]})
        arrived = "select 1 from journal where type = 'tag.arrived'"
        assert wait_until(lambda: has(arrived)), gateway.tail()
        gateway.kill()


def test_clock_gaps_and_tags_are_known_after_a_kill(
    rig: tuple[GatewayProcess, Device], tmp_path: Path
) -> None:
    gateway, pda = rig
    scan(pda, 1, datetime.now(UTC))
    scan(pda, 4, datetime.now(UTC))
    for _ in range(2):
        assert pda.result()["status"] == "flagged"
    kill_when_saved(gateway, pda, tmp_path / "state" / "journal.db")
    # Made an hour ago, out of reach; sent now, to a gateway that is not there yet.
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    scan(pda, 5, an_hour_ago)
    # What was patient with tags is not any more: the last read is long ago by its new rule.
    gateway.config.write_text(gateway.config.read_text().replace("600.0", "0.5"))
    gateway.start()
    assert pda.result()["status"] == "flagged"
    (event,) = [e for e in exported(gateway) if e["type"] == "goods.received"][2:]
    off_us = int(str(event["occurred_at_us"])) - an_hour_ago.timestamp() * 1e6
    assert abs(off_us) < 15e6, "by the clock that was learnt before the kill"
    gateway.until(lambda status: n_missing(status) == 2)
    scan(pda, 3, an_hour_ago)
    gateway.until(lambda status: n_missing(status) == 1)
    # The tag was last read before the kill, and is not there any more.
    gateway.until(lambda _: sightings(gateway) == ["tag.arrived", "tag.left"])
    gateway.until(lambda _: told_states(gateway) == ["online"])
