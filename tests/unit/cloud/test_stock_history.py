"""Pins what the cloud answers of stock as it was, of a balance's account and of counts, who may
ask, and that stock folded again is the same stock, in both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.service.pages import mark_place
from cloud_sync.store.balances_then import Asked, read_balances
from cloud_sync.store.batches import Taken, take_batch
from cloud_sync.store.lot_states import read_barred
from cloud_sync.store.ports import Database
from cloud_sync.store.refold import refold
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import NOW_US, bearer
from tests.fakes.uploads import ITEM, Book, make_line

TABLES = {
    "stock": "select * from stock where quantity <> 0 order by 1, 2, 3, 4, 5, 6",
    "stock_counts": "select * from stock_counts order by 1, 7, 2, 3, 4",
    "corrections": "select * from corrections order by 1, 2",
    "ledgers": "select warehouse, horizon, n_open, times, known_us from ledgers order by 1",
    "postings": "select item, location, day, batch, quantity, entries from stock_postings "
    "order by 1, 2, 3, 4",
    "batches": "select warehouse, known_us, batch from ledger_batches order by 1, 2, 3",
}
SHELF = {"location": "R-1", "item": ITEM, "lot": "", "status": "available", "unit": "EA"}


@pytest.fixture
async def http(database: Database, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A warehouse's day: 20 come, 17 are counted, 2 leave, and the receipt was really 18."""
    book = Book()
    came = book.record(ev.GOODS_RECEIVED, lines=(make_line("@supplier", "R-1", 20),), at_us=10)
    assertion = {"item": ITEM, "location": "R-1", "quantity": 17}
    book.record(ev.COUNT_OBSERVED, body={"assertions": [assertion]}, at_us=20)
    book.record(ev.GOODS_PICKED, lines=(make_line("R-1", "PACK", 2),), at_us=30)
    back = make_line("R-1", "@supplier", 20), make_line("@supplier", "R-1", 18)
    fixed = ev.Event(
        event_id="00000000-0000-7000-8000-0000000000f1", type=ev.EVENT_CORRECTED, version=1,
        occurred_at_us=40, received_at_us=40, warehouse="W1", corrects=came.event_id, lines=back,
    )  # fmt: skip
    book.write(ev.encode_event(fixed))
    for n, (first, last) in enumerate([(1, 2), (3, 4)], 1):
        taken = await database.transact(
            partial(
                take_batch, gateway="gw-W1", warehouse="W1",
                upload=book.upload(first, last), now_us=n * 100,
            )
        )  # fmt: skip
        assert isinstance(taken, Taken)
    transport = httpx.ASGITransport(make_app(database, wall_us=lambda: NOW_US))
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as it:
        it.headers.update(bearer(tokens["reader"]))
        yield it


async def shelf(http: httpx.AsyncClient, **times: int) -> int:
    answer = await http.get("/v1/stock/history", params={"warehouse": "W1", **times})
    assert answer.status_code == 200
    rows = {row["location"]: row["quantity"] for row in answer.json()["stock"]}
    return int(rows.get("R-1", 0))


async def test_stock_as_of_a_time_and_as_it_was_known(http: httpx.AsyncClient) -> None:
    assert await shelf(http) == 15
    assert await shelf(http, as_of_us=10) == 18, "by what is known now"
    assert await shelf(http, as_of_us=10, known_at_us=100) == 20, "by what was known then"
    assert await shelf(http, known_at_us=100) == 17
    assert await shelf(http, as_of_us=9) == 0


async def test_the_account_of_a_balance_names_every_row(http: httpx.AsyncClient) -> None:
    params = {"warehouse": "W1", "location": "R-1", "item": ITEM}
    answer = (await http.get("/v1/stock/postings", params=params)).json()
    assert answer["balance"] == 15
    told = [
        (p["seq"], p["type"], p["quantity"], p["counted"], p["balance"])
        for p in answer["postings"]
    ]
    assert told[:2] == [
        (1, ev.GOODS_RECEIVED, 20, None, 20),
        (4, ev.EVENT_CORRECTED, -2, None, 18),
    ]
    assert told[2:] == [
        (2, ev.COUNT_OBSERVED, -1, 17, 17),
        (3, ev.GOODS_PICKED, -2, None, 15),
    ]
    assert {p["device"] for p in answer["postings"]} == {"pda-1", None}


