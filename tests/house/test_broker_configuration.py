# Pins the shipped broker configuration on a real Mosquitto: no strangers, no speaking for others.

import contextlib
import queue
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.house.tracked import ROOT
from tests.rigs.broker import free_port, running_broker
from tests.rigs.guard import GUARD_S

pytestmark = pytest.mark.slow

SHIPPED = ROOT / "deploy/mosquitto"
PASSWORDS = {"gateway": "g", "pda-01": "one", "pda-02": "two"}


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=True)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The gateway's listener of the shipped configuration, at paths and ports of the test's."""
    passwords = tmp_path / "forepost.passwd"
    passwords.write_text("".join(f"{name}:{word}\n" for name, word in PASSWORDS.items()))
    passwords.chmod(0o600)
    run("mosquitto_passwd", "-U", passwords)
    shutil.copy(SHIPPED / "forepost.acl", tmp_path)
    (tmp_path / "certs").mkdir()
    key, certificate = (
        tmp_path / "certs/forepost-broker.key",
        tmp_path / "certs/forepost-broker.pem",
    )
    run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=localhost", "-keyout", key, "-out", certificate),
    )
    shutil.copy(certificate, tmp_path / "certs/forepost-ca.pem")
    port = free_port()
    config = (SHIPPED / "forepost.conf").read_text()
    config = config.replace("/etc/mosquitto/", f"{tmp_path}/")
    config = config.replace("listener 8883", f"listener {free_port()} 127.0.0.1")
    config = re.sub(r"listener 1883 .*", f"listener {port} 127.0.0.1\nuser root", config)
    with running_broker(tmp_path, port, config):
        yield port


class Client:
    """One connection, by paho's own threaded loop."""

    def __init__(self, port: int, name: str | None, password: str | None) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self._connected: queue.Queue[str] = queue.Queue()
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name or "x", protocol=mqtt.MQTTv5
        )
        if name is not None:
            self._client.username_pw_set(name, password)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._connected.put(str(reason))
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self.lost.put(str(reason))
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.on_message = lambda _c, _u, it: self.heard.put((it.topic, it.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.answer = self._connected.get(timeout=GUARD_S)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=GUARD_S)

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def client(port: int, name: str | None, password: str | None = None) -> Iterator[Client]:
    it = Client(port, name, PASSWORDS.get(name or "") if password is None else password)
    try:
        yield it
    finally:
        it.close()


@pytest.mark.parametrize(
    ("name", "password"), [(None, None), ("pda-01", "wrong"), ("nobody", "one")]
)
def test_strangers_are_refused(port: int, name: str | None, password: str | None) -> None:
    with client(port, name, password) as stranger:
        assert stranger.answer == "Not authorized"


def test_a_device_speaks_under_its_own_name_only(port: int) -> None:
    with client(port, "gateway") as gateway, client(port, "pda-01") as pda:
        gateway.subscribe("forepost/v1/+/+/scan")
        pda.publish("forepost/v1/J1/pda-02/scan", b"forged")
        pda.publish("forepost/v1/J1/pda-01/result", b"forged")
        pda.publish("forepost/v1/J1/all/task", b"forged")
        pda.publish("forepost/v1/J1/pda-01/scan", b"mine")
        # One connection keeps its order: whatever got through would have come first.
        assert gateway.heard.get(timeout=GUARD_S) == ("forepost/v1/J1/pda-01/scan", b"mine")


def test_a_device_hears_its_own_results_only(port: int) -> None:
    with client(port, "gateway") as gateway, client(port, "pda-01") as pda:
        pda.subscribe("forepost/v1/#")
        gateway.publish("forepost/v1/J1/pda-02/result", b"not yours")
        gateway.publish("forepost/v1/J1/pda-01/result", b"yours")
        gateway.publish("forepost/v1/J1/all/task", b"everybody's")
        assert pda.heard.get(timeout=GUARD_S) == ("forepost/v1/J1/pda-01/result", b"yours")
        assert pda.heard.get(timeout=GUARD_S) == ("forepost/v1/J1/all/task", b"everybody's")


def test_a_message_beyond_the_contract_is_refused(port: int) -> None:
    with client(port, "gateway") as gateway, client(port, "pda-01") as pda:
        gateway.subscribe("forepost/v1/+/+/scan")
        pda.publish("forepost/v1/J1/pda-01/scan", b"x" * 70_000)
        pda.lost.get(timeout=GUARD_S)
        with client(port, "pda-02") as other:
            other.publish("forepost/v1/J1/pda-02/scan", b"still here")
            assert gateway.heard.get(timeout=GUARD_S)[1] == b"still here"
