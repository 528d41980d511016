"""Pins the real gateway program on a real Mosquitto: receipts, repeats, kills, bad input."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from gateway.__main__ import main
from tests.rigs.broker import Mosquitto
from tests.rigs.device import device
from tests.rigs.gateway import GatewayProcess, Status, pda_config
from tests.rigs.guard import GUARD_S, wait_until

pytestmark = pytest.mark.slow

SCAN = "]C101095060001343521726123110L1"
SENSORS = """
[[devices]]
name = "t-*"
driver = "mqtt-climate"
link = "mqtt"
"""


def make_gateway(directory: Path, port: int) -> GatewayProcess:
    directory.mkdir(exist_ok=True)
    return GatewayProcess(directory, pda_config(directory / "state", port, SENSORS))


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto) -> Iterator[GatewayProcess]:
    it = make_gateway(tmp_path / "gw", broker.port)
    it.start()
    it.until_listening()
    yield it
    if it.process.poll() is None:
        it.kill()


def test_a_scan_is_receipted_and_journaled(gateway: GatewayProcess, broker: Mosquitto) -> None:
    with device(broker.port) as pda:
        pda.scan(1, SCAN, type="receive", id="ASN-1", location="R-01", quantity=12)
        result = pda.result()
    assert (result["boot"], result["seq"]) == ("boot-1", 1)
    assert result["status"] == "flagged", "neither item nor delivery is known to an empty gateway"
    status = gateway.until(lambda s: bool(s["stock"]))
    places = {row["location"]: row["quantity"] for row in status["stock"]}  # type: ignore[attr-defined]
    assert places == {"@supplier": -12, "R-01": 12}


def test_a_repeat_is_answered_and_counted_once(gateway: GatewayProcess, broker: Mosquitto) -> None:
    with device(broker.port) as pda:
        pda.scan(1, SCAN, type="receive", quantity=5)
        first = pda.result()
        pda.scan(1, SCAN, type="receive", quantity=5)
        second = pda.result()
    assert second["status"] == "duplicate"
    assert second["event_id"] == first["event_id"]


def on_the_dock(status: Status) -> int:
    rows = cast(list[dict[str, object]], status["stock"])
    return sum(cast(int, row["quantity"]) for row in rows if row["location"] == "DOCK")


def test_repeats_are_known_after_kill_9(gateway: GatewayProcess, broker: Mosquitto) -> None:
    with device(broker.port) as pda:
        for seq in range(1, 21):
            pda.scan(seq, SCAN, type="receive", quantity=1)
        first = {pda.result()["seq"] for _ in range(20)}
        gateway.kill()
        gateway.start()
        gateway.until_listening()
        for seq in range(1, 22):
            pda.scan(seq, SCAN, type="receive", quantity=1)
        again = [pda.result() for _ in range(21)]
    assert first == set(range(1, 21))
    assert [r["status"] for r in sorted(again, key=lambda r: int(str(r["seq"])))] == [
        *["duplicate"] * 20,
        "accepted" if again[-1]["status"] == "accepted" else "flagged",
    ]
    # Rows that come close after others are folded together, a moment later.
    gateway.until(lambda s: on_the_dock(s) >= 21)
    assert on_the_dock(gateway.until(lambda _: True)) == 21


RUBBISH = (
    b"",
    b"not json",
    b"\xff\xfe",
    b'{"v":1,"boot":"boot-1","seq":7}',
    b'{"v":1,"boot":"boot-1","seq":true,"data":"x"}',
    b'{"v":1,"boot":"boot-1","seq":7,"data":NaN}',
    b"[" * 100_000,
)


def test_rubbish_is_set_aside_and_the_next_scan_goes_through(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    with device(broker.port) as pda:
        for n, payload in enumerate(RUBBISH, 1):
            pda.publish("scan", payload)
            pda.scan(10 + n, SCAN, type="receive", quantity=1)
            while pda.result().get("seq") != 10 + n:
                pass
            # The scan's item is not known here: it is set aside, too.
            status = gateway.until(lambda s, n=n: s["intake"]["quarantined"] >= 2 * n)  # type: ignore[index,misc]
            intake = cast(dict[str, object], status["intake"])
            assert (intake["refused"], intake["quarantined"]) == (n, 2 * n), payload[:80]


def test_a_wrong_check_digit_is_refused_in_words(
    gateway: GatewayProcess, broker: Mosquitto
) -> None:
    with device(broker.port) as pda:
        pda.scan(1, "]C10109506000134353", type="receive")
        result = pda.result()
    assert result["status"] == "refused"
    assert "check digit" in str(result["message"])


def test_a_climate_sample_is_shown(gateway: GatewayProcess, broker: Mosquitto) -> None:
    with device(broker.port, "t-1") as sensor:
        sample = {"v": 1, "boot": "b", "seq": 1, "zone": "R", "temperature_c": 4.21}
        sensor.publish("climate", sample)
        status = gateway.until(lambda s: bool(s["climate"]))
    assert status["climate"][0]["temperature_centi_c"] == 421  # type: ignore[index]


def test_systemd_is_told_how_it_goes_until_sigterm(tmp_path: Path, broker: Mosquitto) -> None:
    gateway = make_gateway(tmp_path / "gw", broker.port)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(GUARD_S)
        gateway.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        gateway.start()
        words = [manager.recv(1000).decode() for _ in range(2)]
        while words[-2] != "READY=1":
            assert words[-2] == "EXTEND_TIMEOUT_USEC=60000000"  # a start may take long
            words.append(manager.recv(1000).decode())
        words = [*words[-2:], manager.recv(1000).decode()]
        assert words[:2] == ["READY=1", "WATCHDOG=1"]
        assert re.fullmatch(r"STATUS=at row \d+, 0 messages waiting", words[2])
        assert gateway.stop() == 0
        while words[-1] != "STOPPING=1":
            words.append(manager.recv(1000).decode())


def test_a_second_gateway_on_the_same_state_is_refused_in_one_line(
    gateway: GatewayProcess,
) -> None:
    second = gateway.command("run", "--config", str(gateway.config))
    assert second.returncode == 1
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_second_gateway_with_the_same_id_is_named_in_the_log(
    gateway: GatewayProcess, broker: Mosquitto, tmp_path: Path
) -> None:
    second = make_gateway(tmp_path / "gw2", broker.port)
    second.start()
    try:
        second.until(lambda status: True)
        assert wait_until(lambda: "another client uses this gateway's id" in gateway.tail())
    finally:
        second.kill()


WHO = "[gateway]\nid='a'\nwarehouse='J1'\nstate_dir='{state}'\n"
M100 = "[[devices]]\nname='gate'\n{}\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "gateway: missing"),
        ("[gateway]\nid = 'a b'\nwarehouse='J1'\nstate_dir='/x'", "gateway.id: "),
        (
            "[gateway]\nid = 'a'\nwarehouse='J1'\nstate_dir='/x'\ncolour=1",
            "gateway.colour: unknown key",
        ),
        ("[gateway", "not TOML"),
        (WHO + "timezone='Mars/Olympus'", "gateway.timezone: not a time zone"),
        (WHO + M100.format("driver='m1000'\nlink='tcp://x:1'"), "driver: 'm1000' is not"),
        (WHO + M100.format("driver='m100'\nlink='usb0'"), "devices.gate.link: 'usb0' is neither"),
        (
            WHO + M100.format("driver='m100'\nlink='tcp://x:1'\noptions={powr=3}"),
            "devices.gate.options.powr: unknown key",
        ),
    ],
)
def test_a_wrong_configuration_is_one_line_with_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text.replace("{state}", str(tmp_path)))
    assert main(["check-config", str(file)]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize("text", ["", WHO + M100.format("driver='m100'\nlink='usb0'")])
def test_a_gateway_is_not_run_on_what_is_found_wrong(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text.replace("{state}", str(tmp_path)))
    programs = [
        subprocess.run(
            [sys.executable, "-m", "gateway", *command],
            capture_output=True,
            text=True,
            check=False,
        )
        for command in (["check-config", str(file)], ["run", "--config", str(file)])
    ]
    assert [it.returncode for it in programs] == [2, 2]
    assert programs[0].stderr == programs[1].stderr
    assert programs[0].stderr.count("\n") == 1


def test_a_missing_configuration_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "run", "--config", str(tmp_path / "none.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "none.toml: cannot be read: No such file or directory" in done.stderr
