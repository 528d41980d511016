"""Pins SIGHUP on the real gateway: devices come, go and change while a handheld scans on, no
receipt is lost and nothing counts twice; a bad file is told and changes nothing."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.broker import Mosquitto, free_port
from tests.rigs.device import device
from tests.rigs.gateway import GatewayProcess, Status, pda_config
from tests.rigs.guard import GUARD_S, wait_until
from tests.rigs.handheld import Handheld, handheld

pytestmark = pytest.mark.slow

SCAN = "]C101095060001343521726123110L1"
PER_S = 50
N_ROUNDS = 4


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto) -> Iterator[GatewayProcess]:
    it = GatewayProcess(tmp_path, pda_config(tmp_path / "state", broker.port))
    it.start()
    it.until_listening()
    yield it
    if it.process.poll() is None:
        it.kill()


def n_told(gateway: GatewayProcess, action: str) -> int:
    return gateway.log.read_text().count(f"action={action}")


def hang_up(gateway: GatewayProcess, config: str) -> None:
    gateway.config.write_text(config)
    gateway.process.send_signal(signal.SIGHUP)


def reload(gateway: GatewayProcess, config: str) -> Status:
    """Write, say so, and give the first report from after it was read."""
    before = n_told(gateway, "config_reloaded")
    hang_up(gateway, config)
    assert wait_until(lambda: n_told(gateway, "config_reloaded") > before), gateway.tail()
    return gateway.until(lambda _: True)


def names(status: Status, key: str = "devices") -> set[str]:
    return {str(row["name"]) for row in status[key]}  # type: ignore[attr-defined]


def test_devices_change_while_a_handheld_goes_on(
    gateway: GatewayProcess, broker: Mosquitto, tmp_path: Path
) -> None:
    plain = gateway.config.read_text()
    sensors = '[[devices]]\nname = "t-*"\ndriver = "mqtt-climate"\nlink = "mqtt"\n'
    scanner = (
        '[[devices]]\nname = "belt"\ndriver = "serial-scanner"\n'
        f'link = "tcp-listen://127.0.0.1:{free_port()}"\n'
    )
    others = [
        plain + sensors,
        plain.replace('driver = "pda"', 'driver = "pda"\noptions = { max_per_s = 400.0 }'),
        plain + scanner,
        plain,
    ]
    with handheld(broker.port, "pda-7", tmp_path / "pda.jsonl") as pda:
        is_over = threading.Event()
        scanning = threading.Thread(target=scan_on, args=(pda, is_over))
        scanning.start()
        try:
            for config in others * N_ROUNDS:
                reload(gateway, config)
        finally:
            is_over.set()
            scanning.join()
        pda.settle(GUARD_S)
        assert pda.last_seq > N_ROUNDS
        assert pda.receipted == set(range(1, pda.last_seq + 1))
        status = gateway.until(lambda s: on_the_dock(s) >= pda.last_seq)
        assert on_the_dock(status) == pda.last_seq, "a scan counted twice"
    assert names(status) == {"pda-7"}
    assert not names(status, "alarms")
    done = gateway.command("journal", "verify", "--config", str(gateway.config))
    assert done.returncode == 0, done.stdout


def scan_on(pda: Handheld, is_over: threading.Event) -> None:
    while not is_over.wait(1 / PER_S):
        pda.scan(SCAN, type="receive", quantity=1)


def on_the_dock(status: Status) -> int:
    return sum(
        row["quantity"]
        for row in status["stock"]  # type: ignore[attr-defined]
        if row["location"] == "DOCK"
    )


def test_a_device_that_comes_is_served_and_one_that_went_is_not(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    plain = gateway.config.read_text()
    sensors = '[[devices]]\nname = "t-*"\ndriver = "mqtt-climate"\nlink = "mqtt"\n'
    reload(gateway, plain + sensors)
    reading = {"v": 1, "boot": "b", "seq": 1, "zone": "C", "temperature_c": 4.0}
    with device(broker.port, "t-1") as sensor:
        sensor.publish("climate", reading)
        gateway.until(lambda s: "t-1" in names(s) and bool(s["climate"]))
        assert "t-1" not in names(reload(gateway, plain))
        sensor.publish("climate", reading | {"seq": 2, "temperature_c": 5.0})
        with device(broker.port, "pda-1") as pda:
            pda.scan(1, SCAN, type="receive", quantity=1)
            pda.result()
    status = gateway.until(lambda _: True)
    assert [row["temperature_centi_c"] for row in status["climate"]] == [400]  # type: ignore[attr-defined]


BAD = (
    ("not TOML", "[gateway", "not TOML"),
    ("a typing mistake", 'zonne = "C"\n', "devices.0.zonne: unknown key"),
    ("no such driver", '[[devices]]\nname = "x"\ndriver = "nix"\nlink = "mqtt"\n', "'nix'"),
)


def test_a_bad_file_is_told_and_changes_nothing(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    plain = gateway.config.read_text()
    for n, (what, more, reason) in enumerate(BAD, 1):
        hang_up(gateway, plain + more)
        assert wait_until(lambda n=n: n_told(gateway, "config_refused") == n), gateway.tail()  # type: ignore[misc]
        checked = gateway.command("check-config", str(gateway.config))
        assert (checked.returncode, reason in checked.stderr) == (2, True), checked.stderr
        gateway.config.write_text(plain)  # which nobody has told the gateway yet
        (alarm,) = gateway.until(lambda s: bool(s["alarms"]))["alarms"]  # type: ignore[misc]
        assert alarm["name"] == "configuration", what  # type: ignore[has-type]
        assert reason in alarm["text"], what  # type: ignore[has-type]
        with device(broker.port, "pda-1") as pda:
            pda.scan(1, SCAN, type="receive", quantity=1)
            assert pda.result()["seq"] == 1
    assert not names(reload(gateway, plain), "alarms")


def test_what_is_no_device_waits_for_the_next_start_and_is_told(gateway: GatewayProcess) -> None:
    plain = gateway.config.read_text()
    status = reload(gateway, plain + "[journal]\nretention_days = 3\n[smoothing]\nmin_reads = 3\n")
    (alarm,) = status["alarms"]  # type: ignore[misc]
    assert "what changed in journal is taken at the next start" in alarm["text"]  # type: ignore[has-type]
    assert not names(reload(gateway, plain), "alarms")


def test_a_hang_up_before_the_gateway_is_ready_does_not_end_it(
    tmp_path: Path, broker: Mosquitto
) -> None:
    it = GatewayProcess(tmp_path, pda_config(tmp_path / "state", broker.port))
    code = (
        "import os, signal, sys\n"
        "from gateway.__main__ import main\n"
        "import gateway.app as app\n"
        "inside = app.run_parts\n"
        "def at_once(*arguments):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    return inside(*arguments)\n"
        "app.run_parts = at_once\n"
        f"sys.exit(main(['run', '--config', {str(it.config)!r}]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if b"config_reloaded" in line:
                    break
            else:
                pytest.fail("it ended")
            process.send_signal(signal.SIGTERM)
            assert process.wait(GUARD_S) == 0
        finally:
            process.kill()
