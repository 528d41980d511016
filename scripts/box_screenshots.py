"""Takes the pictures of the box's own pages and of the PDA page, from real programs.

Run it by `make screenshots` after the pages have changed, and look at the difference. What is in
them was scanned just before, at a real gateway behind a real broker.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, expect  # noqa: E402 -- the checkout first

from tests.rigs.box_pages import BAG, ICE, OLD, BoxSite, running_box  # noqa: E402
from tests.rigs.chromium import PHONE, TABLET, running_chromium, visitor  # noqa: E402
from tests.rigs.device import device  # noqa: E402
from tests.rigs.guard import GUARD_S  # noqa: E402

INTO = ROOT / "docs/pictures"
BOX: tuple[tuple[str, str, Literal["light", "dark"]], ...] = (
    ("overview", "en-GB", "light"),
    ("stock", "zh-CN", "dark"),
    ("quarantine/1", "en-GB", "light"),
)
"""View, language, theme."""


def main() -> None:
    """Run a box, work a little, and take a picture of each page."""
    expect.set_options(timeout=GUARD_S * 1000)
    with (
        tempfile.TemporaryDirectory(prefix="forepost-") as directory,
        running_chromium() as browser,
        running_box(Path(directory)) as site,
        device(site.broker.port, "probe-1") as probe,
        device(site.broker.port, "pda-2") as pda,
    ):
        sample = {"zone": "R", "temperature_c": 4.2, "humidity_pct": 81.0}
        probe.publish("climate", {"v": 1, "boot": "b", "seq": 1, **sample})
        pda.scan(1, OLD, type="receive", location="R-02", quantity=24, worker="w1")
        pda.scan(2, BAG, type="receive", location="A-01", quantity=40, worker="w1")
        pda.publish("scan", b'{"v":1,"boot":"boot-1","seq":')
        for _ in range(3):
            pda.result()
        pda_page(browser, site)
        box_page(browser, site)


def box_page(browser: Browser, site: BoxSite) -> None:
    for view, locale, scheme in BOX:
        with visitor(browser, TABLET, locale=locale, color_scheme=scheme) as who:
            who.page.goto(f"{site.url}/#{view}")
            expect(who.page.locator("main h2").first).to_be_visible()
            shoot(who.page, f"box-{view.partition('/')[0]}")


def pda_page(browser: Browser, site: BoxSite) -> None:
    with visitor(browser, PHONE, color_scheme="light") as who:
        page = who.page
        page.goto(f"{site.url}/pda/")
        page.fill("#device", "pda-1")
        page.fill("#worker", "w1")
        page.get_by_role("button", name="Connect").click()
        expect(page.locator(".tasks")).to_contain_text("O-1")
        shoot(page, "pda-tasks")
        page.locator(".task", has_text="O-1").click()
        expect(page.locator(".next")).to_contain_text("Milk")
        scan(page, OLD, "accepted")
        shoot(page, "pda-pick")
        scan(page, ICE, "refused")
        shoot(page, "pda-refused")
        site.broker.stop()
        expect(page.locator("#link")).to_contain_text("offline")
        scan(page, OLD, "kept")
        shoot(page, "pda-offline")


def scan(page: Page, text: str, status: str) -> None:
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_attribute("data-status", status)


def shoot(page: Page, name: str) -> None:
    page.screenshot(path=INTO / f"{name}.png")
    print(f"{name}.png")


if __name__ == "__main__":
    main()
