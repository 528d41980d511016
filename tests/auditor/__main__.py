"""Audits one run: 18 invariants, from the devices' log, the journals and the cloud.

    python -m tests.auditor --journal FILE… [--log FILE] [--cloud FILE] [--status FILE…]

Prints each invariant with pass, fail or "not checked" and its evidence. Exit code 0: none
failed; 1: at least one did; 2: something could not be read.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

from tests.auditor import closing_rules, journal_rules, stock_rules  # noqa: F401 -- they register
from tests.auditor.reading import read_cloud, read_device_log, read_journal
from tests.auditor.records import History, Limits
from tests.auditor.rules import Verdict, ask_all


def audit(history: History) -> list[Verdict]:
    """Every invariant's verdict."""
    return ask_all(history)


def read_history(wish: argparse.Namespace) -> History:
    """What the files say. Raises OSError, ValueError, KeyError or sqlite3.Error."""
    limits = Limits(
        retention_days=wish.retention_days,
        plan_age_s=wish.plan_age_s,
        is_drained=wish.drained,
        secrets=tuple(wish.secret),
    )
    return History(
        log=read_device_log(wish.log) if wish.log else None,
        journals=[read_journal(path) for path in wish.journal],
        cloud=read_cloud(wish.cloud) if wish.cloud else None,
        statuses=[json.loads(path.read_text()) for path in wish.status],
        logs=wish.text,
        limits=limits,
    )


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.auditor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--journal", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--log", type=Path, metavar="FILE", help="device log, JSON lines")
    parser.add_argument("--cloud", type=Path, metavar="FILE", help="database or export")
    parser.add_argument("--status", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--text", type=Path, nargs="+", default=[], metavar="FILE",
                        help="logs to search for secrets")  # fmt: skip
    parser.add_argument("--secret", nargs="+", default=[], help="what must be found nowhere")
    parser.add_argument("--retention-days", type=float, default=7.0)
    parser.add_argument("--plan-age-s", type=float, default=900.0)
    parser.add_argument("--drained", action="store_true", help="the run claims to be drained")
    parser.add_argument("--json", action="store_true")
    wish = parser.parse_args(arguments)
    try:
        verdicts = audit(read_history(wish))
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        print(f"auditor: {error}", file=sys.stderr)
        return 2
    if wish.json:
        print(json.dumps([asdict(verdict) for verdict in verdicts], indent=2))
    else:
        print("\n".join(map(str, verdicts)))
    return int(any(verdict.outcome == "fail" for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
