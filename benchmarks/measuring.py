"""What a program took, what it was measured on, and the page on which the figures stand."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """What was measured on, in a few words."""
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite"
        f" {sqlite3.sqlite_version}, {platform.system()}, load {os.getloadavg()[0]:.1f} at the end"
    )


def write_page(page: Path, program: str, table: str) -> None:
    """Put the table between the page's marks."""
    begin, end = f"<!-- table: {program} -->", "<!-- end of table -->"
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    if not rest or not tail:
        raise SystemExit(f"{page}: the marks {begin} and {end} are not there")
    page.write_text(f"{head}{begin}\n{table}\n{end}{tail}", encoding="utf-8")
