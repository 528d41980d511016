"""Pins the exceptions queue: a function of the set of events, and resolved ones stay resolved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import httpx
import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import ACTIONS, FLAGS, raised, settles
from cloud_sync.inventory.findings import OVER_RECEIPT
from cloud_sync.service.pages import mark_place
from cloud_sync.store.batches import take_batch
from cloud_sync.store.credentials import enrol_gateway
from cloud_sync.store.documents import read_documents
from cloud_sync.store.exception_lists import EVIDENCE_MAX
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.queue_events import about, flagged, note, queue
from tests.fakes.uploads import EPOCH_2, ITEM, Book, event_id, make_line


def test_every_kind_has_its_actions() -> None:
    assert set(FLAGS) <= set(ACTIONS)
    assert all(ACTIONS.values())


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_an_event_without_goods_and_documents_is_evidence_all_the_same(flag: str) -> None:
    bare = replace(flagged(1, flag), lines=(), documents=())
    (found,) = raised(bare)
    assert found.kind == flag
    assert found.key
    assert found.evidence == (bare.event_id,)


def test_events_raise_what_their_flags_and_types_say() -> None:
    found = [(it.kind, it.key) for it in raised(flagged(1, OVER_RECEIPT, "recount_needed"))]
    assert found == [("over_receipt", ("ASN-1", ITEM))]
    started = about(ev.EXCURSION_STARTED, 2, zone="cold", sides=["high"])
    assert [(it.kind, it.key, it.detail) for it in raised(started)] == [
        ("excursion", ("cold", "pda-1"), "high")
    ]
    held = about(ev.LOT_HELD, 3, item=ITEM, lot="L1", reason="exposure", verdict="waste")
    assert [(it.kind, it.key, it.action) for it in raised(held)] == [
        ("exposure", (ITEM, "L1"), "waste")
    ]
    assert list(raised(about(ev.LOT_HELD, 3, item=ITEM, lot="L1", reason="torn"))) == []


def test_what_is_packed_for_an_order_is_its_goods_and_the_order() -> None:
    box, order = ev.Document(type="sscc", id="1" * 18), ev.Document(type="order", id="O-1")
    packed = replace(
        about(ev.UNIT_PACKED, 1, children=[{"item": ITEM, "lot": "L1"}, {"item": ITEM}, 7]),
        flags=("not_picked",),
        documents=(box, order),
    )
    assert [it.key for it in raised(packed)] == [("O-1", ITEM)]
    (loose,) = raised(replace(packed, documents=(box,)))
    assert loose.key == (box.id, ITEM)


def test_corrections_and_recoveries_settle_and_nothing_else() -> None:
    assert settles(about(ev.EVENT_CORRECTED, 2, corrects=event_id(1))) == event_id(1)
    assert settles(about(ev.SENSOR_RECOVERED, 2, cause=event_id(1))) == event_id(1)
    assert settles(about(ev.EXCURSION_ENDED, 2, cause=event_id(1))) is None


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (3, 0, 4, 2, 1, 3, 4, 0)])
async def test_the_same_events_make_the_same_queue(
    database: Database, order: tuple[int, ...]
) -> None:
    """In any order and however often: what settles may come before what it settles."""
    events = [
        flagged(1, OVER_RECEIPT, at_us=10),
        flagged(2, OVER_RECEIPT, "unknown_item", at_us=20),
        about(ev.SENSOR_FAULT, 3, kind="stuck", reason="a\0b"),
        about(ev.SENSOR_RECOVERED, 4, cause=event_id(3)),
        about(ev.EVENT_CORRECTED, 5, corrects=event_id(1)),
    ]
    for i_event in order:
        await note(database, [events[i_event]])
    found = await queue(database)
    assert [(it["kind"], it["key"], it["n_events"]) for it in found] == [
        ("over_receipt", ["ASN-1", ITEM], 1),
        ("unknown_item", [ITEM], 1),
    ]
    assert found[0]["evidence"] == [
        {"event_id": event_id(2), "at_us": 20, "detail": ev.GOODS_RECEIVED}
    ]


async def test_of_much_evidence_the_oldest_is_shown_and_all_of_it_counted(
    database: Database,
) -> None:
    n_events = EVIDENCE_MAX + 3
    await note(
        database, [flagged(n, OVER_RECEIPT, at_us=1000 - n) for n in range(1, n_events + 1)]
    )
    (found,) = await queue(database)
    assert (found["n_events"], found["first_at_us"], found["last_at_us"]) == (
        n_events, 1000 - n_events, 999,
    )  # fmt: skip
    evidence = found["evidence"]
    assert isinstance(evidence, list)
    assert [it["at_us"] for it in evidence] == list(
        range(1000 - n_events, 1000 - n_events + EVIDENCE_MAX)
    )


@pytest.fixture
async def http(database: Database, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US, headers=bearer(tokens["admin"])) as it:
        yield it


async def read_changes(database: Database) -> list[dict[str, object]]:
    """The words that the warehouse's gateway is told."""
    return list(await database.read(partial(read_documents, kind=doc.RESOLUTION)))


