"""Pins what ends and settles exceptions, and which of them only two events together show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.inventory.findings import OVER_RECEIPT
from cloud_sync.store.exception_queue import note_events
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of
from tests.fakes.queue_events import about, flagged, note, queue
from tests.fakes.uploads import ITEM, event_id, make_line


@pytest.fixture
async def http(database: Database, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US, headers=bearer(tokens["admin"])) as it:
        yield it


def kinds_of(found: Sequence[dict[str, object]]) -> list[object]:
    return [it["kind"] for it in found]


async def test_the_release_of_a_lot_ends_what_held_it_whichever_is_heard_first(
    database: Database,
) -> None:
    held = replace(
        about(ev.LOT_HELD, 1, item=ITEM, lot="L1", reason="exposure"), occurred_at_us=10
    )
    free = replace(about(ev.LOT_RELEASED, 2, item=ITEM, lot="L1"), occurred_at_us=20)
    again = replace(held, event_id=event_id(3), occurred_at_us=30)
    await note(database, [free])
    await note(database, [held])
    assert await queue(database) == []
    await note(database, [again])
    (opened,) = await queue(database)
    assert [it["event_id"] for it in opened["evidence"]] == [event_id(3)]  # type: ignore[attr-defined]  # a list


async def test_an_approval_ends_what_waited_for_it(database: Database) -> None:
    def closed(number: int, outcome: str, at_us: int, *flags: str) -> ev.Event:
        event = about(ev.COUNT_CLOSED, number, location="A-1", outcome=outcome)
        counts = (ev.Document(type="count", id="C-1"),)
        return replace(event, documents=counts, location="A-1", flags=flags, occurred_at_us=at_us)

    await note(database, [closed(1, "unresolved", 10, "approval_needed")])
    (found,) = await queue(database)
    assert found["key"] == ["count", "C-1", "A-1"]
    await note(database, [closed(2, "approved", 20)])
    assert await queue(database) == []


def counted(number: int, at_us: int, *, late_us: int = 0) -> ev.Event:
    mark = ev.DeviceMark(id="pda-1", boot="b", seq=number, clock="trusted", error_us=0)
    row = {"item": ITEM, "location": "A-1", "quantity": 3}
    return replace(
        about(ev.COUNT_OBSERVED, number, assertions=[row]),
        device=mark, occurred_at_us=at_us, received_at_us=at_us + late_us,
    )  # fmt: skip


async def test_a_count_that_came_days_late_is_told_until_the_next_one(database: Database) -> None:
    days_us = 4 * 86_400_000_000
    await note(database, [counted(1, 10, late_us=days_us)])
    assert kinds_of(await queue(database)) == ["count_stale"]
    await note(database, [counted(2, 9)])
    assert kinds_of(await queue(database)) == ["count_stale"], "an older one says nothing"
    await note(database, [counted(3, 11)])
    assert await queue(database) == []


async def test_what_comes_after_an_approval_and_lies_before_its_count_is_told(
    database: Database,
) -> None:
    minute_us = 60_000_000
    closed = about(
        ev.COUNT_CLOSED, 3, location="A-1", outcome="approved",
        differences=[{"item": ITEM, "unit": "EA", "counted": 3, "book": 5}],
    )  # fmt: skip
    approval = replace(closed, occurred_at_us=12 * minute_us, received_at_us=12 * minute_us)
    picks = [
        replace(
            flagged(number), type=ev.GOODS_PICKED, lines=(make_line("A-1", "PACK", 1),),
            device=counted(number, 0).device, occurred_at_us=at * minute_us,
            received_at_us=heard * minute_us,
        )
        for number, at, heard in ((4, 9, 11), (5, 11, 20), (6, 8, 20))
    ]  # fmt: skip
    await note(database, [counted(2, 10 * minute_us), approval])
    await note(database, picks[:2])
    assert await queue(database) == [], "known when it was approved, or after the count"
    await note(database, picks[2:])
    (found,) = await queue(database)
    assert (found["kind"], found["key"]) == (
        "late_variance", ["W1", "A-1", ITEM, "", "available", "EA"],
    )  # fmt: skip
    assert {it["event_id"] for it in found["evidence"]} == {event_id(3), event_id(6)}  # type: ignore[attr-defined]  # a list


WORD = {
    "warehouse": "W1", "kind": OVER_RECEIPT, "key": ["ASN-1", ITEM], "evidence": [event_id(1)],
    "action": "accept", "reason": "agreed",
}  # fmt: skip


async def test_words_of_a_gateway_settle_and_the_earlier_of_two_stands(
    database: Database, http: httpx.AsyncClient
) -> None:
    word = {
        "kind": OVER_RECEIPT, "key": ["ASN-1", ITEM], "evidence": [event_id(1)],
        "action": "return", "reason": "sent back", "author": "w17",
    }  # fmt: skip
    at_the_edge = replace(about(ev.EXCEPTION_RESOLVED, 7), body=word, occurred_at_us=NOW_US - 5)
    await note(database, [flagged(1, OVER_RECEIPT)])
    assert (await http.post("/v1/exceptions/resolve", json=WORD)).status_code == 200
    await note(database, [at_the_edge])
    assert await queue(database) == []
    (entry,) = (await http.get("/v1/exceptions?state=resolved")).json()["exceptions"]
    assert [(it["author"], it["action"]) for it in entry["evidence"][0]["said"]] == [
        ("w17", "return"), ("admin", "accept"),
    ]  # fmt: skip


async def test_the_word_of_a_gateway_may_come_before_what_it_is_about(database: Database) -> None:
    word = {
        "kind": OVER_RECEIPT, "key": ["ASN-1", ITEM], "evidence": [event_id(1)],
        "action": "return", "reason": "sent back", "author": "w17",
    }  # fmt: skip
    await note(database, [replace(about(ev.EXCEPTION_RESOLVED, 7), body=word)])
    await note(database, [flagged(1, OVER_RECEIPT)])
    assert await queue(database) == []


# ---------------------------------------------------------------- what two events show


def tag(number: int, point: str, at_us: int, warehouse: str = "W1") -> ev.Event:
    event = about(ev.TAG_ARRIVED, number, read_point=point, epc="30", gtin=ITEM, serial="S1")
    return replace(event, occurred_at_us=at_us, received_at_us=at_us, warehouse=warehouse)


async def test_a_tag_at_two_warehouses_at_once_is_told_at_both(
    database: Database, tokens: dict[str, str]
) -> None:
    await note(database, [tag(1, "door-1", 10)])
    assert await queue(database) == []
    await database.transact(
        partial(note_events, warehouse="C1", gateway="gw-C1", events=[tag(2, "door-9", 20, "C1")])
    )
    found = await queue(database)
    assert [(it["warehouse"], it["kind"], it["key"], it["n_events"]) for it in found] == [
        ("C1", "duplicate_epc", [ITEM, "S1"], 2),
        ("W1", "duplicate_epc", [ITEM, "S1"], 2),
    ]
    evidence = found[0]["evidence"]
    assert isinstance(evidence, list)
    assert [it["detail"] for it in evidence] == ["W1 door-1", "C1 door-9"]


async def test_an_unknown_tag_is_one_line_for_its_goods_and_day(database: Database) -> None:
    tags = [
        replace(tag(number, "door-1", at_us), flags=("unknown_tag",))
        for number, at_us in ((1, 10), (2, 70_000_000), (3, 86_400_000_000))
    ]
    await note(database, tags)
    assert [(it["key"], it["n_events"]) for it in await queue(database)] == [
        ([ITEM, "1970-01-01"], 2),
        ([ITEM, "1970-01-02"], 1),
    ]


async def test_two_expiries_of_a_lot_and_two_corrections_of_an_event_are_told(
    database: Database,
) -> None:
    lots = [
        about(ev.LOT_CREATED, number, item=ITEM, lot="L1", expiry=day)
        for number, day in ((1, "2026-01-01"), (2, "2026-01-02"))
    ]
    twice = [about(ev.EVENT_CORRECTED, number, corrects=event_id(1)) for number in (8, 9)]
    await note(database, lots[:1])
    await note(database, twice[:1])
    assert await queue(database) == []
    await note(database, [*lots[1:], *twice[1:]])
    found = await queue(database)
    assert [(it["kind"], it["key"]) for it in found] == [
        ("correction_conflict", ["W1", event_id(1)]),
        ("expiry_conflict", [ITEM, "L1"]),
    ]
