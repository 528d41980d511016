"""Pins install.sh, the way to a box that is not Debian 12: without a network, again and again, and
gone without a trace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tracked import ROOT
from tests.rigs import tier
from tests.rigs.box import configure, is_up, received, scan, version_in_use
from tests.rigs.machine import Machine, running_machine
from tests.rigs.mounts import NEEDS_ROOT

pytestmark = [
    *NEEDS_ROOT,
    pytest.mark.slow,
    pytest.mark.skipif(tier.chosen() == "quick", reason="make test-installed builds the wheel"),
]


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of ours and the wheels it needs."""
    place = tmp_path_factory.mktemp("release")

    def python(*arguments: str | Path) -> None:
        subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=ROOT, check=True, capture_output=True, timeout=600,
        )  # fmt: skip

    python("hatchling", "build", "-t", "wheel", "-d", place)
    python(
        "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
        "--requirement", "requirements/box.lock", "--dest", place / "wheels",
    )  # fmt: skip
    return place


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine that finds the files of a release in /exchange."""
    with running_machine(tmp_path / "machine") as it:
        for part in ("deploy", "requirements"):
            shutil.copytree(ROOT / part, it.exchange / part)
        yield it


def install(machine: Machine) -> None:
    (wheel,) = machine.exchange.glob("*.whl")
    machine.do(
        "/exchange/deploy/install.sh", f"/exchange/{wheel.name}", "--wheels", "/exchange/wheels"
    )


def traces(machine: Machine) -> list[str]:
    found = machine.do("sh", "-c", "find / -xdev -name '*forepost*' -not -path '/proc/*'").split()
    return [it for it in found if not it.startswith(("/var/log", "/sys", "/run/systemd"))]


def test_it_installs_offline_works_and_goes_without_a_trace(
    machine: Machine, release: Path
) -> None:
    shutil.copytree(release, machine.exchange, dirs_exist_ok=True)
    before = machine.do("cat", "/etc/mosquitto/mosquitto.conf")
    install(machine)
    configure(machine)
    scan(machine, 1)
    assert received(machine) == 1
    used = version_in_use(machine)
    install(machine)
    assert is_up(machine)
    assert version_in_use(machine) == used
    assert received(machine) == 1

    machine.do("/exchange/deploy/install.sh", "--uninstall")
    assert not is_up(machine)
    machine.do("test", "-s", "/var/lib/forepost/journal.db")
    install(machine)
    assert received(machine) == 1
    machine.do("/exchange/deploy/install.sh", "--purge")
    assert traces(machine) == []
    assert machine.do("cat", "/etc/mosquitto/mosquitto.conf") == before


def test_wrong_use_and_a_wheel_that_is_not_there_change_nothing(machine: Machine) -> None:
    assert machine.run("/exchange/deploy/install.sh").returncode == 2
    done = machine.run("/exchange/deploy/install.sh", "/exchange/forepost-9.9-py3-none-any.whl")
    assert done.returncode == 1
    assert done.stderr == "install: /exchange/forepost-9.9-py3-none-any.whl is not there\n"
    assert traces(machine) == []
