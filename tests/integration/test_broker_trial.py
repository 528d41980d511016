"""Pins the trial of a real Mosquitto: a sound one passes, each trap is named, nothing stays."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.errors import LinkLost
from gateway.links.mqtt_trial import MESSAGES, Patience, SameSession, try_broker
from gateway.settings import MqttSettings
from tests.rigs.broker import Mosquitto, free_port, running_mosquitto
from tests.rigs.device import device
from tests.rigs.fault_site import PATIENCE_S, receive
from tests.rigs.gateway import GatewayProcess, pda_config
from tests.rigs.guard import GUARD_S
from tests.rigs.handheld import handheld

pytestmark = pytest.mark.slow

TOPIC = "forepost/v1/J1/gw-J1/canary"
READ_ONLY = f"topic read {TOPIC}\n"
WRITE_ONLY = f"topic write {TOPIC}\n"


def trial(broker: Mosquitto, name: str = "one") -> str | None:
    patience = Patience(time.monotonic, lambda: False)
    settings = MqttSettings(host="127.0.0.1", port=broker.port, username="gateway")
    return try_broker(settings, name=name, topic=TOPIC, patience=patience)


def test_a_sound_broker_passes_again_and_again(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        assert [trial(broker, name) for name in ("one", "two")] == [None, None]


def test_a_queue_that_is_too_short_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.links.mqtt_trial.TRIAL_S", 3.0)
    with running_mosquitto(tmp_path, "max_queued_messages 5\n") as broker:
        fault = trial(broker)
    assert fault is not None
    assert f"of {MESSAGES} messages" in fault
    assert "queue is too short" in fault


@pytest.mark.parametrize("rules", [READ_ONLY, WRITE_ONLY])
def test_a_topic_that_is_not_allowed_is_named(
    rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.links.mqtt_trial.TRIAL_S", 3.0)
    (tmp_path / "acl").write_text(rules)
    with running_mosquitto(tmp_path, f"acl_file {tmp_path}/acl\n") as broker:
        fault = trial(broker)
    assert fault is not None
    assert TOPIC in fault


def test_a_broker_that_names_clients_by_their_users_is_left_alone(tmp_path: Path) -> None:
    """Its one session for this user is the gateway's, with what waits in it."""
    topic = "forepost/v1/J1/pda-1/scan"
    with running_mosquitto(tmp_path, "use_username_as_clientid true\n") as broker:
        with client(broker.port, "gateway") as gateway:
            gateway.subscribe(topic)
        with client(broker.port, "pda-1") as pda:
            pda.publish(topic, b"waits")
        with pytest.raises(SameSession):
            trial(broker)
        with client(broker.port, "gateway") as gateway:
            assert gateway.heard.get(timeout=GUARD_S) == b"waits"


class Client:
    """A user with a session that the broker keeps."""

    def __init__(self, port: int, user: str) -> None:
        self.heard: queue.Queue[bytes] = queue.Queue()
        self._done: queue.Queue[None] = queue.Queue()
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, clean_session=False)
        self.paho.username_pw_set(user)
        self.paho.on_message = lambda _c, _u, message: self.heard.put(bytes(message.payload))
        self.paho.on_subscribe = lambda *_: self._done.put(None)
        self.paho.connect("127.0.0.1", port)
        self.paho.loop_start()

    def subscribe(self, topic: str) -> None:
        self.paho.subscribe(topic, 1)
        self._done.get(timeout=GUARD_S)

    def publish(self, topic: str, payload: bytes) -> None:
        self.paho.publish(topic, payload, 1).wait_for_publish(GUARD_S)


@contextlib.contextmanager
def client(port: int, user: str) -> Iterator[Client]:
    it = Client(port, user)
    try:
        yield it
    finally:
        it.paho.disconnect()
        it.paho.loop_stop()


def test_a_broker_that_is_away_is_not_judged(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        broker.stop()
        with pytest.raises(OSError, match="refused"):
            trial(broker)


def test_a_trial_that_nobody_waits_for_ends(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        patience = Patience(time.monotonic, lambda: True)
        settings = MqttSettings(host="127.0.0.1", port=broker.port)
        with pytest.raises(LinkLost, match="broken off"):
            try_broker(settings, name="x", topic=TOPIC, patience=patience)


def alarm_of(status: dict[str, object], name: str) -> str:
    alarms = status["alarms"]
    assert isinstance(alarms, list)
    return "".join(each["text"] for each in alarms if each["name"] == name)


def test_the_running_gateway_names_a_trap_and_sees_its_end(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic readwrite forepost/v1/J1/pda-1/#\n")
    port = free_port()
    config = pda_config(tmp_path / "state", port)
    config = config.replace("[mqtt]\n", "[mqtt]\nself_test_s = 1\n")
    gateway = GatewayProcess(tmp_path, config)
    store = tmp_path / "broker"
    store.mkdir()
    text = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nacl_file {tmp_path}/acl\n"
        f"persistence true\npersistence_location {store}/\n"
    )
    broker = Mosquitto(store, port, text)
    broker.start()
    try:
        gateway.start()
        gateway.until(lambda s: TOPIC in alarm_of(s, "broker_test"), PATIENCE_S)
        (tmp_path / "acl").write_text("topic readwrite forepost/v1/#\n")
        broker.stop()
        broker.start()
        gateway.until(lambda s: not alarm_of(s, "broker_test"), PATIENCE_S)
        assert gateway.stop() == 0
    finally:
        broker.stop()
        if gateway.process.poll() is None:
            gateway.kill()


def test_a_message_beyond_all_bounds_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """The broker takes 64 MB; the gateway says what it takes and goes on hearing the rest."""
    store = tmp_path / "broker"
    store.mkdir()
    with running_mosquitto(store) as broker:
        gateway = GatewayProcess(tmp_path, pda_config(tmp_path / "state", broker.port))
        gateway.start()
        try:
            gateway.until_listening()
            with device(broker.port, "pda-9") as bad:
                bad.publish("scan", b"x" * 2_000_000)
            with handheld(broker.port, "pda-1", tmp_path / "log") as pda:
                receive(pda)
                pda.settle(PATIENCE_S)
            assert gateway.log.read_text().count("broker reached") == 1
            assert gateway.stop() == 0
        finally:
            if gateway.process.poll() is None:
                gateway.kill()
