"""How long the cloud's questions take on a database as large as a network's.

A PostgreSQL cluster of the benchmark's own, filled by the product (benchmarks/network_stock.py):
11 warehouses x 2000 items x 5 lots of stock, 5 million events behind it, orders, EPCIS events. The
real service answers over HTTP, one question after the other, with other warehouses and items each
time. --write puts the table into docs/benchmarks/cloud-queries.md; with --directory the cluster is
kept there, and filled further by each run for --fill-s at most.
Usage: python benchmarks/cloud_queries.py [--events N] [--asked N] [--directory DIR] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncpg
import httpx

from benchmarks.measuring import cpu_s, machine, write_page
from benchmarks.network_stock import (
    EPOCH,
    GTINS,
    N_ITEMS,
    N_LOTS,
    N_WAREHOUSES,
    WAREHOUSES,
    Wanted,
    fill,
    gateway_of,
    shelf_of,
    time_of,
)
from cloud_sync.service.clock import wall_us
from cloud_sync.service.pages import mark_place
from cloud_sync.store.day_sums import add_day_sums
from cloud_sync.store.open import open_database
from cloud_sync.store.refold import refold
from tests.rigs.cloud import CloudProcess
from tests.rigs.postgres import Cluster, find_programs, running_cluster

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/cloud-queries.md"
LIMIT_MS = 20.0
N_ORDERS, N_EPCIS = 500, 20_000
PLACES = "https://id.forepost.example/places"
WARM_UP = 20

Parameters = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is there to be asked for."""

    n_rows: int
    readers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """A path and its parameters, other ones each time. By whom, and if the limit is for it.

    share: it is asked so many times less often than others, as it takes longer.
    """

    name: str
    path: str
    make: Callable[[random.Random, Ground], Parameters]
    by: str = "all"
    is_limited: bool = True
    share: int = 1


def _one(chance: random.Random, ground: Ground) -> Parameters:
    return {"warehouse": chance.choice(WAREHOUSES), "item": chance.choice(GTINS)}


def _item(chance: random.Random, ground: Ground) -> Parameters:
    return {"item": chance.choice(GTINS)}


