"""How fast the journal takes events: side by side with bare group-committed aiosqlite.

Both write the same number of event rows in transactions of the same size to the same disk, in
alternating rounds; the ratio is the median of the rounds' ratios. Bare: one connection, WAL,
synchronous=FULL, `begin`, `executemany`, `commit`, and a table of seq, id, type, time and body.
    events        the journal, with numbers and chain, several appends under way
    + receipts    the same with a receipt per event, as devices cause them
    paced         one append of one event every millisecond: time from append to durable
--write puts the table into docs/benchmarks/journal.md.
Usage: python benchmarks/journal.py [--rows N] [--rounds N] [--group N] [--directory DIR] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiosqlite

from benchmarks.measuring import machine, write_page
from gateway.clock import EventIds, SystemClock
from gateway.journal.store import open_journal
from gateway.ports import Draft, Entry, ReceiptKey
from gateway.settings import JournalSettings

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/journal.md"
BODY_BYTES = 400
IN_FLIGHT = 4
PACED_EVENTS = 2000
TABLE = (
    "create table event(seq integer primary key, event_id text not null, type text not null,"
    " occurred_at_us integer not null, body blob not null) strict"
)


def make_drafts(n_rows: int) -> list[Draft]:
    ids = EventIds(SystemClock())
    body = json.dumps({"lines": ["x" * (BODY_BYTES - 14)]}).encode()
    return [Draft(ids(), "goods.moved", n, body) for n in range(n_rows)]


async def bare(directory: Path, drafts: list[Draft], group: int) -> float:
    """Rows per second."""
    async with aiosqlite.connect(directory / "bare.db", isolation_level=None) as connection:
        await connection.execute("pragma journal_mode = wal")
        await connection.execute("pragma synchronous = full")
        await connection.execute(TABLE)
        begun = time.perf_counter()
        for first in range(0, len(drafts), group):
            rows = [
                (seq, draft.event_id, draft.type, draft.occurred_at_us, draft.body)
                for seq, draft in enumerate(drafts[first : first + group], first + 1)
            ]
            await connection.execute("begin immediate")
            await connection.executemany("insert into event values (?, ?, ?, ?, ?)", rows)
            await connection.execute("commit")
        return len(drafts) / (time.perf_counter() - begun)


async def journal(directory: Path, drafts: list[Draft], group: int, *, receipts: bool) -> float:
    """Rows per second."""
    settings = JournalSettings(group_max=group)
    entries = [
        Entry((draft,), (ReceiptKey("pda-1", "boot-1", n), b'{"status":"accepted"}'))
        if receipts
        else Entry((draft,))
        for n, draft in enumerate(drafts)
    ]
    async with open_journal(
        directory / "state", gateway="gw-1", settings=settings, clock=SystemClock()
    ) as store:
        waiting: deque[Awaitable[int]] = deque()
        begun = time.perf_counter()
        for first in range(0, len(entries), group):
            if len(waiting) == IN_FLIGHT:
                await waiting.popleft()
            waiting.append(store.append(entries[first : first + group]))
        for commit in waiting:
            await commit
        return len(drafts) / (time.perf_counter() - begun)


async def paced(directory: Path, drafts: list[Draft]) -> list[float]:
    """Milliseconds from append to durable, ascending, at 1000 events per second."""
    times: list[float] = []
    async with open_journal(
        directory / "state", gateway="gw-1", settings=JournalSettings(), clock=SystemClock()
    ) as store:

        async def one(draft: Draft, due: float) -> None:
            await store.append([Entry((draft,))])
            times.append((time.perf_counter() - due) * 1000)

        async with asyncio.TaskGroup() as group:
            begun = time.perf_counter()
            for n, draft in enumerate(drafts):
                due = begun + n / 1000
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(one(draft, due), name="append")
    return sorted(times)


def fresh(base: Path | None) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=base)


def make_table(rates: dict[str, list[float]], times: list[float], wish: argparse.Namespace) -> str:
    """The page's table and the line below it."""
    lines = [
        f"Groups of {wish.group}, {wish.rows} rows, {wish.rounds} rounds; {machine()}.",
        "",
        "| | rows/s, median | ratio to bare, median (least … most) |",
        "|---|---:|---|",
    ]
    for name, found in rates.items():
        ratios = [rate / base for rate, base in zip(found, rates["bare"], strict=True)]
        lines.append(
            f"| {name} | {statistics.median(found):.0f} | {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f} … {max(ratios):.2f}) |"
        )
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    lines += [
        "",
        "At 1000 single appends a second, with the default wait for company of 5 ms, an event",
        f"is durable after {p50:.1f} ms (median) and {p99:.1f} ms (99 %).",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--group", type=int, default=100)
    parser.add_argument("--directory", type=Path, help="where to write; the disk to measure")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/journal.md")
    wish = parser.parse_args()
    logging.disable()
    drafts = make_drafts(wish.rows)
    rates: dict[str, list[float]] = {"bare": [], "events": [], "+ receipts": []}
    for _ in range(wish.rounds):
        with fresh(wish.directory) as place:
            rates["bare"].append(asyncio.run(bare(Path(place), drafts, wish.group)))
        for name, receipts in (("events", False), ("+ receipts", True)):
            with fresh(wish.directory) as place:
                run = journal(Path(place), drafts, wish.group, receipts=receipts)
                rates[name].append(asyncio.run(run))
    with fresh(wish.directory) as place:
        times = asyncio.run(paced(Path(place), make_drafts(PACED_EVENTS)))
    table = make_table(rates, times, wish)
    print(table)
    if wish.write:
        write_page(PAGE, "benchmarks/journal.py", table)


if __name__ == "__main__":
    main()
