"""A limit on memory as systemd sets it, for one process of a test: a control group of its own.

Needs root, and a kernel that lets groups limit memory (version 1 or 2 of the interface).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.guard import GUARD_S

_ROOTS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)
_NUMBERS = count(1)
_HOG = """
import mmap, os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
held = []
while True:
    held.append(mmap.mmap(-1, 2**20))
    held[-1].write(b"x" * 2**20)
"""
"""Takes what the group has."""
MOST_WILLING: Final = 1000
"""oom_score_adj of who is killed first (proc(5))."""


class MemoryGroup:
    """A group with a limit."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def take_in(self, pid: int) -> None:
        """What the process maps from now on counts."""
        (self._place / "cgroup.procs").write_text(str(pid))

    def exhaust(self, victim: subprocess.Popen[bytes]) -> int:
        """Use up what is left until the victim is killed; gives its exit code."""
        Path(f"/proc/{victim.pid}/oom_score_adj").write_text(str(MOST_WILLING))
        place = str(self._place / "cgroup.procs")
        with subprocess.Popen([sys.executable, "-c", _HOG, place]) as hog:
            try:
                return victim.wait(GUARD_S)
            finally:
                hog.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """A group for the time of the context; its processes have ended by then."""
    for root, name in _ROOTS:
        place = root / f"forepost-test-{os.getpid()}-{next(_NUMBERS)}"
        with contextlib.suppress(OSError):
            place.mkdir()
            if (place / name).exists():
                (place / name).write_text(str(limit_bytes))
                break
            place.rmdir()
    else:
        if "CI" in os.environ:
            raise RuntimeError("no control group may limit memory here")
        pytest.skip("no control group may limit memory here")
    try:
        yield MemoryGroup(place)
    finally:
        place.rmdir()


def resident_mib(pid: int) -> float:
    """What a process has in memory now."""
    return (
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
    )
