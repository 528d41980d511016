"""The schema as numbered SQL files; what is applied is never edited, only followed."""

from __future__ import annotations

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
    """The statements of a file; none has a semicolon inside, comments have none either."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
