# Pins a planner's way in a real browser: from a proposal over a what-if to the approval that
# orders it, a lot traced, and pages that everybody can read.

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cloud_sync.contract import events as ev
from cloud_sync.service.day_sums import go_round
from cloud_sync.store.credentials import create_token, put_user
from tests.browser.conftest import Site
from tests.fakes.uploads import ITEM, make_line
from tests.rigs.cloud import CloudProcess
from tests.rigs.guard import GUARD_S
from tests.rigs.made_once import made_once
from tests.rigs.patterns import opened_cloud
from tests.rigs.planner_site import DAY_US, HOUR_US, PlannerSite

expect.set_options(timeout=GUARD_S * 1000)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLANNER = "pia"
PATHS = (
    "/ui/plans",
    "/ui/plans/J1/PL-1",
    "/ui/plans/J1/PL-2",
    "/ui/what-if",
    f"/ui/trace?gtin={ITEM}&lot=L1",
    *(f"/ui/reports/{it}" for it in ("turnover", "fill", "waste", "profit", "work")),
)


async def fill(directory: Path) -> None:
    now_us = time.time_ns() // 1000
    async with opened_cloud(str(directory / "cloud.db")) as database:
        site = PlannerSite(database, now_us)
        await site.open()
        start_us = now_us - 2 * DAY_US
        site.tell(ev.GOODS_RECEIVED, make_line("@supplier", "A-1", 90, lot="L1"), at_us=start_us,
                  worker="anna")  # fmt: skip
        for day in range(2):
            at_us = start_us + day * DAY_US + HOUR_US
            site.tell(ev.ORDER_DELIVERED, make_line("A-1", "@customer", 9, lot="L1"), at_us=at_us,
                      worker="bo")  # fmt: skip
            site.tell(ev.STOCK_WASTED, make_line("A-1", "@waste", 2, lot="L1"), at_us=at_us,
                      worker="bo", body={"reason": "damaged"})  # fmt: skip
        await site.propose("PL-1", age_us=DAY_US, waits=False, cycle_days=3)
        await site.propose("PL-2")
        await go_round(database)
        user = partial(put_user, name=PLANNER, role="planner", scope=None, now_us=now_us)
        await database.transact(user)
        token = await database.transact(
            partial(create_token, name=PLANNER, role="planner", now_us=now_us)
        )
    (directory / "tokens.json").write_text(json.dumps({PLANNER: token}))


@pytest.fixture(scope="session")
def planner_cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the database, as of now, and the planner's token."""
    return made_once(tmp_path_factory, "planner-cloud", lambda it: asyncio.run(fill(it)))


@pytest.fixture(scope="module")
def site(
    planner_cloud: Path, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("cloud")
    shutil.copy(planner_cloud / "cloud.db", directory / "cloud.db")
    cloud = CloudProcess(directory)
    cloud.start()
    yield Site(cloud, chromium, json.loads((planner_cloud / "tokens.json").read_text()))
    cloud.terminate()


def test_a_planner_looks_asks_and_approves(site: Site) -> None:
    with site.come(PLANNER) as pia:
        page = pia.page
        page.get_by_role("link", name="Plans", exact=True).click()
        expect(page.locator("#plans-waiting tbody tr")).to_have_count(1)
        page.get_by_role("link", name="PL-2").click()
        expect(page.get_by_text("6 are left for PL-2, order at 9")).to_be_visible()
        expect(page.locator("svg.map .leg")).to_have_count(1)

        page.get_by_role("link", name="What if …").click()
        page.get_by_label("Demand, %").fill("30")
        page.get_by_role("button", name="Solve and compare").click()
        spent = page.get_by_role("row", name="Purchases", exact=False).last
        expect(spent).to_contain_text("more")

        page.goto(f"{site.cloud.url}/ui/plans/J1/PL-2")
        page.get_by_label("Reason").fill("the shelf is empty")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("status").filter(has_text="Approved")).to_be_visible()
        expect(page.locator(".steps [aria-current=step]")).to_have_text("●Ordered")
        expect(page.get_by_text("the shelf is empty")).to_be_visible()
        page.get_by_role("link", name="All plans").click()
        expect(page.get_by_text("No plan waits for anybody.")).to_be_visible()


def test_a_scanned_symbol_is_traced(site: Site) -> None:
    with site.come(PLANNER) as pia:
        pia.page.keyboard.press("g")
        pia.page.keyboard.press("t")
        pia.page.wait_for_url("**/ui/trace")
        expect(pia.page.locator("[name=symbol]")).to_be_focused()
        pia.page.keyboard.type(f"(01){ITEM}(10)L1")
        pia.page.keyboard.press("Enter")
        expect(pia.page.locator("#timeline > li")).to_have_count(5)


@pytest.mark.parametrize(
    ("locale", "scheme", "paths"), [("en-GB", "light", PATHS), ("zh-CN", "dark", PATHS[2::2])]
)
def test_every_page_of_a_planner_can_be_read_by_everybody(
    locale: str, scheme: str, paths: tuple[str, ...], site: Site
) -> None:
    with site.come(PLANNER, locale=locale, color_scheme=scheme) as pia:
        barriers = []
        for path in paths:
            pia.page.goto(site.cloud.url + path)
            barriers += pia.barriers()
        assert not barriers, "\n".join(barriers)
