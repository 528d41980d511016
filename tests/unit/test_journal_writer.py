"""Pins the writer: groups, order, failures that stay alone, cancels, limits, nothing hanging."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from gateway.errors import JournalCorrupt, JournalError, JournalFull
from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only, verify
from gateway.ports import Draft, Entry, ReceiptKey
from gateway.settings import JournalSettings
from tests.rigs.guard import GUARD_S
from tests.rigs.journal import draft, entry, numbers, opened, rubbish, steered, until

EFFECT = "insert into lot(item, lot, expiry) values (?, ?, null)"


async def test_what_gathers_during_a_slow_sync_goes_out_as_one_group(tmp_path: Path) -> None:
    async with steered(tmp_path) as (store, database):
        database.gate.clear()
        first = store.append([entry(1)])
        await until(lambda: database.n_transactions == 1)
        rest = [store.append([entry(n)]) for n in range(2, 102)]
        database.gate.set()
        assert [await one for one in (first, *rest)] == list(range(1, 102))
        assert database.n_transactions == 2


async def test_a_group_is_bounded(tmp_path: Path) -> None:
    settings = JournalSettings(group_wait_ms=0, group_max=10)
    async with steered(tmp_path, settings) as (store, database):
        database.gate.clear()
        waiting = [store.append([entry(n)]) for n in range(1, 36)]
        database.gate.set()
        assert [await one for one in waiting] == list(range(1, 36))
        assert database.n_transactions == 4


async def test_a_cursor_rides_with_the_next_commit_however_much_is_queued(tmp_path: Path) -> None:
    settings = JournalSettings(group_wait_ms=0, group_max=10)
    async with steered(tmp_path, settings) as (store, database):
        await store.append([entry(1)])
        order: list[str] = []

        async def note(name: str, what: Awaitable[object]) -> None:
            await what
            order.append(name)

        async with asyncio.TaskGroup() as group:
            database.gate.clear()
            for first in (2, 12, 22, 32):
                commit = store.append([entry(n) for n in range(first, first + 10)])
                group.create_task(note(str(first), commit))
            group.create_task(note("cursor", store.advance("projector", to_seq=1)))
            await asyncio.sleep(0)
            database.gate.set()
        assert order.index("cursor") < order.index("22")
        assert [name for name in order if name != "cursor"] == ["2", "12", "22", "32"]
        assert await store.cursor("projector") == 1


async def test_a_full_group_does_not_wait_for_company(tmp_path: Path) -> None:
    hours = JournalSettings.model_construct(group_wait_ms=10_000_000.0, group_max=3)
    async with opened(tmp_path, hours) as store, asyncio.timeout(GUARD_S):
        assert await store.append([entry(n) for n in (1, 2, 3)]) == 3


async def test_a_failed_commit_fails_its_callers_and_leaves_no_hole(tmp_path: Path) -> None:
    async with steered(tmp_path) as (store, database):
        await store.append([entry(1)])
        database.failures = [("before", JournalError("sync failed"))]
        with pytest.raises(JournalError, match="sync failed"):
            await store.append([entry(2)])
        assert await store.append([entry(3)]) == 2
        assert await numbers(store) == [1, 3]


async def test_a_commit_that_was_reported_failed_but_landed_counts_once(tmp_path: Path) -> None:
    async with steered(tmp_path) as (store, database):
        database.failures = [("after", JournalError("answer lost"))]
        assert await store.append([entry(1), entry(2)]) == 2
        assert await store.append([entry(1), entry(2)]) == 2
        assert await numbers(store) == [1, 2]


async def test_effects_of_a_group_that_landed_unreported_are_not_applied_twice(
    tmp_path: Path,
) -> None:
    add = (
        "insert into stock(warehouse, location, item, lot, status, unit, quantity)"
        " values ('W', 'A', 'i', '', 'available', 'EA', ?) on conflict do update"
        " set quantity = quantity + excluded.quantity"
    )
    async with steered(tmp_path) as (store, database):
        await store.append([entry(1)])
        database.gate.clear()
        database.failures = [("after", JournalError("answer lost"))]
        held = store.append([entry(2)])
        await until(lambda: database.n_transactions == 2)
        fold = asyncio.create_task(
            store.advance("projector", to_seq=1, effects=[(add, [(5,)])], drafts=[draft(9)])
        )
        more = store.append([entry(3)])
        await asyncio.sleep(0)
        database.failures.append(("after", JournalError("answer lost")))
        database.gate.set()
        await asyncio.gather(held, fold, more)
        assert await store.query("select quantity from stock") == [(5,)]
        assert store.last_seq == 4


@pytest.mark.parametrize(
    "bad",
    [
        Entry((Draft("id", "t", 2**63, b"{}"),)),
        Entry((Draft("id", "\ud800", 1, b"{}"),)),
    ],
    ids=["too-large", "lone-surrogate"],
)
async def test_a_value_the_disk_cannot_take_fails_alone(tmp_path: Path, bad: Entry) -> None:
    async with steered(tmp_path) as (store, database):
        database.gate.clear()
        waiting = [store.append(part) for part in ([entry(1)], [bad], [entry(2)])]
        database.gate.set()
        assert await waiting[0] == 1
        with pytest.raises(JournalError):
            await waiting[1]
        assert await waiting[2] == 2
        assert await numbers(store) == [1, 2]


async def test_a_bad_effect_undoes_cursor_and_events_of_its_call(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.append([entry(1)])
        effects = [(EFFECT, [("i", "l")]), ("insert into lot(item) values (?)", [("i",)])]
        with pytest.raises(JournalError):
            await store.advance("projector", to_seq=1, effects=effects, drafts=[draft(2)])
        assert await store.cursor("projector") == 0
        assert await store.query("select * from lot") == []
        assert store.last_seq == 1


async def test_a_message_is_written_once_whatever_its_sender_believes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        waiting = [store.append([entry(1), entry(1)]), store.append([entry(2), entry(1)])]
        assert [await one for one in waiting] == [1, 2]
        assert await store.append([entry(2), entry(3)]) == 3
    async with opened(tmp_path) as store:
        assert await store.append([entry(3), entry(1), entry(4)]) == 4
        # A number below the highest that was never seen is new: a handheld may send late.
        assert await store.append([entry(0)]) == 5
        assert await numbers(store) == [1, 2, 3, 4, 0]


async def test_damage_seen_while_writing_stops_the_journal(tmp_path: Path) -> None:
    waiting: list[asyncio.Future[int]] = []

    async def write() -> None:
        async with steered(tmp_path) as (store, database):
            database.failures = [("before", JournalCorrupt("page 7 is broken"))]
            waiting.extend(asyncio.ensure_future(store.append([entry(n)])) for n in (1, 2))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await write()
    assert [type(one.exception()) for one in waiting] == [JournalCorrupt, JournalCorrupt]
    assert caught.group_contains(JournalCorrupt, match="page 7 is broken")


async def test_at_the_size_limit_devices_wait_and_consumers_go_on(tmp_path: Path) -> None:
    settings = JournalSettings(group_wait_ms=0, max_bytes=2**20)
    async with opened(tmp_path, settings) as store:
        n_taken = 0

        async def fill() -> None:
            nonlocal n_taken
            while True:
                await store.append([rubbish(b"x" * 10_000)])
                n_taken += 1

        with pytest.raises(JournalFull, match="limit 1048576"):
            await fill()
        assert 20 <= n_taken <= 110
        await store.advance("projector", to_seq=0, drafts=[draft(1)])
        assert await numbers(store) == [1]
        with pytest.raises(JournalFull):
            await store.append([entry(2)])


async def test_a_caller_that_leaves_early_does_not_undo_its_append(tmp_path: Path) -> None:
    async with steered(tmp_path) as (store, database):
        database.gate.clear()

        async def append() -> None:
            await store.append([entry(1)])

        async with asyncio.TaskGroup() as group:
            task = group.create_task(append())
            await until(lambda: database.n_transactions == 1)
            task.cancel()
        database.gate.set()
        assert await store.append([entry(2)]) == 2
        assert await numbers(store) == [1, 2]


@pytest.mark.parametrize("n_steps", range(0, 24, 2))
async def test_a_cancel_at_any_await_leaves_all_or_nothing(tmp_path: Path, n_steps: int) -> None:
    async with opened(tmp_path) as store:
        await store.append([entry(1)])

        async def advance() -> None:
            effects = [(EFFECT, [("i", "l")])]
            await store.advance("projector", to_seq=1, effects=effects, drafts=[draft(2)])

        async with asyncio.TaskGroup() as group:
            task = group.create_task(advance())
            for _ in range(n_steps):
                await asyncio.sleep(0)
            task.cancel()
        await store.append([entry(3)])
        is_done = await store.cursor("projector") == 1
        assert await numbers(store) == ([1, 2, 3] if is_done else [1, 3])
        assert len(await store.query("select * from lot")) == is_done


@pytest.mark.parametrize("n_steps", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
async def test_a_cancel_of_the_whole_journal_drains_it_first(tmp_path: Path, n_steps: int) -> None:
    queued: list[asyncio.Future[int]] = []

    async def write() -> None:
        async with opened(tmp_path) as store:
            queued.extend(asyncio.ensure_future(store.append([entry(n)])) for n in range(1, 9))
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(write())
        while not queued:
            await asyncio.sleep(0)
        for _ in range(n_steps):
            await asyncio.sleep(0)
        task.cancel()
    assert [one.result() for one in queued] == list(range(1, 9))
    with open_read_only(tmp_path / FILE) as connection:
        verdict = verify(connection, tmp_path / FILE)
    assert (verdict.last_seq, verdict.problems) == (8, ())


async def test_after_the_end_nothing_is_taken_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        pass
    with pytest.raises(JournalError, match="closing"):
        await store.append([entry(1)])


async def test_a_quarantined_message_keeps_its_bytes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.append([rubbish(b"\x00\xff{"), rubbish(b"")])
        kept = await store.read_quarantine(after_id=0, limit=10)
        assert [(id_, message.raw) for id_, message in kept] == [(1, b"\x00\xff{"), (2, b"")]
        assert await store.read_quarantine(after_id=2, limit=10) == []
        assert store.last_seq == 0


async def test_a_receipt_without_events_is_remembered_too(tmp_path: Path) -> None:
    key = ReceiptKey("pda-1", "boot-1", 9)
    async with opened(tmp_path) as store:
        refused = b'{"seq":9,"status":"refused"}'
        await store.append([Entry(receipt=(key, refused))])
    async with opened(tmp_path) as store:
        assert await store.find_receipts([key]) == {key: refused}
