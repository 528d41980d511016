"""Pins that the past of an item is read from the rows that concern it, however many others there
are, page by page for all items, and from whole journals where the index is not complete."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inventory.history import balances_at
from cloud_sync.store import item_history
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.item_history import Past, read_past
from cloud_sync.store.ports import Database
from cloud_sync.store.refold import refold
from tests.fakes.uploads import Book, make_line

N_ITEMS, N_EACH = 20, 6
ITEMS = [f"{n:014}" for n in range(1, N_ITEMS + 1)]


@pytest.fixture
async def filled(database: Database, tokens: dict[str, str]) -> Database:
    """Each item comes six times, in batches of 30 rows; the first one's shelf is counted."""
    book = Book()
    came = make_line("@supplier", "R-1", 2)
    for _ in range(N_EACH):
        for item in ITEMS:
            book.record(lines=(replace(came, item=item),))
    assertion = {"item": ITEMS[0], "location": "R-1", "quantity": 11}
    book.record(ev.COUNT_OBSERVED, body={"assertions": [assertion]}, at_us=2000)
    for first in range(1, len(book.bodies) + 1, 30):
        upload = book.upload(first, min(first + 29, len(book.bodies)))
        taken = await database.transact(
            partial(take_batch, gateway="gw-W1", warehouse="W1", upload=upload, now_us=1)
        )
        assert isinstance(taken, Taken)
        assert not taken.n_quarantined
    return database


async def past_of(
    database: Database, item: str | None, after: str = "", rows_max: int = 10_000
) -> Past:
    return await database.read(
        partial(read_past, warehouse="W1", item=item, after=after, rows_max=rows_max)
    )


def shelves(past: Past) -> dict[str, int]:
    found = balances_at(past.ledger_rows(), items=past.items)
    return {key.item: quantity for key, quantity in found.items() if key.location == "R-1"}


async def test_only_the_items_own_rows_are_read(filled: Database) -> None:
    counted, other = await past_of(filled, ITEMS[0]), await past_of(filled, ITEMS[7])
    assert (len(counted.rows), len(other.rows)) == (N_EACH + 1, N_EACH)
    assert shelves(counted) == {ITEMS[0]: 11}
    assert shelves(other) == {ITEMS[7]: 2 * N_EACH}


async def test_all_items_come_in_pages_of_whole_items(filled: Database) -> None:
    found: dict[str, int] = {}
    after, n_pages, more = "", 0, True
    while more:
        past = await past_of(filled, None, after, rows_max=3 * N_EACH)
        assert past.items
        assert len(past.rows) <= 3 * N_EACH
        found |= shelves(past)
        after, more, n_pages = past.items[-1], past.more, n_pages + 1
    assert found == {item: 11 if item == ITEMS[0] else 2 * N_EACH for item in ITEMS}
    assert n_pages == 7


async def test_an_item_with_more_rows_than_a_page_is_a_page(filled: Database) -> None:
    past = await past_of(filled, None, rows_max=1)
    assert (past.items, len(past.rows), past.more) == ([ITEMS[0]], N_EACH + 1, True)


async def test_without_the_index_whole_journals_are_read_until_a_refold(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await past_of(filled, None)
    await filled.transact(lambda tx: tx.execute_many("delete from item_rows", [()]))
    await filled.transact(lambda tx: tx.execute_many("update ledgers set has_items = 0", [()]))
    old = await past_of(filled, ITEMS[7])
    assert len(old.rows) == N_ITEMS * N_EACH + 1
    assert shelves(old) == {ITEMS[7]: 2 * N_EACH}
    assert (await past_of(filled, None)).items is None, "all of them at once"
    monkeypatch.setattr(item_history, "WHOLE_ROWS_MAX", N_ITEMS * N_EACH)
    with pytest.raises(item_history.NotFolded):
        await past_of(filled, ITEMS[7])
    await refold(filled)
    assert len((await past_of(filled, ITEMS[7])).rows) == N_EACH
    assert shelves(await past_of(filled, None)) == shelves(whole)
