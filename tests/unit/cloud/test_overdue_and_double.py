"""Pins the exceptions that follow from documents: overdue transfers and double deliveries."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cloud_sync.contract import events as ev
from cloud_sync.contract.keys import transit
from cloud_sync.service.fulfilment import go_round as look_after_orders
from cloud_sync.service.overdue import go_round as look_after_transits
from cloud_sync.store.ports import Database
from cloud_sync.store.refold import refold
from cloud_sync.store.transit_rules import Patience
from tests.fakes.http_words import NOW_US
from tests.fakes.shop import HOUR_US, Shop, open_shop
from tests.fakes.uploads import ITEM, event_id, make_line

TRANSFER = "T-1"
OVERDUE_US = Patience().overdue_s * 1_000_000
UNTOLD_US = Patience().untold_s * 1_000_000
EXPECTED_US = NOW_US + 5 * HOUR_US


@pytest.fixture
async def cloud(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(database, tokens) as it:
        yield it


async def exceptions(cloud: Shop, state: str = "open") -> list[dict[str, object]]:
    found = (await cloud.get(f"/v1/exceptions?state={state}"))["exceptions"]
    assert isinstance(found, list)
    return [it for it in found if it["kind"] != "negative_stock"]


async def moved(cloud: Shop, warehouse: str, kind: str, source: str, target: str, n: int) -> str:
    """Goods of the transfer move; gives the event's id."""
    event = cloud.books[warehouse].record(
        kind,
        lines=(make_line(source, target, n),),
        documents=(ev.Document(type="transfer", id=TRANSFER),),
        at_us=NOW_US,
    )
    await cloud.tell(warehouse)
    return event.event_id


async def send(cloud: Shop, *, expected_at_us: int | None) -> str:
    """Four pieces leave W1 for C1; gives the event's id."""
    body = {
        "id": TRANSFER, "source": "W1", "destination": "C1",
        "ordered": [{"item": ITEM, "quantity": 4}],
    }  # fmt: skip
    if expected_at_us is not None:
        body["expected_at_us"] = expected_at_us
    answer = await cloud.call("PUT", f"/v1/transfers/{TRANSFER}", body)
    assert answer.status_code == 200, answer.text
    return await moved(cloud, "W1", ev.TRANSFER_DISPATCHED, "R-01", transit(TRANSFER), 4)


@pytest.mark.parametrize("expected_at_us", [EXPECTED_US, None])
async def test_a_transfer_that_does_not_come_is_told_until_it_does(
    cloud: Shop, database: Database, expected_at_us: int | None
) -> None:
    sent = await send(cloud, expected_at_us=expected_at_us)
    due_us = (expected_at_us or NOW_US + UNTOLD_US) + OVERDUE_US
    await look_after_transits(database, due_us)
    assert await exceptions(cloud) == []
    await look_after_transits(database, due_us + 1)
    await look_after_transits(database, due_us + 2)
    (found,) = await exceptions(cloud)
    assert (found["warehouse"], found["kind"], found["key"]) == (
        "C1", "transit_overdue", [TRANSFER],
    )  # fmt: skip
    (evidence,) = found["evidence"]  # type: ignore[misc]  # a list
    assert (evidence["event_id"], evidence["at_us"]) == (sent, due_us)
    await moved(cloud, "C1", ev.TRANSFER_RECEIVED, transit(TRANSFER), "DOCK", 3)
    assert len(await exceptions(cloud)) == 1, "one is still on its way"
    await refold(database)
    assert await exceptions(cloud) == [found]
    await moved(cloud, "C1", ev.TRANSFER_RECEIVED, transit(TRANSFER), "DOCK", 1)
    assert await exceptions(cloud) == []
    (ended,) = await exceptions(cloud, "resolved")
    assert ended["key"] == [TRANSFER]


