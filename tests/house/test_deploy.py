# Pins what is shipped for a real machine: units that systemd accepts and that stay sandboxed,
# and an example configuration that is good.

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import load_settings
from tests.house.tracked import ROOT

DEPLOY = ROOT / "deploy"
UNITS = (
    "forepost-gateway.service",
    "forepost-gateway-failed.service",
    "forepost-gateway-confirm.service",
    "forepost-pages.service",
    "forepost-broker-save.service",
    "forepost-solver@.service",
    "forepost-cloud.service",
    "forepost-forecast.service",
)
TRIGGERS = (
    "forepost-broker-save.path",
    "forepost-forecast.timer",
    "forepost-gateway-confirm.timer",
    "forepost-solver.socket",
)
PROGRAMS = "/opt/forepost/current/bin/"

DEBIANS_MOSQUITTO = """
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf
Restart=on-failure
ExecStartPre=/bin/mkdir -m 740 -p /var/log/mosquitto
ExecStartPre=/bin/chown mosquitto /var/log/mosquitto
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as shipped, with stand-ins for programs that are not installed here."""
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        program = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)
        assert program is not None
        (tmp_path / name).write_text(text.replace(program[1], shutil.which("true") or "/bin/true"))
    for name in TRIGGERS:
        shutil.copy(DEPLOY / "systemd" / name, tmp_path)
    drop_in = tmp_path / "mosquitto.service.d"
    drop_in.mkdir()
    (tmp_path / "mosquitto.service").write_text(DEBIANS_MOSQUITTO)
    shutil.copy(DEPLOY / "systemd/mosquitto.service.d/forepost.conf", drop_in)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", [*UNITS, *TRIGGERS])
def test_systemd_accepts_the_unit(units: Path, name: str) -> None:
    done = run("systemd-analyze", "verify", "--man=no", units / name)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.slow
def test_systemd_finds_a_mistake_in_a_unit(units: Path) -> None:
    unit = units / UNITS[0]
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nWatchdogSeconds=5"))
    assert "WatchdogSeconds" in run("systemd-analyze", "verify", "--man=no", unit).stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "exposure_max"),
    [
        ("forepost-gateway.service", 1.2),
        ("forepost-pages.service", 1.2),
        ("forepost-solver@.service", 0.2),
        ("forepost-cloud.service", 0.9),
        ("forepost-forecast.service", 0.9),
        ("mosquitto.service", 1.1),
    ],
)
def test_the_sandbox_stays_closed(units: Path, name: str, exposure_max: float) -> None:
    done = run(
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={exposure_max * 10:.0f}",
        "--no-pager",
        units / name,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_the_programs_of_the_units_are_ours() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        program = re.search(rf"^ExecStart={PROGRAMS}(\S+)", text, re.MULTILINE)
        if program is None:
            assert "\nExecStart=/usr/lib/forepost/forepost-box " in text
        elif program[1] != "python":
            assert f"\n{program[1]} = " in pyproject


def test_the_solvers_unit_runs_the_program_that_the_gateway_would() -> None:
    from gateway.services.solver_process import CHILD, SOCKET_VARIABLE

    unit = (DEPLOY / "systemd/forepost-solver@.service").read_text()
    assert f"\nExecStart={PROGRAMS}python -P -m {CHILD} --connection\n" in unit
    socket = re.search(
        r"^ListenStream=(\S+)$",
        (DEPLOY / "systemd/forepost-solver.socket").read_text(),
        re.MULTILINE,
    )
    assert socket is not None
    gateway = (DEPLOY / "systemd/forepost-gateway.service").read_text()
    assert f"\nEnvironment={SOCKET_VARIABLE}={socket[1]}\n" in gateway


def test_systemd_watches_the_file_that_a_new_session_marks() -> None:
    from gateway.app import NEW_SESSION

    watch = (DEPLOY / "systemd/forepost-broker-save.path").read_text()
    assert f"\nPathChanged=/var/lib/forepost/{NEW_SESSION}\n" in watch


def test_systemd_waits_longer_than_a_stop_takes(units: Path) -> None:
    from gateway.assembly import STOP_S

    stop = re.search(r"^TimeoutStopSec=(\d+)$", (units / UNITS[0]).read_text(), re.MULTILINE)
    assert stop is not None
    assert float(stop[1]) > 2 * STOP_S


def test_the_example_configuration_is_good() -> None:
    done = run(sys.executable, "-m", "gateway", "check-config", DEPLOY / "example/gateway.toml")
    assert done.stderr == ""
    assert done.returncode == 0


def test_secrets_are_where_systemd_puts_them() -> None:
    settings = load_settings(DEPLOY / "example/gateway.toml")
    assert settings.cloud is not None
    assert settings.mqtt is not None
    unit = (DEPLOY / "systemd/forepost-gateway.service").read_text()
    credential = re.search(r"^LoadCredential=(\w+):/etc/forepost/credentials$", unit, re.MULTILINE)
    assert credential is not None
    mqtt = settings.mqtt
    for file in (settings.cloud.token_file, mqtt.ca_file, mqtt.cert_file, mqtt.key_file):
        assert file is not None
        assert str(file.parent) == "/run/credentials/forepost-gateway.service"
        assert file.name.startswith(f"{credential[1]}_")
    assert str(settings.gateway.state_dir) == "/var/lib/forepost"
    assert "StateDirectory=forepost\n" in unit
