"""A gateway's sync between a journal in memory and a cloud that keeps the contract's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from cloud_sync.contract.batches import EVENTS_UNTOLD, BatchAnswer, EventAnswer
from cloud_sync.contract.documents import Change, ChangePage
from gateway.errors import BatchRefused
from gateway.ports import Draft, Entry
from gateway.services.alarms import Alarms
from gateway.services.supervisor import Heartbeats
from gateway.services.uplink import Uplink
from gateway.settings import CloudSettings
from tests.fakes.clock import FakeClock
from tests.fakes.memory_journal import EPOCH, GATEWAY, MemoryJournal


class FakeCloud:
    """Takes batches by the contract's rules; `faults` are raised, in turn, before or after."""

    def __init__(self) -> None:
        self.events: dict[int, object] = {}
        self.faults_before: list[Exception] = []
        self.faults_after: list[Exception] = []
        self.changes: list[Change] = []
        self.n_batches = 0
        self.rows: list[int] = []
        self.events_max: int | None = None
        self.gone: set[int] = set()

    @property
    def held(self) -> int:
        return max(self.events, default=0)

    async def send_batch(self, body: bytes) -> BatchAnswer:
        await asyncio.sleep(0)
        if self.faults_before:
            raise self.faults_before.pop(0)
        batch = json.loads(body)
        self.n_batches += 1
        self.rows.append(len(batch["events"]))
        if len(batch["events"]) > (self.events_max or EVENTS_UNTOLD):
            raise BatchRefused("send fewer rows", code="too_large")
        assert (batch["gateway"], batch["epoch"]) == (GATEWAY, EPOCH)
        first = batch["first_seq"]
        self.gone |= {batch["gone_seq"]} if "gone_seq" in batch else set()
        if first > self.held + 1:
            raise BatchRefused("rows are missing", code="gap", expected_seq=self.held + 1)
        answers = []
        for seq, event in enumerate(batch["events"], first):
            status = "duplicate" if seq in self.events else "accepted"
            assert self.events.setdefault(seq, event) == event
            answers.append(EventAnswer(seq=seq, status=status))
        if self.faults_after:
            raise self.faults_after.pop(0)
        return BatchAnswer(acknowledged_seq=self.held, events=answers, events_max=self.events_max)

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        await asyncio.sleep(0)
        page = [change for change in self.changes if change.cursor > cursor][:limit]
        following = page[-1].cursor if page else cursor
        more = any(change.cursor > following for change in self.changes)
        return ChangePage(changes=page, next_cursor=following, more=more)


class Bench:
    def __init__(self, tmp_path: object, **settings: object) -> None:
        self.journal = MemoryJournal()
        self.cloud = FakeCloud()
        clock = FakeClock()
        self.alarms = Alarms(clock)
        self.uplink = Uplink(
            journal=self.journal,
            cloud=self.cloud,
            settings=CloudSettings.model_validate(
                {"url": "http://x", "token_file": "t", "batch_events": 3, "batch_wait_ms": 0}
                | settings
            ),
            gateway=GATEWAY,
            warehouse="J1",
            instance="ab",
            clock=clock,
            random=lambda: 0.0,
            new_id=lambda: "00000000-0000-7000-8000-000000000001",
            heartbeats=Heartbeats(clock),
            alarms=self.alarms,
        )

    async def journal_rows(self, n: int) -> None:
        drafts = tuple(Draft(str(i), "t", 0, b'{"n":%d}' % i) for i in range(n))
        await self.journal.append([Entry(drafts)])

    async def until(self, is_done: Callable[[], bool]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.uplink.run_up()),
                group.create_task(self.uplink.run_down()),
            ]
            async with asyncio.timeout(60):
                while not is_done():
                    await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
