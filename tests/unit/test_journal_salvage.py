"""Pins what becomes of a damaged journal: set aside, proven rows go on under a new epoch."""

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_sync.contract.events import canonical
from gateway.errors import JournalCorrupt, JournalError
from gateway.journal.carving import carve
from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only, verify
from gateway.journal.salvage import UNPROVEN, Salvage, read_salvage
from gateway.journal.switch import BUILDING, NOTE, READY, finish_switch
from gateway.ports import Draft, Entry, ReceiptKey
from tests.rigs.journal import draft, entry, numbers, opened, rubbish
from tests.unit.test_journal_start import (
    body_edited,
    chain_edited,
    edit,
    first_page_lost,
    flip,
    not_a_database,
    row_deleted,
)

pytestmark = pytest.mark.slow

N_ROWS = 600


async def fill(state_dir: Path, n_rows: int = N_ROWS) -> str:
    """A journal with large and small events, receipts, cursors and rubbish; gives its epoch."""
    async with opened(state_dir) as store:
        await store.append([entry(n) for n in range(1, n_rows + 1)])
        await store.append([rubbish(b"\x00 rubbish")])
        await store.advance("projector", to_seq=n_rows)
        await store.advance("planner", to_seq=n_rows - 1)
        await store.advance("uplink", to_seq=n_rows // 2)
        await store.advance("downlink", to_seq=77)
        return store.epoch


def found_in(state_dir: Path) -> Salvage:
    return read_salvage(state_dir / FILE)


def assert_sound(state_dir: Path) -> None:
    with open_read_only(state_dir / FILE) as connection:
        assert verify(connection, state_dir / FILE).problems == ()


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (body_edited, {3}),
        (chain_edited, set()),  # the row after it proves the body; only the link was wrong
        (row_deleted, {2, 3}),  # nothing proves the first row behind a gap
    ],
)
async def test_only_what_the_chain_does_not_prove_is_left_behind(
    tmp_path: Path, damage: Callable[[Path], None], lost: set[int]
) -> None:
    old_epoch = await fill(tmp_path)
    damage(tmp_path)
    async with opened(tmp_path) as store:
        assert await numbers(store) == [n for n in range(1, N_ROWS + 1) if n not in lost]
        assert store.epoch != old_epoch
        assert store.last_seq == N_ROWS - len(lost)
        assert await store.cursor("uplink") == N_ROWS // 2 - len(lost)
        assert await store.cursor("projector") == N_ROWS - len(lost)
        assert await store.cursor("planner") == N_ROWS - 1 - len(lost)
        assert await store.cursor("downlink") == 77
        key = ReceiptKey("pda-1", "boot-1", 5)
        assert await store.find_receipts([key]) == {key: b'{"seq":5}'}
        assert await store.append([entry(5), entry(N_ROWS + 1)]) == N_ROWS - len(lost) + 1
        set_aside = [message for _, message in await store.read_quarantine(after_id=0, limit=9)]
        unproven = {int(m.reason.split()[1]) for m in set_aside if m.kind == UNPROVEN}
        assert unproven <= lost
    report = found_in(tmp_path)
    assert (report.old_epoch, report.n_missing) == (old_epoch, len(lost))
    assert {n for first, last in report.missing for n in range(first, last + 1)} == lost
    assert report.n_lost == 0  # the cloud has them
    assert_sound(tmp_path)


async def test_a_lost_tail_is_named_up_to_where_somebody_had_read(tmp_path: Path) -> None:
    await fill(tmp_path, 5)
    tail_deleted_at = tmp_path
    edit(tail_deleted_at, "delete from journal where seq > 3")
    async with opened(tmp_path) as store:
        assert await numbers(store) == [1, 2, 3]
        assert await store.cursor("projector") == 3
    report = found_in(tmp_path)
    assert (report.missing, report.last_seq, report.n_lost) == (((4, 5),), 5, 2)


