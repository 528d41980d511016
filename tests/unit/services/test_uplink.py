"""Pins the sync's edge side: in order, once, whatever the cloud answers or does not."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from cloud_sync.contract.batches import BatchAnswer, EventAnswer
from cloud_sync.contract.documents import Change
from gateway.errors import BatchRefused, CloudUnavailable, JournalCorrupt, JournalError
from gateway.ports import Row
from gateway.services import uplink as uplink_module
from gateway.services.metering import BURST_S, EXCHANGE_BYTES, Meter
from gateway.services.uplink import DOWN, UP
from tests.fakes.clock import FakeClock
from tests.fakes.sync_bench import Bench


@pytest.fixture
async def bench(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(uplink_module, "REFUSED_RETRY_S", 0.0)
    return Bench(tmp_path)


async def test_everything_arrives_once_and_in_order(bench: Bench) -> None:
    await bench.journal_rows(10)
    await bench.until(lambda: bench.journal.cursors.get(UP) == 10)
    assert bench.cloud.events == {seq: {"n": seq - 1} for seq in range(1, 11)}
    assert bench.cloud.n_batches == 4


async def test_rows_set_aside_in_a_run_are_all_counted(bench: Bench) -> None:
    await bench.journal_rows(3)

    async def set_aside(body: bytes) -> BatchAnswer:
        assert json.loads(body)["runs"] is True
        run = EventAnswer(seq=1, n=3, status="quarantined", reason="why")
        return BatchAnswer(acknowledged_seq=3, events=[run])

    bench.cloud.send_batch = set_aside  # type: ignore[method-assign]
    await bench.until(lambda: bench.journal.cursors.get(UP) == 3)
    assert bench.uplink.state.n_quarantined == 3


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
    (alarm,) = bench.alarms.shown()
    assert alarm["name"] == "sync_rows_gone"
    assert bench.cloud.gone == {1}, "the cloud is told which row it waits for in vain"


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


# ------------------------------------------------------------------ several under way


async def test_a_backlog_has_several_batches_under_way(bench: Bench) -> None:
    await bench.journal_rows(60)
    send, under_way, most = bench.cloud.send_batch, 0, 0

    async def send_counted(body: bytes) -> BatchAnswer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        answer = await send(body)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return answer

    bench.cloud.send_batch = send_counted  # type: ignore[method-assign]  # the fake's, not ours
    await bench.until(lambda: bench.journal.cursors.get(UP) == 60)
    assert most == uplink_module.IN_FLIGHT
    assert bench.cloud.n_batches == 20, "and none of them twice"


async def test_batches_that_overtake_each_other_lose_and_move_nothing(bench: Bench) -> None:
    """The cloud sees the later one first, and says that rows are missing."""
    await bench.journal_rows(60)
    send, n_sent = bench.cloud.send_batch, 0

    async def send_late(body: bytes) -> BatchAnswer:
        nonlocal n_sent
        n_sent += 1
        for _ in range(40 * (n_sent % 2)):
            await asyncio.sleep(0)
        return await send(body)

    bench.cloud.send_batch = send_late  # type: ignore[method-assign]  # the fake's, not ours
    await bench.until(lambda: bench.journal.cursors.get(UP) == 60)
    assert sorted(bench.cloud.events) == list(range(1, 61))
    assert n_sent > bench.cloud.n_batches - 1, "some were refused and sent again"
    moves = [effects for name, effects in bench.journal.effects if name == UP]
    assert len(moves) <= 20, "the cursor never went back"


async def test_after_an_error_the_line_is_tried_with_one_batch(bench: Bench) -> None:
    await bench.journal_rows(60)
    send, under_way = bench.cloud.send_batch, 0
    seen: list[int] = []

    async def send_and_fall(body: bytes) -> BatchAnswer:
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        try:
            for _ in range(5):
                await asyncio.sleep(0)
            if len(seen) == 8:
                raise CloudUnavailable("connection cut", retry_after_s=0.0)
            return await send(body)
        finally:
            under_way -= 1

    bench.cloud.send_batch = send_and_fall  # type: ignore[method-assign]  # the fake's, not ours
    await bench.until(lambda: bench.journal.cursors.get(UP) == 60)
    assert max(seen[:8]) > 1
    assert seen.count(1) >= 2, "first, and again after the error"
    assert sorted(bench.cloud.events) == list(range(1, 61))


@pytest.mark.parametrize("code", ["forked", "fenced", "in_use", "unauthorised", "version"])
async def test_a_refusal_for_good_is_an_alarm_until_it_is_over(bench: Bench, code: str) -> None:
    await bench.journal_rows(1)
    bench.cloud.faults_before = [BatchRefused("says the cloud", code=code)]
    await bench.until(lambda: bool(bench.alarms.shown()))
    told = {alarm["name"]: str(alarm["text"]) for alarm in bench.alarms.shown()}
    assert code in told.pop("sync_refused")
    assert set(told) == ({"shut_out"} if code in ("forked", "fenced", "in_use") else set())
    await bench.until(lambda: bench.journal.cursors.get(UP) == 1)
    assert bench.alarms.shown() == []


async def test_a_damaged_journal_comes_out_as_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor ends the gateway by its class; a group of errors would be tried again."""

    async def damaged(*, after_seq: int, limit: int) -> Sequence[Row]:
        raise JournalCorrupt("row 1 does not fit its checksum")

    await bench.journal_rows(1)
    monkeypatch.setattr(bench.journal, "read", damaged)
    with pytest.raises(JournalCorrupt):
        await bench.uplink.run_up()


async def test_a_paid_line_has_one_batch_under_way(tmp_path: object) -> None:
    bench = Bench(tmp_path, bytes_per_hour=10**9)
    await bench.journal_rows(30)
    send, under_way = bench.cloud.send_batch, 0

    async def send_alone(body: bytes) -> BatchAnswer:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        answer = await send(body)
        under_way -= 1
        return answer

    bench.cloud.send_batch = send_alone  # type: ignore[method-assign]  # the fake's, not ours
    await bench.until(lambda: len(bench.cloud.events) >= 6)
