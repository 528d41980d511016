"""Pins how stock is folded anew: a run that is stopped keeps what is done and goes on with the
rest, the old stock is told until then, what comes meanwhile is counted once, and the operator is
told how far it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import pytest

from cloud_sync.commands import TOLD_EVERY_ROWS, watch_refold
from cloud_sync.contract import events as ev
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.ports import Database, Row, Transaction
from cloud_sync.store.refold import Progress, RefoldStopped, refold
from tests.fakes.uploads import EPOCH, EPOCH_2, Book, make_line

WAREHOUSES = {"gw-W1": "W1", "gw-W2": "W1", "gw-C1": "C1", "gw-N1": "N1"}
POSTINGS = (
    "select warehouse, item, location, day, cast(sum(quantity) as bigint) from stock_postings "
    "group by warehouse, item, location, day"
)
"""However a run cuts batches into pages."""
TABLES = {
    name: f"select * from {name}"
    for name in ("stock", "stock_counts", "corrections", "exception_evidence", "exception_ends")
} | {"stock_postings": POSTINGS}


async def enrol(database: Database, gateway: str) -> None:
    warehouse = WAREHOUSES[gateway]
    await database.transact(partial(enrol_gateway, gateway=gateway, warehouse=warehouse, now_us=1))


@dataclass
class Network:
    """Gateways that send goods through their warehouses, a batch at a time."""

    database: Database
    books: dict[tuple[str, str], Book] = field(default_factory=dict)
    n_batches: int = 0

    async def send(self, gateway: str, *, epoch: str = EPOCH, quantity: int = 5) -> None:
        """A batch: goods come and half of them go to a customer; the third is a count."""
        fresh = Book(gateway, WAREHOUSES[gateway], epoch=epoch)
        book = self.books.setdefault((gateway, epoch), fresh)
        self.n_batches += 1
        first, at_us = len(book.bodies) + 1, self.n_batches * 1000
        book.record(
            ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", quantity),), at_us=at_us
        )
        sold = make_line("R-1", "@customer", quantity // 2)
        book.record(ev.GOODS_SHIPPED, lines=(sold,), at_us=at_us + 1)
        if first > 2:
            seen = {"item": sold.item, "location": "R-1", "quantity": 3}
            book.record(ev.COUNT_OBSERVED, body={"assertions": [seen]}, at_us=at_us + 2)
        taken = await self.database.transact(
            partial(
                take_batch,
                gateway=gateway,
                warehouse=book.warehouse,
                upload=book.upload(first),
                now_us=at_us + 100,
            )
        )
        assert isinstance(taken, Taken)
        assert not taken.n_quarantined


async def tables(database: Database) -> dict[str, list[tuple[object, ...]]]:
    async def read(tx: Transaction) -> dict[str, list[tuple[object, ...]]]:
        return {name: rows(await tx.fetch(sql)) for name, sql in TABLES.items()}

    return await database.read(read)


def rows(found: Iterable[Row]) -> list[tuple[object, ...]]:
    return sorted(map(tuple, found), key=repr)


async def spoil(database: Database) -> None:
    """Have every balance wrong, and one that nobody has any reason for."""
    wrong = ("", "00000000000017", "@customer", "", "available", "EA", 9)
    marks = ", ".join("?" * len(wrong))
    await database.transact(
        lambda tx: tx.execute_many("update stock set quantity = quantity + 1000", [()])
    )
    await database.transact(
        lambda tx: tx.execute_many(f"insert into stock values ({marks})", [wrong])
    )


class StopAfter:
    """Stops a run at the n-th page."""

    def __init__(self, n_pages: int) -> None:
        self._left = n_pages

    def __call__(self, progress: Progress) -> None:
        self._left -= 1
        if self._left == 0:
            raise RefoldStopped("enough")


@pytest.fixture
async def network(database: Database) -> Network:
    for gateway in ("gw-W1", "gw-W2", "gw-C1"):
        await enrol(database, gateway)
    found = Network(database)
    for gateway in ("gw-W1", "gw-C1", "gw-W2", "gw-W1", "gw-W1", "gw-C1", "gw-W2"):
        await found.send(gateway)
    await found.send("gw-W1", epoch=EPOCH_2)
    return found


async def test_journals_are_folded_in_the_order_in_which_they_came(network: Network) -> None:
    before = await tables(network.database)
    await spoil(network.database)
    n_rows = await refold(network.database, page_rows=3)
    assert n_rows == sum(len(book.bodies) for book in network.books.values())
    assert await tables(network.database) == before
    assert await refold(network.database, page_rows=3) == n_rows, (
        "a run that is finished begins anew"
    )
    assert await tables(network.database) == before


@pytest.mark.parametrize("n_pages", [1, 2, 4, 6, 9])
async def test_a_run_that_was_stopped_goes_on_where_it_was(network: Network, n_pages: int) -> None:
    right = await tables(network.database)
    await spoil(network.database)
    wrong = await tables(network.database)
    with pytest.raises(RefoldStopped):
        await refold(network.database, watch=StopAfter(n_pages), page_rows=3)
    stopped = await tables(network.database)
    of_all = [row for row in stopped["stock"] if row[0] == ""]
    assert of_all == [row for row in wrong["stock"] if row[0] == ""], "old until all are done"
    for warehouse in ("C1", "W1"):
        own = [row for row in stopped["stock"] if row[0] == warehouse]
        assert own in [
            [row for row in state["stock"] if row[0] == warehouse] for state in (wrong, right)
        ]
    n_rows = await refold(network.database, page_rows=3)
    assert await tables(network.database) == right
    n_done = sum(len(book.bodies) for book in network.books.values() if book.warehouse == "C1")
    n_all = sum(len(book.bodies) for book in network.books.values())
    is_one_done = [row for row in stopped["stock"] if row[0] == "C1"] == [
        row for row in right["stock"] if row[0] == "C1"
    ]
    assert n_rows == (n_all - n_done if is_one_done else n_all)


@pytest.mark.parametrize(
    "senders", [("gw-C1", "gw-W2", "gw-N1"), ("gw-N1", "gw-N1", "gw-W2", "gw-C1")]
)
async def test_what_comes_between_two_runs_is_counted_once(
    network: Network, senders: tuple[str, ...]
) -> None:
    """Of a warehouse that is done, of one that is not, and of one that nobody knew."""
    with pytest.raises(RefoldStopped):
        await refold(network.database, watch=StopAfter(4), page_rows=3)
    await enrol(network.database, "gw-N1")
    for gateway in senders:
        await network.send(gateway)
    told = await tables(network.database)
    await refold(network.database, page_rows=3)
    assert await tables(network.database) == told
    await network.send("gw-C1")
    told = await tables(network.database)
    await refold(network.database, page_rows=3)
    assert await tables(network.database) == told, "batches after a run are as any others"


async def test_two_runs_at_once_share_the_warehouses(network: Network) -> None:
    before = await tables(network.database)
    await spoil(network.database)
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(refold(network.database, page_rows=3)) for _ in range(2)]
    n_all = sum(len(book.bodies) for book in network.books.values())
    assert sum(run.result() for run in runs) in (n_all, 2 * n_all)
    assert await tables(network.database) == before


async def test_the_program_folds_a_database_again(
    database: Database, database_name: str, engine: str
) -> None:
    program = (sys.executable, "-m", "cloud_sync", "refold", "--database", database_name)
    child = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    assert said.decode().strip().endswith("stock folded again from 0 events")
    assert child.returncode == 0


def test_an_operator_sees_how_far_it_is_and_may_stop_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    orders = {"stop": False}
    watch = watch_refold(lambda: orders["stop"])
    for warehouse in ("C1", "W1"):
        for n_rows in range(1000, 2 * TOLD_EVERY_ROWS + 1000, 1000):
            watch(Progress(warehouse, n_rows, 50_000))
    assert capsys.readouterr().err.splitlines() == [
        f"{warehouse}: {n * TOLD_EVERY_ROWS} of about 50000 rows"
        for warehouse in ("C1", "W1")
        for n in (1, 2)
    ]
    orders["stop"] = True
    with pytest.raises(RefoldStopped, match="the next run goes on"):
        watch(Progress("W1", 1, 1))
