"""Pins why goods may not be sold: papers end with their last day where the warehouse is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.ports import Database
from cloud_sync.store.usable_lots import day_at
from tests.fakes.http_words import Wall, bearer, client_of
from tests.fakes.shop import open_shop
from tests.fakes.uploads import ITEM

# One second before midnight in Shanghai, on the paper's last day.
EVE_US = int(datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """The same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
def wall() -> Wall:
    return Wall(EVE_US)


@pytest.fixture
async def http(
    database: Database, wall: Wall, tokens: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, wall, headers=bearer(tokens["admin"])) as it:
        yield it


async def blocks(http: httpx.AsyncClient, warehouse: str = "SH") -> tuple[bool, list[str]]:
    answer = (await http.get(f"/v1/sellable?item={ITEM}&warehouse={warehouse}")).json()
    return answer["sellable"], [f"{it['reason']} {it['document']}" for it in answer["blocks"]]


async def certify(http: httpx.AsyncClient, name: str, until: str, type_: str = "organic") -> None:
    body = {"id": name, "type": type_, "items": [ITEM], "valid_until": until, "supplier": "S1"}
    assert (await http.put(f"/v1/certificates/{name}", json=body)).status_code == 200


async def test_a_paper_is_good_on_its_last_day_in_the_warehouses_own_time(
    http: httpx.AsyncClient, wall: Wall
) -> None:
    place = {"id": "SH", "name": "Shanghai", "country": "CN", "time_zone": "Asia/Shanghai"}
    await http.put("/v1/warehouses/SH", json=place)
    await certify(http, "C-1", "2026-06-30")
    assert await blocks(http) == (True, [])
    wall.now_us += 1_000_000
    assert await blocks(http) == (False, ["certificate_expired C-1"])
    assert await blocks(http, "elsewhere") == (True, []), "without a zone days are UTC's"


async def test_a_newer_paper_of_the_same_type_makes_it_good_again(
    http: httpx.AsyncClient,
) -> None:
    await certify(http, "C-1", "2026-01-01")
    await certify(http, "C-2", "2027-01-01", "customs")
    assert await blocks(http) == (False, ["certificate_expired C-1"])
    await certify(http, "C-3", "2027-01-01")
    assert await blocks(http) == (True, [])


async def at_risk(http: httpx.AsyncClient, query: str = "") -> list[tuple[str, int, str]]:
    answer = await http.get(f"/v1/certificates-at-risk{query}")
    assert answer.status_code == 200, answer.text
    assert all(it["items"] == [ITEM] for it in answer.json()["certificates"])
    return [(it["id"], it["days_left"], it["stage"]) for it in answer.json()["certificates"]]


async def test_papers_are_told_of_before_they_end_until_their_successor_is_there(
    http: httpx.AsyncClient, wall: Wall
) -> None:
    place = {"id": "SH", "name": "Shanghai", "country": "CN", "time_zone": "Asia/Shanghai"}
    await http.put("/v1/warehouses/SH", json=place)
    for name, until in (("A", "2026-06-29"), ("B", "2026-06-30"), ("C", "2026-07-01"),
                        ("D", "2026-07-07"), ("E", "2026-07-08"), ("F", "2026-07-30"),
                        ("G", "2026-07-31")):  # fmt: skip
        await certify(http, name, until, f"type-{name}")
    assert await at_risk(http) == [
        ("A", -1, "expired"), ("B", 0, "1 day"), ("C", 1, "1 day"), ("D", 7, "7 days"),
        ("E", 8, "30 days"), ("F", 30, "30 days"),
    ]  # fmt: skip
    assert (await at_risk(http, "?within_days=40"))[-1] == ("G", 31, "later")
    wall.now_us += 1_000_000
    assert (await at_risk(http, "?within_days=0"))[-1][0] == "B", "in UTC it is still June"
    assert (await at_risk(http, "?within_days=0&warehouse=SH"))[-1] == ("C", 0, "1 day")
    await certify(http, "A-2", "2027-06-29", "type-A")
    assert "A" not in [name for name, _, _ in await at_risk(http)]


