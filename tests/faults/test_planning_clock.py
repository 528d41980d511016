"""Pins planning at the real gateway under a clock that is not set, and that jumps by a year both
ways: nothing is planned by such a clock, no goods expire by it, nothing fires twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from tests.plan_checker.check import check, read_rows
from tests.plan_checker.facts import Event
from tests.rigs.faketime import WallClock
from tests.rigs.gateway import GatewayProcess
from tests.rigs.planning import config, gtin, m_company, network_document
from tests.rigs.seeding import seed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_ITEMS, YEAR_S, PATIENCE_S = 20, 365 * 86_400, 180
Rows = list[tuple[int, Event]]


def documents() -> list[tuple[str, str, BaseModel]]:
    """Every item is below its reorder point."""
    found = [network_document(m_company())]
    for n in range(1, N_ITEMS + 1):
        item = doc.Item(
            gtin=gtin(n), names={"en": f"item {n}"}, zone="ambient", grams_per_unit=400,
            shelf_life_days=30,
        )  # fmt: skip
        policy = doc.Policy(
            warehouse="J1", gtin=gtin(n), demand_units_per_day=10.0,
            demand_sd_units_per_day=2.0, reorder_point_units=25, lead_time_days=0.25,
        )  # fmt: skip
        found += [(doc.ITEM, gtin(n), item), (doc.POLICY, f"J1.{gtin(n)}", policy)]
    return found


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path / "offset")


@pytest.fixture
def gateway(tmp_path: Path, wall: WallClock) -> Iterator[GatewayProcess]:
    state = tmp_path / "state"
    last_day = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    stock = [
        ev.Line(item=gtin(n), lot="L1", from_location="@supplier", to_location="R-01", quantity=9)
        for n in range(1, N_ITEMS + 1)
    ]
    lots = [
        (ev.LOT_CREATED, {"item": gtin(n), "lot": "L1", "expiry": last_day})
        for n in range(1, N_ITEMS + 1)
    ]
    asyncio.run(seed(state, documents(), stock, facts=lots))
    it = GatewayProcess(tmp_path, config("J1", gather_s=0.1).format(state=state))
    it.environment = wall.environment()
    yield it
    it.kill()


def rows_of(gateway: GatewayProcess) -> Rows:
    return read_rows(gateway.config.parent / "state" / "journal.db")


def fired(rows: Rows) -> list[Event]:
    return [event for _, event in rows if event["type"] == "replenishment.triggered"]


def all_are_answered(rows: Rows, n_manual: int) -> bool:
    """Whether so many wishes are triggers, and all triggers have an answer."""
    answered = {
        id_
        for _, event in rows
        if event["type"] in {"plan.proposed", "plan.decided"}
        for id_ in cast(list[str], event["body"].get("triggers", []))
    }
    causes = Counter(event["body"]["cause"] for event in fired(rows))
    return causes["manual"] == n_manual and {it["event_id"] for it in fired(rows)} <= answered


def until(gateway: GatewayProcess, is_so: Callable[[Rows], bool]) -> Rows:
    gateway.until(lambda _: is_so(rows_of(gateway)), PATIENCE_S)
    return rows_of(gateway)


def test_no_plan_by_a_clock_that_is_wrong(gateway: GatewayProcess, wall: WallClock) -> None:
    began_us = time.time_ns() // 1000
    wall.set(-int(time.time()))
    gateway.start()
    until(gateway, lambda rows: len(fired(rows)) >= N_ITEMS)
    wall.set(0)
    # The gateway looks at its clock once a second: a change that comes before it has seen the last
    # one is the same to it as both at once.
    until(gateway, partial(has_noticed, n=1))
    until(gateway, lambda rows: all_are_answered(rows, 0))
    for n, years in enumerate((1, -1), 1):
        wall.set(years * YEAR_S)
        until(gateway, partial(has_noticed, n=2 * n))
        done = gateway.command("plan", "now", "--config", str(gateway.config))
        assert done.returncode == 0, done.stderr
        until(gateway, partial(has_wishes, n=n))
        wall.set(0)
        until(gateway, partial(has_noticed, n=2 * n + 1))
        until(gateway, partial(all_are_answered, n_manual=n))
    rows = rows_of(gateway)
    made_us = [
        int(str(event["body"]["computed_at_us"]))
        for _, event in rows
        if event["type"] == "plan.proposed"
    ]
    now_us = time.time_ns() // 1000
    assert made_us
    assert all(began_us <= at_us <= now_us for at_us in made_us), "by the true clock alone"
    causes = Counter((event["body"]["cause"], event["body"].get("item")) for event in fired(rows))
    assert {n for (cause, _), n in causes.items() if cause != "manual"} == {1}
    assert causes["manual", None] == 2
    assert check(rows) == []


def has_noticed(rows: Rows, n: int) -> bool:
    """Whether the journal tells that the clock was set once, and of every jump since."""
    told = [it["body"].get("what") for _, it in rows if it["type"] == "gateway.health"]
    return told.count("clock_set") + told.count("clock_jumped") >= n


def has_wishes(rows: Rows, n: int) -> bool:
    """Whether so many wishes are triggers."""
    return sum(event["body"]["cause"] == "manual" for event in fired(rows)) == n
