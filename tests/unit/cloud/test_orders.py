"""Pins how plans become deliveries and transfers, whoever of the two ends reports first."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Change
from cloud_sync.inbox.wire import Upload
from cloud_sync.service import master
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.documents import (
    asn_draft,
    follow_asns,
    put_documents,
    read_documents,
)
from cloud_sync.store.feed import read_changes
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database, Transaction
from cloud_sync.store.queries import read_plans
from tests.fakes.uploads import ITEM, Book, make_line

pytestmark = pytest.mark.usefixtures("tokens")

PLAN = {
    "plan_id": "PL-abc",
    "warehouse": "W1",
    "source": "C1",
    "triggers": [],
    "based_on_seq": 1,
    "computed_at_us": 1,
    "objective": 1.5,
    "lines": [{"item": ITEM, "quantity": 24, "order_up_to_units": 30, "position_units": 6}],
    "network_plan": {},
}
TRANSFER = ev.Document(type="transfer", id="TR-abc")
ASN = ev.Document(type="asn", id="ASN-abc")


def w1() -> Book:
    return Book()


def c1() -> Book:
    return Book(gateway="gw-C1", warehouse="C1")


def dispatch(book: Book, quantity: int, lot: str | None = "L1") -> None:
    book.record(
        ev.TRANSFER_DISPATCHED,
        documents=(TRANSFER,),
        lines=(make_line("R-1", "@transit.TR-abc", quantity, lot=lot),),
    )


def take_in(book: Book, quantity: int, lot: str | None = "L1") -> None:
    book.record(
        ev.TRANSFER_RECEIVED,
        documents=(ASN, TRANSFER),
        lines=(make_line("@transit.TR-abc", "DOCK", quantity, lot=lot),),
    )


async def send(database: Database, upload: Upload, warehouse: str) -> Taken:
    outcome = await database.transact(
        partial(
            take_batch,
            gateway=upload.batch.gateway,
            warehouse=warehouse,
            upload=upload,
            now_us=1,
        )
    )
    assert isinstance(outcome, Taken), outcome
    return outcome


async def all_of(database: Database, *books: Book) -> None:
    for book in books:
        await send(database, book.upload(), book.warehouse)


async def asn_of(database: Database) -> doc.Asn:
    (content,) = await database.read(partial(read_documents, kind=doc.ASN))
    return doc.Asn.model_validate(content)


async def transfer_of(database: Database) -> doc.Transfer:
    (content,) = await database.read(partial(read_documents, kind=doc.TRANSFER))
    return doc.Transfer.model_validate(content)


async def feed_of(database: Database, warehouse: str, after: int = 0) -> list[Change]:
    page = await database.read(partial(read_changes, warehouse=warehouse, after=after, limit=100))
    return page.changes


async def test_a_plan_becomes_a_transfer_and_a_delivery(database: Database) -> None:
    book = w1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    await all_of(database, book)
    transfer, asn = await transfer_of(database), await asn_of(database)
    assert (transfer.id, transfer.source, transfer.destination) == ("TR-abc", "C1", "W1")
    assert (asn.id, asn.transfer, asn.plan, asn.source) == ("ASN-abc", "TR-abc", "PL-abc", "C1")
    assert (transfer.status, asn.status) == ("ordered", "planned")
    assert [(line.item, line.quantity) for line in asn.ordered] == [(ITEM, 24)]


async def test_each_end_sees_its_own_document(database: Database) -> None:
    book = w1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    await all_of(database, book)
    assert [change.kind for change in await feed_of(database, "C1")] == [doc.TRANSFER]
    assert [change.kind for change in await feed_of(database, "W1")] == [doc.ASN]
    assert await feed_of(database, "W2") == []


async def test_a_plan_without_lines_orders_nothing(database: Database) -> None:
    book = w1()
    book.record(ev.PLAN_PROPOSED, body={**PLAN, "lines": []})
    await all_of(database, book)
    assert await feed_of(database, "W1") == []


async def test_dispatch_is_shown_per_lot_with_its_expiry(database: Database) -> None:
    book, central = w1(), c1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    central.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "L1", "expiry": "2026-12-31"})
    dispatch(central, 10)
    dispatch(central, 6, lot="L2")
    dispatch(central, 2)
    await all_of(database, book, central)
    asn, transfer = await asn_of(database), await transfer_of(database)
    assert [(line.lot, line.expiry, line.quantity) for line in asn.shipped] == [
        ("L1", "2026-12-31", 12),
        ("L2", None, 6),
    ]
    assert asn.shipped == transfer.shipped
    assert (asn.status, transfer.status) == ("dispatched", "dispatched")


@pytest.mark.parametrize(
    ("sent", "came", "status"),
    [
        (24, 23, "dispatched"),
        (24, 24, "received"),
        (24, 25, "received"),
        (23, 23, "dispatched"),
        (30, 24, "dispatched"),
        (30, 30, "received"),
    ],
)
async def test_received_means_all_that_was_ordered_or_sent(
    database: Database, sent: int, came: int, status: str
) -> None:
    book, central = w1(), c1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    dispatch(central, sent)
    take_in(book, came, lot="L7")
    await all_of(database, book, central)
    assert (await asn_of(database)).status == status
    assert (await transfer_of(database)).status == status


def story() -> tuple[Book, Book]:
    book, central = w1(), c1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    take_in(book, 20)
    take_in(book, 4, lot="L2")
    central.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "L1", "expiry": "2026-12-31"})
    dispatch(central, 20)
    dispatch(central, 4, lot="L2")
    return book, central


async def test_any_interleaving_of_the_two_ends_gives_the_same_documents(
    database: Database,
) -> None:
    seen = set()
    for i, order in enumerate(sorted(set(itertools.permutations("WWWCCC")))):
        # Each round is its own pair of documents, in one database.
        name = f"abc{i}"
        book, central = story()
        book.epoch = central.epoch = f"00000000-0000-7000-8000-{i + 1:012x}"
        for it in (book, central):
            it.bodies = [
                raw.replace(b"-abc", f"-{name}".encode()).replace(
                    b'"event_id":"00000000', f'"event_id":"{i + 1:08x}'.encode()
                )
                for raw in it.bodies
            ]
        at = {"W": 0, "C": 0}
        for end in order:
            at[end] += 1
            it = {"W": book, "C": central}[end]
            await send(database, it.upload(at[end], at[end]), it.warehouse)
        asns = await database.read(partial(read_documents, kind=doc.ASN))
        transfers = await database.read(partial(read_documents, kind=doc.TRANSFER))
        mine = [str(it) for it in [*asns, *transfers] if name + "'" in str(it)]
        seen.add("".join(mine).replace(name, "abc"))
    assert len(seen) == 1
    assert "'received'" in seen.pop()


async def test_the_two_ends_may_report_at_the_same_moment(database: Database) -> None:
    book, central = story()

    async def report(it: Book) -> None:
        for seq in range(1, len(it.bodies) + 1):
            await send(database, it.upload(seq, seq), it.warehouse)

    async with asyncio.TaskGroup() as group:
        group.create_task(report(book))
        group.create_task(report(central))
    assert (await asn_of(database)).status == "received"
    assert (await transfer_of(database)).status == "received"


async def test_plans_are_read_with_their_place(database: Database) -> None:
    book = w1()
    book.receive(1)
    event = book.record(ev.PLAN_PROPOSED, body=PLAN)
    book.record(ev.PLAN_PROPOSED, body={**PLAN, "plan_id": "PL-def"})
    await all_of(database, book)
    for warehouse in ("W1", None):
        plans = await database.read(partial(read_plans, warehouse=warehouse, limit=10))
        assert [plan["plan_id"] for plan in plans] == ["PL-def", "PL-abc"]
        assert (plans[1]["event_id"], plans[1]["seq"]) == (event.event_id, 2)
    assert await database.read(partial(read_plans, warehouse="C1", limit=10)) == []
    assert len(await database.read(partial(read_plans, warehouse=None, limit=1))) == 1


async def test_a_dispatch_by_somebody_else_does_not_count(database: Database) -> None:
    book = w1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    dispatch(book, 24)
    await all_of(database, book)
    assert (await transfer_of(database)).status == "ordered"


async def test_a_plan_proposed_again_by_another_event_is_set_aside(database: Database) -> None:
    book = w1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    outcome = await send(database, book.upload(), "W1")
    assert [answer.status for answer in outcome.answer.events] == ["accepted", "quarantined"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": "none"},
        {"plan_id": "PL-" + "x" * 61},
        {"warehouse": "W2"},
        {"objective": "1"},
    ],
)
async def test_a_plan_that_cannot_be_carried_out_is_set_aside(
    database: Database, wrong: dict[str, object]
) -> None:
    book = w1()
    book.record(ev.PLAN_PROPOSED, body={**PLAN, **wrong})
    outcome = await send(database, book.upload(), "W1")
    assert [answer.status for answer in outcome.answer.events] == ["quarantined"]
    assert await feed_of(database, "W1") == []


@pytest.mark.parametrize(
    ("at_w1_us", "at_c1_us", "expiry"), [(9, 5, "2026-06-06"), (5, 9, "2027-01-01")]
)
async def test_a_lot_keeps_what_was_said_first(
    database: Database, at_w1_us: int, at_c1_us: int, expiry: str
) -> None:
    book, central = w1(), c1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    lot = {"item": ITEM, "lot": "L1"}
    book.record(ev.LOT_CREATED, body={**lot, "expiry": "2027-01-01"}, at_us=at_w1_us)
    central.record(ev.LOT_CREATED, body={**lot, "expiry": "2026-06-06"}, at_us=at_c1_us)
    dispatch(central, 1)
    await all_of(database, central, book)
    assert [line.expiry for line in (await asn_of(database)).shipped] == [expiry]


async def test_nonsense_in_a_lot_does_not_reach_a_document(database: Database) -> None:
    book, central = w1(), c1()
    book.record(ev.PLAN_PROPOSED, body=PLAN)
    for expiry in ("31.12.2026", 20261231, None):
        central.record(ev.LOT_CREATED, body={"item": ITEM, "lot": "L1", "expiry": expiry})
    central.record(ev.LOT_CREATED, body={"lot": 7})
    dispatch(central, 10**12)
    dispatch(central, -(10**12), lot="L2")
    await all_of(database, book, central)
    shipped = (await asn_of(database)).shipped
    assert [(line.lot, line.expiry, line.quantity) for line in shipped] == [("L1", None, 10**9)]


# ------------------------------------------------------------------ what people write


def supplier_asn(**changes: object) -> master.AsnBody:
    return master.AsnBody.model_validate(
        {
            "id": "ASN-s",
            "warehouse": "W1",
            "source": "@supplier",
            "status": "dispatched",
            "ordered": [{"item": ITEM, "quantity": 10}],
            **changes,
        }
    )


async def put_asn(database: Database, asn: doc.Asn) -> None:
    async def script(tx: Transaction) -> None:
        await put_documents(tx, [asn_draft(asn)])
        await follow_asns(tx, [asn.id])

    await database.transact(script)


@pytest.mark.parametrize("is_known_first", [True, False])
async def test_a_suppliers_delivery_is_received_by_scans(
    database: Database, is_known_first: bool
) -> None:
    book = w1()
    for quantity in (4, 6):
        book.record(
            documents=(ev.Document(type="asn", id="ASN-s"),),
            lines=(make_line("@supplier", "DOCK", quantity),),
        )
    if is_known_first:
        await put_asn(database, supplier_asn())
    await all_of(database, book)
    if not is_known_first:
        await put_asn(database, supplier_asn())
    assert (await asn_of(database)).status == "received"


async def test_what_does_not_change_does_not_move_in_the_feed(database: Database) -> None:
    await put_asn(database, supplier_asn())
    (before,) = await feed_of(database, "W1")
    await put_asn(database, supplier_asn())
    assert await feed_of(database, "W1") == [before]
    await put_asn(database, supplier_asn(expected_at_us=5))
    (after,) = await feed_of(database, "W1")
    assert (after.version, after.cursor) == (before.version + 1, before.cursor + 1)


async def test_the_feed_pages_without_a_gap(database: Database) -> None:
    for i in range(7):
        await put_asn(database, supplier_asn(id=f"ASN-{i}"))
    found, cursor, more = [], 0, True
    while more:
        page = await database.read(partial(read_changes, warehouse="W1", after=cursor, limit=3))
        found += [change.key for change in page.changes]
        cursor, more = page.next_cursor, page.more
    assert found == [f"ASN-{i}" for i in range(7)]
    assert await feed_of(database, "W1", after=cursor) == []


async def test_a_place_beyond_the_feeds_end_starts_it_again(database: Database) -> None:
    await put_asn(database, supplier_asn())
    page = await database.read(partial(read_changes, warehouse="W1", after=99, limit=10))
    assert [change.key for change in page.changes] == ["ASN-s"]
    assert page.next_cursor == 1


async def test_the_same_place_in_another_feed_starts_it_again(
    database: Database, tmp_path: Path
) -> None:
    for i in range(3):
        await put_asn(database, supplier_asn(id=f"ASN-{i}"))
    lost = await database.read(partial(read_changes, warehouse="W1", after=0, limit=10))
    async with open_database(str(tmp_path / "restored.db")) as restored:
        for i in (0, 7, 8, 9):
            await put_asn(restored, supplier_asn(id=f"ASN-{i}"))
        read = partial(read_changes, warehouse="W1", after=lost.next_cursor, limit=10)
        page = await restored.read(partial(read, mark=lost.mark))
        assert [change.key for change in page.changes] == [f"ASN-{i}" for i in (0, 7, 8, 9)]
        again = await restored.read(
            partial(read_changes, warehouse="W1", after=page.next_cursor, limit=10, mark=page.mark)
        )
        assert not again.changes


async def test_what_is_for_others_does_not_hold_a_place_back(database: Database) -> None:
    await put_asn(database, supplier_asn())
    await put_asn(database, supplier_asn(id="ASN-other", warehouse="W2"))
    page = await database.read(partial(read_changes, warehouse="W1", after=0, limit=10))
    assert page.next_cursor == 2
