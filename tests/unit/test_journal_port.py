"""Pins ports.Journal: the fake and the real journal pass the same suite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud_sync.contract.chain import next_link
from gateway.journal.store import JournalStore
from gateway.ports import Entry, ReceiptKey
from tests.fakes.memory_journal import MemoryJournal
from tests.rigs.journal import draft, entry, opened

AnyJournal = JournalStore | MemoryJournal


@pytest.fixture(params=["memory", "disk"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyJournal]:
    if request.param == "memory":
        yield MemoryJournal()
    else:
        async with opened(tmp_path) as store:
            yield store


async def test_a_new_journal_is_empty(journal: AnyJournal) -> None:
    assert journal.last_seq == 0
    assert await journal.read(after_seq=0, limit=10) in ((), [])
    assert await journal.cursor("uplink") == 0
    assert await journal.highest_device_seqs() == {}


async def test_append_numbers_from_one_and_gives_the_last(journal: AnyJournal) -> None:
    assert await journal.append([entry(1), entry(2)]) == 2
    assert await journal.append([entry(3)]) == 3
    rows = await journal.read(after_seq=0, limit=10)
    assert [(row.seq, row.event_id) for row in rows] == [(n, draft(n).event_id) for n in (1, 2, 3)]
    assert [row.body for row in rows] == [draft(n).body for n in (1, 2, 3)]


async def test_appends_are_committed_in_the_order_of_the_calls(journal: AnyJournal) -> None:
    waiting = [journal.append([entry(n)]) for n in range(1, 51)]
    assert [await one for one in waiting][-1] == 50
    rows = await journal.read(after_seq=0, limit=100)
    assert [row.event_id for row in rows] == [draft(n).event_id for n in range(1, 51)]


async def test_an_entry_with_several_events_keeps_their_order(journal: AnyJournal) -> None:
    await journal.append([Entry((draft(1), draft(2))), Entry((draft(3),))])
    rows = await journal.read(after_seq=0, limit=10)
    assert [row.event_id for row in rows] == [draft(n).event_id for n in (1, 2, 3)]


@pytest.mark.parametrize(("after", "limit"), [(0, 1), (2, 2), (4, 10), (5, 10)])
async def test_read_gives_a_window(journal: AnyJournal, after: int, limit: int) -> None:
    await journal.append([entry(n) for n in range(1, 6)])
    rows = await journal.read(after_seq=after, limit=limit)
    assert [row.seq for row in rows] == list(range(1, 6))[after : after + limit]


async def test_every_row_links_to_the_one_before(journal: AnyJournal) -> None:
    await journal.append([entry(n) for n in range(1, 4)])
    link = await journal.link(0)
    for row in await journal.read(after_seq=0, limit=10):
        link = next_link(link, row.seq, row.body)
        assert row.chain == link == await journal.link(row.seq)


async def test_advance_moves_the_cursor_and_appends(journal: AnyJournal) -> None:
    await journal.append([entry(1)])
    await journal.advance("projector", to_seq=1, drafts=[draft(2)])
    assert await journal.cursor("projector") == 1
    assert await journal.cursor("uplink") == 0
    assert journal.last_seq == 2


async def test_a_cursor_may_go_back(journal: AnyJournal) -> None:
    await journal.append([entry(n) for n in (1, 2, 3)])
    await journal.advance("uplink", to_seq=3)
    await journal.advance("uplink", to_seq=1)
    assert await journal.cursor("uplink") == 1


async def test_wait_beyond_returns_at_once_when_there_is_more(journal: AnyJournal) -> None:
    await journal.append([entry(1), entry(2)])
    assert await journal.wait_beyond(1) == 2


async def test_receipts_are_found_by_their_three_part_key(journal: AnyJournal) -> None:
    await journal.append([entry(1), entry(2), entry(7, boot="boot-2")])
    asked = [ReceiptKey("pda-1", "boot-1", n) for n in range(1, 500)]
    found = await journal.find_receipts([*asked, ReceiptKey("pda-2", "boot-1", 1)])
    assert found == {asked[0]: b'{"seq":1}', asked[1]: b'{"seq":2}'}
    assert await journal.highest_device_seqs() == {
        ("pda-1", "boot-1"): 2,
        ("pda-1", "boot-2"): 7,
    }
