"""What each batch added to the balances of its warehouse, and at which places.

One row of `stock_postings` per balance, day of places and batch, written in the transaction that
takes the batch and never changed. Whatever a batch changes in the past, a late scan, a correction,
a count whose variance gives way, is an entry of its own at the place where it acts; what it takes
back is an entry with the opposite sign. So sums of entries are balances: those up to a place are
the balance as of then, those of the batches up to one what was known then.

    entries  triples of (at_us, seq, quantity), signed 64-bit, big-endian: the place at which it
             acts by its time and its row in the journal; seq is negative for a late row, whose
             place does not depend on its journal. quantity is 0 where something acts and changes
             nothing, as a count that found what the books said
    n        numbers the journals that a batch's entries are of; nearly always there is one
    batch    counts the batches of a warehouse in the order in which they were folded
             (`ledgers.n_batches`); `ledger_batches` says when each was known. That time never
             falls, even where the cloud's clock went back
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from cloud_sync.inventory.ledger import Entry
from cloud_sync.inventory.places import Placed
from cloud_sync.inventory.stock import movements
from cloud_sync.store.columns import blob
from cloud_sync.store.ports import Transaction, Value

DAY_US: Final = 86_400 * 1_000_000
_COLUMNS: Final = (
    "warehouse", "item", "day", "location", "lot", "status", "unit", "batch", "n", "gateway",
    "epoch", "quantity", "entries",
)  # fmt: skip
_TRIPLE: Final = struct.Struct(">qqq")


async def note_batch(tx: Transaction, *, warehouse: str, batch: int, known_us: int) -> None:
    """Remember when a batch was known."""
    await tx.insert(
        "ledger_batches", ("warehouse", "known_us", "batch"), [(warehouse, known_us, batch)]
    )


async def note_entries(
    tx: Transaction, *, warehouse: str, batch: int, entries: Iterable[Entry]
) -> None:
    """Remember what a batch added; places that belong to no warehouse have no past to be told."""
    found: dict[tuple[str, str], dict[tuple[str, int, str, str, str, str], list[int]]] = {}
    for place, (owner, location, item, lot, status, unit), quantity in entries:
        if owner != warehouse:
            continue
        at_us, gateway, epoch, device, _, seq = place
        journal = found.setdefault((gateway, epoch), {})
        held = journal.setdefault((item, at_us // DAY_US, location, lot, status, unit), [])
        held += (at_us, -seq if device else seq, quantity)
    rows = [
        (
            *(warehouse, *key, batch, n, gateway, epoch),
            sum(held[2::3]),
            struct.pack(f">{len(held)}q", *held),
        )
        for n, ((gateway, epoch), journal) in zip(count(), sorted(found.items()), strict=False)
        for key, held in sorted(journal.items())
    ]
    if rows:
        await tx.insert("stock_postings", _COLUMNS, rows)


def moved(batch: Iterable[Placed]) -> Iterator[Entry]:
    """The entries of rows that only move goods."""
    for place, event in batch:
        for key, quantity in movements(event):
            yield place, key, quantity


def unpacked(value: Value) -> Iterable[tuple[int, int, int]]:
    """The time, the row and the quantity of each entry; see the module."""
    triples: Iterable[tuple[int, int, int]] = _TRIPLE.iter_unpack(blob(value))
    return triples
