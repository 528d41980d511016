"""Plays histories: `python -m tests.simulation [--seed N] [--first N] [--count N]`."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict

from tests.simulation.history import Outcome, play

PR_SET_PDEATHSIG = 1
HASH_SEED = "0"
"""The order of sets of strings is part of a history."""


def main() -> int:
    """Exit code 1 if any history has a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one and show it")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--forgets", type=int, default=0, help="commits the disk loses (control)")
    args = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    if args.seed is not None:
        _show(play(args.seed, forgets=args.forgets))
        return 0
    return _play_many(range(args.first, args.first + args.count), args.jobs, args.forgets)


def _play_many(seeds: range, n_jobs: int, forgets: int) -> int:
    n_bad = n_scans = n_events = n_cuts = n_seconds = 0
    with ProcessPoolExecutor(n_jobs, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        for outcome in pool.map(play, seeds, [forgets] * len(seeds), chunksize=4):
            n_scans += outcome.n_scans
            n_events += outcome.n_events
            n_cuts += outcome.n_power_cuts
            n_seconds += outcome.second is not None
            if outcome.problems:
                n_bad += 1
                print(f"seed {outcome.seed}: {outcome.problems[0]}", flush=True)
    print(
        f"{len(seeds)} histories, {n_scans} scans, {n_events} events, {n_cuts} power cuts, "
        f"{n_seconds} second boxes: {n_bad} with problems"
    )
    return 1 if n_bad else 0


def _end_with(parent: int) -> None:
    """Have this process end with its parent, however that one ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.seed}, print {outcome.print_}")
    for name, value in asdict(outcome.weather).items():
        if value:
            print(f"  {name} {value:.3f}")
    if outcome.second is not None:
        print(f"  a second box under the same id: {outcome.second}")
    print(
        f"  {outcome.n_scans} scans, {outcome.n_events} events, {outcome.n_power_cuts} power cuts,"
        f" drained in {outcome.drained_s:g} s"
    )
    for problem in outcome.problems:
        print(f"  PROBLEM {problem}")


if __name__ == "__main__":
    sys.exit(main())
