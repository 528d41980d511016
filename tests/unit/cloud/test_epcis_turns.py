"""Pins that a large capture leaves the loop to others after every few events: while it is judged,
and while it is stored."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, ItemsView
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.service.epcis_capture import check_document
from cloud_sync.store.epcis_events import NewEvent, add_events
from cloud_sync.store.ports import Database
from tests.fakes.epcis_words import CONTEXT, document, event

pytestmark = pytest.mark.slow

N_EVENTS = 1000
AT_ONCE = 50


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """The slices are cut before any database: the quicker one will do."""
    return str(tmp_path / "cloud.db")


class Turns:
    """Counts the turns that another task gets, and what was done in each of ours between them."""

    def __init__(self) -> None:
        self.n = 0
        self.done: Counter[int] = Counter()

    async def count(self) -> None:
        while True:
            self.n += 1
            await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.count(), name="another request")
            await asyncio.sleep(0)
            yield
            task.cancel()


class Watched(dict[str, object]):
    """An event that tells in which turn it was last looked into."""

    def __init__(self, turns: Turns, number: int) -> None:
        super().__init__(event(eventID=f"urn:uuid:00000000-0000-4000-8000-{number:012x}"))
        self.turns = turns

    def items(self) -> ItemsView[str, object]:  # type: ignore[override]
        self.turns.done[self.turns.n] += 1
        return super().items()


async def test_a_capture_is_judged_in_slices() -> None:
    turns = Turns()
    value = document(*(Watched(turns, number) for number in range(N_EVENTS)))
    async with turns.counting():
        found = await check_document(value)
    assert len(found.entries) == turns.done.total() == N_EVENTS
    assert found.faults == []
    assert max(turns.done.values()) <= AT_ONCE


async def test_a_capture_is_stored_in_slices(database: Database) -> None:
    turns = Turns()
    events = [NewEvent(Watched(turns, number), CONTEXT, "") for number in range(N_EVENTS)]
    async with turns.counting():
        script = partial(add_events, events=events, now_us=1)
        assert set(await database.transact(script)) == {"added"}
    assert turns.done.total() == N_EVENTS
    assert max(turns.done.values()) <= AT_ONCE
