"""Folds rows into the ledger, with what it takes of rows that were folded before.

Most batches take nothing. A correction takes the event that it corrects; a count that came late,
or takes the place of an older one, takes what has moved since. Both are read from the journal;
of an event that has left it, the correction acts at its own place (docs/ledger.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from cloud_sync.contract import events as ev
from cloud_sync.inventory.corrections import Acting, acting
from cloud_sync.inventory.folding import missing, step
from cloud_sync.inventory.places import Place, Placed, is_late
from gateway.core.book import Book, StockEffects, place_rows
from gateway.journal.ledger_tables import Reader, find_rows, seq_before
from gateway.ports import Journal
from gateway.services.following import event_of

PAGE_ROWS: Final = 500


class ReadableJournal(Journal, Reader, Protocol):
    """A journal whose tables can be asked."""


async def fold_stock(
    journal: ReadableJournal, book: Book, rows: Sequence[tuple[int, ev.Event]]
) -> StockEffects:
    """Take the journal's next rows into the book; gives what that changed."""
    if not rows:
        return StockEffects(time_us=book.time_us, horizon=book.horizon)
    first_seq = rows[0][0]
    batch = book.place(rows)
    related = await related_events(journal, book, batch, first_seq) if book.is_tied(batch) else []
    changes = step(batch, related)
    after = book.needs_later(changes)
    later: list[Acting] = []
    if after is not None:
        undone = {(each.place, each.event.event_id, each.asserts) for each in changes.undo}
        later = [
            each
            for each in await _acting_after(journal, book, after, first_seq)
            if (each.place, each.event.event_id, each.asserts) not in undone
        ]
    return book.take(batch, changes, later)


async def related_events(
    journal: ReadableJournal, book: Book, batch: Sequence[Placed], before_seq: int
) -> list[Placed]:
    """The earlier events that correct or are corrected with those of a batch."""
    found: dict[str, Placed] = {}
    sought: set[str] = set()
    names = {placed.event.event_id for placed in batch}
    while True:
        tree = [*batch, *found.values()]
        targets = missing(tree)
        ids = {placed.event.event_id for placed in tree} | targets
        wanted = targets | {by for name in ids for by in book.corrections.get(name, ())}
        wanted -= names | found.keys() | sought
        if not wanted:
            return list(found.values())
        sought |= wanted
        for name, seq in (await find_rows(journal, sorted(wanted))).items():
            if seq < before_seq:
                found[name] = await _placed(journal, seq)


async def _placed(journal: ReadableJournal, seq: int) -> Placed:
    """A row of the journal at its place."""
    (row,) = await journal.read(after_seq=seq - 1, limit=1)
    event = event_of(row)
    if is_late(event):
        return place_rows([(seq, event)], 0)[0][0]
    # Only rows recorded at its time or later can have carried the journal's time beyond it.
    at_us = min(event.occurred_at_us, event.received_at_us)
    start = min(await seq_before(journal, at_us), seq - 1)
    return (await _rows_between(journal, start, seq))[-1]


async def _acting_after(
    journal: ReadableJournal, book: Book, after: Place, before_seq: int
) -> list[Acting]:
    """What acts beyond a place, of the rows that were folded before."""
    start = await seq_before(journal, after.at_us)
    rows = await _rows_between(journal, start, before_seq - 1)
    related = await related_events(journal, book, rows, before_seq) if book.is_tied(rows) else []
    return [each for each in acting([*related, *rows]) if each.place > after]


async def _rows_between(journal: ReadableJournal, after_seq: int, last_seq: int) -> list[Placed]:
    """Rows at their places, right for all that lie beyond the time at which they begin."""
    placed: list[Placed] = []
    time_us = 0
    while after_seq < last_seq:
        limit = min(PAGE_ROWS, last_seq - after_seq)
        page = await journal.read(after_seq=after_seq, limit=limit)
        if not page:
            return placed
        after_seq = page[-1].seq
        more, time_us = place_rows(((row.seq, event_of(row)) for row in page), time_us)
        placed += more
    return placed