@pytest.mark.parametrize("is_complete", [1, 0])
async def test_an_account_comes_in_pages(
    http: httpx.AsyncClient, database: Database, is_complete: int
) -> None:
    set_it = "update ledgers set has_postings = ?"
    await database.transact(lambda tx: tx.execute_many(set_it, [(is_complete,)]))
    params: dict[str, str | int] = {"warehouse": "W1", "location": "R-1", "item": ITEM}
    whole = (await http.get("/v1/stock/postings", params=params)).json()["postings"]
    found = []
    page = {"next_after": None}
    while "next_after" in page:
        more = {} if page["next_after"] is None else {"after": page["next_after"]}
        page = (await http.get("/v1/stock/postings", params={**params, "limit": 1, **more})).json()
        assert len(page["postings"]) <= 1
        assert page["balance"] == 15, "what it is now, on every page"
        found += page["postings"]
    assert found == whole
    assert len(found) == 4


@pytest.mark.parametrize("mark", [["x", "", ""], ["-1", "", ""], ["0", "place", ""], ["0"]])
async def test_a_mark_of_something_else_is_refused(
    http: httpx.AsyncClient, mark: list[str]
) -> None:
    params = {"warehouse": "W1", "location": "R-1", "item": ITEM, "after": mark_place(mark)}
    answer = await http.get("/v1/stock/postings", params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "malformed")


async def test_what_was_known_is_not_forgotten_by_a_clock_that_goes_back(
    database: Database, tokens: dict[str, str]
) -> None:
    book = Book()
    for quantity in (5, 7):
        book.record(lines=(make_line("@supplier", "R-1", quantity),))
    for seq, now_us in ((1, 200), (2, 100)):
        upload = book.upload(seq)
        await database.transact(
            partial(take_batch, gateway="gw-W1", warehouse="W1", upload=upload, now_us=now_us)
        )
    found = []
    for known_at_us in (150, 200):
        asked = Asked("W1", ITEM, "", 10, None, known_at_us)
        then = await database.read(partial(read_balances, asked=asked))
        assert then is not None
        found.append(sum(then.quantities.values()))
    assert found == [0, 12]


async def test_counts_are_told_with_what_they_changed(http: httpx.AsyncClient) -> None:
    (count,) = (await http.get("/v1/stock/counts", params={"warehouse": "W1"})).json()["counts"]
    assert {name: count[name] for name in SHELF} == SHELF
    assert (count["counted"], count["variance"], count["at_us"]) == (17, -1, 20)


@pytest.mark.parametrize("what", ["history", "postings", "counts"])
async def test_a_gateway_may_not_ask(
    http: httpx.AsyncClient, tokens: dict[str, str], what: str
) -> None:
    params = {"warehouse": "W1", "location": "R-1", "item": ITEM}
    answer = await http.get(f"/v1/stock/{what}", params=params, headers=bearer(tokens["gw-W1"]))
    assert answer.status_code == 403


async def test_stock_folded_again_is_the_same_to_the_last_row(
    http: httpx.AsyncClient, database: Database
) -> None:
    async def tables() -> dict[str, object]:
        found = {}
        for name, sql in TABLES.items():
            found[name] = [
                tuple(row) for row in await database.read(lambda tx, q=sql: tx.fetch(q))
            ]
        return found

    before = await tables()
    await database.transact(
        lambda tx: tx.execute_many("update stock set quantity = quantity + 1", [()])
    )
    assert await refold(database) == 4
    assert await tables() == before


async def test_words_on_lots_from_before_they_were_kept_are_found_by_a_refold(
    database: Database, tokens: dict[str, str]
) -> None:
    book = Book()
    book.record(ev.LOT_HELD, body={"item": ITEM, "lot": "L1", "reason": "smells"}, at_us=10)
    book.record(ev.LOT_HELD, body={"item": ITEM, "lot": "L2", "reason": "smells"}, at_us=20)
    book.record(ev.LOT_RELEASED, body={"item": ITEM, "lot": "L2"}, at_us=30)
    for seq in (1, 2, 3):
        await database.transact(
            partial(
                take_batch, gateway="gw-W1", warehouse="W1", upload=book.upload(seq), now_us=50
            )
        )
    await database.transact(lambda tx: tx.execute_many("delete from lot_states", [()]))
    assert (await database.read(partial(read_barred, items=[ITEM]))).held == frozenset()
    await refold(database)
    barred = await database.read(partial(read_barred, items=[ITEM]))
    assert barred.held == {(ITEM, "L1", "W1")}