def said(*numbers: int, **members: object) -> dict[str, object]:
    return {
        "warehouse": "W1", "kind": "over_receipt", "key": ["ASN-1", ITEM],
        "evidence": [event_id(n) for n in numbers], "action": "accept", "reason": "agreed",
        **members,
    }  # fmt: skip


async def test_what_is_resolved_stays_so_and_new_evidence_opens_it_again(
    database: Database, http: httpx.AsyncClient
) -> None:
    await note(database, [flagged(1, OVER_RECEIPT)])
    done = await http.post("/v1/exceptions/resolve", json=said(1))
    assert (done.status_code, done.json()) == (200, {"resolved": 1})
    await note(database, [flagged(1, OVER_RECEIPT)])
    assert (await http.get("/v1/exceptions")).json() == {"exceptions": []}
    again = await http.post("/v1/exceptions/resolve", json=said(1, reason="another word"))
    assert again.status_code == 200
    (entry,) = (await http.get("/v1/exceptions?state=resolved")).json()["exceptions"]
    (kept,) = entry["evidence"][0]["said"]
    assert (entry["state"], entry["actions"]) == ("resolved", [])
    assert (kept["author"], kept["action"], kept["reason"], kept["at_us"]) == (
        "admin", "accept", "agreed", NOW_US,
    )  # fmt: skip
    (told,) = await read_changes(database)
    assert (told["evidence"], told["reason"], told["author"]) == ([event_id(1)], "agreed", "admin")
    await note(database, [flagged(2, OVER_RECEIPT)])
    (opened,) = (await http.get("/v1/exceptions")).json()["exceptions"]
    assert [it["event_id"] for it in opened["evidence"]] == [event_id(2)]
    assert opened["actions"] == ["accept", "return", "correct"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (said(9), "not_found"),
        (said(1, key=["ASN-2", ITEM]), "not_found"),
        (said(1, action="forget"), "malformed"),
        (said(1, kind="negative_stock"), "malformed"),
        (said(1, reason=""), "malformed"),
        (said(), "malformed"),
    ],
)
async def test_only_what_is_there_can_be_resolved(
    database: Database, http: httpx.AsyncClient, body: dict[str, object], code: str
) -> None:
    await note(database, [flagged(1, OVER_RECEIPT)])
    assert code_of(await http.post("/v1/exceptions/resolve", json=body)) == code
    assert len((await http.get("/v1/exceptions")).json()["exceptions"]) == 1


async def pages(http: httpx.AsyncClient, query: str) -> list[dict[str, object]]:
    """All pages of a list, two entries each."""
    found, after = [], ""
    while True:
        page = (await http.get(f"/v1/exceptions?limit=2&{query}{after}")).json()
        found += page["exceptions"]
        if "next_after" not in page:
            return found
        after = f"&after={page['next_after']}"


async def test_the_queue_is_read_page_by_page_and_the_balances_come_last(
    database: Database, http: httpx.AsyncClient
) -> None:
    flags = ("lot_expired", OVER_RECEIPT, "unknown_document", "unknown_item", "wrong_item")
    await note(database, [flagged(1, *flags)])
    book = Book()
    for place in ("A-1", "A-2", "A-3"):
        book.record(lines=(make_line(place, "@customer", 3, lot='a"b'),))
    await take(database, book, 1)
    found = await pages(http, "")
    assert [it["kind"] for it in found] == [*sorted(flags), *["negative_stock"] * 3]
    assert [it["key"][1] for it in found[5:]] == ["A-1", "A-2", "A-3"]  # type: ignore[index]  # a list
    assert [it["kind"] for it in await pages(http, "kind=negative_stock")] == [
        "negative_stock"
    ] * 3
    assert [it["kind"] for it in await pages(http, "kind=wrong_item")] == ["wrong_item"]
    assert [it["kind"] for it in await pages(http, "since_us=1000")] == sorted(flags)
    assert await pages(http, "since_us=1001") == []
    assert await pages(http, "state=resolved") == []
    assert await pages(http, "warehouse=C1") == []


