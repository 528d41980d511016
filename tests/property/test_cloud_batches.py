"""Pins that however a journal is cut, repeated, lost on the way and sent again, each event counts
once and stock is the same."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inbox.admission import Refusal
from cloud_sync.store import queries
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.ports import Database
from tests.fakes.uploads import Book, make_line
from tests.rigs import tier
from tests.rigs.patterns import opened_cloud
from tests.rigs.sums import summed

PLACES = ("@supplier", "DOCK", "R-1", "R-2", "PACK", "@customer", "@transit.TR-1")
WAREHOUSES = {"gw-W1": "W1", "gw-W2": "W2"}

lines = st.lists(
    st.builds(
        make_line,
        st.sampled_from(PLACES),
        st.sampled_from(PLACES),
        st.integers(0, 99),
        lot=st.sampled_from([None, "L1", "L2"]),
    ),
    max_size=3,
).map(tuple)
journals = st.lists(st.one_of(lines, st.just("poison"), st.just("again")), min_size=1, max_size=12)
# One try to send: which gateway, from where relative to its cursor, how many rows, answer lost?
tries = st.lists(
    st.tuples(
        st.sampled_from(sorted(WAREHOUSES)), st.integers(-4, 2), st.integers(0, 6), st.booleans()
    ),
    max_size=25,
)


def write(book: Book, journal: list[object]) -> None:
    for entry in journal:
        if entry == "poison":
            book.write(b'{"poison":%d}' % len(book.bodies))
        elif entry == "again":
            if book.bodies:
                book.write(book.bodies[0])
        else:
            book.record("goods.moved", lines=entry)  # type: ignore[arg-type]  # the third kind


def truth_of(books: dict[str, Book]) -> tuple[dict[str, int], dict[tuple[str, int], bytes]]:
    """Stock and accepted rows, from the journals themselves."""
    seen: set[str] = set()
    events: list[ev.Event] = []
    rows: dict[tuple[str, int], bytes] = {}
    for gateway, book in books.items():
        for seq, raw in enumerate(book.bodies, 1):
            if b"poison" in raw:
                continue
            event = ev.parse_event(raw)
            if event.event_id not in seen:
                seen.add(event.event_id)
                events.append(event)
                rows[gateway, seq] = raw
    return {str(key): value for key, value in summed(events).items()}, rows


async def send(database: Database, book: Book, first: int, last: int) -> Taken | Refusal:
    return await database.transact(
        partial(
            take_batch,
            gateway=book.gateway,
            warehouse=book.warehouse,
            upload=book.upload(first, last),
            now_us=1,
        )
    )


async def play(
    path: Path, books: dict[str, Book], schedule: list[tuple[str, int, int, bool]]
) -> tuple[dict[str, int], dict[tuple[str, int], bytes]]:
    """Send by the schedule, then drain as a gateway would; gives the cloud's stock and rows."""
    cursors = dict.fromkeys(books, 0)
    async with opened_cloud(str(path)) as database:
        for gateway, book in books.items():
            await database.transact(
                partial(enrol_gateway, gateway=gateway, warehouse=book.warehouse, now_us=1)
            )
        for gateway, offset, n_rows, is_answer_lost in schedule:
            book = books[gateway]
            first = max(1, min(cursors[gateway] + 1 + offset, len(book.bodies) + 1))
            last = min(first + n_rows - 1, len(book.bodies))
            outcome = await send(database, book, first, last)
            if isinstance(outcome, Refusal):
                assert outcome.code == "gap"
            elif not is_answer_lost:
                assert outcome.answer.acknowledged_seq >= cursors[gateway]
                cursors[gateway] = outcome.answer.acknowledged_seq
        for gateway, book in books.items():
            while cursors[gateway] < len(book.bodies):
                first = cursors[gateway] + 1
                outcome = await send(database, book, first, min(first + 3, len(book.bodies)))
                assert isinstance(outcome, Taken)
                assert outcome.answer.acknowledged_seq >= first
                cursors[gateway] = outcome.answer.acknowledged_seq
        stock = await database.read(
            lambda tx: tx.fetch(
                "select warehouse, location, item, lot, status, unit, quantity from stock "
                "where quantity <> 0"
            )
        )
        rows = await database.read(
            lambda tx: tx.fetch(
                "select gateway, seq, body from received where status = 'accepted'"
            )
        )
        assert await conserved(database)
    names = ("warehouse", "location", "item", "lot", "status", "unit")
    return (
        {_key(dict(zip(names, row[:6], strict=True))): int(str(row[6])) for row in stock},
        {(str(row[0]), int(str(row[1]))): bytes(row[2]) for row in rows},  # type: ignore[arg-type]  # a blob
    )


def _key(parts: dict[str, object]) -> str:
    inside = ", ".join(f"{name}={value!r}" for name, value in parts.items())
    return f"StockKey({inside})"


async def conserved(database: Database) -> bool:
    rows = await database.read(
        partial(queries.read_stock, warehouse=None, item=None, with_virtual=True)
    )
    return sum(int(str(row["quantity"])) for row in rows) == 0


@pytest.mark.slow
@settings(
    max_examples=tier.count(25, 60, 400),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.tuples(journals, journals), tries)
def test_any_way_of_sending_gives_the_same_stock_and_each_event_once(
    contents: tuple[list[object], list[object]],
    schedule: list[tuple[str, int, int, bool]],
) -> None:
    books = {
        gateway: Book(gateway=gateway, warehouse=warehouse)
        for gateway, warehouse in WAREHOUSES.items()
    }
    for book, journal in zip(books.values(), contents, strict=True):
        write(book, journal)
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(play(Path(directory) / "cloud.db", books, schedule))
    assert found == truth_of(books)
