"""Pins levels by worth through the real programs: what a gateway sold and the office's prices make
the levels of its policies, and a price that changes moves tomorrow's at the gateway."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.rigs.cloud import run_cloud
from tests.rigs.fault_site import GTIN, WAREHOUSE, Site, running_site
from tests.rigs.guard import GUARD_S
from tests.rigs.past import Happened, came, journal_past, sold

pytestmark = pytest.mark.slow

DAY_US = 86_400_000_000
N_DAYS = 30


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as it:
        it.open_office(is_planning=True)
        today_us = time.time_ns() // 1000 // DAY_US * DAY_US
        start_us = today_us - N_DAYS * DAY_US
        days: list[Happened] = [came(start_us, GTIN, 1000)]
        days += [
            sold(start_us + n * DAY_US + DAY_US // 2, GTIN, 6 + 4 * (n % 3)) for n in range(N_DAYS)
        ]
        asyncio.run(journal_past(it.state, days))
        it.gateway.start()
        it.until_papers_are_there()
        it.until_drained()
        yield it


def put(site: Site, path: str, body: dict[str, object]) -> None:
    headers = {"Authorization": f"Bearer {site.admin}"}
    answer = httpx.put(f"{site.cloud.url}/v1/{path}", json=body, headers=headers, timeout=GUARD_S)
    assert answer.status_code == 200, answer.text


def price(site: Site, minor: int) -> None:
    put(site, f"prices/CN/{GTIN}", {"market": "CN", "gtin": GTIN, "price_minor": minor,
                                    "currency": "CNY", "includes_vat": False})  # fmt: skip


def tell_terms(site: Site) -> None:
    """What a supplier asks, and where the warehouse is."""
    put(site, f"warehouses/{WAREHOUSE}", {"id": WAREHOUSE, "name": "One", "country": "CN",
                                          "time_zone": "Asia/Shanghai"})  # fmt: skip
    put(site, "suppliers/S1", {"id": "S1", "name": "Dairy"})
    put(site, f"supplies/S1/{GTIN}", {"supplier": "S1", "gtin": GTIN, "lead_time_days": 1.0,
                                      "cost_minor": 600, "currency": "CNY"})  # fmt: skip


def forecast(site: Site) -> None:
    """What the timer runs every night."""
    done = run_cloud("forecast", "--database", site.cloud.database)
    assert "1 items forecast, 1 policies changed" in done.stdout, done.stdout + done.stderr


def policy_at_the_gateway(site: Site, n: int) -> dict[str, object]:
    """The n-th word on the item that reached the journal and was folded."""

    def told() -> list[tuple[int, dict[str, object]]]:
        sql = "select seq, body from journal where type = 'document.changed' order by seq"
        with closing(sqlite3.connect(f"file:{site.journal}?mode=ro", uri=True)) as journal:
            rows = [(seq, json.loads(body)["body"]) for seq, body in journal.execute(sql)]
        return [(seq, body["data"]) for seq, body in rows if body["kind"] == "policy"]

    def is_there(status: dict[str, object]) -> bool:
        cursors = cast(dict[str, int], status["cursors"])
        return len(told()) >= n and cursors["projector"] >= told()[n - 1][0]

    site.gateway.until(is_there)
    return told()[n - 1][1]


def levels(policy: dict[str, object]) -> dict[str, object]:
    return cast(dict[str, object], policy["levels"])


def test_a_price_that_changes_moves_tomorrow_s_levels_at_the_gateway(site: Site) -> None:
    forecast(site)
    by_service = policy_at_the_gateway(site, 2)
    assert levels(by_service)["by"] == "service", "no price is known"
    assert cast(float, by_service["demand_units_per_day"]) == pytest.approx(10.0, rel=0.1)
    tell_terms(site)
    found = []
    for n, minor in enumerate((620, 2400), 3):
        price(site, minor)
        forecast(site)
        found.append(policy_at_the_gateway(site, n))
    poor, rich = found
    assert levels(poor)["by"] == levels(rich)["by"] == "margin"
    for name in ("order_up_to_units", "reorder_point_units"):
        low, high = ({**it, **levels(it)}[name] for it in (poor, rich))
        assert cast(int, low) < cast(int, high), name
    assert levels(rich)["worth"] == {"wasted": round(600 / 1800, 6), "held": 0.000228311}
