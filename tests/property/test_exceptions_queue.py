"""Pins that the exceptions queue is a function of the set of events: however journals of several
gateways and warehouses are cut, mixed and repeated, the tables are the same to the last row, and
the same as after all is folded again; and a gateway has the same queue as the cloud."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import Word, word_body
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.exception_queue import IS_OPEN
from cloud_sync.store.ports import Database, Transaction
from cloud_sync.store.refold import refold
from gateway.core.projection import effects_of
from gateway.journal.exception_table import SELECT
from gateway.journal.read_model import effect_statements
from tests.fakes.clock import FakeClock
from tests.fakes.uploads import ITEM, Book, event_id, make_line
from tests.rigs.exceptions import keeper
from tests.rigs.journal import opened
from tests.rigs.lent_databases import LentDatabases
from tests.rigs.patterns import opened_cloud
from tests.rigs.postgres import programs_or_skip, running_postgres

pytestmark = pytest.mark.slow

SECOND = 1_000_000
GATEWAYS = {"gw-1": "J1", "gw-2": "J1", "gw-3": "J2"}
TABLES = {
    "exception_evidence": "warehouse, kind, key, event_id, at_us, detail",
    "exception_ends": "warehouse, kind, key, until_us, event_id",
    "exception_settled": ("warehouse, event_id, kind, key, word, at_us, action, reason, author"),
    "exception_traces": "warehouse, family, key, at_us, event_id, says",
    "order_deliveries": "warehouse, order_id, document, at_us, event_id",
}

Said = tuple[str, int, int, int]
"""What happened, at which second, how much later it came, and one of a few variants."""
SUBJECTS = (
    ("hold", "release"),
    ("count", "approve", "pick"),
    ("count", "pick"),
    ("tag",),
    ("lot",),
    ("flag", "resolve", "correct"),
    ("tag", "lot", "count", "approve", "pick", "hold", "release", "fault", "flag", "resolve",
     "correct", "deliver"),
)  # fmt: skip
"""What happens beside each other in one example: of all things at once hardly any two meet."""


def said_of(kinds: tuple[str, ...], n_max: int) -> st.SearchStrategy[list[Said]]:
    happened = st.tuples(
        st.sampled_from(kinds),
        st.integers(0, 40),
        st.sampled_from([0, 0, 30, 4 * 86_400]),
        st.integers(0, 2),
    )
    return st.lists(happened, max_size=n_max)


journals = st.sampled_from(SUBJECTS).flatmap(
    lambda kinds: st.fixed_dictionaries({name: said_of(kinds, 8) for name in GATEWAYS})
)
histories = st.sampled_from(SUBJECTS).flatmap(lambda kinds: said_of(kinds, 14))
turns = st.lists(st.tuples(st.sampled_from(sorted(GATEWAYS)), st.integers(1, 4)), max_size=12)

COUNTED = {"item": ITEM, "location": "A-1", "quantity": 3}
DIFFERENCE = {"item": ITEM, "lot": "L1", "unit": "EA", "counted": 3, "book": 5}
ASSERTED = {**COUNTED, "lot": "L1"}


def body_of(what: str, variant: int, earlier: list[str]) -> tuple[str, dict[str, object]]:
    """The event's type, and its members beside those that all have."""
    lot = {"item": ITEM, "lot": "L1"}
    target = earlier[variant] if variant < len(earlier) else event_id(1)
    word = Word("", 0, "unknown_item", (ITEM,), (target,), "return", "back", "ann")
    kinds: dict[str, Callable[[], tuple[str, dict[str, object]]]] = {
        "tag": lambda: (
            ev.TAG_ARRIVED,
            {"body": {"read_point": f"door-{variant}", "gtin": ITEM, "serial": "S1"}},
        ),
        "lot": lambda: (ev.LOT_CREATED, {"body": {**lot, "expiry": f"2026-01-0{variant + 1}"}}),
        "count": lambda: (ev.COUNT_OBSERVED, {"body": {"assertions": [ASSERTED]}}),
        "approve": lambda: (
            ev.COUNT_CLOSED,
            {"body": {"location": "A-1", "outcome": "approved", "differences": [DIFFERENCE]}},
        ),
        "pick": lambda: (ev.GOODS_PICKED, {"lines": (make_line("A-1", "PACK", 1, lot="L1"),)}),
        "hold": lambda: (ev.LOT_HELD, {"body": {**lot, "reason": "exposure", "verdict": "hold"}}),
        "release": lambda: (ev.LOT_RELEASED, {"body": lot}),
        "fault": lambda: (ev.SENSOR_FAULT, {"body": {"kind": "stuck", "reason": "unchanged"}}),
        "flag": lambda: (
            ev.GOODS_RECEIVED,
            {"flags": ("unknown_item",), "lines": (make_line("@supplier", "DOCK", 1),)},
        ),
        "resolve": lambda: (ev.EXCEPTION_RESOLVED, {"body": word_body(word)}),
        "correct": lambda: (ev.EVENT_CORRECTED, {"corrects": target}),
        "deliver": lambda: (
            ev.ORDER_DELIVERED,
            {
                "lines": (make_line("PACK", "@customer", 1),),
                "documents": (ev.Document(type="order", id=f"O-1.{variant}"),),
            },
        ),
    }
    return kinds[what]()


