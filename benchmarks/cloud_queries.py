"""How long the cloud's questions take on a database as large as a network's.

A PostgreSQL cluster of the benchmark's own with 11 warehouses x 2000 items x 5 lots of stock, as
many items and policies, and 5 million events behind it; each question is asked through the same
functions as the HTTP calls use, one after the other, with other warehouses and items each time.
--write puts the table into docs/benchmarks/cloud-queries.md.
Usage: python benchmarks/cloud_queries.py [--events N] [--asked N] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncpg

from benchmarks.measuring import machine, write_page
from cloud_sync.contract import documents as doc
from cloud_sync.contract.keys import gtin_check_digit
from cloud_sync.store import queries
from cloud_sync.store.documents import Draft, list_documents, put_documents
from cloud_sync.store.feed import read_changes
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database, Script
from tests.rigs.postgres import find_programs, running_postgres

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/cloud-queries.md"
LIMIT_MS = 20.0
N_WAREHOUSES, N_ITEMS, N_LOTS = 11, 2000, 5
EPOCH = "00000000-0000-7000-8000-0000000000e1"

Question = Callable[[random.Random], Script[object]]


def make_gtin(number: int) -> str:
    """The GTIN of an item."""
    body = f"0950{number:09}"
    return body + gtin_check_digit(body)


GTINS = [make_gtin(number) for number in range(N_ITEMS)]
WAREHOUSES = [f"W{n:02}" for n in range(N_WAREHOUSES)]


async def fill(url: str, database: Database, n_events: int) -> None:
    """Stock, documents and events; the events by the server itself, from numbers."""
    connection = await asyncpg.connect(url)
    await connection.copy_records_to_table(
        "stock",
        columns=("warehouse", "item", "location", "lot", "status", "unit", "quantity"),
        records=(
            (warehouse, gtin, f"B-{i % 400}", f"L{lot}", "available", "EA", i % 90 + 1)
            for warehouse in WAREHOUSES
            for i, gtin in enumerate(GTINS)
            for lot in range(N_LOTS)
        ),
    )
    await connection.execute(
        """
        insert into received(warehouse, gateway, epoch, seq, status, event_id, type, device,
          occurred_at_us, received_at_us, link, body)
        select 'W' || lpad((n % 11)::text, 2, '0'), 'gw-' || n % 11, $1, n / 11 + 1, 'accepted',
          lpad(to_hex(n), 12, '0'), 'goods.moved', 'pda-' || n % 50, n, n, '\\x00',
          convert_to('{"type":"goods.moved","body":{},"pad":"' || repeat('x', 160) || '"}', 'UTF8')
        from generate_series(0, $2::bigint - 1) as n
        """,
        EPOCH,
        n_events,
        timeout=900,
    )
    await database.transact(partial(put_documents, drafts=list(make_drafts())))
    await connection.execute("analyze")
    await connection.close()


def make_drafts() -> list[Draft]:
    """Items for all, and a policy of each for every warehouse."""
    item = {"names": {"en": "Milk"}, "zone": "ambient", "grams_per_unit": 1000}
    drafts = [Draft(doc.ITEM, gtin, "", {**item, "gtin": gtin}) for gtin in GTINS]
    for warehouse in WAREHOUSES:
        drafts += [
            Draft(doc.POLICY, f"{warehouse}.{gtin}", warehouse, {"gtin": gtin}) for gtin in GTINS
        ]
    return drafts


def one_shelf(chance: random.Random) -> Script[object]:
    """One item at one warehouse."""
    return _stock(chance.choice(WAREHOUSES), chance.choice(GTINS))


def one_item(chance: random.Random) -> Script[object]:
    """One item at all warehouses."""
    return _stock(None, chance.choice(GTINS))


def a_page(chance: random.Random) -> Script[object]:
    """A thousand rows of one warehouse, from somewhere in the middle."""
    warehouse = chance.choice(WAREHOUSES)
    after = (warehouse, chance.choice(GTINS[: N_ITEMS // 2]), "", "", "", "")
    return partial(
        queries.read_stock,
        warehouse=warehouse,
        item=None,
        with_virtual=False,
        after=after,
        limit=1000,
    )


def a_page_in_scope(chance: random.Random) -> Script[object]:
    """A thousand rows of the three warehouses somebody may see."""
    scope = sorted(chance.sample(WAREHOUSES, 3))
    after = (scope[1], chance.choice(GTINS), "", "", "", "")
    return partial(
        queries.read_stock,
        warehouse=None,
        item=None,
        with_virtual=False,
        within=scope,
        after=after,
        limit=1000,
    )


def _stock(warehouse: str | None, item: str) -> Script[object]:
    return partial(queries.read_stock, warehouse=warehouse, item=item, with_virtual=False)


def events_of_a_gateway(chance: random.Random) -> Script[object]:
    """A hundred events of one journal, from anywhere."""
    after = chance.randrange(100_000)
    wanted = queries.EventFilter(f"gw-{chance.randrange(11)}", EPOCH, None, None, after, 0, 100)
    return partial(queries.read_events, wanted=wanted)


def a_page_of_policies(chance: random.Random) -> Script[object]:
    """A hundred policies of one warehouse."""
    warehouse = chance.choice(WAREHOUSES)
    after = (f"{warehouse}.{chance.choice(GTINS)}", "")
    return partial(list_documents, kind=doc.POLICY, warehouses=[warehouse], after=after, limit=100)


def changes_for_a_gateway(chance: random.Random) -> Script[object]:
    """A hundred changed documents, from anywhere in the feed."""
    after = chance.randrange(N_ITEMS * N_WAREHOUSES)
    return partial(read_changes, warehouse=chance.choice(WAREHOUSES), after=after, limit=100)


QUESTIONS: dict[str, Question] = {
    "stock of an item at a warehouse": one_shelf,
    "stock of an item everywhere": one_item,
    "1000 rows of a warehouse's stock": a_page,
    "1000 rows of the stock in a scope": a_page_in_scope,
    "100 events of a gateway": events_of_a_gateway,
    "100 policies of a warehouse": a_page_of_policies,
    "100 changes for a gateway": changes_for_a_gateway,
}


async def ask(database: Database, question: Question, n: int) -> list[float]:
    """Milliseconds of each time it was asked."""
    chance, took = random.Random(1), []
    for _ in range(n):
        script = question(chance)
        begun = time.perf_counter()
        await database.read(script)
        took.append((time.perf_counter() - begun) * 1000)
    return took


async def measure(n_events: int, n_asked: int) -> str:
    """The table."""
    programs = find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed (scripts/debian-packages installs it)")
    with running_postgres(programs) as directory:
        url = f"postgresql://forepost@/postgres?host={quote(str(directory), safe='')}"
        async with open_database(url) as database:
            begun = time.perf_counter()
            await fill(url, database, n_events)
            filled_s = time.perf_counter() - begun
            rows = []
            for name, question in QUESTIONS.items():
                took = await ask(database, question, n_asked)
                cuts = statistics.quantiles(took, n=100)
                mark = "yes" if cuts[98] < LIMIT_MS else "NO"
                rows.append(f"| {name} | {cuts[49]:.1f} | {cuts[98]:.1f} | {mark} |")
    head = (
        f"{N_WAREHOUSES} warehouses, {N_ITEMS} items, {N_LOTS} lots, {n_events} events (filled in"
        f" {filled_s:.0f} s), each asked {n_asked} times; {machine()}.\n\n"
        f"| question | ms, median | ms, 99 % | under {LIMIT_MS:.0f} ms |\n|---|---:|---:|---|\n"
    )
    return head + "\n".join(rows)


def main() -> None:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--asked", type=int, default=300)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = asyncio.run(measure(options.events, options.asked))
    print(table)
    if options.write:
        write_page(PAGE, "benchmarks/cloud_queries.py", table)


if __name__ == "__main__":
    main()