@pytest.mark.parametrize("expected_at_us", [EXPECTED_US, None])
async def test_how_late_is_too_late_is_said_for_all_and_from_one_warehouse_to_another(
    cloud: Shop, database: Database, expected_at_us: int | None
) -> None:
    rules: dict[str, object] = {"overdue_s": 60, "untold_s": 120, "pairs": []}
    usual = {"overdue_s": 14_400, "untold_s": 172_800, "pairs": []}
    assert await cloud.get("/v1/transit-rules") == usual
    there = {"source": "W1", "destination": "C1", "overdue_s": 7, "untold_s": 9}
    back = {"source": "C1", "destination": "W1", "overdue_s": 1, "untold_s": 1}
    await send(cloud, expected_at_us=expected_at_us)
    for pairs, overdue_s, untold_s in (([back], 60, 120), ([there, back], 7, 9)):
        answer = await cloud.call("PUT", "/v1/transit-rules", {**rules, "pairs": pairs})
        assert answer.status_code == 200, answer.text
        due_us = (expected_at_us or NOW_US + untold_s * 1_000_000) + overdue_s * 1_000_000
        await look_after_transits(database, due_us)
        assert await exceptions(cloud) == []
    assert (await cloud.get("/v1/transit-rules"))["pairs"] == [back, there]
    await look_after_transits(database, due_us + 1)
    assert [it["key"] for it in await exceptions(cloud)] == [[TRANSFER]]


@pytest.mark.parametrize(
    "wrong", [{"overdue_s": -1}, {"untold_s": "1"}, {"pairs": [{}]}, {"more": 1}, {"pairs": 2}]
)
async def test_rules_that_make_no_sense_are_refused(cloud: Shop, wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"overdue_s": 1, "untold_s": 1}
    pair = {"source": "W1", "destination": "C1", "overdue_s": 7, "untold_s": 9}
    twice: dict[str, object] = {"pairs": [pair, pair]}
    for body in ({**good, **wrong}, {**good, **twice}):
        answer = await cloud.call("PUT", "/v1/transit-rules", body)
        assert answer.status_code == 422


async def test_a_transfer_that_came_is_never_told(cloud: Shop, database: Database) -> None:
    await send(cloud, expected_at_us=EXPECTED_US)
    await moved(cloud, "C1", ev.TRANSFER_RECEIVED, transit(TRANSFER), "DOCK", 4)
    await look_after_transits(database, EXPECTED_US + 10 * OVERDUE_US)
    assert await exceptions(cloud) == []


async def test_an_order_that_two_warehouses_delivered_is_told_to_both(
    cloud: Shop, database: Database
) -> None:
    await cloud.stock(W1=10, C1=10)
    await cloud.place(2)
    await move_from_the_dark(cloud, database)
    await cloud.move("C1", ev.ORDER_DELIVERED, "O-1.2", "R-01", "@customer", 2)
    assert await exceptions(cloud) == []
    await cloud.move("W1", ev.ORDER_DELIVERED, "O-1.1", "R-01", "@customer", 2)
    found = await exceptions(cloud)
    assert [(it["warehouse"], it["kind"], it["key"], it["n_events"]) for it in found] == [
        ("C1", "double_delivery", ["O-1"], 2),
        ("W1", "double_delivery", ["O-1"], 2),
    ]
    evidence = found[0]["evidence"]
    assert isinstance(evidence, list)
    assert {it["detail"] for it in evidence} == {"O-1.2 by C1", "O-1.1 by W1"}
    await refold(database)
    assert await exceptions(cloud) == found
    await take_back(cloud)
    assert await exceptions(cloud) == []


async def move_from_the_dark(cloud: Shop, database: Database) -> None:
    """W1 is silent for longer than the rules allow, C1 is not, and the order moves."""
    cloud.now_us += 3 * HOUR_US
    cloud.books["C1"].record(ev.GATEWAY_HEALTH)
    await cloud.tell("C1")
    await look_after_orders(database, cloud.now_us)


async def take_back(cloud: Shop) -> None:
    """What W1 delivered comes back to its shelf."""
    book = cloud.books["W1"]
    wrong = ev.parse_event(book.bodies[-1])
    right = ev.Event(
        event_id=event_id(0xBAC), type=ev.EVENT_CORRECTED, version=1, warehouse="W1",
        occurred_at_us=2_000, received_at_us=2_000, corrects=wrong.event_id,
        documents=wrong.documents, lines=(make_line("@customer", "R-01", 2),),
        body={"corrects_type": ev.ORDER_DELIVERED},
    )  # fmt: skip
    book.write(ev.encode_event(right))
    await cloud.tell("W1")
