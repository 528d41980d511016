"""Takes the pictures of the pages that README and the documents show, from a real cloud.

Run it by `make screenshots` after the pages have changed, and look at the difference. The day in
them is that of the browser tests (tests/rigs/shown_cloud.py), so no picture shows what is not so.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, expect  # noqa: E402 -- the checkout first

from cloud_sync.store.open import open_database  # noqa: E402
from tests.rigs.chromium import DESK, TABLET, running_chromium, visitor  # noqa: E402
from tests.rigs.cloud import CloudProcess  # noqa: E402
from tests.rigs.guard import GUARD_S  # noqa: E402
from tests.rigs.shown_cloud import ShownCloud, gtin_of  # noqa: E402

INTO = ROOT / "docs/pictures"
N_ITEMS = 84
PICTURES = (
    ("dashboard-overview", "/ui/overview", "en-GB", "light", DESK),
    ("dashboard-climate", "/ui/warehouses/W2/climate", "en-GB", "dark", DESK),
    ("dashboard-stock", "/ui/warehouses/W2", "en-GB", "light", DESK),
    ("dashboard-exceptions", "/ui/exceptions", "zh-CN", "light", DESK),
    ("dashboard-item", f"/ui/items/{gtin_of(4)}", "en-GB", "dark", TABLET),
)
"""Name, path, language, theme, size."""


def main() -> None:
    """Fill a cloud, serve it, and take a picture of each page."""
    with tempfile.TemporaryDirectory(prefix="forepost-") as directory:
        cloud = CloudProcess(Path(directory))
        tokens = asyncio.run(fill(cloud.database))
        cloud.start()
        try:
            with running_chromium() as browser:
                take_pictures(browser, cloud.url, tokens["admin"])
        finally:
            cloud.terminate()


async def fill(name: str) -> dict[str, str]:
    """A day of four warehouses; gives the tokens of the users."""
    async with open_database(name) as database:
        cloud = ShownCloud(database, time.time_ns() // 1000, N_ITEMS)
        await cloud.fill()
        return cloud.tokens


def take_pictures(browser: Browser, url: str, token: str) -> None:
    """One PNG for each page."""
    expect.set_options(timeout=GUARD_S * 1000)
    for name, path, locale, scheme, size in PICTURES:
        with visitor(browser, size, locale=locale, color_scheme=scheme) as who:
            who.page.goto(url)
            who.page.fill("[name=name]", "admin")
            who.page.fill("[name=token]", token)
            who.page.click("button.main")
            who.page.wait_for_url("**/ui/overview")
            who.page.goto(url + path)
            expect(who.page.locator("#live")).to_have_attribute("data-state", "on")
            for plot in who.page.locator(".plot").all():
                expect(plot.locator("canvas")).to_be_visible()
            who.page.screenshot(path=INTO / f"{name}.png")
            print(f"{name}.png")


if __name__ == "__main__":
    main()
