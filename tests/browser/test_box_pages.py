"""Pins the box's own pages and the PDA page in a real Chromium, against a real gateway and a real
broker: a picker's journey, a broker that dies in mid-count, hostile words, and two languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rigs.box_pages import BAG, ICE, MILK, OLD, BoxSite, running_box
from tests.rigs.chromium import TABLET, Visitor, running_chromium, visitor
from tests.rigs.device import device
from tests.rigs.guard import GUARD_S

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=GUARD_S * 1000)
    with running_chromium() as it:
        yield it


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxSite]:
    with running_box(tmp_path_factory.mktemp("box")) as it:
        yield it


def sign_on(page: Page, site: BoxSite, name: str) -> None:
    """Set a browser up as a PDA, and wait until it is one."""
    page.goto(f"{site.url}/pda/")
    page.fill("#device", name)
    page.fill("#worker", "w1")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#link")).to_contain_text("online")


def pull_trigger(page: Page, text: str) -> None:
    """What a keyboard-wedge scanner does: types, wherever the focus is, and presses Enter."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def scan(page: Page, text: str, status: str) -> None:
    """Scan, and wait for the answer to this very scan."""
    before = page.locator(".answer").get_attribute("data-seq")
    pull_trigger(page, text)
    other = re.compile(rf"^(?!{before}$).+")
    expect(page.locator(".answer")).to_have_attribute("data-seq", other)
    expect(page.locator(".answer")).to_have_attribute("data-status", status)


def open_task(page: Page, name: str) -> None:
    """Tap a task of the list, which every PDA gets at once."""
    if page.locator("#bar .back").count():
        page.locator("#bar .back").click()
    page.locator(".tasks .task", has_text=name).first.click()


def no_troubles(who: Visitor) -> None:
    # A connection that cannot be made is the browser's own complaint, and no mistake of ours.
    assert [it for it in who.troubles if "net::ERR_" not in it] == []


def test_a_picker_receives_puts_away_and_picks_and_is_told_no(
    browser: Browser, site: BoxSite
) -> None:
    with visitor(browser) as who:
        page = who.page
        sign_on(page, site, "pda-1")
        open_task(page, "ASN-1")
        page.get_by_role("button", name="Quantity").click()
        page.fill("#answer", "8")
        page.get_by_role("button", name="Send").click()
        scan(page, OLD, "accepted")
        expect(page.locator(".answer .facts")).to_have_text("8 of 10")
        expect(page.locator("body")).to_have_attribute("data-signal", "accepted")
        scan(page, "NO-SUCH-CODE", "refused")
        expect(page.locator(".answer")).to_have_attribute("data-key", "not_a_product")
        expect(page.locator("body")).to_have_attribute("data-signal", "refused")

        page.locator("#bar .back").click()
        page.get_by_role("button", name="Put away", exact=True).click()
        page.get_by_role("button", name="Quantity").click()
        page.fill("#answer", "8")
        page.get_by_role("button", name="Send").click()
        pull_trigger(page, OLD)
        expect(page.locator(".answer")).to_contain_text("Scan where it goes")
        scan(page, "R-02", "accepted")

        open_task(page, "O-1")
        expect(page.locator(".next .place")).to_have_text("R-02")
        expect(page.locator(".next")).to_contain_text("Milk")
        scan(page, ICE, "refused")
        expect(page.locator(".answer .message")).to_contain_text("is not in order O-1")
        for left in ("2 left", "1 left", "0 left"):
            scan(page, OLD, "accepted")
            expect(page.locator(".answer .facts")).to_have_text(left)
        expect(page.locator("#unsent")).to_have_attribute("data-n", "0")
        no_troubles(who)
    picked = site.events_of("pda-1", "goods.picked")
    assert len(picked) == 3


def test_what_is_counted_while_the_broker_is_dead_comes_once_and_in_order(
    browser: Browser, site: BoxSite
) -> None:
    with visitor(browser) as who:
        page = who.page
        sign_on(page, site, "pda-2")
        # Offline the page comes from what it kept at its first visit.
        page.evaluate("navigator.serviceWorker.ready")
        page.get_by_role("button", name="Count", exact=True).click()
        pull_trigger(page, "R-03")
        for _ in range(3):
            scan(page, OLD, "accepted")

        site.broker.stop(9)
        who.context.set_offline(True)
        expect(page.locator("#link")).to_contain_text("offline")
        for _ in range(4):
            scan(page, OLD, "kept")
        expect(page.locator("#unsent")).to_have_attribute("data-n", "4")
        page.reload()
        expect(page.locator("#unsent")).to_have_attribute("data-n", "4")
        page.get_by_role("button", name="Count", exact=True).click()
        pull_trigger(page, "R-03")
        pull_trigger(page, OLD)
        expect(page.locator("#unsent")).to_have_attribute("data-n", "5")

        who.context.set_offline(False)
        site.broker.start()
        expect(page.locator("#link")).to_contain_text("online")
        expect(page.locator("#unsent")).to_have_attribute("data-n", "0")
        scan(page, OLD, "accepted")
        expect(page.locator(".answer .facts")).to_have_text("9 counted")
        no_troubles(who)
    counted = site.events_of("pda-2", "count.observed")
    totals = [it["body"]["assertions"][0]["quantity"] for it in counted]  # type: ignore[index]
    assert totals == [1, 2, 3, 4, 5, 6, 7, 8, 9], "nothing lost, nothing twice, in order"


