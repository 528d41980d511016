"""Debian's Chromium, driven by Playwright: pages that must not complain, nor keep people out."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from tests.rigs.guard import GUARD_S

PHONE: ViewportSize = {"width": 390, "height": 844}
TABLET: ViewportSize = {"width": 820, "height": 1180}
DESK: ViewportSize = {"width": 1280, "height": 800}

AXE = Path(__file__).resolve().parents[1] / "browser/vendor/axe.min.js"
_LOOK = """async () => {
  const found = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"],
    resultTypes: ["violations"],
  });
  return found.violations.map((it) => `${it.id}: ${it.nodes.map((n) => n.target).join(" | ")}`
    + ` (${it.nodes[0].any.map((n) => n.message).join("; ")})`);
}"""


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    """The browser, or a skip that says what is missing."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is missing: scripts/debian-packages test")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody at a page. troubles: what the console said that nobody wants to read."""

    context: BrowserContext
    page: Page
    troubles: list[str] = field(default_factory=list)

    def barriers(self) -> list[str]:
        """What keeps people from using the page as it stands, as axe sees it."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate(_LOOK)
        return [f"{self.page.url}: {it}" for it in found]


@contextlib.contextmanager
def visitor(
    browser: Browser,
    size: ViewportSize = PHONE,
    *,
    locale: str = "en-GB",
    color_scheme: Literal["light", "dark"] = "light",
) -> Iterator[Visitor]:
    """A visitor with a profile of his own, which is gone afterwards."""
    context = browser.new_context(viewport=size, locale=locale, color_scheme=color_scheme)
    try:
        context.set_default_timeout(GUARD_S * 1000)
        who = Visitor(context, context.new_page())
        who.page.on("pageerror", lambda error: who.troubles.append(str(error)))
        who.page.on(
            "console",
            lambda it: (
                it.type in {"error", "warning"}
                and who.troubles.append(f"{it.location.get('url')}: {it.text}")
            ),
        )
        yield who
    finally:
        context.close()
