"""Pins the trial of a real Mosquitto: a sound one passes, each trap is named, nothing stays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway.errors import LinkLost
from gateway.links.mqtt_trial import MESSAGES, Patience, try_broker
from gateway.settings import MqttSettings
from tests.rigs.broker import Mosquitto, free_port, running_mosquitto
from tests.rigs.device import device
from tests.rigs.fault_site import PATIENCE_S, receive
from tests.rigs.gateway import GatewayProcess, pda_config
from tests.rigs.handheld import handheld

pytestmark = pytest.mark.slow

TOPIC = "forepost/v1/J1/gw-J1/canary"
READ_ONLY = f"topic read {TOPIC}\n"
WRITE_ONLY = f"topic write {TOPIC}\n"


def trial(broker: Mosquitto, mark: str = "one") -> str | None:
    patience = Patience(time.monotonic, lambda: False)
    settings = MqttSettings(host="127.0.0.1", port=broker.port)
    return try_broker(settings, name="gw-J1-canary", topic=TOPIC, mark=mark, patience=patience)


def test_a_sound_broker_passes_again_and_again(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        assert [trial(broker, mark) for mark in ("one", "two")] == [None, None]


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
            try_broker(settings, name="x", topic=TOPIC, mark="one", patience=patience)


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
