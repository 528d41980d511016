# Pins the import law of .importlinter on this checkout, and that each contract bites.

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tracked import ROOT

PACKAGES = ("gateway", "cloud_sync", "device_sim", "optimizer")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the packages in a directory, by the repository's own contracts."""
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("lint-imports")),
            "--no-cache",
            f"--config={ROOT / '.importlinter'}",
        ],
        cwd=directory,
        env=os.environ | {"COLUMNS": "160"},  # one line a contract
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_import_law_holds() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


BREACHES = [
    ("gateway/core/decode.py", "import asyncio", "Pure rooms"),
    ("gateway/codecs/epc.py", "from pathlib import Path", "Pure rooms"),
    ("cloud_sync/contract/keys.py", "import random", "Pure rooms"),
    (
        "cloud_sync/contract/keys.py",
        "import gateway.errors",
        "The simulator knows the gateway",
    ),
    ("optimizer/tables.py", "import cloud_sync.contract", "The simulator knows the gateway"),
    ("gateway/errors.py", "import gateway.core.readings", "Inside the gateway"),
    ("gateway/core/decode.py", "import gateway.codecs.gs1", "Inside the gateway"),
    ("gateway/journal/store.py", "import gateway.services.planner", "Inside the gateway"),
    ("gateway/drivers/pda.py", "import gateway.journal.store", "Inside the gateway"),
    ("cloud_sync/client/http.py", "import cloud_sync.service", "Inside cloud_sync"),
    ("gateway/services/uplink.py", "import cloud_sync.store", "The gateway takes"),
    ("device_sim/__init__.py", "import gateway.app", "The simulator shares"),
    ("gateway/drivers/pda.py", "import gateway.drivers.m100", "Device families"),
    ("optimizer/matrix.py", "import random", "The solver is arithmetic"),
    ("gateway/drivers/m100.py", "import serial", "Serial ports"),
    ("gateway/services/planner.py", "import sqlite3", "SQL runs"),
    ("gateway/services/uplink.py", "import httpx", "The HTTP library"),
    ("gateway/core/planning.py", "import numpy", "The gateway and the cloud start without"),
]
"""A file, the line that it may not have, and how the contract begins that says so."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each contract says of a copy that has all the lines."""
    directory = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for module, line, _ in BREACHES:
        with (directory / module).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    done = lint(directory)
    assert done.returncode == 1, done.stderr
    _, found, broken = done.stdout.partition("Broken contracts")
    assert found, done.stdout
    parts = re.split(r"\n(.+)\n-{20,}\n", broken)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("module", "line", "contract"), BREACHES)
def test_a_contract_names_who_breaks_it(
    said: dict[str, str], module: str, line: str, contract: str
) -> None:
    importer = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    (words,) = [words for name, words in said.items() if name.startswith(contract)]
    assert f"- {importer} -> {line.split()[1]} (l." in re.sub(" +", " ", words), words
