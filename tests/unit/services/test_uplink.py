"""Pins the sync's edge side: in order, once, whatever the cloud answers or does not."""

import asyncio
import json
from collections.abc import Callable

import pytest

from cloud_sync.contract.batches import BatchAnswer, EventAnswer
from cloud_sync.contract.documents import Change, ChangePage
from gateway.errors import BatchRefused, CloudUnavailable, JournalError
from gateway.ports import Draft, Entry
from gateway.services import uplink as uplink_module
from gateway.services.metering import BURST_S, EXCHANGE_BYTES, Meter
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


@pytest.mark.parametrize("code", ["too_large", "http_413"])
async def test_a_batch_that_is_too_large_is_halved_until_it_goes(bench: Bench, code: str) -> None:
    await bench.journal_rows(12)
    sizes: list[int] = []
    send = bench.cloud.send_batch

    async def send_small(body: bytes) -> BatchAnswer:
        sizes.append(len(json.loads(body)["events"]))
        if sizes[-1] > 1:
            raise BatchRefused("too many rows", code=code)
        return await send(body)

    bench.cloud.send_batch = send_small  # type: ignore[method-assign]  # the fake's, not ours
    await bench.until(lambda: bench.journal.cursors.get(UP, 0) >= 4)
    assert sizes[:2] == [3, 1]
    assert sorted(bench.cloud.events) == list(range(1, bench.journal.cursors[UP] + 1))


async def test_a_line_too_slow_for_a_batch_gets_smaller_ones(bench: Bench) -> None:
    await bench.journal_rows(9)
    sizes: list[int] = []
    send = bench.cloud.send_batch

    async def send_slowly(body: bytes) -> BatchAnswer:
        sizes.append(len(json.loads(body)["events"]))
        if sizes[-1] > 1:
            raise CloudUnavailable("no whole answer within 20 s")
        return await send(body)

    bench.cloud.send_batch = send_slowly  # type: ignore[method-assign]  # the fake's, not ours
    await bench.until(lambda: bench.journal.cursors.get(UP, 0) >= 2)
    assert sizes[:3] == [3, 3, 1]


async def test_batches_grow_again(bench: Bench) -> None:
    await bench.journal_rows(9)
    bench.cloud.faults_before = [BatchRefused("too many rows", code="too_large")]
    await bench.until(lambda: bench.journal.cursors.get(UP) == 9)
    assert bench.cloud.n_batches == 1 + 3  # one row alone, then threes again


async def test_rows_that_have_left_are_not_sent_from_the_middle(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.journal_rows(6)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 6)
    bench.cloud.events.clear()
    link, n_asked = bench.journal.link, 0

    async def link_above_3(seq: int) -> bytes:
        nonlocal n_asked
        n_asked += seq == 0
        if seq < 3:
            raise JournalError("rows start after 3")
        return await link(seq)

    monkeypatch.setattr(bench.journal, "link", link_above_3)
    await bench.journal_rows(1)
    await bench.until(lambda: n_asked > 2)
    assert bench.journal.cursors[UP] == 6
    assert bench.cloud.events == {}


def test_a_meter_lets_through_what_is_paid_for_and_saves_little() -> None:
    clock = FakeClock()
    meter = Meter(3600 * 100, clock)
    assert meter.pause_s() == 0
    meter.spend()
    assert meter.pause_s() == pytest.approx(EXCHANGE_BYTES / 100)
    clock.forward(EXCHANGE_BYTES / 100)
    assert meter.pause_s() == 0
    clock.forward(86_400)
    assert meter.pause_s() == 0
    for _ in range(int(BURST_S * 100 / EXCHANGE_BYTES) + 1):
        assert meter.pause_s() == 0
        meter.spend()
    assert meter.pause_s() > 0
    before = meter.n_bytes
    meter.spend(b"the same again " * 10_000)
    assert EXCHANGE_BYTES < meter.n_bytes - before < EXCHANGE_BYTES + 5000


def test_without_a_rate_nothing_waits() -> None:
    meter = Meter(None, FakeClock())
    meter.spend(bytes(10**7))
    assert meter.pause_s() == 0
