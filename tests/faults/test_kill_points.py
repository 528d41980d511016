"""Pins the promise at systematic kill points: the writer dies at every n-th call of each kind.

The recorder of write_log.c delivers SIGKILL when the writer comes to its n-th write, sync or
receipt. The first calls create and migrate the file, the later ones are commits and receipts.
The control prints its receipts before the commit, and must lose.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs import tier
from tests.rigs.journal_crash import Audit, audit, run_child
from tests.rigs.nursery import Nursery, running_nursery
from tests.rigs.write_log import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

POINTS = {
    "pwrite64": tier.count(4, 100, 1000),
    "fdatasync": tier.count(3, 60, 600),
    "receipt": tier.count(2, 40, 400),
}
POINTS_MORE_MAX = 200
STRIDE = {"pwrite64": tier.count(60, 2, 1), "fdatasync": tier.count(15, 1, 1), "receipt": 1}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    library = build(tmp_path_factory.mktemp("library"))
    with running_nursery({"LD_PRELOAD": str(library)}) as it:
        yield it


def die_at(directory: Path, nursery: Nursery, call: str, nth: int, *options: str) -> Audit:
    """What a writer left that died at its n-th such call."""
    state_dir = directory / f"{call}-{nth}"
    due = {"FOREPOST_KILL_AT": f"{call}:{nth}"}
    acknowledged = run_child(state_dir, 0, options=options, nursery=nursery, environment=due)
    found = audit(state_dir, acknowledged)
    shutil.rmtree(state_dir, ignore_errors=True)
    return found


@pytest.mark.parametrize("call", POINTS)
def test_a_kill_at_each_call_loses_and_doubles_nothing(
    tmp_path: Path, nursery: Nursery, call: str
) -> None:
    n_points = n_acknowledged = n_more = 0
    # Making the file takes more writes with each schema: on until a point came after a receipt.
    while n_points < POINTS[call] or n_acknowledged == 0:
        assert n_points < POINTS[call] + POINTS_MORE_MAX, "no point came after a receipt"
        found = die_at(tmp_path, nursery, call, 1 + n_points * STRIDE[call])
        found.must_be_sound()
        n_points += 1
        n_acknowledged += found.acknowledged
        n_more += len(found.numbers) - found.acknowledged
    if call == "receipt":
        assert n_more > 0, "a durable event without a receipt comes again, and must be known"
    tier.record(
        "kill points", faults=n_points, lost=0, call=call,
        acknowledged=n_acknowledged, durable_without_receipt=n_more,
    )  # fmt: skip


def test_control_receipt_before_commit_loses(tmp_path: Path, nursery: Nursery) -> None:
    # By receipts, not by writes: how many of those making the file takes changes with it.
    n_lost = sum(
        die_at(tmp_path, nursery, "receipt", nth, "--early").n_lost for nth in range(2, 6)
    )
    assert n_lost > 0
    tier.record("kill points", faults=4, lost=n_lost, control="receipt before commit")
