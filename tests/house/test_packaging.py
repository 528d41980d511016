# Pins what is installed: locks that agree with each other and with pyproject.toml, and a wheel
# that holds the four packages with their data and nothing else.

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.house.tracked import ROOT, read_tracked, tracked_files

PROJECT = tomllib.loads(read_tracked("pyproject.toml"))["project"]


def pins(lock: str) -> dict[str, str]:
    """Name to version, from a requirements file."""
    text = read_tracked(f"requirements/{lock}.lock")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("smaller", "larger"), [("box", "cloud"), ("cloud", "demo"), ("demo", "dev"), ("dev", "bench")]
)
def test_a_lock_holds_all_that_the_smaller_one_holds(smaller: str, larger: str) -> None:
    assert pins(smaller).items() <= pins(larger).items()


@pytest.mark.parametrize("lock", ["box", "cloud", "demo", "dev", "bench"])
def test_every_pin_has_its_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z])", read_tracked(f"requirements/{lock}.lock"))
    bare = [block.split("\n")[0] for block in blocks if "==" in block and "--hash" not in block]
    assert len(pins(lock)) > 15
    assert not bare


def test_what_the_product_needs_is_pinned() -> None:
    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[>=<\[ ]", requirement)[0] for requirement in requirements}

    assert names(PROJECT["dependencies"]) <= pins("box").keys()
    assert names(PROJECT["optional-dependencies"]["cloud"]) <= pins("cloud").keys()


def test_the_changelog_begins_with_the_version_that_is_built() -> None:
    versions = re.findall(r"^## \[?([0-9.]+)", read_tracked("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == PROJECT["version"]


@pytest.mark.slow
def test_the_wheel_holds_the_packages_whole_and_nothing_else(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packages = ("gateway", "cloud_sync", "device_sim", "optimizer")
    shipped = {path for path in tracked_files() if path.startswith(packages)}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped <= held
    assert {name.split("/")[0] for name in held} == set(packages)
