"""`python -m tests.week`: play seeded weeks, each with real programs, and say how they ended."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.week.compare import differences
from tests.week.days import DAYS
from tests.week.week import week


def play(directory: Path, seed: int, errands: int) -> list[str]:
    """One week; what was found to differ at its end."""
    with week(directory, seed, errands) as it:
        for day in DAYS:
            day(it)
            print(f"  {day.__name__}: {len(it.book)} entries", flush=True)
        return differences(it)


def main() -> int:
    """Exit code 0 if every week ended with one truth."""
    parser = argparse.ArgumentParser(prog="python -m tests.week", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first week's seed")
    parser.add_argument("--count", type=int, default=1, help="how many weeks")
    parser.add_argument("--errands", type=int, default=6, help="of each worker in an hour")
    told = parser.parse_args()
    n_bad = 0
    for seed in range(told.seed, told.seed + told.count):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="forepost-week-") as directory:
            found = play(Path(directory), seed, told.errands)
        print(f"week {seed}: {len(found)} differences, {time.monotonic() - begun:.1f} s")
        print("".join(f"  {each}\n" for each in found), end="")
        n_bad += bool(found)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
