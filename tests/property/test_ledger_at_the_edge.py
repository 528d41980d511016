"""Pins that the gateway's tables, kept up batch by batch over restarts, are what a full rebuild of
its journal gives: late scans, late counts, sweeps, corrections and clock jumps among them."""

from __future__ import annotations

import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.contract import events as ev
from cloud_sync.inventory.folding import LedgerRow, rebuild
from cloud_sync.inventory.ledger import Ledger
from gateway.core.projection import Effects
from gateway.journal.ledger_tables import REFOLD, load_book
from gateway.journal.read_model import effect_statements
from gateway.journal.store import JournalStore
from gateway.ports import Draft, Entry
from gateway.services.projector import CONSUMER
from gateway.services.stock_keeper import fold_stock
from tests.fakes.clock import FakeClock
from tests.fakes.trigger_watch import watch
from tests.property.test_ledger import histories
from tests.rigs.journal import opened
from tests.rigs.projecting import projector_on

pytestmark = pytest.mark.slow

cuts = st.lists(st.tuples(st.integers(0, 14), st.booleans()), max_size=6)


def own_journal(rows: list[LedgerRow]) -> list[ev.Event]:
    """The same events as one gateway's, in the order in which they came."""
    return [row.event for row in rows]


async def write(store: JournalStore, clock: FakeClock, events: list[ev.Event]) -> None:
    for event in events:
        clock.jump((event.received_at_us - clock.wall_us()) / 10**6)
        draft = Draft(event.event_id, event.type, event.occurred_at_us, ev.encode_event(event))
        await store.append([Entry((draft,))])


async def kept_in_steps(
    path: Path, events: list[ev.Event], ends: list[tuple[int, bool]]
) -> Ledger:
    """Fold up to each end, with a restart after those that say so; gives what the disk holds."""
    clock = FakeClock()
    async with opened(path, clock=clock) as store:
        await write(store, clock, events)
        book = await load_book(store)
        for (start, _), (end, restarts) in pairwise([(0, False), *ends]):
            rows = list(enumerate(events[start:end], start + 1))
            effects = Effects(stock=await fold_stock(store, book, rows))
            await store.advance(CONSUMER, to_seq=end, effects=effect_statements(effects, {}))
            if restarts:
                book = await load_book(store)
        return (await load_book(store)).ledger


def content(ledger: Ledger) -> tuple[object, object, object]:
    return ledger.balances, ledger.counts, ledger.sweeps


@settings(max_examples=20, deadline=None)
@given(histories(), cuts)
def test_what_is_kept_in_steps_is_what_a_rebuild_gives(
    rows: list[LedgerRow], wanted: list[tuple[int, bool]]
) -> None:
    events = own_journal(rows)
    ends = sorted({min(end, len(events)): restarts for end, restarts in wanted}.items())
    ends = [(end, restarts) for end, restarts in ends if end] + [(len(events), True)]
    with tempfile.TemporaryDirectory() as directory:
        kept = asyncio.run(kept_in_steps(Path(directory), events, ends))
    whole = rebuild(LedgerRow("", "", seq, event) for seq, event in enumerate(events, 1))
    assert content(kept) == content(whole)


def event(number: int, event_type: str, at_s: int, *lines: ev.Line, **body: object) -> ev.Event:
    return ev.Event(
        event_id=f"00000000-0000-7000-8000-{number:012x}", type=event_type, version=1,
        occurred_at_us=at_s * 10**6, received_at_us=at_s * 10**6, warehouse="J1",
        lines=lines, body=body,
    )  # fmt: skip


@pytest.mark.parametrize("is_asked_for", [False, True])
async def test_a_journal_from_before_counts_were_folded_is_folded_again(
    tmp_path: Path, *, is_asked_for: bool
) -> None:
    item = "09506000134352"
    clock = FakeClock()
    came = ev.Line(item=item, from_location="@supplier", to_location="R-1", quantity=9)
    count = {"assertions": [{"item": item, "location": "R-1", "quantity": 7}]}
    events = [
        event(1, ev.GOODS_RECEIVED, 1, came),
        event(2, ev.COUNT_OBSERVED, 2, **count),
    ]
    async with opened(tmp_path, clock=clock) as store:
        await write(store, clock, events)
        old = "insert into stock values ('J1', 'R-1', ?, '', 'available', 'EA', 9)"
        asked = REFOLD if is_asked_for else ()
        await store.advance(CONSUMER, to_seq=2, effects=[(old, [(item,)]), *asked])
        projector = projector_on(store, clock, watch(clock, quiet_us=1))
        await projector.load()
        assert await store.query("select quantity from stock where location = 'R-1'") == [(7,)]
    shelf = {key.location: quantity for key, quantity in projector.facts.stock.items()}
    assert shelf == {"@supplier": -9, "R-1": 7, "@adjustment": 2}
    assert projector.facts.on_hand(item, "2026-11-18") == {"EA": 7}
