"""Pins the sync's edge side: in order, once, whatever the cloud answers or does not."""

import asyncio
import json
from collections.abc import Callable

import pytest

from cloud_sync.contract.batches import BatchAnswer, EventAnswer
from cloud_sync.contract.documents import Change, ChangePage
from gateway.errors import BatchRefused, CloudUnavailable
from gateway.ports import Draft, Entry
from gateway.services import uplink as uplink_module
from gateway.services.supervisor import Heartbeats
from gateway.services.uplink import DOWN, UP, Uplink
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

    @property
    def held(self) -> int:
        return max(self.events, default=0)

    async def send_batch(self, body: bytes) -> BatchAnswer:
        await asyncio.sleep(0)
        if self.faults_before:
            raise self.faults_before.pop(0)
        batch = json.loads(body)
        self.n_batches += 1
        assert (batch["gateway"], batch["epoch"]) == (GATEWAY, EPOCH)
        first = batch["first_seq"]
        if first > self.held + 1:
            raise BatchRefused("rows are missing", code="gap", expected_seq=self.held + 1)
        answers = []
        for seq, event in enumerate(batch["events"], first):
            status = "duplicate" if seq in self.events else "accepted"
            assert self.events.setdefault(seq, event) == event
            answers.append(EventAnswer(seq=seq, status=status))
        if self.faults_after:
            raise self.faults_after.pop(0)
        return BatchAnswer(acknowledged_seq=self.held, events=answers)

    async def fetch_changes(self, cursor: int, limit: int, mark: str | None = None) -> ChangePage:
        await asyncio.sleep(0)
        page = [change for change in self.changes if change.cursor > cursor][:limit]
        following = page[-1].cursor if page else cursor
        more = any(change.cursor > following for change in self.changes)
        return ChangePage(changes=page, next_cursor=following, more=more)


class Bench:
    def __init__(self, tmp_path: object) -> None:
        self.journal = MemoryJournal()
        self.cloud = FakeCloud()
        clock = FakeClock()
        self.uplink = Uplink(
            journal=self.journal,
            cloud=self.cloud,
            settings=CloudSettings.model_validate(
                {"url": "http://x", "token_file": "t", "batch_events": 3, "batch_wait_ms": 0}
            ),
            gateway=GATEWAY,
            warehouse="J1",
            instance="ab",
            clock=clock,
            random=lambda: 0.0,
            new_id=lambda: "00000000-0000-7000-8000-000000000001",
            heartbeats=Heartbeats(clock),
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
            async with asyncio.timeout(5):
                while not is_done():
                    await asyncio.sleep(0)
            for task in tasks:
                task.cancel()


@pytest.fixture
async def bench(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(uplink_module, "REFUSED_RETRY_S", 0.0)
    return Bench(tmp_path)


async def test_everything_arrives_once_and_in_order(bench: Bench) -> None:
    await bench.journal_rows(10)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 10)
    assert bench.cloud.events == {seq: {"n": seq - 1} for seq in range(1, 11)}
    assert bench.cloud.n_batches == 4


async def test_a_lost_answer_is_followed_by_the_same_rows(bench: Bench) -> None:
    await bench.journal_rows(5)
    bench.cloud.faults_after = [CloudUnavailable("connection cut"), CloudUnavailable("again")]
    await bench.until(lambda: bench.journal.cursors.get(UP) == 5)
    assert sorted(bench.cloud.events) == [1, 2, 3, 4, 5]


async def test_an_unreachable_cloud_is_tried_again(bench: Bench) -> None:
    await bench.journal_rows(2)
    bench.cloud.faults_before = [CloudUnavailable("no route", retry_after_s=0.0)] * 5
    await bench.until(lambda: bench.journal.cursors.get(UP) == 2)


async def test_a_cloud_restored_from_an_older_state_is_filled_again(bench: Bench) -> None:
    await bench.journal_rows(6)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 6)
    for seq in (4, 5, 6):
        del bench.cloud.events[seq]
    await bench.journal_rows(1)
    await bench.until(lambda: bench.cloud.held == 7)
    assert sorted(bench.cloud.events) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_refusal_keeps_the_rows_and_is_shown(bench: Bench) -> None:
    await bench.journal_rows(1)
    bench.cloud.faults_before = [BatchRefused("another machine speaks", code="in_use")]
    await bench.until(lambda: "another machine" in bench.uplink.state.last_error)
    assert bench.journal.cursors.get(UP) is None
    await bench.until(lambda: bench.journal.cursors.get(UP) == 1)


async def test_changes_are_journaled_with_their_cursor(bench: Bench) -> None:
    bench.cloud.changes = [
        Change(cursor=4, kind="item", key="x", version=1, data={"a": 1}),
        Change(cursor=9, kind="item", key="y", version=3, deleted=True),
    ]
    await bench.until(lambda: bench.journal.cursors.get(DOWN) == 9)
    bodies = [json.loads(row.body)["body"] for row in bench.journal.rows]
    assert bodies == [
        {"kind": "item", "key": "x", "version": 1, "deleted": False, "data": {"a": 1}},
        {"kind": "item", "key": "y", "version": 3, "deleted": True, "data": None},
    ]


async def test_a_cloud_that_claims_too_much_makes_no_row_skipped(bench: Bench) -> None:
    await bench.journal_rows(3)
    honest = bench.cloud.send_batch

    async def boastful(body: bytes) -> BatchAnswer:
        answer = await honest(body)
        return BatchAnswer(acknowledged_seq=answer.acknowledged_seq + 1000, events=answer.events)

    bench.cloud.send_batch = boastful  # type: ignore[method-assign]
    await bench.until(lambda: bench.journal.cursors.get(UP) == 3)
    await bench.journal_rows(2)
    await bench.until(lambda: bench.cloud.held == 5)
    assert sorted(bench.cloud.events) == [1, 2, 3, 4, 5]
