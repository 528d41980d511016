"""Runs a product program with one thing about it changed, for faults and for controls.

    python -m tests.rigs.altered ALTERATION gateway|cloud ARGUMENTS …

Some stand for what a test cannot have twice: another machine, a program of another version. The
others take a promise out; with them the test must fail.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cloud_sync.__main__
import gateway.__main__
from cloud_sync.contract import batches
from cloud_sync.inbox import admission, wire
from cloud_sync.service import server
from cloud_sync.store import postgres
from cloud_sync.store.ports import Script, Transaction
from cloud_sync.store.sqlite import SqliteDatabase
from gateway import app, clock
from gateway.services.intake import IntakeService, _Group

T = TypeVar("T")


def other_machine() -> None:
    """The gateway on a box with another machine id."""
    app.machine_fingerprint = lambda: "b2" * 16  # type: ignore[assignment]  # the test's machine


def speaks_2() -> None:
    """A program of the next contract: sends 2, takes 1 and 2."""
    batches.CONTRACT_VERSION = 2  # type: ignore[misc]  # the next release's constant
    wire.CONTRACT_VERSION = 2  # type: ignore[misc]  # likewise


def takes_any_version() -> None:
    """Control: the cloud does not look which contract a batch is of."""
    wire.CONTRACT_VERSION = 1000  # type: ignore[misc]  # the check taken out


def no_lease() -> None:
    """Control: whoever speaks under an id is believed at once."""
    admission.LEASE_US = 0  # type: ignore[misc]  # the guard taken out


def early_receipt() -> None:
    """Control: devices get their receipt while the commit is still under way."""

    async def at_once(self: IntakeService, group: _Group) -> None:
        if group.commit is not None:
            asyncio.ensure_future(group.commit).add_done_callback(lambda it: it.exception())

    IntakeService._commit = at_once  # type: ignore[method-assign]  # the promise taken out


def wall_durations() -> None:
    """Control: durations are measured by the wall clock."""
    clock.SystemClock.monotonic = lambda self: time.time()  # type: ignore[method-assign]


STEPS = frozenset({"open", "os.mkdir", "os.rename", "os.remove"})
"""What Python tells its audit hooks of files and names, right before it is done."""


def dies() -> None:
    """A program killed right before its n-th step in a directory: FOREPOST_DIES_AT=n:DIR."""
    number, _, directory = os.environ["FOREPOST_DIES_AT"].partition(":")
    left = int(number)

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in STEPS and str(arguments[0]).startswith(directory):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def dies_at_commit() -> None:
    """The cloud is killed before or after a commit: FOREPOST_DIES_AT=before|after:FILE.

    The one at which FILE is there, so that the test chooses which.
    """
    moment, _, file = os.environ["FOREPOST_DIES_AT"].partition(":")
    commit = SqliteDatabase.transact

    async def transact(self: SqliteDatabase, script: Script[T]) -> T:
        is_chosen = Path(file).exists()

        async def die_before(tx: Transaction) -> T:
            result = await script(tx)
            if is_chosen and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        result = await commit(self, die_before)
        if is_chosen:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    SqliteDatabase.transact = transact  # type: ignore[method-assign]  # and nothing else of it


def impatient() -> None:
    """A cloud that waits hardly at all when it stops, whose questions may take an hour."""
    server.DRAIN_S = 1  # type: ignore[misc]  # so that a test need not wait for the real one
    postgres.CLOSE_S = 1  # type: ignore[misc]  # likewise
    server.QUESTION_S = 3600  # type: ignore[misc]  # so that nothing else ends them


ALTERATIONS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        other_machine, speaks_2, takes_any_version, no_lease, early_receipt, wall_durations,
        dies, dies_at_commit, impatient,
    )
}  # fmt: skip


def main() -> int:
    """The program's exit code."""
    alteration, program, *arguments = sys.argv[1:]
    ALTERATIONS[alteration]()
    run = gateway.__main__.main if program == "gateway" else cloud_sync.__main__.main
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
