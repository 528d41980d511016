"""Pins the promise under kill -9: nothing acknowledged is lost, nothing is written twice.

Kills at random moments and at every n-th system call that reaches the disk; failing and slow
syncs. The control run acknowledges before the commit, and must lose.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.journal_crash import audit, run_child
from tests.rigs.nursery import Nursery, running_nursery

pytestmark = pytest.mark.slow

STRACE = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync,fsync")


def strace(*inject: str) -> list[str]:
    """The prefix that injects faults. Raises RuntimeError where strace is missing."""
    if shutil.which("strace") is None:
        raise RuntimeError("strace is not installed; scripts/debian-packages installs it")
    return [*STRACE, *(part for fault in inject for part in ("-e", f"inject={fault}"))]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with running_nursery({}) as it:
        yield it


def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, nursery: Nursery) -> None:
    rng = random.Random(20)
    acknowledged = 0
    for _ in range(20):
        n_more = 1 + rng.randrange(200)
        acknowledged = run_child(
            tmp_path, acknowledged, nursery=nursery, n_acknowledgements=n_more
        )
        found = audit(tmp_path, acknowledged)
        found.must_be_sound()
    assert acknowledged > 1000


def test_control_acknowledging_before_the_commit_loses(tmp_path: Path, nursery: Nursery) -> None:
    n_lost = 0
    for round_ in range(5):
        state_dir = tmp_path / str(round_)
        acknowledged = run_child(
            state_dir, 0, options=["--early"], nursery=nursery, n_acknowledgements=50
        )
        n_lost += audit(state_dir, acknowledged).n_lost
    assert n_lost > 0


EVERY_CALL = (1, 2, 3, 5, 8, 13, 25, 40, 60, 90, 120)
LATER_CALLS = (240, 480, 960, 1920)
"""Where making the file takes more calls than that, until one came after a receipt."""


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_kill_at_every_call_that_reaches_the_disk_is_harmless(tmp_path: Path, call: str) -> None:
    """The first calls create and migrate the file; the later ones are commits.

    The same as test_kill_points.py with another tool, of which a kill costs a second.
    """
    acknowledged = 0
    state_dir = tmp_path / "state"
    calls = EVERY_CALL if tier.chosen() != "quick" else (1, 3, 8, 25, 60, 120)
    for nth in (*calls, *LATER_CALLS):
        if nth in LATER_CALLS and acknowledged:
            break
        if nth in (8, 25):
            state_dir, acknowledged = tmp_path / f"state-{nth}", 0
        under = strace(f"{call}:signal=KILL:when={nth}")
        acknowledged = run_child(state_dir, acknowledged, under=under)
        audit(state_dir, acknowledged).must_be_sound()
    assert acknowledged > 0


def test_a_sync_that_fails_fails_its_commit_only(tmp_path: Path) -> None:
    acknowledged = run_child(tmp_path, 0, n_acknowledgements=5)
    under = strace("fdatasync:error=EIO:when=9+5")
    acknowledged = run_child(tmp_path, acknowledged, under=under, n_acknowledgements=60)
    audit(tmp_path, acknowledged).must_be_complete()
    acknowledged = run_child(tmp_path, acknowledged, n_acknowledgements=20)
    audit(tmp_path, acknowledged).must_be_complete()