async def test_the_old_file_is_kept_as_it_was_found(tmp_path: Path) -> None:
    await fill(tmp_path)
    body_edited(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    async with opened(tmp_path):
        pass
    kept = tmp_path / found_in(tmp_path).kept
    assert (kept / FILE).read_bytes() == before
    assert not list(tmp_path.glob("*.building"))


@pytest.mark.parametrize("damage", [first_page_lost, not_a_database])
async def test_a_file_that_sqlite_cannot_open_is_carved(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    await fill(tmp_path)
    is_gone = damage is not_a_database
    damage(tmp_path)
    async with opened(tmp_path) as store:
        held = await numbers(store)
        assert await store.append([entry(N_ROWS + 5)]) == len(held) + 1
    # Without the first page nobody knows the epoch, so nothing proves the first row.
    assert held == ([] if is_gone else list(range(2, N_ROWS + 1)))
    assert found_in(tmp_path).notes


async def test_rows_in_the_log_and_in_overflow_pages_are_carved(tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    copy.mkdir()
    async with opened(state) as store:
        large = [entry(n) for n in range(1, 50)]
        big = draft(50)
        body = json.dumps({"n": 50, "pad": "ä" * 40_000}, ensure_ascii=False).encode()
        await store.append([*large])
        await store.advance(
            "projector", to_seq=1, drafts=[type(big)(big.event_id, big.type, 5, body)]
        )
        for part in state.glob(FILE + "*"):
            (copy / part.name).write_bytes(part.read_bytes())
    assert (copy / (FILE + "-wal")).stat().st_size > 0
    finds = {find.seq: find for find in carve(copy / FILE)}
    assert sorted(finds) == list(range(1, 51))
    assert finds[50].body == body
    assert finds[7].event_id == draft(7).event_id


def said(n: int) -> Draft:
    """An event whose bytes say everything that its columns say, as real ones do."""
    event_id = draft(n).event_id
    body = {"event_id": event_id, "type": "goods.moved", "occurred_at_us": 1000 + n, "n": n}
    return Draft(event_id, "goods.moved", 1000 + n, canonical(body))


def wreck(path: Path, chance: random.Random) -> list[tuple[int, int]]:
    """Garbage in a few places of the file, sectors and single bits; gives the places."""
    content = bytearray(path.read_bytes())
    places = []
    for _ in range(chance.randint(1, 3)):
        n_bytes = chance.choice([1, 1, 512, 4096])
        at = chance.randrange(0, len(content) - n_bytes)
        at -= at % n_bytes
        content[at : at + n_bytes] = chance.randbytes(n_bytes)
        places.append((at, n_bytes))
    path.write_bytes(content)
    return places


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_is_damaged_no_wrong_row_goes_on(tmp_path: Path, seed: int) -> None:
    async with opened(tmp_path) as store:
        await store.append([Entry((said(n),)) for n in range(1, N_ROWS + 1)])
    wreck(tmp_path / FILE, random.Random(seed))
    (tmp_path / NOTE).write_text("by the test\n")  # have it looked at whole
    async with opened(tmp_path) as store:
        rows = await store.read(after_seq=0, limit=10 * N_ROWS)
        held = [Draft(row.event_id, row.type, row.occurred_at_us, row.body) for row in rows]
        assert await store.append([entry(N_ROWS + 1)]) == len(held) + 1
    true = [said(n) for n in range(1, N_ROWS + 1)]
    assert [row for row in true if row in set(held)] == held
    n_pages_hit = 3
    assert len(held) >= N_ROWS - n_pages_hit * 30
    assert_sound(tmp_path)
    if len(held) < N_ROWS:
        assert found_in(tmp_path).n_missing + len(held) == found_in(tmp_path).last_seq


async def test_damage_that_shows_while_running_is_salvaged_by_the_next_start(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, 1500)
    edit(tmp_path, "update journal set body = cast('{}' as blob) where seq = 7")
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(tmp_path) as store:
            await store.read(after_seq=0, limit=10)
    assert caught.group_contains(JournalCorrupt, match="row 7")
    assert "row 7" in (tmp_path / NOTE).read_text()
    async with opened(tmp_path) as store:
        assert await numbers(store) == [n for n in range(1, 1501) if n != 7]
    assert not (tmp_path / NOTE).exists()


async def test_noted_damage_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    epoch = await fill(tmp_path)
    (tmp_path / NOTE).write_text("a bad cable, perhaps\n")
    async with opened(tmp_path) as store:
        assert store.epoch == epoch
    assert not (tmp_path / NOTE).exists()


async def test_a_switch_is_finished_wherever_it_was_cut(tmp_path: Path) -> None:
    await fill(tmp_path, 20)
    body_edited(tmp_path)
    async with opened(tmp_path):
        pass
    new = (tmp_path / FILE).read_bytes()
    kept = found_in(tmp_path).kept
    for n_moved in (0, 1, 2):
        for part in (tmp_path / kept).iterdir():
            part.unlink()
        for name in (FILE, FILE + "-wal"):
            (tmp_path / name).unlink(missing_ok=True)
        for name in (FILE, FILE + "-wal")[n_moved:]:
            (tmp_path / name).write_bytes(b"old")
        (tmp_path / READY).write_bytes(new)
        (tmp_path / BUILDING).write_bytes(b"half")
        assert finish_switch(tmp_path)
        assert (tmp_path / FILE).read_bytes() == new
        assert not [name for name in (READY, BUILDING) if (tmp_path / name).exists()]
        moved = [name for name in (FILE, FILE + "-wal") if (tmp_path / kept / name).exists()]
        assert len(moved) == 2 - n_moved
    assert not finish_switch(tmp_path)


async def test_a_read_model_that_breaks_is_folded_again(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as store:
        insert = (
            "insert into stock(warehouse, location, item, lot, status, unit, quantity)"
            " values (?, ?, ?, ?, ?, ?, ?)"
        )
        rows = [("W", f"R-{n}", "0" * 14, "", "available", "EA", n) for n in range(900)]
        await store.advance("projector", to_seq=N_ROWS, effects=[(insert, rows)])
    connection = sqlite3.connect(tmp_path / FILE)
    (page,) = connection.execute(
        "select rootpage from sqlite_master where name = 'stock'"
    ).fetchone()
    connection.close()
    flip(tmp_path / FILE, (page - 1) * 4096, 512)
    body_edited(tmp_path)
    async with opened(tmp_path) as store:
        assert await store.cursor("projector") == 0
        assert await store.query("select count(*) from stock") == [(0,)]
        assert await store.cursor("uplink") == N_ROWS // 2 - 1
        assert await store.cursor("downlink") == 0
    assert any("read model" in note for note in found_in(tmp_path).notes)


async def test_a_log_without_its_journal_is_for_a_person(tmp_path: Path) -> None:
    await fill(tmp_path, 5)
    (tmp_path / FILE).rename(tmp_path / (FILE + "-wal"))
    with pytest.raises(JournalError, match="missing or empty"):
        async with opened(tmp_path):
            pass
