"""The schema as numbered SQL files; what is applied is never edited, only followed."""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable


def read_schema(directory: Traversable) -> list[str]:
    """The files NNNN_name.sql in order. Raises AssertionError if they are not 1, 2, 3 …"""
    found = sorted(
        (int(file.name.partition("_")[0]), file.read_text(encoding="utf-8"))
        for file in directory.iterdir()
        if file.name.endswith(".sql")
    )
    numbers = [number for number, _ in found]
    if numbers != list(range(1, len(found) + 1)):
        raise AssertionError(f"schema files are not numbered 1, 2, 3 …: {numbers}")
    return [script for _, script in found]


def statements_of(script: str) -> list[str]:
    """The statements of a file: each ends with a semicolon at a line's end, behind which the next
    line begins at the margin. So the steps of a trigger, which are indented, stay together."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    parts = re.split(r";[ \t]*(?:--.*)?\n(?=\S|\n|$)", "\n".join([*lines, ""]))
    return [part.strip() for part in parts if part.strip()]
