"""Pins that a changed receipt, range or mark is found, and counts nothing twice or never."""

import json
from pathlib import Path

import pytest

from gateway.errors import JournalCorrupt
from gateway.journal import received
from gateway.journal.connection import FILE
from gateway.journal.inspection import open_read_only, verify
from gateway.journal.rows import CONSUMERS
from gateway.journal.store import JournalStore
from gateway.ports import Entry, ReceiptKey
from tests.fakes.clock import FakeClock
from tests.rigs.journal import numbered, opened
from tests.unit.test_journal_start import edit

N_MESSAGES = 40
MISSING = 33
MONTH_S, WEEK_US = 31 * 86_400, 7 * 86_400 * 1_000_000


async def fill(state_dir: Path) -> None:
    """Forty messages less one; the results of the first eight are forgotten."""
    clock = FakeClock()
    async with opened(state_dir, clock=clock) as store:
        await store.append([numbered(n) for n in range(1, 9)])
        await store.advance("projector", to_seq=1)
        clock.forward(2 * MONTH_S)
        await store.prune(older_than_us=clock.wall_us() - WEEK_US)
        await store.append([numbered(n) for n in range(9, N_MESSAGES + 1) if n != MISSING])
        for consumer in CONSUMERS:
            await store.advance(consumer, to_seq=store.last_seq)


def complaints(state_dir: Path) -> tuple[str, ...]:
    with open_read_only(state_dir / FILE) as connection:
        return verify(connection, state_dir / FILE).problems


async def scrub_all(store: JournalStore) -> None:
    for _ in range(1 + N_MESSAGES // 9):
        await store.scrub(9)


DAMAGES = {
    "number": "update receipt set seq = 1020 where seq = 20",
    "boot": "update receipt set boot = 'boot-3' where seq = 20",
    "device": "update receipt set device = 'pda-3' where seq = 20",
    "gone": "delete from receipt where seq = 20",
    "result of another": "update receipt set result = x'7b22736571223a32317d' where seq = 20",
    "result unreadable": "update receipt set result = x'7bff' where seq = 20",
    "range": "update received_range set last = 3",
    "mark": "update device_mark set highest = 12",
    "mark of another": "update device_mark set device = 'pda-3'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_after_damage_every_message_counts_once(tmp_path: Path, damage: str) -> None:
    await fill(tmp_path)
    assert complaints(tmp_path) == ()
    edit(tmp_path, damage)
    assert complaints(tmp_path) != ()
    (tmp_path / "journal.damaged").write_text("found by the scrub")
    async with opened(tmp_path) as store:
        before = store.last_seq
        await store.append([numbered(n) for n in range(1, N_MESSAGES + 1) if n != MISSING])
        assert store.last_seq == before
        await store.append([numbered(MISSING), numbered(N_MESSAGES + 1), numbered(1020)])
        assert store.last_seq == before + 3
        rows = await store.read(after_seq=0, limit=1000)
        counted = [json.loads(row.body)["device"]["seq"] for row in rows]
        assert sorted(counted) == [*range(1, N_MESSAGES + 2), 1020]
    assert complaints(tmp_path) == ()


@pytest.mark.parametrize("damage", ["number", "device", "gone", "range", "mark"])
async def test_damage_shows_at_start(tmp_path: Path, damage: str) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as store:
        epoch = store.epoch
    edit(tmp_path, DAMAGES[damage])
    async with opened(tmp_path) as store:
        assert store.epoch != epoch


@pytest.mark.parametrize("damage", ["number", "result of another", "result unreadable"])
async def test_damage_under_a_running_gateway_is_found_by_the_scrub(
    tmp_path: Path, damage: str
) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as store:
        edit(tmp_path, DAMAGES[damage])
        with pytest.raises(JournalCorrupt, match="20"):
            await scrub_all(store)


async def test_a_receipt_of_another_message_is_never_told(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as store:
        edit(tmp_path, DAMAGES["number"])
        with pytest.raises(JournalCorrupt, match="answers another message"):
            await store.find_receipts([ReceiptKey("pda-1", "boot-1", 1020)])


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"device":{"id":"d","boot":"b","seq":7}}', ReceiptKey("d", "b", 7)),
        (b'{"device":{"id":"d","boot":"b"}}', None),
        (b'{"device":{"id":"d","boot":7,"seq":7}}', None),
        (b"[]", None),
        (b"\xff", None),
    ],
)
def test_an_event_says_whose_message_it_was(body: bytes, key: ReceiptKey | None) -> None:
    assert received.key_of(body) == key


async def test_a_result_that_names_no_message_is_the_receipts_own(tmp_path: Path) -> None:
    """As that of tags that a handheld read: it is not answered one by one."""
    key = ReceiptKey("sled", "b", 0)
    async with opened(tmp_path) as store:
        await store.append([Entry(receipt=(key, b'{"status":"accepted","v":1}'))])
        await scrub_all(store)
        assert key in await store.find_receipts([key])
    assert complaints(tmp_path) == ()
