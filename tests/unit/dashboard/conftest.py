"""Cloud pages on a store of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud_sync.store.ports import Database
from tests.rigs.patterns import opened_cloud
from tests.rigs.reader import Reader

NOW_US = 1_800_000_000_000_000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened_cloud(str(tmp_path / "cloud.db")) as it:
        yield it


@pytest.fixture
def now_us() -> list[int]:
    """The wall clock: its one element."""
    return [NOW_US]


@pytest.fixture
async def reader(database: Database, now_us: list[int]) -> AsyncIterator[Reader]:
    """Somebody who is not signed in yet."""
    it = Reader(database, lambda: now_us[0])
    async with it.http:
        yield it
