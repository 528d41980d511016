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
from collections.abc import Iterable, Mapping
from typing import Final

from cloud_sync.inventory.ledger import Entry
from cloud_sync.inventory.moving import DAY_US, DayGoods
from cloud_sync.store.columns import blob
from cloud_sync.store.ports import Transaction, Value

_COLUMNS: Final = (
    "warehouse", "item", "day", "location", "lot", "status", "unit", "batch", "n", "gateway",
    "epoch", "quantity", "entries",
)  # fmt: skip
_TRIPLE: Final = struct.Struct(">qqq")

Journalled = tuple[tuple[str, str], Mapping[DayGoods, list[int]]]
"""A gateway's journal (gateway, epoch), and what it added to goods: flat triples."""


async def note_batch(tx: Transaction, *, warehouse: str, batch: int, known_us: int) -> None:
    """Remember when a batch was known."""
    await tx.insert(
        "ledger_batches", ("warehouse", "known_us", "batch"), [(warehouse, known_us, batch)]
    )


async def note_entries(
    tx: Transaction, *, warehouse: str, batch: int, journals: Iterable[Journalled]
) -> None:
    """Remember what a batch added, journal by journal."""
    rows = [
        (
            *(warehouse, *goods, batch, n, gateway, epoch),
            sum(held[2::3]),
            struct.pack(f">{len(held)}q", *held),
        )
        for n, ((gateway, epoch), entries) in enumerate(journals)
        for goods, held in sorted(entries.items())
    ]
    if rows:
        await tx.insert("stock_postings", _COLUMNS, rows)


def journalled(warehouse: str, entries: Iterable[Entry]) -> Iterable[Journalled]:
    """Entries by their journals; places that belong to no warehouse have no past to be told."""
    found: dict[tuple[str, str], dict[DayGoods, list[int]]] = {}
    for place, (owner, location, item, lot, status, unit), quantity in entries:
        if owner != warehouse:
            continue
        at_us, gateway, epoch, device, _, seq = place
        journal = found.setdefault((gateway, epoch), {})
        held = journal.setdefault((item, at_us // DAY_US, location, lot, status, unit), [])
        held += (at_us, -seq if device else seq, quantity)
    return sorted(found.items())


def unpacked(value: Value) -> Iterable[tuple[int, int, int]]:
    """The time, the row and the quantity of each entry; see the module."""
    triples: Iterable[tuple[int, int, int]] = _TRIPLE.iter_unpack(blob(value))
    return triples
