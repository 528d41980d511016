"""What the owner of a box does, and a worker with a handheld, on a machine of a test's own."""

from __future__ import annotations

import json

from cloud_sync.contract.events import GOODS_RECEIVED
from tests.rigs.guard import wait_until
from tests.rigs.machine import Machine

GATEWAY = "forepost-gateway.service"
JOURNAL = "/var/lib/forepost/journal.db"
CONFIG = "/etc/forepost/gateway.toml"
HANDHELD = "pda-01"
CREDENTIALS = "/run/credentials/forepost-gateway.service/secret_mqtt-"
CONFIGURATION = f"""
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "/var/lib/forepost"
[mqtt]
host = "localhost"
port = 8883
ca_file = "{CREDENTIALS}ca"
cert_file = "{CREDENTIALS}cert"
key_file = "{CREDENTIALS}key"
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


def configure(machine: Machine) -> None:
    """What the owner does: a configuration, the broker's, and a certificate for a handheld."""
    machine.do("tee", CONFIG, standard_input=CONFIGURATION)
    machine.do("forepost-gateway", "broker-config", "--config", CONFIG)
    machine.do(
        "forepost-gateway", "devices", "issue", "--config", CONFIG, "--out", "/exchange", HANDHELD
    )
    machine.do("systemctl", "start", GATEWAY)


TOPIC = f"forepost/v1/J1/{HANDHELD}/"
AS_HANDHELD = (
    "-h", "localhost", "-p", "8883", "-q", "1",
    "--cafile", "/etc/mosquitto/certs/forepost-ca.pem",
    "--cert", f"/exchange/{HANDHELD}.pem", "--key", f"/exchange/{HANDHELD}.key",
    "-t", f"{TOPIC}scan",
)  # fmt: skip


def scan_of(seq: int) -> str:
    """What a handheld says of a case that it receives."""
    return json.dumps({
        "v": 1, "boot": "boot-1", "seq": seq, "symbology": "GS1_128",
        "data": f"0109501101530003172701011021A{seq}", "task": {"type": "receive", "quantity": 1},
    })  # fmt: skip


def leave(machine: Machine, seq: int) -> None:
    """Leave a scan with the broker, and hear nothing of it but the broker's PUBACK."""
    machine.do("mosquitto_pub", *AS_HANDHELD, "-m", scan_of(seq))


def scan(machine: Machine, seq: int) -> dict[str, object]:
    """Receive a case as a handheld does, again until a result comes; gives that."""
    # It publishes when it has subscribed, and ends after one answer or five seconds.
    say = (
        "mosquitto_rr", *AS_HANDHELD, "-W", "5", "-e", f"{TOPIC}result", "-m", scan_of(seq),
    )  # fmt: skip
    results: list[dict[str, object]] = []

    def is_answered() -> bool:
        answer = machine.run(*say).stdout
        results.extend(json.loads(line) for line in answer.splitlines() if line.startswith("{"))
        return any(it["seq"] == seq for it in results)

    assert wait_until(is_answered), machine.log()
    return next(it for it in results if it["seq"] == seq)


def received(machine: Machine) -> int:
    """How many scans were recorded as goods; other rows come by themselves."""
    told = machine.do("forepost-gateway", "journal", "inspect", "--json", "--journal", JOURNAL)
    n_events: int = json.loads(told)["types"].get(GOODS_RECEIVED, 0)
    return n_events


def version_in_use(machine: Machine) -> str:
    return machine.do("readlink", "/opt/forepost/current").strip().removeprefix("versions/")


def is_up(machine: Machine) -> bool:
    return machine.state(GATEWAY) == "active"
