"""Pins the promise under power cuts and full disks, on real file systems of the test's own.

A cut is the shutdown of ext4 or xfs without a flush of its log, on a loop device, followed by a
remount: what had not been synced is gone, as after pulling the plug. The control run uses SQLite's
faster setting, synchronous=NORMAL, and must lose.
"""

import fcntl
import os
import random
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import JournalFull
from tests.rigs import tier
from tests.rigs.journal import draft, entry, numbers, opened
from tests.rigs.journal_crash import Process, audit, kill_all, run_child
from tests.rigs.mounts import NEEDS_ROOT, mounted, run, small_disk
from tests.rigs.nursery import Nursery, running_nursery

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    *NEEDS_ROOT,
]

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number
NO_LOG_FLUSH = 2
IMAGE_BYTES = {"ext4": 64 * 2**20, "xfs": 300 * 2**20}  # no smaller xfs can be made
MAKE = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}
N_CUTS = tier.count(5, 30, 300)
"""On each file system."""
JOURNAL_MAX = 10_000
"""Acknowledged events after which a new journal is begun, so that reading it stays quick."""


@pytest.fixture(params=["ext4", "xfs"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """An image with a file system and where to mount it."""
    image, place = tmp_path / "disk.img", tmp_path / "mount"
    image.touch()
    os.truncate(image, IMAGE_BYTES[request.param])
    run(*MAKE[request.param], image)
    place.mkdir()
    return image, place


def cut_power(process: Process, place: Path) -> None:
    """Stop the writer between two instructions, shut the file system, then kill.

    Stopped first, because ext4 lets a sync that is under way at the shutdown return success.
    """
    os.killpg(process.pid, signal.SIGSTOP)
    while not all(is_stopped(task) for task in Path(f"/proc/{process.pid}/task").iterdir()):
        os.sched_yield()
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)
    kill_all(process)


def is_stopped(task: Path) -> bool:
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with running_nursery({}) as it:
        yield it


def cut_once(
    disk: tuple[Path, Path], nursery: Nursery, acknowledged: int, n: int, *options: str
) -> int:
    """Write until `n` acknowledgements, cut; gives the last one."""
    image, place = disk
    with mounted(place, "-o", "loop", image):
        return run_child(
            place / "state",
            acknowledged,
            options=options,
            nursery=nursery,
            n_acknowledgements=n,
            end=lambda process: cut_power(process, place),
        )


def test_a_power_cut_at_any_moment_loses_and_doubles_nothing(
    disk: tuple[Path, Path], nursery: Nursery
) -> None:
    rng = random.Random(7)
    acknowledged = n_total = 0
    for _ in range(N_CUTS):
        acknowledged = cut_once(disk, nursery, acknowledged, 1 + rng.randrange(300))
        with mounted(disk[1], "-o", "loop", disk[0]):
            audit(disk[1] / "state", acknowledged).must_be_sound()
            if acknowledged > JOURNAL_MAX:
                n_total += acknowledged
                acknowledged = 0
                run("rm", "-r", disk[1] / "state")
    n_total += acknowledged
    assert n_total > N_CUTS
    tier.record("power cuts", faults=N_CUTS, lost=0, acknowledged=n_total)


def test_control_synchronous_normal_loses(disk: tuple[Path, Path], nursery: Nursery) -> None:
    rng = random.Random(7)
    for n_cuts in range(1, 31):
        acknowledged = cut_once(disk, nursery, 0, 200 + rng.randrange(300), "--normal")
        with mounted(disk[1], "-o", "loop", disk[0]):
            n_lost = audit(disk[1] / "state", acknowledged).n_lost
            if n_lost:
                tier.record("power cuts", faults=n_cuts, lost=n_lost, control="synchronous=NORMAL")
                return
            run("rm", "-r", disk[1] / "state")
    pytest.fail("no cut has lost anything: the rig cuts no power")


async def test_a_full_disk_refuses_keeps_and_recovers(tmp_path: Path) -> None:
    acknowledged = 0
    with small_disk(tmp_path / "small", "3m") as place:
        async with opened(place / "state") as store:

            async def fill() -> None:
                nonlocal acknowledged
                while True:
                    first = acknowledged + 1
                    await store.append([entry(n) for n in range(first, first + 50)])
                    acknowledged += 50

            with pytest.raises(JournalFull, match="no room on the disk"):
                await fill()
            assert acknowledged >= 1000
            assert await numbers(store) == list(range(1, acknowledged + 1))
            with pytest.raises(JournalFull):
                await store.append([entry(n) for n in range(10**6, 10**6 + 1000)])
            run("mount", "-o", "remount,size=12m", place)
            await store.append([entry(acknowledged + 1)])
            await store.advance("projector", to_seq=1, drafts=[draft(acknowledged + 2)])
            assert await numbers(store) == list(range(1, acknowledged + 3))
        audit(place / "state", acknowledged).must_be_sound()


def test_a_gateway_killed_on_a_full_disk_starts_on_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "3m") as place:
        # The child dies of its second refusal in a row.
        acknowledged = run_child(place / "state", 0)
        audit(place / "state", acknowledged).must_be_sound()
        run("mount", "-o", "remount,size=12m", place)
        acknowledged = run_child(place / "state", acknowledged, n_acknowledgements=5)
        audit(place / "state", acknowledged).must_be_sound()
