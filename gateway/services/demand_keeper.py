"""Keeps what is asked for here, hour by hour, from the journal (cloud_sync/demand/book).

Reads the journal by its own cursor, behind the projector. Whether an item could be sold is gone
through row by row (core/past_shelves), so an outage that began and ended while this was behind,
after a restart for one, is seen as if it had been watched. Buckets, outages and cursor are one
transaction, so a crash costs a repeat of the last batch and nothing more. Both are a function of
the rows, whatever batches they come in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.demand.book import DemandBook
from cloud_sync.inventory.folding import step
from cloud_sync.inventory.lots import local_day
from cloud_sync.inventory.places import Placed
from gateway.core.book import place_rows
from gateway.core.consolidation import is_central
from gateway.core.facts import Facts
from gateway.core.past_shelves import PastShelves
from gateway.journal.demand_tables import batch_statements, forget_statements, load_book
from gateway.journal.ledger_tables import Reader
from gateway.ports import Journal, Row, Statements
from gateway.services.following import event_of, next_rows, rest
from gateway.services.stock_keeper import related_events
from gateway.services.supervisor import Heartbeats

CONSUMER: Final = "demand"
DAY_US: Final = 86_400_000_000
BATCH_ROWS: Final = 1000
FACTS_S: Final = 0.05
KEPT_DAYS: Final = 400
"""A year and the weeks around, so that a season is seen once."""
ORDERS_KEPT_DAYS: Final = 3
OUTAGE_MAX_US: Final = 60 * DAY_US
"""Of an outage that is longer the end is kept; a clock that was a year off makes no more of it."""


class DemandJournal(Journal, Reader, Protocol):
    """A journal whose tables can be asked."""


class DemandKeeper:
    """One gateway's demand. zone: the warehouse's own."""

    def __init__(
        self,
        *,
        journal: DemandJournal,
        facts: Callable[[], Facts],
        zone: tzinfo,
        heartbeats: Heartbeats,
    ) -> None:
        self._journal = journal
        self._facts = facts
        self._zone = zone
        self._heartbeats = heartbeats
        self._book = DemandBook(zone)
        self._time_us = 0
        self._day = ""

    async def run(self) -> None:
        """Keep it for ever."""
        done = await self._journal.cursor(CONSUMER)
        await self._load()
        shelves = await self._shelves_after(done)
        while True:
            rows = await next_rows(
                self._journal,
                after_seq=done,
                limit=BATCH_ROWS,
                consumer=CONSUMER,
                heartbeats=self._heartbeats,
            )
            done = rows[-1].seq
            await self._until_known(done)
            if is_central(self._facts()) != self._book.counts_transfers:
                await self._load()
            await self._journal.advance(
                CONSUMER, to_seq=done, effects=await self._take(rows, shelves)
            )

    async def _until_known(self, seq: int) -> None:
        """Return once the facts have come as far as a row."""
        while self._facts().seq < seq:
            await rest(FACTS_S, consumer=CONSUMER, heartbeats=self._heartbeats)

    async def _shelves_after(self, done: int) -> PastShelves:
        """The shelves after the row up to which demand is kept."""
        await self._until_known(done)
        facts = self._facts()
        known, shelves = facts.seq, PastShelves(facts)
        while done < known:
            self._heartbeats.beat(CONSUMER)
            rows = await self._journal.read(after_seq=done, limit=BATCH_ROWS)
            if not rows:
                break
            shelves.go_back(facts, (event_of(it) for it in rows if it.seq <= known))
            done = rows[-1].seq
        return shelves

    async def _load(self) -> None:
        central = is_central(self._facts())
        self._book, self._time_us = await load_book(self._journal, self._zone, is_central=central)

    async def _take(self, rows: Sequence[Row], shelves: PastShelves) -> Statements:
        """Take rows into the book; gives what writes that. shelves: after the row before these."""
        events = [(row.seq, event_of(row)) for row in rows]
        batch, self._time_us = place_rows(events, self._time_us)
        ledger = self._facts().book
        related: list[Placed] = []
        if ledger.is_tied(batch):
            related = await related_events(self._journal, ledger, batch, rows[0].seq)
        changes = step(batch, related)
        self._book.take(undo=changes.undo, do=changes.do)
        touched: set[str] = set()
        forgotten: Statements = ()
        for (_, event), placed in zip(events, batch, strict=True):
            at_us = placed.place.at_us
            today = local_day(at_us, self._zone)
            looked_at = shelves.take(self._facts(), event) | _items(event)
            if today != self._day:
                # Lots end with a day: on a new one every item is looked at.
                self._day = today
                looked_at |= self._facts().policies.keys()
                before_us = at_us - ORDERS_KEPT_DAYS * DAY_US
                self._book.forget(before_day="", before_us=before_us)
                forgotten = forget_statements(n_days=KEPT_DAYS, before_us=before_us)
            self._arrive(placed)
            for item in looked_at:
                is_usable = shelves.is_usable(self._facts(), item, today)
                self._note(item, is_usable=is_usable, at_us=at_us)
            touched |= looked_at
        if self._facts().seq == rows[-1].seq:
            shelves.catch_up(self._facts(), touched)
        return [*batch_statements(self._book, touched, self._time_us), *forgotten]

    def _arrive(self, placed: Placed) -> None:
        """Goods that come to a shelf can be sold, if it is their first time and only for now."""
        for line in placed.event.lines:
            if not keys.is_virtual(line.to_location) and line.item not in self._book.listed_us:
                self._book.note_usable(line.item, is_usable=True, at_us=placed.place.at_us)

    def _note(self, item: str, *, is_usable: bool, at_us: int) -> None:
        """Note whether any of an item can be sold."""
        book = self._book
        since_us = book.out_since_us.get(item)
        if is_usable and since_us is not None and at_us - since_us > OUTAGE_MAX_US:
            # Longer than any outage that teaches something: of this the last part will do.
            book.out_since_us[item] = at_us - OUTAGE_MAX_US
        book.note_usable(item, is_usable=is_usable, at_us=at_us)


def _items(event: ev.Event) -> set[str]:
    """The items of which there may be more, or less, after an event."""
    named = event.body.get("item")
    return {line.item for line in event.lines} | ({named} if isinstance(named, str) else set())