async def test_holds_and_recalls_say_which_lots_and_where(http: httpx.AsyncClient) -> None:
    hold = {"id": "H-1", "kind": "hold", "item": ITEM, "lot": "L1", "reason": "torn",
            "warehouse": "SH"}  # fmt: skip
    await http.put("/v1/holds/H-1", json=hold)
    assert await blocks(http) == (True, ["hold H-1"])
    assert await blocks(http, "elsewhere") == (True, [])
    recall = {"id": "R-1", "item": ITEM, "lots": [], "reason": "glass"}
    await http.put("/v1/recalls/R-1", json=recall)
    assert await blocks(http, "elsewhere") == (False, ["recall R-1.1"])


async def test_what_is_usable_is_the_same_for_the_answer_the_promise_and_the_proposals(
    database: Database, tokens: dict[str, str]
) -> None:
    """An expired lot, a held one, a recalled one, goods by weight: none is added to the good."""
    async with open_shop(database, tokens) as shop:
        today = datetime.fromtimestamp(shop.now_us / 1_000_000, tz=UTC).date()
        good = today + timedelta(days=10)
        days = {"GOOD": good, "OLD": today - timedelta(days=1), "HELD": good, "BAD": good}
        book = shop.books["W1"]
        for lot, day in days.items():
            book.record(ev.LOT_CREATED, body={"item": ITEM, "lot": lot, "expiry": str(day)})
            book.record(ev.GOODS_RECEIVED, lines=(came(4, lot),))
        book.record(ev.GOODS_RECEIVED, lines=(came(700, "GOOD", "g"),))
        book.record(ev.LOT_HELD, body={"item": ITEM, "lot": "HELD", "reason": "smells"})
        book.record(ev.LOT_RECALLED, body={"item": ITEM, "lot": "BAD", "reason": "glass"})
        await shop.tell("W1")
        answer = await shop.get(f"/v1/sellable?item={ITEM}&warehouse=W1")
        assert answer["sellable"] is True
        assert answer["quantities"] == [
            {"unit": "EA", "on_shelf": 16, "usable": 4},
            {"unit": "g", "on_shelf": 700, "usable": 700},
        ]
        blocks = answer["blocks"]
        assert isinstance(blocks, list)
        assert [(it["reason"], it["lot"]) for it in blocks] == [
            ("hold", "HELD"), ("recall", "BAD"), ("expired", "OLD"),
        ]  # fmt: skip
        promises = (await shop.get("/v1/promises"))["promises"]
        assert isinstance(promises, list)
        assert {it["unit"]: it["usable"] for it in promises} == {"EA": 4, "g": 700}
        policy = {"warehouse": "C1", "gtin": ITEM, "demand_units_per_day": 9.0,
                  "demand_sd_units_per_day": 0.0, "reorder_point_units": 9,
                  "lead_time_days": 0.5}  # fmt: skip
        assert (await shop.call("PUT", f"/v1/policies/C1/{ITEM}", policy)).status_code == 200
        proposals = (await shop.get("/v1/transfer-proposals"))["proposals"]
        assert isinstance(proposals, list)
        sent = [(lot["lot"], lot["quantity"]) for it in proposals for lot in it["lots"]]
        assert sent == [("GOOD", 4)]
        shop.now_us += 10 * 86_400 * 1_000_000
        last = await shop.get(f"/v1/sellable?item={ITEM}&warehouse=W1")
        assert last["sellable"] is True
        shop.now_us += 86_400 * 1_000_000
        tomorrow = await shop.get(f"/v1/sellable?item={ITEM}&warehouse=W1")
        assert tomorrow["sellable"] is False, "all there is has passed its last day"


def came(quantity: int, lot: str, unit: Literal["EA", "g"] = "EA") -> ev.Line:
    return ev.Line(
        item=ITEM, lot=lot, from_location="@supplier", to_location="R-01", quantity=quantity,
        unit=unit,
    )  # fmt: skip


def test_days_are_those_of_the_zone() -> None:
    assert day_at(EVE_US, "UTC") == "2026-06-30"
    assert day_at(EVE_US + 1_000_000, "Asia/Shanghai") == "2026-07-01"