def write(gateway: str, happened: list[Said]) -> Book:
    """The gateway's journal: what came first was received first."""
    book = Book(gateway=gateway, warehouse=GATEWAYS[gateway])
    earlier: list[str] = []
    order = sorted(happened, key=lambda it: it[1] + it[2])
    for number, (what, at_s, late_s, variant) in enumerate(order, 1):
        event_type, members = body_of(what, variant, earlier)
        name = event_id(number + int(gateway[-1]) * 1000)
        mark = ev.DeviceMark(
            id="pda-1", boot="b", seq=number, clock="trusted", error_us=2 * SECOND
        )
        event = ev.Event(
            event_id=name, type=event_type, version=1, occurred_at_us=at_s * SECOND,
            received_at_us=(at_s + late_s) * SECOND, warehouse=book.warehouse, device=mark,
            **members,  # type: ignore[arg-type]  # as body_of says
        )  # fmt: skip
        book.write(ev.encode_event(event))
        earlier.append(name)
    return book


async def take(database: Database, book: Book, first: int, last: int) -> None:
    outcome = await database.transact(
        partial(
            take_batch,
            gateway=book.gateway,
            warehouse=book.warehouse,
            upload=book.upload(first, last),
            now_us=1,
        )
    )
    assert isinstance(outcome, Taken)


async def queue_after(
    name: str, books: dict[str, Book], wanted: list[tuple[str, int]]
) -> list[object]:
    """The tables once all came by turns, each batch twice; and once all is folded again."""
    async with opened_cloud(name) as database:
        for gateway, warehouse in GATEWAYS.items():
            await database.transact(
                partial(enrol_gateway, gateway=gateway, warehouse=warehouse, now_us=1)
            )
        done = dict.fromkeys(GATEWAYS, 0)
        for gateway, n in [*wanted, *((gateway, 99) for gateway in GATEWAYS)]:
            book, first = books[gateway], done[gateway] + 1
            last = min(first + n - 1, len(book.bodies))
            if first <= last:
                await take(database, book, first, last)
                await take(database, book, first, last)
                done[gateway] = last
        before = await tables(database)
        await refold(database)
        return [before, await tables(database)]


async def tables(database: Database) -> dict[str, object]:
    async def read(tx: Transaction) -> dict[str, object]:
        return {
            name: sorted(map(tuple, await tx.fetch(f"select {columns} from {name}")))
            for name, columns in TABLES.items()
        }

    return await database.read(read)


@settings(max_examples=15, deadline=None)
@given(journals, turns)
def test_however_events_come_the_queue_is_the_same(
    happened: dict[str, list[Said]], wanted: list[tuple[str, int]]
) -> None:
    books = {gateway: write(gateway, several) for gateway, several in happened.items()}
    with tempfile.TemporaryDirectory() as directory:
        mixed = asyncio.run(queue_after(str(Path(directory) / "a.db"), books, wanted))
        plain = asyncio.run(queue_after(str(Path(directory) / "b.db"), books, []))
    assert mixed == [plain[0], plain[0]]
    assert plain[1] == plain[0]


def test_both_stores_keep_the_same_queue() -> None:
    with running_postgres(programs_or_skip()) as server:
        databases = LentDatabases(server)

        @settings(max_examples=5, deadline=None)
        @given(journals, turns)
        def check(happened: dict[str, list[Said]], wanted: list[tuple[str, int]]) -> None:
            books = {gateway: write(gateway, several) for gateway, several in happened.items()}
            name = databases.lend()
            found = asyncio.run(queue_after(name, books, wanted))
            databases.take_back(name)
            with tempfile.TemporaryDirectory() as place:
                plain = asyncio.run(queue_after(str(Path(place) / "b.db"), books, []))
            assert found == plain

        check()


# ---------------------------------------------------------------- at the gateway


async def queue_of_the_cloud(path: str, book: Book) -> list[tuple[object, ...]]:
    async with opened_cloud(path) as database:
        await database.transact(
            partial(enrol_gateway, gateway=book.gateway, warehouse=book.warehouse, now_us=1)
        )
        if book.bodies:
            await take(database, book, 1, len(book.bodies))
        rows = await database.read(
            lambda tx: tx.fetch(
                "select kind, key, event_id, at_us, detail from exception_evidence e "
                f"where {IS_OPEN}"
            )
        )
        return sorted(map(tuple, rows))


async def queue_of_the_gateway(
    state_dir: Path, book: Book, ends: list[int]
) -> list[tuple[object, ...]]:
    """Folded up to each end, with a restart after each."""
    events = [ev.parse_event(body) for body in book.bodies]
    clock = FakeClock()
    async with opened(state_dir, clock=clock) as store:
        for start, end in pairwise(sorted({0, *(min(it, len(events)) for it in ends)})):
            several = list(enumerate(events[start:end], start + 1))
            effects = effects_of(several, book.warehouse)
            traces = await keeper(store, clock).look(events[start:end], effects.exceptions)
            statements = [*effect_statements(effects, {}), *traces]
            await store.advance("projector", to_seq=0, effects=statements)
        return sorted(map(tuple, await store.query(SELECT)))


@settings(max_examples=15, deadline=None)
@given(histories, st.lists(st.integers(1, 14), max_size=5))
def test_a_gateway_and_the_cloud_see_the_same(happened: list[Said], ends: list[int]) -> None:
    book = write("gw-1", happened)
    with tempfile.TemporaryDirectory() as directory:
        cloud = asyncio.run(queue_of_the_cloud(str(Path(directory) / "cloud.db"), book))
        edge = asyncio.run(queue_of_the_gateway(Path(directory) / "edge", book, [*ends, 99]))
    assert edge == cloud
