"""Pins that every test that the conformance page of the inventory names is there."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.house.tracked import read_tracked, tracked_files

PAGE = "docs/inventory-conformance.md"


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse(read_tracked(path))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(it.name for it in ast.walk(tree) if isinstance(it, functions))


def test_every_named_test_exists_and_every_line_names_one() -> None:
    rows = [it for it in read_tracked(PAGE).splitlines() if it.startswith("| ")]
    rows = [it for it in rows if not it.startswith("| what holds |")]
    assert len(rows) > 60, "the page is broken"
    nodes = [re.findall(r"`(tests/\S+?\.py)::(test_\w+)`", it) for it in rows]
    assert not [row for row, found in zip(rows, nodes, strict=True) if not found]
    missing = [
        f"{path}::{name}"
        for found in nodes
        for path, name in found
        if path not in tracked_files() or name not in functions_of(path)
    ]
    assert not missing
