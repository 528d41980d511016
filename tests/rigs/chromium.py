"""Debian's Chromium, driven by Playwright: a page that must not complain, and an eye for access."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.rigs.guard import GUARD_S

AXE = Path(__file__).resolve().parents[1] / "browser/vendor/axe.min.js"
_LOOK = """async () => {
  const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] });
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


class Watched:
    """A page, and what its console said that nobody wants to read."""

    def __init__(self, browser: Browser, **options: object) -> None:
        self.context = browser.new_context(**options)  # type: ignore[arg-type]  # as the caller has them
        self.context.set_default_timeout(GUARD_S * 1000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda it: self._hear(it.type, it.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {text}")

    def barriers(self) -> list[str]:
        """What keeps people from using the page as it stands, as axe sees it."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate(_LOOK)
        return [f"{self.page.url}: {it}" for it in found]

    def close(self) -> None:
        self.context.close()
