"""Pins the rows in memory: the ones on the disk, never more than agreed, never for the scrub."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from gateway.errors import JournalCorrupt, JournalError
from gateway.journal.connection import FILE
from gateway.journal.recent import BYTES_MAX, ROWS_MAX, RecentRows
from gateway.ports import Draft, Entry, Row
from tests.rigs.journal import entry, opened, steered


def row(seq: int, n_bytes: int = 1) -> Row:
    return Row(seq, f"id-{seq}", "type", 0, b"x" * n_bytes, seq.to_bytes(16))


@given(
    first=st.integers(1, 50),
    groups=st.lists(st.integers(1, 20), max_size=10),
    after=st.integers(0, 300),
    limit=st.integers(1, 30),
)
def test_it_gives_what_follows_or_nothing_at_all(
    first: int, groups: list[int], after: int, limit: int
) -> None:
    recent, seq = RecentRows(), first - 1
    for size in groups:
        recent.add([row(seq + n) for n in range(1, size + 1)])
        seq += size
    found = recent.after(after, limit)
    if groups and first - 1 <= after <= seq:
        assert found == [row(n) for n in range(after + 1, min(after + limit, seq) + 1)]
    else:
        assert found is None


def test_the_oldest_leave_beyond_the_bound() -> None:
    recent = RecentRows()
    recent.add([row(n) for n in range(1, ROWS_MAX + 11)])
    assert recent.after(9, 1) is None
    assert recent.after(10, 1) == [row(11)]
    assert recent.link(11) == row(11).chain
    assert recent.link(10) is None


def test_large_rows_leave_earlier_but_the_last_one_stays() -> None:
    recent = RecentRows()
    recent.add([row(n, BYTES_MAX // 2) for n in range(1, 5)])
    assert recent.after(1, 1) is None
    assert [r.seq for r in recent.after(2, 9) or ()] == [3, 4]
    recent.add([row(5, BYTES_MAX + 1)])
    assert [r.seq for r in recent.after(4, 9) or ()] == [5]


def test_what_does_not_follow_begins_anew() -> None:
    recent = RecentRows()
    recent.add([row(1), row(2)])
    recent.add([row(4)])
    assert recent.after(1, 9) is None
    assert recent.after(3, 9) == [row(4)]


async def test_rows_in_memory_are_the_rows_on_the_disk(tmp_path: Path) -> None:
    event = ev.Event(
        event_id="019aa4b6-4500-7ac2-bee8-7db6dfd4e19a",
        type="some.thing",
        version=1,
        occurred_at_us=1,
        received_at_us=2,
        warehouse="W",
    )
    known = Draft(event.event_id, event.type, 1, ev.encode_event(event), event)
    async with opened(tmp_path) as store:
        await store.append([entry(1), entry(2)])
        await store.append([Entry((known,)), entry(3)])
        in_memory = await store.read(after_seq=0, limit=10)
        on_disk = await store._read_disk(0, 10)
        assert [r._replace(event=None) for r in in_memory] == on_disk
        assert [r.event for r in in_memory] == [None, None, event, None]
        assert [await store.link(seq) for seq in range(1, 5)] == [r.chain for r in in_memory]
    async with opened(tmp_path) as store:
        assert await store.read(after_seq=0, limit=10) == on_disk


async def test_what_could_not_be_written_is_not_read(tmp_path: Path) -> None:
    async with steered(tmp_path) as (store, database):
        await store.append([entry(1)])
        database.failures = [("before", JournalError("no sync"))]
        with pytest.raises(JournalError):
            await store.append([entry(2)])
        assert [r.seq for r in await store.read(after_seq=0, limit=9)] == [1]
        await store.append([entry(3)])
        assert await store.read(after_seq=0, limit=9) == await store._read_disk(0, 9)


async def test_the_scrub_looks_at_the_disk_though_the_rows_are_in_memory(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.append([entry(1), entry(2)])
        with sqlite3.connect(tmp_path / FILE) as stranger:
            stranger.execute("update journal set body = ? where seq = 2", (b"{}",))
        stranger.close()
        assert len(await store.read(after_seq=0, limit=9)) == 2
        with pytest.raises(JournalCorrupt, match="row 2"):
            await store.scrub(10)
