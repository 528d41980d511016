"""What the owner of a box does, and a worker with a handheld, on a machine of a test's own."""

from __future__ import annotations

import json

from cloud_sync.contract.events import GOODS_RECEIVED
from tests.rigs.guard import wait_until
from tests.rigs.machine import Machine

GATEWAY = "forepost-gateway.service"
JOURNAL = "/var/lib/forepost/journal.db"
PASSWORD = "of-the-test"
CONFIGURATION = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "/var/lib/forepost"
[mqtt]
host = "127.0.0.1"
port = 1883
username = "gateway"
password_file = "/run/credentials/forepost-gateway.service/secret_mqtt-password"
[[devices]]
name = "pda-*"
driver = "pda"
link = "mqtt"
"""


def configure(machine: Machine) -> None:
    """What the owner does: a configuration and a password for a handheld."""
    machine.do("tee", "/etc/forepost/gateway.toml", standard_input=CONFIGURATION)
    machine.do("mosquitto_passwd", "-b", "/etc/mosquitto/forepost.passwd", "pda-01", PASSWORD)
    machine.do("systemctl", "reload", "mosquitto")
    machine.do("systemctl", "start", GATEWAY)


def scan(machine: Machine, seq: int) -> dict[str, object]:
    """Receive a case as a handheld does, again until a result comes; gives that."""
    payload = json.dumps({
        "v": 1, "boot": "boot-1", "seq": seq, "symbology": "GS1_128",
        "data": f"0109501101530003172701011021A{seq}", "task": {"type": "receive", "quantity": 1},
    })  # fmt: skip
    topic = "forepost/v1/J1/pda-01/"
    # It publishes when it has subscribed, and ends after one answer or five seconds.
    say = (
        "mosquitto_rr", "-u", "pda-01", "-P", PASSWORD, "-q", "1", "-W", "5",
        "-t", f"{topic}scan", "-e", f"{topic}result", "-m", payload,
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
