#!/usr/bin/env python
"""Makes docs/reliability.json and the table in docs/reliability.md from a run's figures.

    scripts/reliability.py FIGURES      one JSON object a line, written by tests/rigs/tier.py

Lines of one headline and one control are added up. Run by `make test-faults-long`.
"""

from __future__ import annotations

import json
import platform
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- table: scripts/reliability.py -->", "<!-- end of table -->"
Row = dict[str, object]


def add_up(lines: list[Row]) -> list[Row]:
    """One row per headline and control, the headline's own first."""
    rows: dict[tuple[str, str, str], Row] = {}
    for line in lines:
        key = str(line["headline"]), str(line.get("control", "")), str(line["tier"])
        row = rows.setdefault(
            key, {"headline": key[0], "control": key[1] or None, "tier": key[2],
                  "faults": 0, "lost": 0, "acknowledged": 0}
        )  # fmt: skip
        for name in ("faults", "lost", "acknowledged"):
            row[name] = int(str(row[name])) + int(str(line.get(name, 0)))
    return [rows[key] for key in sorted(rows)]


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = ["| fault | run | faults | lost or doubled |", "|---|---|---|---|"]
    for row in rows:
        kind = f"control: {row['control']}" if row["control"] else "Forepost"
        lines.append(f"| {row['headline']} | {kind} | {row['faults']:,} | {row['lost']:,} |")
    return "\n".join(lines)


def main() -> int:
    """The exit code."""
    if len(sys.argv) != 2:
        print("usage: scripts/reliability.py FIGURES", file=sys.stderr)
        return 2
    figures = Path(sys.argv[1]).read_text().splitlines()
    rows = add_up([json.loads(line) for line in figures])
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 -- whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    artefact = {
        "commit": commit.stdout.strip(),
        "linux": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "headlines": rows,
    }
    (ROOT / "docs/reliability.json").write_text(json.dumps(artefact, indent=2) + "\n")
    page = ROOT / "docs/reliability.md"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
