"""Pins how a journal is opened: migrations, the lock, whose it is, and every refusal in words."""

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import JournalCorrupt, JournalError
from gateway.journal import forgetting
from gateway.journal.connection import FILE
from gateway.journal.forgetting import merged
from gateway.journal.inspection import open_read_only, verify
from gateway.journal.migrate import migrations, statements_of
from gateway.journal.rows import forgotten_result
from gateway.journal.store import PRUNE_ROWS, open_journal
from gateway.ports import ReceiptKey
from tests.fakes.clock import START_US, FakeClock
from tests.rigs.journal import AT_ONCE, CONSUMERS, entry, numbers, opened

KEPT = Path(__file__).resolve().parents[1] / "kept"


async def refused(state_dir: Path, gateway: str = "gw-J1") -> str:
    """How opening fails."""
    with pytest.raises(JournalError) as caught:
        async with open_journal(state_dir, gateway=gateway, settings=AT_ONCE, clock=FakeClock()):
            pass
    return str(caught.value)


def edit(state_dir: Path, sql: str) -> None:
    connection = sqlite3.connect(state_dir / FILE)
    with connection:
        connection.execute(sql)
    connection.close()


async def fill(state_dir: Path, n_rows: int = 5) -> None:
    async with opened(state_dir) as store:
        await store.append([entry(n) for n in range(1, n_rows + 1)])