def test_a_browser_that_was_wiped_counts_anew_and_is_believed(
    browser: Browser, site: BoxSite
) -> None:
    for _ in range(2):
        with visitor(browser) as who:  # a new context: nothing is kept
            sign_on(who.page, site, "pda-3")
            who.page.get_by_role("button", name="Count", exact=True).click()
            pull_trigger(who.page, "A-01")
            scan(who.page, BAG, "accepted")
            no_troubles(who)
    marks = [it["device"] for it in site.events_of("pda-3", "count.observed")]
    assert [it["seq"] for it in marks] == [1, 1], "number 1 of another life is another scan"  # type: ignore[index]
    assert len({it["boot"] for it in marks}) == 2  # type: ignore[index]


def test_hostile_words_of_devices_are_shown_as_words(browser: Browser, site: BoxSite) -> None:
    with device(site.broker.port, "pda-4") as pda, visitor(browser, TABLET) as who:
        pda.publish("scan", HOSTILE.encode())
        pda.result()
        pda.scan(1, f"]C101{MILK}10<b>L</b>", type="receive", location="R-01")
        pda.result()
        page = who.page
        page.goto(f"{site.url}/#stock")
        expect(page.locator("tbody")).to_contain_text("<b>L</b>")
        page.fill("#filter", "<b>")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.goto(f"{site.url}/#quarantine")
        page.locator("tbody a").first.click()
        expect(page.locator("pre").first).to_have_text(HOSTILE)
        assert page.locator("main img").count() == 0
        no_troubles(who)


def test_whoever_has_the_token_takes_a_message_in_again(browser: Browser, site: BoxSite) -> None:
    token = site.pages_command("token").stdout.strip()
    with device(site.broker.port, "pda-5") as pda, visitor(browser, TABLET) as who:
        # An item that is not on file lies in quarantine, too, with all that it says.
        pda.scan(1, "]C10109506000134383", type="receive", location="R-01")
        pda.result()
        page = who.page
        page.goto(f"{site.url}/#sign-in")
        page.fill("#token", "wrong")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator(".error")).to_contain_text("not the token")
        page.fill("#token", token)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator("#sign")).to_have_text("Sign out")
        page.goto(f"{site.url}/#quarantine")
        page.locator("tbody tr", has_text="pda-5").first.locator("a").click()
        page.get_by_role("button", name="Take it in again").click()
        expect(page.locator("main [role=status]")).to_contain_text("counts once")
        page.locator("#sign").click()
        expect(page.locator("#sign")).to_have_text("Sign in")
        who.troubles = [it for it in who.troubles if "401" not in it]
        no_troubles(who)


def test_the_pages_speak_chinese(browser: Browser, site: BoxSite) -> None:
    with visitor(browser, locale="zh-CN", color_scheme="dark") as who:
        page = who.page
        page.goto(f"{site.url}/")
        expect(page.locator("nav")).to_contain_text("库存")
        page.goto(f"{site.url}/pda/")
        expect(page.get_by_role("button", name="连接")).to_be_visible()
        no_troubles(who)


def test_everybody_can_read_and_use_the_pages(browser: Browser, site: BoxSite) -> None:
    with visitor(browser) as who:
        page = who.page

        def has_no_barriers(*schemes: Literal["light", "dark"]) -> None:
            for scheme in schemes:
                page.emulate_media(color_scheme=scheme)
                assert who.barriers() == [], scheme

        for view in (
            "overview",
            "devices",
            "stock",
            "climate",
            "quarantine",
            "support",
            "sign-in",
        ):
            page.goto(f"{site.url}/#{view}")
            expect(page.locator("main h2").first).to_be_visible()
            has_no_barriers("light")
        has_no_barriers("dark")
        page.goto(f"{site.url}/pda/")
        expect(page.locator("#device")).to_be_visible()
        has_no_barriers("light")
        sign_on(page, site, "pda-6")
        has_no_barriers("light")
        page.get_by_role("button", name="Waste", exact=True).click()
        pull_trigger(page, "F-01")
        for text, status in ((BAG, "flagged"), ("NO-SUCH-CODE", "refused")):
            scan(page, text, status)
            has_no_barriers("dark", "light")
        page.get_by_role("button", name="Quantity").click()
        has_no_barriers("light")


def test_a_gateway_that_is_down_is_told_at_once_and_forgotten_when_it_is_back(
    browser: Browser, site: BoxSite
) -> None:
    with visitor(browser, TABLET) as who:
        page = who.page
        page.goto(f"{site.url}/")
        expect(page.locator(".tiles")).to_be_visible()
        site.gateway.kill()
        expect(page.locator("#banner")).to_contain_text("not running")
        site.gateway.start()
        expect(page.locator("#banner")).to_be_hidden()
        no_troubles(who)
