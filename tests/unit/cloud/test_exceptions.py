"""Pins that what a gateway cannot mend by itself is kept at the cloud, for people to see."""

from __future__ import annotations

from functools import partial

import pytest

from cloud_sync.inbox.admission import Refusal
from cloud_sync.inbox.wire import parse_upload
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.exceptions import read_exceptions
from cloud_sync.store.ports import Database
from tests.fakes.uploads import EPOCH, Book, changed

pytestmark = pytest.mark.usefixtures("tokens")


async def send(database: Database, raw: bytes, now_us: int) -> Taken | Refusal:
    return await database.transact(
        partial(
            take_batch, gateway="gw-W1", warehouse="W1", upload=parse_upload(raw), now_us=now_us
        )
    )


async def kept(database: Database) -> list[dict[str, object]]:
    return await database.read(read_exceptions)


async def test_rows_that_have_left_the_gateway_are_an_exception(database: Database) -> None:
    book = Book()
    for quantity in range(1, 7):
        book.receive(quantity)
    await send(database, book.batch(1, 2), 10)
    gone = changed(book.batch(5, 6), gone_seq=3)
    for now_us in (20, 30):
        outcome = await send(database, gone, now_us)
        assert isinstance(outcome, Refusal)
        assert (outcome.code, outcome.expected_seq) == ("gap", 3)
    (found,) = await kept(database)
    assert "row 3" in str(found.pop("message"))
    assert found == {
        "gateway": "gw-W1", "epoch": EPOCH, "kind": "rows_gone", "n": 2,
        "first_at_us": 20, "last_at_us": 30,
    }  # fmt: skip


@pytest.mark.parametrize("gone_seq", [None, 2])
async def test_a_gap_that_the_gateway_closes_is_none(
    database: Database, gone_seq: int | None
) -> None:
    """It says nothing of rows that left, or of others than those that are missing now."""
    book = Book()
    for quantity in range(1, 7):
        book.receive(quantity)
    await send(database, book.batch(1, 2), 10)
    assert isinstance(
        await send(database, changed(book.batch(5, 6), gone_seq=gone_seq), 20), Refusal
    )
    assert await kept(database) == []


async def test_a_fork_and_a_second_machine_are_exceptions(database: Database) -> None:
    book, other = Book(), Book(instance="b2")
    book.receive(1)
    other.receive(2, number=77)
    await send(database, book.batch(), 10)
    await send(database, other.batch(), 20)
    await send(database, changed(other.batch(), instance="a1"), 30)
    assert [found["kind"] for found in await kept(database)] == ["forked", "in_use"]
