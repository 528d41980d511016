"""Pins that the cloud's balances, counts and sweeps are what a rebuild of all accepted rows gives,
however two gateways of one warehouse cut their journals and take turns, in both stores; and that
the past as the postings have it, and as the rows have it which the index finds for an item, is the
past as all rows have it: as of every time, as known after every batch, and posting by posting."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import LedgerRow, placed_events, rebuild
from cloud_sync.inventory.history import Posting, balances_at, items_of, postings
from cloud_sync.inventory.ledger import Asserted, Ledger
from cloud_sync.inventory.moving import gathered
from cloud_sync.inventory.places import place_text
from cloud_sync.inventory.stock import StockKey
from cloud_sync.store.balances_then import Asked, read_account, read_balances
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.item_history import read_past
from cloud_sync.store.ports import Database
from cloud_sync.store.refold import refold
from tests.fakes.uploads import EPOCH, Book
from tests.property.test_ledger import GATEWAYS, histories
from tests.rigs.lent_databases import LentDatabases
from tests.rigs.patterns import opened_cloud
from tests.rigs.postgres import programs_or_skip, running_postgres

pytestmark = pytest.mark.slow

Turn = tuple[str, int]
ALL_POSTINGS = (
    "select item, location, lot, status, unit, day, sum(quantity) from stock_postings"
    " group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6"
)
turns = st.lists(st.tuples(st.sampled_from(GATEWAYS), st.integers(1, 5)), max_size=12)


def as_taken(rows: list[LedgerRow]) -> list[LedgerRow]:
    return [row._replace(epoch=EPOCH) for row in rows]


async def take(database: Database, rows: list[LedgerRow], wanted: list[Turn]) -> list[LedgerRow]:
    """Upload by turns, then what is left; gives the rows and when each was known."""
    books = {gateway: Book(gateway=gateway, warehouse="J1") for gateway in GATEWAYS}
    for row in rows:
        books[row.gateway].write(ev.encode_event(row.event))
    done = dict.fromkeys(GATEWAYS, 0)
    known: dict[tuple[str, int], int] = {}
    for now_us, (gateway, n) in enumerate([*wanted, *((it, 99) for it in GATEWAYS)], 1):
        book, first = books[gateway], done[gateway] + 1
        last = min(first + n - 1, len(book.bodies))
        if first > last:
            continue
        # Every other batch as from the service: gathered before its journal's time is known.
        events = [row.event for row in rows if row.gateway == gateway][first - 1 : last]
        outcome = await database.transact(
            partial(
                take_batch,
                gateway=gateway,
                warehouse="J1",
                upload=book.upload(first, last),
                now_us=now_us,
                moving=gathered(enumerate(events, first), gateway, EPOCH) if now_us % 2 else None,
            )
        )
        assert isinstance(outcome, Taken)
        done[gateway] = last
        known |= {(gateway, seq): now_us for seq in range(first, last + 1)}
    return [row._replace(known_us=known[row.gateway, row.seq]) for row in as_taken(rows)]


async def held(database: Database) -> tuple[object, object, object]:
    """Balances, counts and sweeps as they lie in the tables."""
    stock = await database.read(
        lambda tx: tx.fetch(
            "select warehouse, location, item, lot, status, unit, quantity from stock"
            " where quantity <> 0"
        )
    )
    counts = await database.read(
        lambda tx: tx.fetch(
            "select warehouse, location, item, lot, status, unit, place, event_id, counted,"
            " variance, is_swept from stock_counts"
        )
    )
    sweeps = await database.read(
        lambda tx: tx.fetch("select location, place, event_id, item from stock_sweeps")
    )
    return sorted(map(tuple, stock)), sorted(map(tuple, counts)), sorted(map(tuple, sweeps))


def expected(ledger: Ledger) -> tuple[object, object, object]:
    def flat(row: Asserted) -> tuple[object, ...]:
        return place_text(row.place), row.event_id, row.counted, row.variance, int(row.is_swept)

    return (
        sorted((*key, quantity) for key, quantity in ledger.balances.items()),
        sorted((*key, *flat(row)) for key, rows in ledger.counts.items() for row in rows),
        sorted(
            (sweep.scope.location, place_text(sweep.place), sweep.event_id, sweep.scope.item)
            for sweeps in ledger.sweeps.values()
            for sweep in sweeps
        ),
    )


async def check_pasts(database: Database, rows: list[LedgerRow]) -> None:
    """Each item alone, and all of them page by page, at the time of every row."""
    items = {item for row in rows for item in items_of(row.event)} - {""}
    wanted: list[str | None] = [None, *sorted(items)]
    for item in wanted:
        past = await database.read(
            partial(read_past, warehouse="J1", item=item, after="", rows_max=10**6)
        )
        assert not past.more, "so few rows are one page"
        for at_us in (None, *sorted({row.event.occurred_at_us for row in rows})):
            found = balances_at(past.ledger_rows(), items=past.items, as_of_us=at_us)
            whole = balances_at(rows, items=None if item is None else [item], as_of_us=at_us)
            assert found == whole


async def balances(
    database: Database, item: str | None, as_of_us: int | None, known_at_us: int | None
) -> dict[StockKey, int]:
    """What the postings say, page by page."""
    found: dict[StockKey, int] = {}
    after: str | None = ""
    while after is not None:
        asked = Asked("J1", item, after, 1, as_of_us, known_at_us)
        page = await database.read(partial(read_balances, asked=asked))
        assert page is not None
        found |= page.quantities
        after = page.last
    return found


async def check_postings(database: Database, rows: list[LedgerRow]) -> None:
    """The same from the postings, as it was known at any time, and the accounts by days."""
    times = [None, *sorted({place.at_us for place, _ in placed_events(rows)})]
    moments = [None, 0, *sorted({row.known_us for row in rows})]
    for as_of_us, known_at_us in itertools.product(times, moments):
        whole = balances_at(rows, as_of_us=as_of_us, known_at_us=known_at_us)
        own = {key: n for key, n in whole.items() if key.warehouse == "J1"}
        assert await balances(database, None, as_of_us, known_at_us) == own
    for item in {key.item for key in own}:
        alone = {key: n for key, n in own.items() if key.item == item}
        assert await balances(database, item, as_of_us, known_at_us) == alone
    for key, balance in balances_at(rows).items():
        if key.warehouse == "J1":
            account = await account_by_days(database, key)
            assert account == postings(rows, key)
            assert account[-1].balance == balance


async def account_by_days(database: Database, key: StockKey) -> list[Posting]:
    """An account, as few days at once as can be."""
    found: list[Posting] = []
    from_us: int | None = 0
    while from_us is not None:
        part = await database.read(partial(read_account, key=key, from_us=from_us, rows_max=1))
        assert part is not None
        first, last = part.days
        found += postings(
            part.past.ledger_rows(), key, opening=part.opening, from_us=first, until_us=last
        )
        from_us = None if last is None else last + 1
    return found


async def kept(name: str, rows: list[LedgerRow], wanted: list[Turn]) -> tuple[object, ...]:
    async with opened_cloud(name) as database:
        for gateway in GATEWAYS:
            await database.transact(
                partial(enrol_gateway, gateway=gateway, warehouse="J1", now_us=1)
            )
        taken = await take(database, rows, wanted)
        await check_pasts(database, taken)
        await check_postings(database, taken)
        before = await database.read(lambda tx: tx.fetch(ALL_POSTINGS))
        await refold(database)
        await check_postings(database, taken)
        assert await database.read(lambda tx: tx.fetch(ALL_POSTINGS)) == before
        return await held(database)


@settings(max_examples=20, deadline=None)
@given(histories(), turns)
def test_two_gateways_end_in_one_ledger_on_sqlite(
    rows: list[LedgerRow], wanted: list[Turn]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(kept(str(Path(directory) / "cloud.db"), rows, wanted))
    assert found == expected(rebuild(as_taken(rows)))


def test_two_gateways_end_in_one_ledger_on_postgres() -> None:
    with running_postgres(programs_or_skip()) as server:
        databases = LentDatabases(server)

        @settings(max_examples=8, deadline=None)
        @given(histories(), turns)
        def check(rows: list[LedgerRow], wanted: list[Turn]) -> None:
            name = databases.lend()
            found = asyncio.run(kept(name, rows, wanted))
            databases.take_back(name)
            assert found == expected(rebuild(as_taken(rows)))

        check()
