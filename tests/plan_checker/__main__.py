"""python -m tests.plan_checker JOURNAL: what is wrong with its plans; exit code 1 if any is."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.plan_checker.check import check, read_rows

if __name__ == "__main__":
    problems = check(read_rows(Path(sys.argv[1])))
    print("\n".join(problems) or "nothing is wrong")
    sys.exit(1 if problems else 0)
