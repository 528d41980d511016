"""The rows of a warehouse that a question about the past needs, and no others.

One item's are found by the index of item_rows; what corrects them, or is corrected by them, by the
corrections. A warehouse whose index is not complete (it is of an older version and was not folded
again) is read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.inbox.quick import read_kept
from cloud_sync.inventory.folding import LedgerRow
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.item_rows import (
    JournalRows,
    corrected_with,
    is_complete,
    journal_rows,
    next_items,
    read_journal_rows,
)
from cloud_sync.store.ledger import Source, named
from cloud_sync.store.ports import Row, Transaction

WHOLE_ROWS_MAX: Final = 50_000
"""So many rows of a warehouse that was not folded again are folded for one question, a second or
two; with more nobody could end it, not even a service that is to stop."""


class NotFolded(Exception):
    """The warehouse is of an older version and too large to be folded for a question."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is to be folded: of these items, None for all; more: other items come after them."""

    rows: Sequence[Row]
    items: list[str] | None
    more: bool = False

    def ledger_rows(self) -> list[LedgerRow]:
        """The rows as the ledger takes them; to be run beside the event loop."""
        bodies = [blob(row[4]) for row in self.rows]
        return [
            LedgerRow(
                text(gateway),
                text(epoch),
                integer(seq),
                event,
                integer(known_us),
                integer(time_us),
            )
            for (gateway, epoch, seq, known_us, _, _, time_us), event in zip(
                self.rows, read_kept(bodies), strict=True
            )
        ]


async def read_past(
    tx: Transaction, *, warehouse: str, item: str | None, after: str, rows_max: int
) -> Past:
    """What concerns an item, or the next items behind `after` that have so many rows. Raises
    NotFolded."""
    if not await is_complete(tx, warehouse):
        rows = await _read_all(tx, warehouse)
        return Past(rows, None if item is None else [item])
    items, more = (
        ([item], False) if item is not None else await next_items(tx, warehouse, after, rows_max)
    )
    if not items:
        return Past([], [])
    return Past(
        await read_rows(tx, warehouse, await journal_rows(tx, warehouse, items)), items, more
    )


async def read_rows(tx: Transaction, warehouse: str, wanted: JournalRows) -> list[Row]:
    """Rows of journals, and what corrects them or is corrected by them."""
    rows = await read_journal_rows(tx, warehouse, wanted)
    related = await corrected_with(tx, warehouse, (text(row[5]) for row in rows))
    return rows + await _read_named(tx, warehouse, related)


async def _read_named(tx: Transaction, warehouse: str, event_ids: set[str]) -> list[Row]:
    found: dict[tuple[str, str], dict[int, int]] = {}
    everything = Source(warehouse, gateway="", epoch="", first_seq=0)
    for place, _ in await named(tx, everything, event_ids):
        times = found.setdefault((place.gateway, place.epoch), {})
        times[place.seq] = 0 if place.device else place.at_us
    return await read_journal_rows(tx, warehouse, found)


async def _read_all(tx: Transaction, warehouse: str) -> Sequence[Row]:
    rows = await tx.fetch(
        "select gateway, epoch, seq, received_at_us, body, event_id, 0 from received"
        " where warehouse = ? and status = 'accepted' limit ?",
        (warehouse, WHOLE_ROWS_MAX + 1),
    )
    if len(rows) > WHOLE_ROWS_MAX:
        raise NotFolded(warehouse)
    return rows
