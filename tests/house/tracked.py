"""What belongs to the repository: git's own list, read from the working tree."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked_files() -> tuple[str, ...]:
    """Paths from the root, sorted; files deleted but not yet committed are left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return tuple(sorted(path for path in listed.split("\0") if path and (ROOT / path).is_file()))


def read_tracked(path: str) -> str:
    """The text of one tracked file."""
    return (ROOT / path).read_text(encoding="utf-8")
