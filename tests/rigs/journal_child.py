"""A device and a journal in one process, to be killed: writes at full speed, tells what is safe.

    python -m tests.rigs.journal_child STATE_DIR LAST_ACKNOWLEDGED [--early] [--normal]

The device resends everything above LAST_ACKNOWLEDGED, numbers its messages without gaps and
prints a number on standard output once the journal has said it is durable. Each message is one
event. --early prints before that: the control run that must lose. --normal takes SQLite's faster
setting, that must lose at a power cut.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Sequence
from pathlib import Path

from gateway.clock import SystemClock
from gateway.errors import JournalError
from gateway.journal.store import JournalStore, open_journal
from gateway.settings import JournalSettings
from tests.rigs.journal import GATEWAY, entry

PER_APPEND = 7
IN_FLIGHT = 4
TRIES = 3


async def write_again(store: JournalStore, first: int, last: int) -> None:
    """Until it is written; a disk that refuses again and again ends the child."""
    for n_left in reversed(range(TRIES)):
        try:
            await store.append([entry(each) for each in range(first, last + 1)])
        except JournalError:
            if not n_left:
                raise
        else:
            return


async def write(store: JournalStore, after: int, *, is_early: bool) -> None:
    waiting: deque[tuple[Awaitable[int], int, int]] = deque()
    n = after
    while True:
        while len(waiting) < IN_FLIGHT:
            first, n = n + 1, n + PER_APPEND
            entries = [entry(each) for each in range(first, n + 1)]
            waiting.append((store.append(entries), first, n))
            if is_early:
                os.write(1, b"%d\n" % n)
        commit, first, last = waiting.popleft()
        try:
            await commit
        except JournalError:
            # As the intake does: nothing behind it counts before this has been written.
            rest = [(first, last), *((first, last) for _, first, last in waiting)]
            for commit, *_ in waiting:
                await asyncio.wait({asyncio.ensure_future(commit)})
            waiting.clear()
            for first, last in rest:
                await write_again(store, first, last)
        if not is_early:
            os.write(1, b"%d\n" % last)


async def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("last_acknowledged", type=int)
    parser.add_argument("--early", action="store_true")
    parser.add_argument("--normal", action="store_true")
    wish = parser.parse_args(arguments)
    settings = JournalSettings(group_wait_ms=1)
    async with open_journal(
        wish.state_dir, gateway=GATEWAY, settings=settings, clock=SystemClock()
    ) as store:
        if wish.normal:
            await store._database._writer.execute("pragma synchronous = normal")
        await write(store, wish.last_acknowledged, is_early=wish.early)


if __name__ == "__main__":
    asyncio.run(main())
