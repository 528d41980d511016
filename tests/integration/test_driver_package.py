"""Pins that somebody else's driver, in a package of its own, is found and run by the gateway.

The package is the one of docs/writing-a-driver.md, built and installed as its reader would."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_sim.pty_port import open_pty
from tests.house.tracked import read_tracked
from tests.rigs.gateway import GatewayProcess

pytestmark = pytest.mark.slow

CONFIG = """
[gateway]
id = "gw-J1"
warehouse = "J1"
state_dir = "{directory}/state"

[[devices]]
name = "probe-1"
driver = "probe"
link = "serial://{directory}/tty?baud=9600"
zone = "C"
options = {{ offset_c = "0.5" }}
"""


def block(language: str) -> str:
    """The page's first block of code in a language: the package's own."""
    page = read_tracked("docs/writing-a-driver.md")
    found = re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def install(source: Path, target: Path, *, project: str, module: str) -> None:
    """Build the package and install it beside what is installed, from nowhere but here."""
    package = source / "forepost_probe"
    package.mkdir(parents=True)
    (source / "pyproject.toml").write_text(project)
    (package / "__init__.py").write_text(module)
    command = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *command, "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's package is installed."""
    directory = tmp_path_factory.mktemp("package")
    target = directory / "installed"
    install(directory / "source", target, project=block("toml"), module=block("python"))
    return target


@pytest.fixture
def gateway(tmp_path: Path) -> GatewayProcess:
    return GatewayProcess(tmp_path, CONFIG.format(directory=tmp_path))


@contextlib.contextmanager
def running(gateway: GatewayProcess) -> Iterator[None]:
    gateway.start()
    try:
        yield
    finally:
        gateway.kill()


def test_the_gateway_runs_a_driver_it_has_never_heard_of(
    gateway: GatewayProcess, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    with open_pty(tmp_path / "tty") as port, running(gateway):
        gateway.until(lambda status: status["devices"][0]["state"] == "online")  # type: ignore[index]
        port.write(b"4.")
        port.write(b"25\nrubbish\n")
        status = gateway.until(
            lambda s: bool(s["climate"]) and s["intake"]["quarantined"] == 1  # type: ignore[index]
        )
        assert gateway.stop() == 0
    (climate,) = status["climate"]  # type: ignore[misc]
    assert (climate["zone"], climate["temperature_centi_c"]) == ("C", 475)


def test_without_the_package_its_name_is_not_known(gateway: GatewayProcess) -> None:
    done = gateway.command("check-config", str(gateway.config))
    assert done.returncode == 2
    assert "driver: 'probe' is not installed; there are " in done.stderr


@pytest.mark.parametrize(
    ("name", "module", "complaint"),
    [
        ("probe", "import nothing_there", "driver: 'probe' cannot be loaded: No module named"),
        ("probe", "make_drivr = None", "driver: 'probe' cannot be loaded: "),
        ("m100", "make_driver = None", "driver: 'm100' is claimed by more than one package"),
    ],
    ids=["does-not-import", "has-no-factory", "takes-our-name"],
)
def test_a_package_that_is_broken_is_one_line(
    gateway: GatewayProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: str,
    complaint: str,
) -> None:
    # What an installation leaves behind, as far as the gateway looks at it.
    target = tmp_path / "broken"
    metadata = target / "forepost_probe-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: forepost-probe\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        f"[gateway.drivers]\n{name} = forepost_probe:make_driver\n"
    )
    (target / "forepost_probe.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(target))
    gateway.config.write_text(gateway.config.read_text().replace('"probe"', f'"{name}"'))
    done = gateway.command("check-config", str(gateway.config))
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