def _page(chance: random.Random, ground: Ground) -> Parameters:
    warehouse = chance.choice(WAREHOUSES)
    after = mark_place([warehouse, chance.choice(GTINS[: N_ITEMS // 2]), "", "", "", ""])
    return {"warehouse": warehouse, "limit": 1000, "after": after}


def _scope_page(chance: random.Random, ground: Ground) -> Parameters:
    after = mark_place([chance.choice(WAREHOUSES[:2]), chance.choice(GTINS), "", "", "", ""])
    return {"limit": 1000, "after": after}


def _as_of(chance: random.Random, ground: Ground) -> Parameters:
    return {**_one(chance, ground), "as_of_us": time_of(chance.randrange(ground.n_rows))}


def _known_at(chance: random.Random, ground: Ground) -> Parameters:
    return {**_as_of(chance, ground), "known_at_us": wall_us()}


def _account(chance: random.Random, ground: Ground) -> Parameters:
    n_item = chance.randrange(N_ITEMS)
    return {
        "warehouse": chance.choice(WAREHOUSES),
        "item": GTINS[n_item],
        "location": shelf_of(n_item),
        "lot": f"L{chance.randrange(N_LOTS)}",
    }


def _warehouse(chance: random.Random, ground: Ground) -> Parameters:
    return {"warehouse": chance.choice(WAREHOUSES)}


def _hundred(chance: random.Random, ground: Ground) -> Parameters:
    return {**_warehouse(chance, ground), "limit": 100}


def _nothing(chance: random.Random, ground: Ground) -> Parameters:
    return {}


def _gateways(chance: random.Random, ground: Ground) -> Parameters:
    gateway = gateway_of(chance.choice(WAREHOUSES))
    after = chance.randrange(ground.n_rows)
    return {"gateway": gateway, "epoch": EPOCH, "after_seq": after, "limit": 100}


def _any_events(chance: random.Random, ground: Ground) -> Parameters:
    return {"after_position": chance.randrange(ground.n_rows), "limit": 100}


def _devices(chance: random.Random, ground: Ground) -> Parameters:
    return {
        "device": f"pda-{chance.randrange(50)}",
        "after_position": chance.randrange(ground.n_rows),
        "limit": 100,
    }


def _policies(chance: random.Random, ground: Ground) -> Parameters:
    warehouse = chance.choice(WAREHOUSES)
    after = mark_place([f"{warehouse}.{chance.choice(GTINS)}", ""])
    return {"warehouse": warehouse, "limit": 100, "after": after}


def _changes(chance: random.Random, ground: Ground) -> Parameters:
    return {"cursor": chance.randrange(N_ITEMS * N_WAREHOUSES), "limit": 100}


def _epcis(name: str, value: Callable[[random.Random], str]) -> Callable[..., Parameters]:
    return lambda chance, ground: {name: value(chance), "perPage": 30}


def _class_of(chance: random.Random) -> str:
    gtin = chance.choice(GTINS)
    return f"https://id.gs1.org/01/{gtin}/10/L{chance.randrange(N_LOTS)}"


def _class_and_step(chance: random.Random, ground: Ground) -> Parameters:
    return {"MATCH_anyEPCClass": _class_of(chance), "EQ_bizStep": "receiving", "perPage": 30}


def _shelf_uri(chance: random.Random) -> str:
    return f"{PLACES}/{chance.choice(WAREHOUSES)}/{shelf_of(chance.randrange(N_ITEMS))}"


QUESTIONS = (
    Question("stock of an item at a warehouse", "/v1/stock", _one),
    Question("stock of an item everywhere", "/v1/stock", _item),
    Question("1000 rows of a warehouse's stock", "/v1/stock", _page),
    Question("1000 rows of the stock in a scope of three", "/v1/stock", _scope_page, by="some"),
    Question("what of an item may be sold at a warehouse", "/v1/sellable", _one),
    Question("what may be promised of an item, everywhere", "/v1/promises", _item),
    Question("an item as of a time", "/v1/stock/history", _as_of),
    Question("the same as it was known at a time", "/v1/stock/history", _known_at),
    Question("the account of a balance", "/v1/stock/postings", _account),
    Question("counts of an item", "/v1/stock/counts", _one),
    Question("a page of a warehouse's past", "/v1/stock/history", _warehouse, is_limited=False,
             share=5),
    Question("100 counts of a warehouse", "/v1/stock/counts", _hundred, is_limited=False),
    Question("transfers worth proposing for an item", "/v1/transfer-proposals", _item,
             is_limited=False),
    Question("100 orders at risk", "/v1/orders/at-risk", _nothing, is_limited=False),
    Question("100 exceptions of a warehouse", "/v1/exceptions", _hundred, is_limited=False),
    Question("100 events of a gateway", "/v1/events", _gateways, is_limited=False),
    Question("100 events of all", "/v1/events", _any_events, is_limited=False),
    Question("100 events of a device", "/v1/events", _devices, is_limited=False),
    Question("100 policies of a warehouse", "/v1/policies", _policies, is_limited=False),
    Question("100 changes for a gateway", "/sync/v1/changes", _changes, by="gateway",
             is_limited=False),
    Question("30 EPCIS events of a class", "/epcis/v2/events",
             _epcis("MATCH_anyEPCClass", _class_of), is_limited=False),
    Question("30 EPCIS events of a business step", "/epcis/v2/events",
             _epcis("EQ_bizStep", lambda chance: chance.choice(["receiving", "picking"])),
             is_limited=False),
    Question("30 EPCIS events from a time on", "/epcis/v2/events",
             _epcis("GE_eventTime", lambda chance: f"2026-01-0{chance.randrange(1, 4)}T00:00:00Z"),
             is_limited=False),
    Question("30 EPCIS events recorded from a time on", "/epcis/v2/events",
             _epcis("GE_recordTime", lambda chance: "2026-01-01T00:00:00Z"), is_limited=False),
    Question("30 EPCIS events at a read point", "/epcis/v2/events",
             _epcis("EQ_readPoint", _shelf_uri), is_limited=False),
    Question("30 EPCIS events below a place", "/epcis/v2/events",
             _epcis("WD_bizLocation", lambda chance: f"{PLACES}/{chance.choice(WAREHOUSES)}"),
             is_limited=False),
    Question("30 EPCIS events of a disposition", "/epcis/v2/events",
             _epcis("EQ_disposition", lambda chance: "in_progress"), is_limited=False),
    Question("30 EPCIS events of a class and a step", "/epcis/v2/events", _class_and_step,
             is_limited=False),
    Question("30 of the read points that EPCIS events have", "/epcis/v2/readPoints", _nothing,
             is_limited=False),
    Question("all business steps that EPCIS events have", "/epcis/v2/bizSteps", _nothing,
             is_limited=False),
    Question("30 EPCIS events of a step, by its path", "/epcis/v2/bizSteps/receiving/events",
             _nothing, is_limited=False),
)  # fmt: skip


TRIVIAL = Question("the rules of promising", "/v1/promise-rules", _nothing)
"""One row by its key: what any question takes that is asked at the same time."""


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of each time it was asked, and of both processors' work for each on average."""

    ms: list[float]
    work_ms: float

    @property
    def hundredth_ms(self) -> float:
        """Of 99 of 100 the longest."""
        return statistics.quantiles(self.ms, n=100)[98]


def ask(
    http: httpx.Client, question: Question, ground: Ground, n: int, work_s: Callable[[], float]
) -> Took:
    """What a question took. work_s: processor seconds of service and database so far."""
    chance, took, before_s = random.Random(1), list[float](), 0.0
    headers = {"Authorization": f"Bearer {ground.readers[question.by]}"}
    for number in range(n + WARM_UP):
        parameters = question.make(chance, ground)
        if number == WARM_UP:
            before_s = work_s()
        begun = time.perf_counter()
        answer = http.get(question.path, params=parameters, headers=headers)
        elapsed = (time.perf_counter() - begun) * 1000
        if answer.status_code != 200:
            raise AssertionError(f"{answer.url}: {answer.status_code} {answer.text[:300]}")
        if number >= WARM_UP:
            took.append(elapsed)
    return Took(took, (work_s() - before_s) / n * 1000)


def token_in_scope(cloud: CloudProcess, admin: str) -> str:
    """The token of somebody who may see three warehouses."""
    headers = {"Authorization": f"Bearer {admin}"}
    with httpx.Client(base_url=cloud.url, headers=headers, timeout=60) as http:
        user = {"role": "read-only", "warehouses": WAREHOUSES[:3]}
        http.put("/v1/users/some", json=user).raise_for_status()
        key = {"Idempotency-Key": secrets.token_hex(8)}
        made = http.post("/v1/users/some/tokens", json={"expires_in_days": 1}, headers=key)
    return str(made.raise_for_status().json()["token"])


def ask_all(cloud: CloudProcess, cluster: Cluster, options: argparse.Namespace) -> list[str]:
    """The lines of the table."""
    admin = cloud.token("tokens", "create", "bench", "--role", "admin")
    gateway = gateway_of(WAREHOUSES[0])
    readers = {
        "all": admin,
        "some": token_in_scope(cloud, admin),
        "gateway": cloud.token("gateways", "enrol", gateway, "--warehouse", WAREHOUSES[0]),
    }
    ground, rows = Ground(options.events // N_WAREHOUSES, readers), []

    def work_s() -> float:
        service = [] if cloud.process is None else [cloud.process.pid]
        return sum(map(cpu_s, [*service, *cluster.processes()]))

    with httpx.Client(base_url=cloud.url, timeout=60) as http:
        for question in QUESTIONS:
            if options.only not in question.name:
                continue
            took = ask(http, question, ground, options.asked // question.share, work_s)
            trivial = ask(http, TRIVIAL, ground, options.asked, work_s)
            mark = ("yes" if took.hundredth_ms < LIMIT_MS else "NO") if question.is_limited else ""
            times = f"{statistics.median(took.ms):.1f} | {took.hundredth_ms:.1f}"
            figures = f"{times} | {trivial.hundredth_ms:.1f} | {took.work_ms:.1f}"
            rows.append(f"| {question.name} | {figures} | {mark} |")
            print(rows[-1], flush=True)
    return rows


@contextlib.contextmanager
def cluster_in(directory: Path | None) -> Iterator[Cluster]:
    """The cluster kept in a directory, or one for this run."""
    programs = find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed (scripts/debian-packages installs it)")
    with contextlib.ExitStack() as stack:
        if directory is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="forepost-pg-"))
            directory = Path(name)
        directory.mkdir(exist_ok=True)
        cluster = stack.enter_context(running_cluster(Cluster(programs, directory)))
        yield cluster
        cluster.stop("fast")


_OF_AN_OLDER_VERSION = "select 1 from ledgers where has_postings = 0 or has_items = 0 limit 1"


async def prepare(url: str, wanted: Wanted, fill_s: float) -> bool:
    """Fill the database further; gives whether it is full. What an older version filled is folded
    again first, which takes as long as it took to fill."""
    async with open_database(url) as database:
        old = await database.read(lambda tx: tx.fetch(_OF_AN_OLDER_VERSION))
        if old:
            await refold(database)
        is_full = await fill(database, wanted, until=time.monotonic() + fill_s)
        # What the service would do behind the questions, once, is done before them.
        while is_full and await database.transact(add_day_sums):
            pass
    if is_full:
        connection = await asyncpg.connect(url)
        await connection.execute("vacuum analyze", timeout=600)
        await connection.close()
    return is_full


def measure(options: argparse.Namespace) -> str | None:
    """The table; None if there was no time to fill the cluster."""
    wanted = Wanted(options.events, N_ORDERS, min(N_EPCIS, options.events))
    with cluster_in(options.directory) as cluster:
        begun = time.monotonic()
        if not asyncio.run(prepare(cluster.url(), wanted, options.fill_s)):
            return None
        filled_s = time.monotonic() - begun
        with tempfile.TemporaryDirectory() as name:
            cloud = CloudProcess(Path(name))
            cloud.database = cluster.url()
            cloud.start()
            try:
                rows = ask_all(cloud, cluster, options)
            finally:
                cloud.terminate()
    head = (
        f"{N_WAREHOUSES} warehouses, {N_ITEMS} items, {N_LOTS} lots, {options.events} events,"
        f" {N_ORDERS} orders, {wanted.epcis} events told as EPCIS; each asked {options.asked}"
        f" times (made ready in {filled_s:.0f} s); {machine()}.\n\n"
        "| question | ms, median | ms, 99 % | a trivial one, 99 % | processor ms, mean |"
        f" under {LIMIT_MS:.0f} ms |\n|---|---:|---:|---:|---:|---|\n"
    )
    return head + "\n".join(rows)


def main() -> None:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--fill-s", type=float, default=3600)
    parser.add_argument("--only", default="", help="questions with this in their name")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = measure(options)
    if table is None:
        raise SystemExit("not full yet: run it again")
    print(table)
    if options.write:
        write_page(PAGE, "benchmarks/cloud_queries.py", table)


if __name__ == "__main__":
    main()