@pytest.mark.parametrize(
    "query", ["limit=1001", "limit=0", "state=lost", "after=x", "since_us=-1"]
)
async def test_a_list_that_nobody_can_give_is_refused(http: httpx.AsyncClient, query: str) -> None:
    assert code_of(await http.get(f"/v1/exceptions?{query}")) == "malformed"


@pytest.mark.parametrize(
    "key", ["{", "[]", '["\\u0000","","","","",""]', "[1,2,3,4,5,6]", "[" * 300]
)
async def test_a_place_that_no_page_ended_with_gives_an_empty_page(
    http: httpx.AsyncClient, key: str
) -> None:
    after = mark_place(["@stock", "negative_stock", key])
    answer = await http.get("/v1/exceptions", params={"after": after})
    assert (answer.status_code, answer.json()) == (200, {"exceptions": []})


async def take(database: Database, book: Book, first: int) -> None:
    await database.transact(
        partial(
            take_batch, gateway=book.gateway, warehouse=book.warehouse, upload=book.upload(first),
            now_us=5,
        )
    )  # fmt: skip


async def test_an_uncertain_count_is_asked_for_again_once_and_at_once(
    database: Database, http: httpx.AsyncClient
) -> None:
    enrol = partial(enrol_gateway, gateway="gw-W1b", warehouse="W1", now_us=1)
    await database.transact(enrol)
    books = Book(), Book("gw-W1b", epoch=EPOCH_2)
    n_sent = {book.gateway: 0 for book in books}

    async def tell(book: Book) -> list[dict[str, object]]:
        await take(database, book, n_sent[book.gateway] + 1)
        n_sent[book.gateway] = len(book.bodies)
        return await database.read(partial(read_documents, kind=doc.COUNT))

    def count(at_us: int) -> None:
        row = {"item": ITEM, "location": "A-1", "quantity": 5, "unit": "EA"}
        books[0].record(ev.COUNT_OBSERVED, body={"assertions": [row]}, at_us=at_us)

    def pick(at_us: int) -> None:
        books[1].record(ev.GOODS_PICKED, lines=(make_line("A-1", "PACK", 1),), at_us=at_us)

    count(1_000)
    assert await tell(books[0]) == []
    pick(1_000)
    (asked,) = await tell(books[1])
    assert (asked["locations"], asked["items"], asked["warehouse"]) == (["A-1"], [ITEM], "W1")
    pick(1_000)
    assert await tell(books[1]) == [asked], "one count is one task"
    (told,) = (await http.get("/v1/exceptions?kind=count_uncertain")).json()["exceptions"]
    assert told["n_events"] == 3, "and people still see why"
    count(5_000)
    assert await tell(books[0]) == [asked]
    assert (await http.get("/v1/exceptions?kind=count_uncertain")).json()["exceptions"] == []
    pick(1_000)
    assert await tell(books[1]) == [asked], "it has been counted again since"
    pick(5_000)
    assert len(await tell(books[1])) == 2


async def test_stock_below_nothing_stands_there_until_the_balance_is_right(
    database: Database, http: httpx.AsyncClient
) -> None:
    """It came in a batch, like everything: the queue is filled where rows are taken."""
    book = Book()
    book.record(lines=(make_line("A-1", "@customer", 3),))
    await take(database, book, 1)
    (standing,) = (await http.get("/v1/exceptions?warehouse=W1")).json()["exceptions"]
    assert (standing["kind"], standing["detail"], standing["actions"]) == (
        "negative_stock", "-3 EA", ["recount"],
    )  # fmt: skip
    word = said(kind="negative_stock", key=standing["key"], action="recount", evidence=[])
    assert code_of(await http.post("/v1/exceptions/resolve", json=word)) == "malformed"
    once = {"Idempotency-Key": "k"}
    asked = (await http.post("/v1/exceptions/resolve", json=word, headers=once)).json()
    await http.post("/v1/exceptions/resolve", json=word, headers=once)
    (count,) = await database.read(partial(read_documents, kind=doc.COUNT))
    assert (count["id"], count["locations"], count["items"], count["warehouse"]) == (
        asked["count"], ["A-1"], [ITEM], "W1",
    )  # fmt: skip
    assert len((await http.get("/v1/exceptions")).json()["exceptions"]) == 1
    book.record(lines=(make_line("@supplier", "A-1", 3),))
    await take(database, book, 2)
    assert (await http.get("/v1/exceptions?warehouse=W1")).json() == {"exceptions": []}
