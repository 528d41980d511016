# Pins docs/security.md: every threat and every risk has its row, and every test that it names is
# there.

import ast
import re

from tests.house.tracked import ROOT, read_tracked

PAGE = read_tracked("docs/security.md")
NODES = re.findall(r"`(tests/[a-z0-9_/]+\.py)::(\w+)`", PAGE)


def test_every_threat_and_every_risk_has_a_row_with_a_test() -> None:
    rows = dict(re.findall(r"^\| (A\d+|API\d+) \|(.*)\|$", PAGE, re.MULTILINE))
    assert rows.keys() == {f"A{n}" for n in range(1, 19)} | {f"API{n}" for n in range(1, 11)}
    assert not [name for name, row in rows.items() if "::test_" not in row]


def test_every_test_that_is_named_is_there() -> None:
    missing = []
    for path in sorted({path for path, _ in NODES}):
        wanted = {name for where, name in NODES if where == path}
        file = ROOT / path
        tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.parse("")
        found = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        missing += [f"{path}::{name}" for name in sorted(wanted - found)]
    assert len(NODES) > 40
    assert not missing
