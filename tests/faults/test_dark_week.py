"""Pins a week without the cloud at the real programs: each night the gateway forecasts its own
sales, its triggers and plans go by them, nothing storms, and when the cloud is back every plan
that still stands has become one delivery.

The gateway is started anew every morning, a day later by its wall clock, with the sales of the day
before in its journal; what is scanned comes through the broker.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest

from cloud_sync.contract.plans import asn_id
from tests.plan_checker.check import check, read_rows
from tests.plan_checker.facts import Event, Json
from tests.rigs import tier
from tests.rigs.faketime import WallClock
from tests.rigs.fault_site import GTIN, PATIENCE_S, WAREHOUSE, Site, receive, running_site
from tests.rigs.guard import GUARD_S
from tests.rigs.handheld import handheld
from tests.rigs.past import Happened, came, journal_past, sold
from tests.rigs.planning import m_company

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RICE = "09506000134369"
DAY_S, DAY_US = 86_400, 86_400_000_000
N_DAYS, N_BEFORE = 7, 28
USUAL, DARK = 10, 30
"""Sold a day before the week, and of milk in it; of rice it stays."""
Rows = list[tuple[int, Event]]


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path / "offset")


@pytest.fixture
def site(tmp_path: Path, wall: WallClock) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        open_office(it)
        config = it.gateway.config
        config.write_text(config.read_text().replace(
            "[planner]", f'[planner]\npolicy_age_max_s = {DAY_S}\nforecast_at = "00:00"'
        ))  # fmt: skip
        it.gateway.environment = wall.environment()
        yield it


def open_office(site: Site) -> None:
    """Two items, how they are kept, and whom they come from."""
    items = [
        {"gtin": gtin, "names": {"en": name}, "zone": "ambient", "grams_per_unit": 500,
         "case_pack_units": 6}
        for gtin, name in ((GTIN, "Milk"), (RICE, "Rice"))
    ]  # fmt: skip
    policies = [
        {"warehouse": WAREHOUSE, "gtin": gtin, "demand_units_per_day": float(USUAL),
         "demand_sd_units_per_day": 2.0, "reorder_point_units": 14, "lead_time_days": 1.0}
        for gtin in (GTIN, RICE)
    ]  # fmt: skip
    body = {"items": items, "policies": policies, "network": m_company()}
    headers = {"Authorization": f"Bearer {site.admin}"}
    site.n_papers = 5
    httpx.post(
        f"{site.cloud.url}/v1/import", json=body, headers=headers, timeout=GUARD_S
    ).raise_for_status()


def before(start_us: int) -> list[Happened]:
    """Four weeks of sales, and some goods for the first days."""
    days = [came(start_us, gtin, USUAL * N_BEFORE + 40) for gtin in (GTIN, RICE)]
    for n in range(N_BEFORE):
        noon_us = start_us + n * DAY_US + DAY_US // 2
        days += [sold(noon_us, GTIN, USUAL), sold(noon_us, RICE, USUAL)]
    return days


def a_day(at_us: int) -> list[Happened]:
    """What was sold in a day of the week; what had run out was fetched from a shop round the
    corner."""
    return [
        came(at_us, GTIN, DARK - 5), came(at_us, RICE, USUAL - 5),
        sold(at_us + 1, GTIN, DARK), sold(at_us + 1, RICE, USUAL),
    ]  # fmt: skip


def of_type(rows: Rows, kind: str) -> list[Event]:
    return [event for _, event in rows if event["type"] == kind]


def own_numbers(rows: Rows) -> list[Json]:
    """What the gateway said of its own items, in the order in which it did."""
    bodies = [event["body"] for event in of_type(rows, "document.changed")]
    return [body for body in bodies if body["kind"] == "own_policy"]


def is_answered(rows: Rows) -> bool:
    """Whether every trigger is in a plan, or told that none is needed."""
    fired = {event["event_id"] for event in of_type(rows, "replenishment.triggered")}
    return fired <= {
        name
        for kind in ("plan.proposed", "plan.decided")
        for event in of_type(rows, kind)
        for name in cast(list[str], event["body"].get("triggers", []))
    }


def until(site: Site, n_nights: int) -> Rows:
    """The rows when so many nights were forecast and every trigger has its answer."""

    def is_so(status: dict[str, object]) -> bool:
        rows = read_rows(site.journal)
        cursors = cast(dict[str, int], status["cursors"])
        told = [body for body in own_numbers(rows) if not body.get("deleted")]
        nights = {cast(Json, body["data"])["made_at_us"] for body in told}
        is_read = min(cursors["projector"], cursors["planner"]) >= rows[-1][0]
        return len(nights) >= n_nights and is_read and is_answered(rows)

    site.gateway.until(is_so, PATIENCE_S)
    return read_rows(site.journal)


@pytest.mark.skipif(tier.chosen() == "quick", reason="a minute and more: FOREPOST_FAULTS=t1")
def test_a_week_without_the_cloud(site: Site, wall: WallClock) -> None:
    now_us = time.time_ns() // 1000
    week_us = now_us - N_DAYS * DAY_US
    wall.set(-N_DAYS * DAY_S)
    asyncio.run(journal_past(site.state, before(week_us - N_BEFORE * DAY_US)))
    site.gateway.start()
    site.until_papers_are_there()
    site.until_drained()
    assert own_numbers(read_rows(site.journal)) == []
    site.cloud.kill()
    with handheld(site.broker.port, "pda-1", site.log, journal=site.journal) as pda:
        for day in range(1, N_DAYS + 1):
            receive(pda)
            pda.settle(PATIENCE_S)
            assert site.gateway.stop() == 0
            asyncio.run(journal_past(site.state, a_day(week_us + day * DAY_US - DAY_US // 2)))
            wall.set((day - N_DAYS) * DAY_S)
            site.gateway.start()
            rows = until(site, day)
    must_have_followed(rows)
    must_not_have_stormed(rows)
    assert check(rows) == []

    site.cloud.start()
    site.gateway.until(lambda _: is_taken_back(read_rows(site.journal)), 5 * PATIENCE_S)
    site.gateway.until(lambda _: not undelivered(read_rows(site.journal)), 5 * PATIENCE_S)
    site.stop_drained()
    rows = read_rows(site.journal)
    assert is_answered(rows)
    assert check(rows) == []
    tier.record("dark week", faults=N_DAYS, lost=0)


def must_have_followed(rows: Rows) -> None:
    """Milk's reorder point rose with its sales, rice's stayed about where it was."""
    pages = [cast(Json, body["data"]) for body in own_numbers(rows) if body.get("data")]
    told = {
        gtin: [
            cast(list[int], page["reorder_point"])[cast(list[str], page["items"]).index(gtin)]
            for page in pages
            if gtin in cast(list[str], page["items"])
        ]
        for gtin in (GTIN, RICE)
    }
    assert told[GTIN][-1] > told[GTIN][0] > told[RICE][0] - 3
    assert told[GTIN][-1] > 1.5 * told[RICE][-1]


def must_not_have_stormed(rows: Rows) -> None:
    """Every key once, and a cause no oftener for an item than the days there were."""
    bodies = [event["body"] for event in of_type(rows, "replenishment.triggered")]
    assert max(Counter(body["key"] for body in bodies).values()) == 1
    causes = Counter((body["cause"], body.get("item")) for body in bodies)
    assert max(causes.values()) <= N_DAYS + 1, causes


def is_taken_back(rows: Rows) -> bool:
    """Whether the cloud's word counts again for all items."""
    last = {str(body["key"]): body for body in own_numbers(rows)}
    return all(body["deleted"] for body in last.values())


def standing(rows: Rows) -> dict[str, Json]:
    """The plans that nobody rejected and no other has taken the place of."""
    ended = {
        str(event["body"].get("plan_id"))
        for event in of_type(rows, "plan.decided")
        if event["body"]["decision"] in {"rejected", "superseded", "cancelled"}
    }
    plans = {
        str(event["body"]["plan_id"]): event["body"] for event in of_type(rows, "plan.proposed")
    }
    replaced = {
        it for plan in plans.values() for it in cast(list[str], plan.get("supersedes", []))
    }
    return {name: plan for name, plan in plans.items() if name not in ended | replaced}


def undelivered(rows: Rows) -> set[str]:
    """Plans that stand and have not become a delivery of just what they ask for."""
    asns = {
        str(event["body"]["key"]): cast(Json, event["body"]["data"])
        for event in of_type(rows, "document.changed")
        if event["body"]["kind"] == "asn" and event["body"].get("data")
    }
    return {
        name
        for name, plan in standing(rows).items()
        if asn_id(name) not in asns or goods(asns[asn_id(name)], "ordered") != goods(plan, "lines")
    }


def goods(document: Json, lines: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in cast(list[Json], document[lines]):
        found[str(line["item"])] += cast(int, line["quantity"])
    return found
