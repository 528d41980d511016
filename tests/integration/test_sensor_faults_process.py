"""Pins that no data is never "all well": the real gateway journals sensors that fail to speak."""

import json
from itertools import count
from pathlib import Path

import pytest

from tests.rigs.broker import running_mosquitto
from tests.rigs.device import Device, device
from tests.rigs.gateway import GatewayProcess, Status
from tests.rigs.simulated import SimulatedDevice, simulated

pytestmark = pytest.mark.slow

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{directory}/state"

[mqtt]
host = "127.0.0.1"
port = {port}

[sensors]
silent_s = 2.0
missed_max = 3
recover_readings = 2
max_c = 60.0

[[devices]]
name = "bus"
driver = "xy-md02"
link = "serial://{directory}/bus?baud=9600"
[devices.options]
period_s = 0.2
timeout_s = 0.1
[[devices.options.units]]
address = 1
zone = "frozen"
[[devices.options.units]]
address = 2
zone = "refrigerated"

[[devices]]
name = "probe"
driver = "mqtt-climate"
link = "mqtt"
zone = "refrigerated"

[[devices]]
name = "mute"
driver = "mqtt-climate"
link = "mqtt"
zone = "ambient"
"""


def faults(status: Status) -> set[tuple[str, str]]:
    rows = status["sensor_faults"]
    assert isinstance(rows, list)
    return {(row["device"], row["kind"]) for row in rows}


def state(status: Status, name: str) -> object:
    rows = status["devices"]
    assert isinstance(rows, list)
    return next(row["state"] for row in rows if row["name"] == name)


def test_dead_silent_and_impossible_sensors_are_journaled_and_end(tmp_path: Path) -> None:
    store = tmp_path / "broker"
    store.mkdir()
    with (
        running_mosquitto(store) as broker,
        device(broker.port, "probe") as probe,
        simulated(
            ["xy-md02", f"--link={tmp_path}/bus", "--unit=1=frozen", "--unit=2=refrigerated"]
        ) as (bus,),
    ):
        gateway = GatewayProcess(tmp_path, CONFIG.format(directory=tmp_path, port=broker.port))
        gateway.start()
        try:
            first = _dead_and_silent(gateway, bus, probe)
            gateway.kill()
            gateway.start()
            again = gateway.until(lambda status: {("bus.2", "silent")} <= faults(status))
            assert _since(again, "bus.2") == _since(first, "bus.2"), "begun before the kill"
            bus.tell("unit", address=2, state="ok")
            gateway.until(
                lambda status: _say(probe, 4.1) and faults(status) == {("mute", "silent")}
            )
            assert gateway.stop() == 0
        finally:
            if gateway.process.poll() is None:
                gateway.kill()
        events = _events(gateway)
    # On a slow machine the probe may have been silent too while it was not made to speak.
    events = [e for e in events if (e["device"]["id"], e["body"]["kind"]) != ("probe", "silent")]
    told = [(e["type"], e["device"]["id"], e["body"]["kind"]) for e in events]
    assert sorted(told) == [
        ("sensor.fault", "bus.2", "silent"),
        ("sensor.fault", "mute", "silent"),
        ("sensor.fault", "probe", "out_of_range"),
        ("sensor.recovered", "bus.2", "silent"),
        ("sensor.recovered", "probe", "out_of_range"),
    ], "each once, over a kill"
    opened = {e["event_id"] for e in events if e["type"] == "sensor.fault"}
    assert {e["cause"] for e in events if e["type"] == "sensor.recovered"} < opened


def _dead_and_silent(gateway: GatewayProcess, bus: SimulatedDevice, probe: Device) -> Status:
    """One unit of the bus dies, one sensor says nonsense, one never says anything."""
    gateway.until(lambda status: state(status, "bus.2") == "online")
    bus.tell("unit", address=2, state="dead")
    status = gateway.until(
        lambda status: (
            _say(probe, 85.0)
            and faults(status)
            >= {("bus.2", "silent"), ("probe", "out_of_range"), ("mute", "silent")}
        )
    )
    assert state(status, "bus.1") == "online"
    assert {state(status, name) for name in ("bus.2", "probe")} == {"faulty"}
    climate = status["climate"]
    assert isinstance(climate, list)
    assert "probe" not in {row["device"] for row in climate}, "85 °C is nobody's climate"
    return status


_SEQ = count(1)


def _say(probe: Device, celsius: float) -> bool:
    sample = {"v": 1, "boot": "b", "seq": next(_SEQ), "zone": "refrigerated"}
    probe.publish("climate", {**sample, "temperature_c": celsius})
    return True


def _events(gateway: GatewayProcess) -> list[dict[str, dict[str, object]]]:
    done = gateway.command("journal", "export", "--config", str(gateway.config))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    return [event for event in events if str(event["type"]).startswith("sensor.")]


def _since(status: Status, name: str) -> object:
    rows = status["sensor_faults"]
    assert isinstance(rows, list)
    return next(row["since_us"] for row in rows if row["device"] == name)
