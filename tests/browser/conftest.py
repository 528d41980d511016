"""A real cloud with a day's life in it, and Chromium before its pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.rigs.chromium import DESK, Visitor, running_chromium, visitor
from tests.rigs.cloud import CloudProcess
from tests.rigs.made_once import made_once
from tests.rigs.patterns import opened_cloud
from tests.rigs.shown_cloud import ShownCloud

N_ITEMS = 28


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as it:
        yield it


@pytest.fixture(scope="session")
def filled_now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the database, as of now, and the tokens of its users."""
    return made_once(tmp_path_factory, "shown-cloud-now", lambda it: asyncio.run(fill(it)))


async def fill(directory: Path) -> None:
    async with opened_cloud(str(directory / "cloud.db")) as database:
        cloud = ShownCloud(database, time.time_ns() // 1000, N_ITEMS)
        await cloud.fill()
    (directory / "tokens.json").write_text(json.dumps(cloud.tokens))


@dataclass
class Site:
    """The cloud's program, the browser, and the tokens by which one signs in."""

    cloud: CloudProcess
    browser: Browser
    tokens: dict[str, str]

    @contextlib.contextmanager
    def come(self, name: str, **options: str) -> Iterator[Visitor]:
        """A user who has signed in. What a page's console complains of fails the test."""
        with visitor(self.browser, DESK, **options) as who:  # type: ignore[arg-type]  # as given
            who.page.goto(self.cloud.url)
            who.page.fill("[name=name]", name)
            who.page.fill("[name=token]", self.tokens[name])
            who.page.click("button.main")
            who.page.wait_for_url("**/ui/overview")
            yield who
            assert not who.troubles


@pytest.fixture(scope="module")
def site(
    filled_now: Path, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("cloud")
    shutil.copy(filled_now / "cloud.db", directory / "cloud.db")
    tokens: dict[str, str] = json.loads((filled_now / "tokens.json").read_text())
    cloud = CloudProcess(directory)
    cloud.start()
    yield Site(cloud, chromium, tokens)
    cloud.terminate()
