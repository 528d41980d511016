"""Runs journal_child, ends it in some way, and says what the journal lost or doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.errors import JournalError
from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only, read_rows, verify
from tests.rigs.nursery import Nursery


class Process(Protocol):
    """What leads a group of processes."""

    @property
    def pid(self) -> int:
        """Its number, and the group's."""
        ...


@dataclass(frozen=True)
class Audit:
    """What the journal holds beside what the device was told."""

    acknowledged: int
    numbers: list[int]
    problems: tuple[str, ...]

    @property
    def n_lost(self) -> int:
        return len(set(range(1, self.acknowledged + 1)) - set(self.numbers))

    def must_be_sound(self) -> None:
        """Nothing acknowledged missing, nothing twice, nothing out of order, chain right."""
        self.must_be_complete()
        assert self.numbers == sorted(self.numbers)

    def must_be_complete(self) -> None:
        """The same, in any order: what was queued behind a failed commit goes first."""
        assert self.problems == ()
        assert self.n_lost == 0
        assert sorted(self.numbers) == list(range(1, len(self.numbers) + 1))


def kill_all(process: Process) -> None:
    """kill -9 for the process and everything it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def audit(state_dir: Path, acknowledged: int) -> Audit:
    """Read the journal as it was left."""
    path = state_dir / FILE
    try:
        with open_read_only(path) as connection:
            verdict = verify(connection, path)
            numbers = [json.loads(row.body)["n"] for row in read_rows(connection, after_seq=0)]
    except JournalError:
        if acknowledged:
            raise
        return Audit(0, [], ())  # killed before there was a journal
    return Audit(acknowledged, numbers, verdict.problems)


def run_child(
    state_dir: Path,
    acknowledged: int,
    *,
    options: Sequence[str] = (),
    under: Sequence[str] = (),
    nursery: Nursery | None = None,
    environment: Mapping[str, str] | None = None,
    end: Callable[[Process], None] | None = None,
    n_acknowledgements: int | None = None,
) -> int:
    """Let the child write, `end` it after some acknowledgements; gives the last one.

    With `n_acknowledgements` None the child is expected to end by itself (it is killed by what
    it runs `under`, or by the library of its nursery).
    """
    arguments = [str(state_dir), str(acknowledged), *options]
    if nursery is not None:
        with nursery.child(arguments, environment or {}) as child:
            acknowledged, n_seen = _follow(
                child, child.stdout, acknowledged, end or kill_all, n_acknowledgements
            )
        if n_acknowledgements is not None and n_seen < n_acknowledgements:
            raise AssertionError(nursery.errors())
        return acknowledged
    command = [*under, sys.executable, "-m", "tests.rigs.journal_child", *arguments]
    # A session of its own, so that strace and what it traces end together.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise AssertionError("no pipes")
        acknowledged, n_seen = _follow(
            process, process.stdout, acknowledged, end or kill_all, n_acknowledgements
        )
        if n_acknowledgements is not None and n_seen < n_acknowledgements:
            raise AssertionError(process.stderr.read().decode(errors="replace"))
    return acknowledged


def _follow(
    process: Process,
    stdout: Iterable[bytes],
    acknowledged: int,
    end: Callable[[Process], None],
    n_acknowledgements: int | None,
) -> tuple[int, int]:
    """The last acknowledgement, and how many there were until the end, which comes for sure."""
    n_seen = 0
    try:
        for line in stdout:
            acknowledged = int(line)
            n_seen += 1
            if n_seen == n_acknowledgements:
                end(process)
                # What is in the pipe was said before the end, so it counts.
                for rest in stdout:
                    acknowledged = int(rest)
    finally:
        kill_all(process)
    return acknowledged, n_seen
