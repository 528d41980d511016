"""Pins counts by plan: what is due, the count made of it, when it is done, what is late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import httpx
import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.counting import CountingPlan
from cloud_sync.contract.master import ServiceClass
from cloud_sync.inventory.counting_plans import (
    DAY_US,
    classes_by_demand,
    due_items,
    places_to_count,
)
from cloud_sync.service.counting import go_round
from cloud_sync.store.batches import take_batch
from cloud_sync.store.counting import name_of
from cloud_sync.store.ports import Database
from tests.fakes.http_words import bearer, client_of, code_of
from tests.fakes.uploads import ITEM, Book

NOON_US = 1_795_348_800_000_000
"""2026-11-22 at noon, UTC."""
TODAY, TOMORROW = "CYCLE.2026-11-22.W1", "CYCLE.2026-11-23.W1"
PLAN = {"warehouse": "W1", "every_days": {"A": 30, "C": 90}, "items_per_day": 1, "within_days": 2}
OTHER = "09506000134369"


# ---------------------------------------------------------------- which goods


def test_few_items_that_are_asked_for_most_make_class_a() -> None:
    demand = {"1": 50.0, "2": 30.0, "3": 15.0, "4": 4.0, "5": 1.0}
    assert classes_by_demand(demand) == {"1": "A", "2": "A", "3": "B", "4": "C", "5": "C"}
    assert classes_by_demand({"1": 0.0, "2": 0.0}) == {"1": "C", "2": "C"}


def test_what_is_longest_over_its_own_interval_comes_first() -> None:
    plan = CountingPlan(warehouse="W1", every_days={"A": 10, "C": 100})
    days_ago = {"never": None, "a": 20, "c": 150, "good": 9, "b": 4000, "due": 10}
    counted = {
        item: [None if days is None else NOON_US - days * DAY_US]
        for item, days in days_ago.items()
    }
    classes: dict[str, ServiceClass] = {"a": "A", "good": "A", "due": "A", "b": "B"}
    found = due_items(plan, classes, counted, NOON_US)
    assert [it.item for it in found] == ["never", "a", "c", "due"], "none of class B by this plan"
    assert [it.counted_us for it in found[:2]] == [None, NOON_US - 20 * DAY_US]


def test_an_item_is_due_by_the_place_that_was_not_counted_for_longest() -> None:
    plan = CountingPlan(warehouse="W1", every_days={"C": 10})
    lying = {"x": [NOON_US, NOON_US - 11 * DAY_US], "gone": []}
    assert [it.item for it in due_items(plan, {}, lying, NOON_US)] == ["x"]
    assert [it.item for it in due_items(plan, {}, {"x": [NOON_US, None]}, NOON_US)] == ["x"]


def test_the_places_of_a_count_are_those_of_the_gateways_list() -> None:
    stock, zones = {ITEM: {"R-1", "DOCK"}}, {"R-1": "cold", "A-1": "ambient"}
    scope = partial(places_to_count, stock=stock, zones=zones)
    count = doc.Count(id="C", warehouse="W1")
    assert scope(count) == {"R-1", "A-1"}
    assert scope(count.model_copy(update={"items": [ITEM]})) == {"R-1", "DOCK"}
    assert scope(count.model_copy(update={"items": [ITEM], "zones": ["cold"]})) == {"R-1"}
    assert scope(count.model_copy(update={"locations": ["X-9"]})) == {"X-9"}


def test_a_long_name_of_a_warehouse_makes_an_id_all_the_same() -> None:
    assert name_of("W1", "2026-11-22") == TODAY
    first, second = name_of("W" * 64, "2026-11-22"), name_of("W" * 63, "2026-11-22")
    assert len(first) <= 64
    assert first != second


# ---------------------------------------------------------------- counts


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOON_US + 3 * DAY_US) as it:
        yield it


@pytest.fixture
def admin(tokens: dict[str, str]) -> dict[str, str]:
    return bearer(tokens["admin"])


class Gateway:
    """The gateway of a warehouse with two items on its shelves."""

    def __init__(self, database: Database) -> None:
        self._database, self._book, self._sent = database, Book(), 0

    async def stock(self) -> None:
        for item, place in ((ITEM, "R-1"), (ITEM, "R-2"), (OTHER, "R-1")):
            await self.bring(item, place)

    async def bring(self, item: str, place: str) -> None:
        line = ev.Line(item=item, from_location="@supplier", to_location=place, quantity=5)
        self._book.record(lines=(line,), at_us=NOON_US)
        await self._tell()

    async def count(self, count: str, place: str, *, at_us: int = NOON_US + 1) -> None:
        row = {"item": ITEM, "location": place, "quantity": 5, "unit": "EA"}
        asked = (ev.Document(type="count", id=count),)
        body: dict[str, object] = {"assertions": [row], "scope": {"location": place}}
        self._book.record(ev.COUNT_OBSERVED, documents=asked, body=body, at_us=at_us)
        await self._tell()

    async def close(self, count: str, place: str, outcome: str, at_us: int = NOON_US + 2) -> None:
        asked = (ev.Document(type="count", id=count),)
        body: dict[str, object] = {"location": place, "round": 1, "outcome": outcome}
        event = self._book.record(ev.COUNT_CLOSED, documents=asked, body=body, at_us=at_us)
        raw = ev.encode_event(replace(event, location=place))
        self._book.bodies[-1] = raw
        await self._tell()

    async def _tell(self) -> None:
        upload = self._book.upload(self._sent + 1)
        self._sent = len(self._book.bodies)
        await self._database.transact(
            partial(take_batch, gateway="gw-W1", warehouse="W1", upload=upload, now_us=NOON_US)
        )


@pytest.fixture
async def gateway(database: Database, http: httpx.AsyncClient, admin: dict[str, str]) -> Gateway:
    gateway = Gateway(database)
    await gateway.stock()
    answer = await http.put("/v1/counting-plans/W1", json=PLAN, headers=admin)
    assert answer.status_code == 200, answer.text
    return gateway


async def count_of(http: httpx.AsyncClient, admin: dict[str, str], name: str) -> dict[str, object]:
    answer = await http.get(f"/v1/counts/{name}", headers=admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()["count"]
    return found


async def due_of(http: httpx.AsyncClient, admin: dict[str, str]) -> dict[str, object]:
    answer = await http.get("/v1/counts-due?warehouse=W1", headers=admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_each_day_a_count_is_made_of_what_is_due(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    assert await go_round(database, NOON_US) == 1
    assert await go_round(database, NOON_US + 3600) == 0, "one a day"
    count = await count_of(http, admin, TODAY)
    assert (count["items"], count["locations"], count["blind"]) == ([ITEM], [], True)
    assert count["due_at_us"] == NOON_US + 2 * DAY_US
    assert await go_round(database, NOON_US + DAY_US) == 1
    assert (await count_of(http, admin, TOMORROW))["items"] == [OTHER], "the other is asked for"
    assert await go_round(database, NOON_US + 2 * DAY_US) == 0, "all that is due is asked for"


async def test_a_count_is_done_when_each_of_its_places_is(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await go_round(database, NOON_US)
    for place in ("R-1", "R-2"):
        await gateway.count(TODAY, place)
    await gateway.close(TODAY, "R-1", "matched")
    await gateway.close(TODAY, "R-2", "recount")
    await go_round(database, NOON_US)
    assert (await count_of(http, admin, TODAY))["status"] == "open", "R-2 is to be counted again"
    await gateway.close(TODAY, "R-2", "approved", NOON_US + 3)
    assert await go_round(database, NOON_US) == 1
    assert (await count_of(http, admin, TODAY))["status"] == "closed"
    found = await due_of(http, admin)
    assert [it["item"] for it in found["items"]] == [OTHER]  # type: ignore[attr-defined]  # a list


async def test_what_is_late_is_told_with_the_places_that_are_left(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await go_round(database, NOON_US)
    await gateway.close(TODAY, "R-1", "unresolved")
    found = await due_of(http, admin)
    assert found["counts"] == [
        {
            "id": TODAY,
            "due_at_us": NOON_US + 2 * DAY_US,
            "seconds_left": -86_400,
            "places": [
                {"location": "R-1", "outcome": "unresolved"},
                {"location": "R-2", "outcome": None},
            ],
        }
    ]
    never = {"class": "C", "counted_at_us": None, "due_at_us": None}
    assert found["items"] == [
        {"item": ITEM, "count": TODAY, **never},
        {"item": OTHER, "count": None, **never},
    ]
    assert (found["n_counts"], found["n_items"]) == (1, 2)


async def test_goods_that_came_to_another_shelf_or_stand_on_the_dock_are_not_due(
    gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for place in ("R-1", "R-2"):
        await gateway.count("AD-HOC", place)
    await gateway.bring(ITEM, "R-3")
    await gateway.bring(ITEM, "DOCK")
    await gateway.bring(OTHER, "PACK")
    found = await due_of(http, admin)
    assert [it["item"] for it in found["items"]] == [OTHER]  # type: ignore[attr-defined]  # a list


async def test_a_shelf_that_nobody_counts_is_due_by_the_age_of_its_goods(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await gateway.count("AD-HOC", "R-1", at_us=NOON_US + 85 * DAY_US)
    assert await go_round(database, NOON_US + 89 * DAY_US) == 1, "only what was never counted"
    found = await count_of(http, admin, name_of("W1", "2027-02-19"))
    assert found["items"] == [OTHER]
    await go_round(database, NOON_US + 91 * DAY_US)
    found = await count_of(http, admin, name_of("W1", "2027-02-21"))
    assert found["items"] == [ITEM], "of R-2"


async def test_a_count_that_the_office_took_away_is_not_made_again(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await go_round(database, NOON_US)
    assert (await http.delete(f"/v1/counts/{TODAY}", headers=admin)).status_code == 200
    assert await go_round(database, NOON_US) == 0


async def test_counts_that_are_done_go_after_a_month(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await go_round(database, NOON_US)
    for place in ("R-1", "R-2"):
        await gateway.count(TODAY, place)
        await gateway.close(TODAY, place, "matched")
    await go_round(database, NOON_US)
    await go_round(database, NOON_US + 31 * DAY_US)
    assert (await http.get(f"/v1/counts/{TODAY}", headers=admin)).status_code == 404


async def test_a_hand_made_count_is_closed_as_well(
    database: Database, gateway: Gateway, http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    body = {"id": "CC-1", "warehouse": "W1", "locations": ["R-1", "R-2"]}
    await http.put("/v1/counts/CC-1", json=body, headers=admin)
    await gateway.close("CC-1", "R-1", "matched")
    await go_round(database, NOON_US)
    assert (await count_of(http, admin, "CC-1"))["status"] == "open"
    await gateway.close("CC-1", "R-2", "matched")
    await go_round(database, NOON_US)
    assert (await count_of(http, admin, "CC-1"))["status"] == "closed"


@pytest.mark.parametrize(
    "wrong",
    [{"every_days": {}}, {"every_days": {"D": 3}}, {"every_days": {"A": 0}}, {"items_per_day": 0}],
)
async def test_a_plan_that_counts_nothing_is_refused(
    http: httpx.AsyncClient, admin: dict[str, str], wrong: dict[str, object]
) -> None:
    answer = await http.put("/v1/counting-plans/W1", json=PLAN | wrong, headers=admin)
    assert (answer.status_code, code_of(answer)) == (422, "malformed")
