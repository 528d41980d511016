# Pins the dashboard in a real browser: a supervisor's way from the overview to a resolved
# exception, live numbers, a cloud that is away and back, keys, and pages that everybody can read.

import httpx
import pytest
from playwright.sync_api import expect

from cloud_sync.contract import events as ev
from tests.browser.conftest import Site
from tests.fakes.http_words import BATCHES, bearer
from tests.fakes.uploads import Book
from tests.rigs.guard import GUARD_S
from tests.rigs.shown_cloud import gtin_of

expect.set_options(timeout=GUARD_S * 1000)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATHS = (
    "/ui/overview",
    "/ui/warehouses",
    "/ui/warehouses/W2",
    "/ui/warehouses/W2/lots",
    "/ui/warehouses/W2/climate",
    "/ui/warehouses/W2/movements",
    "/ui/warehouses/W2/work",
    "/ui/items",
    f"/ui/items/{gtin_of(4)}",
    "/ui/exceptions",
    "/ui/orders",
)
LOOKING_DIFFERENT = (*PATHS[:1], *PATHS[2:5], *PATHS[8:11])
"""Pages that have colours of their own; the others are made of the same parts."""


def test_a_supervisor_finds_what_is_wrong_and_settles_it(site: Site) -> None:
    with site.come("ana") as ana:
        page = ana.page
        page.get_by_role("link", name="München").click()
        page.get_by_role("link", name="Climate").click()
        expect(page.locator(".plot canvas").first).to_be_visible()
        page.get_by_role("link", name="Open exceptions").click()
        trouble = page.locator(".exception", has_text="A zone is too warm or too cold")
        trouble.get_by_placeholder("Reason").fill("door stood open")
        trouble.get_by_role("button", name="Look at the goods").click()
        expect(trouble).to_have_count(0)
        page.locator("[name=state]").select_option("resolved")
        expect(page.get_by_text("door stood open")).to_be_visible()


def test_a_table_answers_as_one_types(site: Site) -> None:
    with site.come("ana") as ana:
        ana.page.goto(f"{site.cloud.url}/ui/warehouses/W1")
        expect(ana.page.locator("[data-count=stock]")).not_to_be_empty()
        ana.page.keyboard.press("/")
        ana.page.keyboard.type("milk 500")
        rows = ana.page.locator("#stock tbody tr:visible")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("Whole milk 500 g")
        expect(ana.page.locator("[data-count=stock]")).to_contain_text("1 of ")
        ana.page.keyboard.type(" no such thing")
        expect(ana.page.get_by_text("Nothing matches the filter.")).to_be_visible()


def test_keys_lead_everywhere(site: Site) -> None:
    with site.come("ana") as ana:
        expect(ana.page.locator("#live")).to_have_attribute("data-state", "on")
        ana.page.keyboard.press("g")
        ana.page.keyboard.press("e")
        ana.page.wait_for_url("**/ui/exceptions")
        expect(ana.page.locator("#live")).to_have_attribute("data-state", "on")
        ana.page.keyboard.press("?")
        expect(ana.page.get_by_role("dialog")).to_be_visible()
        ana.page.keyboard.press("Escape")
        expect(ana.page.get_by_role("dialog")).to_be_hidden()
        ana.page.goto(f"{site.cloud.url}/ui/overview")
        ana.page.keyboard.press("Tab")
        expect(ana.page.get_by_text("Skip to content")).to_be_focused()


@pytest.mark.parametrize(
    ("locale", "scheme", "title", "paths"),
    [("en-GB", "light", "Overview", PATHS), ("zh-CN", "dark", "总览", LOOKING_DIFFERENT)],
)
def test_every_page_can_be_read_by_everybody(
    locale: str, scheme: str, title: str, paths: tuple[str, ...], site: Site
) -> None:
    with site.come("admin", locale=locale, color_scheme=scheme) as admin:
        expect(admin.page.get_by_role("heading", level=1)).to_have_text(title)
        barriers = []
        for path in paths:
            admin.page.goto(site.cloud.url + path)
            barriers += admin.barriers()
        assert not barriers, "\n".join(barriers)


def test_numbers_follow_what_is_scanned(site: Site) -> None:
    with site.come("ana") as ana:
        ana.page.goto(f"{site.cloud.url}/ui/warehouses/W3")
        row = ana.page.locator("#stock tbody tr", has_text="Whole milk 500 g")
        cell = row.locator("td").nth(1)
        before = int(cell.get_attribute("data-value") or "0")
        expect(ana.page.locator("#live")).to_have_attribute("data-state", "on")
        receive_milk(site, 1000)
        expect(cell).to_have_attribute("data-value", str(before + 1000))


def receive_milk(site: Site, quantity: int) -> None:
    """Have another gateway of W3 send a receipt."""
    book = Book("gw-late", "W3")
    milk = ev.Line(
        item=gtin_of(14), lot="L9", from_location="@supplier", to_location="R-01",
        quantity=quantity,
    )  # fmt: skip
    book.record(lines=(milk,))
    token = site.cloud.token("gateways", "enrol", "gw-late", "--warehouse", "W3")
    answer = httpx.post(
        site.cloud.url + BATCHES, content=book.batch(), headers=bearer(token), timeout=GUARD_S
    )
    assert answer.status_code == 200, answer.text


def test_a_cloud_that_goes_away_is_told_of_and_comes_back(site: Site) -> None:
    with site.come("ana") as ana:
        live, banner = ana.page.locator("#live"), ana.page.get_by_role("alert")
        expect(live).to_have_attribute("data-state", "on")
        assert site.cloud.terminate() == 0, "a stream keeps nobody from stopping"
        expect(banner).to_contain_text("Connection lost")
        site.cloud.start()
        expect(live).to_have_attribute("data-state", "on")
        expect(banner).to_be_hidden()
        ana.troubles = [it for it in ana.troubles if "ERR_" not in it]
