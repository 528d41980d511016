"""Pins that what lots had suffered at the sender goes down with their delivery, in any order of
telling, and that of all that was told of a lot the worst counts."""

from __future__ import annotations

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.store.documents import asn_draft, put_documents
from cloud_sync.store.ports import Database
from tests.fakes.uploads import ITEM, Book
from tests.unit.cloud.test_orders import (
    PLAN,
    TRANSFER,
    all_of,
    asn_of,
    c1,
    dispatch,
    feed_of,
    w1,
)

pytestmark = pytest.mark.usefixtures("tokens")


def suffer(book: Book, lot: str | None, **sums: object) -> None:
    """The sender tells what a lot had suffered, and something that nobody can read."""
    carried = {"item": ITEM, "lot": lot, "above_us": 5, **sums}
    body = {"lots": [carried if lot else {"item": ITEM, "above_us": 5, **sums}, {"item": 7}]}
    book.record(ev.EXPOSURE_CARRIED, documents=(TRANSFER,), body=body)


@pytest.mark.parametrize("is_told_before_the_plan", [False, True])
async def test_what_lots_suffered_at_the_sender_goes_down_with_their_delivery(
    database: Database, *, is_told_before_the_plan: bool
) -> None:
    receiver, sender, stranger = w1(), c1(), Book(gateway="gw-C2", warehouse="C2")
    receiver.record(ev.PLAN_PROPOSED, body=PLAN)
    dispatch(sender, 20)
    suffer(sender, "L1", below_us=9, verdict="hold")
    suffer(sender, "L1", heat_centi_c_us=2**53 - 1)
    suffer(sender, None)
    suffer(stranger, "L1", above_us=99)
    books = [stranger, receiver, sender]
    await all_of(database, *(reversed(books) if is_told_before_the_plan else books))
    first, second = (await asn_of(database)).exposures or ()
    assert (first.lot, second.lot, second.above_us) == (None, "L1", 5)
    assert (second.below_us, second.heat_centi_c_us) == (9, 2**53 - 1), "of each part the worst"
    assert (await asn_of(database)).left_us == 1_000, "by the first dispatch"
    assert second.verdict == "hold"
    (change,) = await feed_of(database, "W1")
    assert change.data is not None
    assert [it["lot"] for it in change.data["exposures"] if "lot" in it] == ["L1"]  # type: ignore[attr-defined]


async def test_what_the_office_says_of_exposure_stays_and_the_sender_adds_to_it(
    database: Database,
) -> None:
    receiver, sender = w1(), c1()
    receiver.record(ev.PLAN_PROPOSED, body=PLAN)
    await all_of(database, receiver)
    logger = [{"item": ITEM, "lot": "L1", "above_us": 70}]
    asn = (await asn_of(database)).model_dump() | {"exposures": logger}
    draft = asn_draft(doc.Asn.model_validate(asn))
    await database.transact(lambda tx: put_documents(tx, [draft]))
    dispatch(sender, 20)
    suffer(sender, "L1", below_us=9)
    await all_of(database, sender)
    (told,) = (await asn_of(database)).exposures or ()
    assert (told.above_us, told.below_us) == (70, 9)