async def test_a_journal_keeps_its_epoch(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        epoch = store.epoch
        await store.append([entry(1)])
    async with opened(tmp_path) as store:
        assert (store.epoch, store.last_seq) == (epoch, 1)
        assert await store.append([entry(2)]) == 2


async def test_epochs_come_from_the_clock_and_chance_given(tmp_path: Path) -> None:
    async with open_journal(
        tmp_path,
        gateway="gw-J1",
        settings=AT_ONCE,
        clock=FakeClock(),
        random_bytes=bytes,
    ) as store:
        assert store.epoch.replace("-", "").startswith(f"{START_US // 1000:012x}7000")


async def test_files_are_for_the_service_user_alone(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    async with opened(state_dir):
        assert state_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("file", sorted(KEPT.glob("journal_v*.db.gz")), ids=lambda path: path.name)
async def test_a_kept_older_journal_is_brought_up_to_date(tmp_path: Path, file: Path) -> None:
    (tmp_path / FILE).write_bytes(gzip.decompress(file.read_bytes()))
    async with opened(tmp_path) as store:
        assert await numbers(store) == list(range(1, 41))
        assert (await store.link(40)).hex() == "03929ca8711ff343b47040b647edece6"
        assert (await store.cursor("projector"), await store.cursor("uplink")) == (40, 25)
        key = ReceiptKey("pda-1", "boot-1", 40)
        assert await store.find_receipts([key]) == {key: b'{"seq":40}'}
        assert await store.query("select location, quantity from stock") == [("R-01", 7)]
        assert await store.append([entry(40), entry(41)]) == 41
        # Receipts from before receipts had a time are not forgotten at once.
        await store.prune(older_than_us=START_US)
        assert await store.find_receipts([key])
    assert verdict_of(tmp_path) == ()


def verdict_of(state_dir: Path) -> tuple[str, ...]:
    with open_read_only(state_dir / FILE) as connection:
        return verify(connection, state_dir / FILE).problems


def test_migrations_are_numbered_and_whole() -> None:
    for number, sql in migrations():
        assert statements_of(sql), f"migration {number} does nothing"


@pytest.mark.parametrize(
    ("unit", "first_row", "n_times"), [("EA", "0", 1), ("g", "0", 0), ("g", "7", 1)]
)
def test_old_orders_are_given_the_unit_of_their_delivery(
    unit: str, first_row: str, n_times: int
) -> None:
    """And the stock is folded again where grams and pieces may have been added, if it can be."""
    connection = sqlite3.connect(":memory:")
    line = {"item": "A", "quantity": 5, "unit": unit}
    for number, sql in migrations()[:16]:
        if number == 16:
            connection.execute(
                "insert into on_order values ('ASN-1', 'A', 5, 2), ('ASN-2', 'A', 1, 0)"
            )
            connection.execute("insert into ledger_time values (1, 5, '')")
            connection.execute("insert into meta values ('base_seq', ?)", (first_row,))
            asked = (json.dumps({"ordered": [line]}),)
            connection.execute("insert into document values ('asn', 'ASN-1', 1, ?)", asked)
            connection.execute("insert into document values ('asn', 'ASN-3', 1, null)")
        for statement in statements_of(sql):
            connection.execute(statement)
    rows = connection.execute("select asn, unit, ordered, received from on_order").fetchall()
    assert rows == [("ASN-1", unit, 5, 2), ("ASN-2", "EA", 1, 0)]
    assert connection.execute("select count(*) from ledger_time").fetchall() == [(n_times,)]
    connection.close()


async def test_a_migration_that_fails_leaves_the_older_journal(tmp_path: Path) -> None:
    file = KEPT / "journal_v2.db.gz"
    (tmp_path / FILE).write_bytes(gzip.decompress(file.read_bytes()))
    edit(tmp_path, "alter table receipt add column recorded_at_us integer")
    assert "duplicate column" in await refused(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("pragma user_version").fetchone() == (2,)
    connection.close()


async def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    await fill(tmp_path)
    edit(tmp_path, "pragma user_version = 99")
    assert f"version 99, this program knows {len(migrations())}" in await refused(tmp_path)


async def test_another_gateways_journal_is_refused(tmp_path: Path) -> None:
    await fill(tmp_path)
    assert "belongs to gateway gw-J1, not to gw-J2" in await refused(tmp_path, "gw-J2")


async def test_a_second_opener_is_told_who_holds_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from gateway.journal.connection import state_lock\n"
        "with state_lock(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        if holder.stdout is None:
            raise AssertionError("no pipe")
        assert holder.stdout.readline() == b"held\n"
        assert f"in use by process {holder.pid}" in await refused(tmp_path)
        holder.kill()
    # The lock dies with its process: nothing to clean up after kill -9.
    async with opened(tmp_path) as store:
        assert (tmp_path / "lock").read_text() == str(os.getpid())
        assert store.last_seq == 0


async def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert "not usable" in await refused(tmp_path / "state")


def flip(path: Path, offset: int, length: int = 1) -> None:
    content = bytearray(path.read_bytes())
    for place in range(offset, offset + length):
        content[place] ^= 0xFF
    path.write_bytes(content)


def not_a_database(state_dir: Path) -> None:
    (state_dir / FILE).write_bytes(b"something else entirely" * 500)


def first_page_lost(state_dir: Path) -> None:
    flip(state_dir / FILE, 0, 4096)


def body_edited(state_dir: Path) -> None:
    edit(state_dir, "update journal set body = cast('{\"n\": 9}' as blob) where seq = 3")


def chain_edited(state_dir: Path) -> None:
    edit(state_dir, "update journal set chain = zeroblob(16) where seq = 5")


def row_deleted(state_dir: Path) -> None:
    edit(state_dir, "delete from journal where seq = 2")


def tail_deleted(state_dir: Path) -> None:
    edit(state_dir, "insert into cursor(consumer, seq) values ('uplink', 5)")
    edit(state_dir, "delete from model_sum")  # or that alone would tell
    edit(state_dir, "delete from journal where seq > 3")


def journal_lost_but_not_its_log(state_dir: Path) -> None:
    (state_dir / FILE).rename(state_dir / (FILE + "-wal"))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (not_a_database, "SQLite found the file damaged"),
        (first_page_lost, "SQLite found the file damaged"),
        (body_edited, "row 3 does not fit its checksum"),
        (chain_edited, "row 5 does not fit its checksum"),
        (row_deleted, "row 2 is missing before row 3"),
        (tail_deleted, "uplink is done up to row 5, but the last row is 3"),
    ],
)
async def test_damage_is_told_and_the_file_set_aside_as_it_is(
    tmp_path: Path,
    damage: Callable[[Path], None],
    complaint: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await fill(tmp_path)
    damage(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    async with opened(tmp_path):
        pass
    told = [getattr(record, "reason", "") for record in caplog.records]
    assert any(complaint in reason and "\n" not in reason for reason in told)
    (kept,) = tmp_path.glob("damaged-*")
    assert (kept / FILE).read_bytes() == before


async def test_a_log_that_lost_its_journal_is_refused_and_left(tmp_path: Path) -> None:
    await fill(tmp_path)
    journal_lost_but_not_its_log(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob(f"{FILE}*")}
    assert "missing or empty, but journal.db-wal holds" in await refused(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob(f"{FILE}*")} == before


async def test_damage_below_the_tail_shows_when_it_is_read(tmp_path: Path) -> None:
    await fill(tmp_path, 1500)
    edit(tmp_path, "update journal set body = cast('{}' as blob) where seq = 7")
    async with opened(tmp_path) as store:
        assert len(await store.read(after_seq=7, limit=5)) == 5
        with pytest.raises(JournalCorrupt, match="row 7 does not fit"):
            await store.read(after_seq=0, limit=10)


async def pruned(state_dir: Path, cursors: dict[str, int], older_than_us: int) -> list[int]:
    """What is left of ten rows."""
    async with opened(state_dir) as store:
        await store.append([entry(n) for n in range(1, 11)])
        for consumer, seq in cursors.items():
            await store.advance(consumer, to_seq=seq)
        for consumer in ("sensor-watch", "demand"):
            await store.advance(consumer, to_seq=cursors.get(consumer, 10))
        n_rows = await store.prune(older_than_us=older_than_us)
        left = await numbers(store)
        assert n_rows == 10 - len(left)
        return left


LATER = START_US + 1


@pytest.mark.parametrize(
    ("cursors", "older_than_us", "first_left"),
    [
        ({}, LATER, 1),
        ({"projector": 10, "planner": 10}, LATER, 1),
        ({"projector": 10, "planner": 10, "uplink": 1}, LATER, 1),
        ({"projector": 10, "planner": 10, "uplink": 6}, LATER, 6),
        ({"projector": 10, "planner": 4, "uplink": 6}, LATER, 4),
        ({"projector": 10, "planner": 10, "uplink": 9, "sensor-watch": 5}, LATER, 5),
        ({"projector": 10, "planner": 10, "uplink": 10}, LATER, 10),
        ({"projector": 10, "planner": 10, "uplink": 10}, START_US, 1),
    ],
)
async def test_only_what_all_are_done_with_and_is_old_leaves(
    tmp_path: Path, cursors: dict[str, int], older_than_us: int, first_left: int
) -> None:
    assert await pruned(tmp_path, cursors, older_than_us) == list(range(first_left, 11))


async def test_a_pruned_journal_goes_on_and_still_proves_itself(tmp_path: Path) -> None:
    await pruned(tmp_path, dict.fromkeys(CONSUMERS, 8), LATER)
    async with opened(tmp_path) as store:
        assert [row.seq for row in await store.read(after_seq=8, limit=9)] == [9, 10]
        assert await store.append([entry(10), entry(11)]) == 11
        with pytest.raises(JournalError, match="row 3 is missing; rows start after 7") as caught:
            await store.read(after_seq=3, limit=1)
        assert not isinstance(caught.value, JournalCorrupt)  # nothing is damaged
    assert verdict_of(tmp_path) == ()


async def test_pruning_goes_on_until_it_is_done(tmp_path: Path) -> None:
    n_rows = 2 * PRUNE_ROWS + 500
    async with opened(tmp_path) as store:
        await store.append([entry(n) for n in range(1, n_rows + 1)])
        for consumer in CONSUMERS:
            await store.advance(consumer, to_seq=n_rows)
        assert await store.prune(older_than_us=LATER) == n_rows - 1
        assert await numbers(store) == [n_rows]


MONTH_S = 31 * 86_400
WEEK_US = 7 * 86_400 * 1_000_000


async def test_a_late_repeat_is_known_for_ever(tmp_path: Path) -> None:
    """First with its result, then without it; a number that never came is still new."""
    clock = FakeClock()
    came = [n for n in range(1, 1001) if n not in (5, 6, 700)]
    keys = [ReceiptKey("pda-1", "boot-1", n) for n in range(1, 1002)]
    async with opened(tmp_path, clock=clock) as store:
        await store.append([entry(n) for n in came])
        await store.append([entry(3, boot="boot-2"), entry(9, device="pda-2")])
        for consumer in CONSUMERS:
            await store.advance(consumer, to_seq=store.last_seq)
        clock.forward(8 * 86_400)
        assert await store.prune(older_than_us=clock.wall_us() - WEEK_US) == store.last_seq - 1
        assert (await store.find_receipts(keys))[keys[0]] == b'{"seq":1}'
        clock.forward(MONTH_S)
        await store.prune(older_than_us=clock.wall_us() - WEEK_US)
        found = await store.find_receipts(keys)
        assert [key.seq for key in found] == came
        assert found == {key: forgotten_result(key) for key in found}
        assert await store.query("select device, boot, first, last from received_range") == [
            ("pda-1", "boot-1", 1, 4),
            ("pda-1", "boot-1", 7, 699),
            ("pda-1", "boot-1", 701, 1000),
            ("pda-1", "boot-2", 3, 3),
            ("pda-2", "boot-1", 9, 9),
        ]
        last = store.last_seq
        assert await store.append([entry(n) for n in came]) == last
        assert await store.append([entry(5), entry(6)]) == last + 2
        clock.forward(2 * MONTH_S)
        await store.prune(older_than_us=clock.wall_us() - WEEK_US)
        assert (1, 699) in await store.query("select first, last from received_range")
        assert await store.query("select count(*) from receipt") == [(0,)]


async def test_numbers_full_of_gaps_are_bounded_and_below_nobody_guesses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "RANGES_MAX", 3)
    clock = FakeClock()
    came = [10, 20, 30, 40, 50, 51, 52, 60]
    async with opened(tmp_path, clock=clock) as store:
        await store.append([entry(n) for n in came])
        for consumer in CONSUMERS:
            await store.advance(consumer, to_seq=store.last_seq)
        clock.forward(8 * 86_400 + MONTH_S)
        await store.prune(older_than_us=clock.wall_us() - WEEK_US)
        ranges = await store.query("select first, last from received_range order by first")
        assert ranges == [(40, 40), (50, 52), (60, 60)]
        keys = [ReceiptKey("pda-1", "boot-1", n) for n in (1, 10, 29, 30, 31, 39, 40, 45, 51)]
        found = await store.find_receipts(keys)
        told = {key.seq: json.loads(result) for key, result in found.items()}
        assert {seq for seq, it in told.items() if it["status"] == "refused"} == {1, 10, 29, 30}
        assert {seq for seq, it in told.items() if it["status"] == "accepted"} == {40, 51}
        assert all((it["boot"], it["seq"]) == ("boot-1", seq) for seq, it in told.items())
        last = store.last_seq
        assert await store.append([entry(10), entry(29)]) == last, "neither lost nor counted twice"
        assert await store.append([entry(31), entry(45)]) == last + 2, "in a gap: never received"


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5))))
def test_spans_are_merged_without_gain_or_loss(pairs: list[tuple[int, int]]) -> None:
    spans = [(first, first + length) for first, length in pairs]
    result = merged(spans)
    assert _numbers(result) == _numbers(spans)
    for (_, last), (first, _) in pairwise(result):
        assert first > last + 1


def _numbers(spans: Sequence[tuple[int, int]]) -> set[int]:
    return {n for first, last in spans for n in range(first, last + 1)}
