"""How fast the ledger folds: a full rebuild and batches of 500, beside bare sums in a dict.

The events are a warehouse's: receipts, moves and picks over some thousand keys, one in a hundred
a count, one in two hundred a scan that came minutes late. Bare: the same movements added up in a
dict keyed by tuples, nothing else. Parsing is in neither. Rounds alternate; ratios are
medians; times are the processor's, so that a busy machine does not count. Garbage is collected as
in a gateway: what is there at the start is never looked through, and a gateway does not hold the
events that are held here.
    rebuild   all rows, placed and folded from nothing
    batches   the same rows as a gateway takes them, 500 at a time, with what changed told
--write puts the table into docs/benchmarks/ledger.md.
Usage: python benchmarks/ledger.py [--events N] [--keys N] [--rounds N] [--write]
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measuring import machine, write_page
from cloud_sync.contract import events as ev
from cloud_sync.inventory.corrections import acting
from cloud_sync.inventory.folding import LedgerRow, placed_events, rebuild, step
from cloud_sync.inventory.stock import movements
from gateway.app import GARBAGE_THRESHOLDS
from gateway.core.book import Book

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/ledger.md"
BATCH = 500
START_US = 1_750_000_000_000_000
PLACES_PER_ITEM = 3


def make_rows(n_events: int, n_keys: int) -> list[LedgerRow]:
    chance = random.Random(7)
    rows = []
    for n in range(1, n_events + 1):
        at_us = START_US + n * 250_000
        goods = chance.randrange(n_keys // PLACES_PER_ITEM)
        item, shelf = f"{goods:014d}", f"R-{chance.randrange(PLACES_PER_ITEM)}"
        kind = chance.random()
        late_us = 300_000_000 if chance.random() < 0.005 else 0
        is_count = kind < 0.01
        source, target = (
            ("@supplier", shelf) if kind < 0.4 else (shelf, "PACK" if kind < 0.8 else "@customer")
        )
        line = ev.Line(item=item, from_location=source, to_location=target, quantity=1 + n % 5)
        assertion = {"item": item, "location": shelf, "quantity": n % 40}
        event = ev.Event(
            event_id=f"00000000-0000-7000-8000-{n:012x}",
            type=ev.COUNT_OBSERVED if is_count else ev.GOODS_MOVED,
            version=1,
            occurred_at_us=at_us - (0 if is_count else late_us),
            received_at_us=at_us,
            warehouse="W1",
            device=ev.DeviceMark(id="pda-1", boot="b", seq=n, clock="trusted", error_us=1000),
            lines=() if is_count else (line,),
            body={"assertions": [assertion]} if is_count else {},
        )
        rows.append(LedgerRow("gw-1", "e1", n, event))
    return rows


def bare(rows: list[LedgerRow]) -> float:
    """Processor seconds for the sums alone."""
    begun = time.process_time()
    total: dict[tuple[str, ...], int] = {}
    for row in rows:
        for key, quantity in movements(row.event):
            total[key] = total.get(key, 0) + quantity
    return time.process_time() - begun


def whole(rows: list[LedgerRow]) -> float:
    """Processor seconds for a rebuild."""
    begun = time.process_time()
    rebuild(rows)
    return time.process_time() - begun


def batches(rows: list[LedgerRow]) -> list[float]:
    """Processor seconds for each batch of 500, ascending."""
    book, times = Book(), []
    for first in range(0, len(rows), BATCH):
        part = [(row.seq, row.event) for row in rows[first : first + BATCH]]
        begun = time.process_time()
        placed = book.place(part)
        book.take(placed, step(placed))
        times.append(time.process_time() - begun)
    if book.ledger.balances != {key: n for key, n in rebuild(rows).balances.items() if n}:
        raise AssertionError("batches and rebuild differ")
    return sorted(times)


def make_table(
    rows: list[LedgerRow], bares: list[float], wholes: list[float], parts: list[float]
) -> str:
    n = len(rows)
    n_keys = len(rebuild(rows).balances)
    ratios = [whole_s / bare_s for whole_s, bare_s in zip(wholes, bares, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f})"
    p50, p99 = parts[len(parts) // 2] * 1000, parts[len(parts) * 99 // 100] * 1000
    late = sum(bool(place.device) for place, *_ in acting(placed_events(rows)))
    return "\n".join(
        [
            f"{n} events, {n_keys} balances, {late} late; {len(bares)} rounds; {machine()}.",
            "",
            "| | events/s, median | time to bare, median (least … most) |",
            "|---|---:|---|",
            f"| bare sums | {n / statistics.median(bares):.0f} | 1 |",
            f"| rebuild | {n / statistics.median(wholes):.0f} | {spread} |",
            "",
            f"A rebuild takes {statistics.median(wholes):.1f} s of processor time.",
            f"A batch of {BATCH} takes {p50:.1f} ms (median), {p99:.1f} ms (99 %).",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--keys", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/ledger.md")
    wish = parser.parse_args()
    rows = make_rows(wish.events, wish.keys)
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    bares, wholes = [], []
    for _ in range(wish.rounds):
        bares.append(bare(rows))
        wholes.append(whole(rows))
    table = make_table(rows, bares, wholes, batches(rows))
    print(table)
    if wish.write:
        write_page(PAGE, "benchmarks/ledger.py", table)


if __name__ == "__main__":
    main()
