"""Pins that after a week of real work, badly done, the cloud, each gateway and an outsider's own
ledger agree: on every balance, on every receipt, and on what really stands on the shelves."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.week.__main__ import play

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = {"gateway", "cloud_sync", "device_sim", "optimizer"}
ERRANDS = 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, tier.count(1, 3, 20) + 1))
def test_a_week_ends_with_one_truth(tmp_path: Path, seed: int) -> None:
    assert play(tmp_path, seed, ERRANDS) == []


def test_the_outsider_shares_no_code_with_the_product() -> None:
    allowed = {*sys.stdlib_module_names, "httpx", "paho", "pytest"}
    seen: set[Path] = set()
    todo = list(Path(__file__).parent.glob("*.py"))
    while todo:
        path = todo.pop()
        seen.add(path)
        for name in _imported(path):
            assert name.split(".")[0] in {*allowed, "tests"}, f"{path.name} imports {name}"
            own = ROOT / Path(*name.split(".")).with_suffix(".py")
            if name.startswith("tests.") and own.is_file() and own not in seen:
                todo.append(own)
    assert not PRODUCT & allowed
    assert ROOT / "tests/rigs/gateway.py" in seen, "what the outsider stands on was not looked at"


def _imported(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names
