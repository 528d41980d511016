# Pins what a release says of itself: every package in its bill of materials, every licence looked
# at, and no package that says nothing or something we do not allow.

import importlib.util
import json
import subprocess
import sys
from types import ModuleType

import pytest

from tests.house.tracked import ROOT


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", ROOT / "scripts/licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["licences"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("lock", ["box", "cloud"])
def test_all_that_is_shipped_may_be_shipped(licences: ModuleType, lock: str) -> None:
    for pin in licences.read_lock(ROOT / f"requirements/{lock}.lock"):
        assert licences.is_allowed(pin.name, licences.licence_of(pin.name)), pin


@pytest.mark.parametrize(
    ("name", "licence", "is_allowed"),
    [
        ("a", "MIT", True),
        ("a", "BSD-3-Clause AND 0BSD AND MIT", True),
        ("a", "EPL-2.0 OR BSD-3-Clause", True),
        ("a", "EPL-2.0 OR GPL-3.0-only", False),
        ("a", "MIT AND GPL-3.0-only", False),
        ("a", "GPL-3.0-only", False),
        ("a", "", False),
        ("a", "MPL-2.0", False),
        ("certifi", "MPL-2.0", True),
        ("certifi", "GPL-3.0-only", False),
        ("a", "(MIT OR GPL-3.0-only) AND Apache-2.0", False),
    ],
)
def test_a_licence_is_judged_by_each_of_its_parts(
    licences: ModuleType, name: str, licence: str, is_allowed: bool
) -> None:
    assert licences.is_allowed(name, licence) is is_allowed


def test_the_bill_names_every_pin_with_its_hashes(licences: ModuleType) -> None:
    def bill() -> str:
        return subprocess.run(
            [sys.executable, "scripts/sbom.py", "requirements/box.lock"],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    told = json.loads(bill())
    pins = licences.read_lock(ROOT / "requirements/box.lock")
    listed = {
        (it["name"], it["version"], tuple(h["content"] for h in it["hashes"]))
        for it in told["components"]
    }
    assert listed == {(it.name, it.version, it.sha256) for it in pins}
    assert len(listed) > 15
    assert bill() == json.dumps(told, indent=1) + "\n", "the same sources, the same bytes"
