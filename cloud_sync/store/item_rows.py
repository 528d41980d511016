"""Which rows concern an item, so that an item's history is read without the whole journal.

One row of `item_rows` per item, journal and batch, written in the transaction that takes the
batch: the seqs of its rows that may change the item's balances, each with the time of the journal
there, which is all that a place needs of the rows before it. A count that swept past all items of
a place is under the item "".

    rows     pairs of (seq, time_us), signed 64-bit, big-endian, by seq; time_us is 0 for a late
             row, whose place does not depend on its journal
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from cloud_sync.inventory.history import ALL_ITEMS, items_of
from cloud_sync.inventory.places import Placed
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.ports import Row, Transaction, Value, fetch_in

ITEMS_MAX: Final = 500

_COLUMNS: Final = ("warehouse", "item", "gateway", "epoch", "first_seq", "rows")
_PAIR: Final = struct.Struct(">qq")

JournalRows = Mapping[tuple[str, str], Mapping[int, int]]
"""The time of the journal at each seq, by gateway and epoch."""


async def note_items(
    tx: Transaction,
    *,
    warehouse: str,
    gateway: str,
    epoch: str,
    items: Mapping[str, Sequence[int]],
) -> None:
    """Remember which items the rows of a batch concern: seq, time, seq, time, … by item."""
    if items:
        await tx.insert(
            "item_rows",
            _COLUMNS,
            [
                (warehouse, item, gateway, epoch, pairs[0], struct.pack(f">{len(pairs)}q", *pairs))
                for item, pairs in sorted(items.items())
            ],
        )


def rows_by_item(batch: Iterable[Placed]) -> Mapping[str, Sequence[int]]:
    """What `note_items` takes, of rows of any kind."""
    found: dict[str, list[int]] = {}
    for place, event in batch:
        for item in items_of(event):
            pairs = found.setdefault(item, [])
            pairs += (place.seq, 0 if place.device else place.at_us)
    return found


async def is_complete(tx: Transaction, warehouse: str) -> bool:
    """True if every row of the warehouse is in the index; a refold makes it so."""
    rows = await tx.fetch("select has_items from ledgers where warehouse = ?", (warehouse,))
    return not rows or bool(integer(rows[0][0]))


async def next_items(
    tx: Transaction, warehouse: str, after: str, rows_max: int
) -> tuple[list[str], bool]:
    """Items behind `after` that have so many rows together; whether there are more. The first
    is among them however many it has."""
    rows = await tx.fetch(
        "select item, sum(length(rows)) from item_rows where warehouse = ? and item > ? "
        "group by item order by item limit ?",
        (warehouse, max(after, ALL_ITEMS), ITEMS_MAX + 1),
    )
    items: list[str] = []
    n_rows = 0
    for item, n_bytes in rows[:ITEMS_MAX]:
        n_rows += int(str(n_bytes)) // _PAIR.size
        if items and n_rows > rows_max:
            break
        items.append(text(item))
    return items, len(items) < len(rows)


async def journal_rows(tx: Transaction, warehouse: str, items: Sequence[str]) -> JournalRows:
    """Where the rows are that concern any of the items, sweeps of all items among them."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for gateway, epoch, pairs in await fetch_in(
        tx,
        "select gateway, epoch, rows from item_rows where warehouse = ? and item in (?*)",
        [*items, ALL_ITEMS],
        before=(warehouse,),
    ):
        found.setdefault((text(gateway), text(epoch)), {}).update(_pairs(pairs))
    return found


async def read_journal_rows(tx: Transaction, warehouse: str, wanted: JournalRows) -> list[Row]:
    """Gateway, epoch, seq, time of arrival, bytes, event id and journal time of rows."""
    found: list[Row] = []
    for (gateway, epoch), times in sorted(wanted.items()):
        rows = await fetch_in(
            tx,
            "select seq, received_at_us, body, event_id from received where warehouse = ?"
            " and gateway = ? and epoch = ? and status = 'accepted' and seq in (?*)",
            times,
            before=(warehouse, gateway, epoch),
        )
        found += [(gateway, epoch, *row, times[integer(row[0])]) for row in rows]
    return found


async def time_at(
    tx: Transaction, journal: tuple[str, str, str], seq: int, items: Iterable[str]
) -> int | None:
    """The journal's time at a row that concerns one of the items; None if it is not known.

    journal: warehouse, gateway, epoch.
    """
    for item in items:
        rows = await tx.fetch(
            "select rows from item_rows where warehouse = ? and item = ? and gateway = ?"
            " and epoch = ? and first_seq <= ? order by first_seq desc limit 1",
            (journal[0], item, *journal[1:], seq),
        )
        for (pairs,) in rows:
            return dict(_pairs(pairs)).get(seq)
    return None


def _pairs(value: Value) -> Iterable[tuple[int, int]]:
    unpacked: Iterable[tuple[int, int]] = _PAIR.iter_unpack(blob(value))
    return unpacked


async def corrected_with(tx: Transaction, warehouse: str, event_ids: Iterable[str]) -> set[str]:
    """The ids of all other events that correct or are corrected with these, however far."""
    known = set(event_ids)
    fresh, found = set(known), set[str]()
    while fresh:
        pairs = await fetch_in(
            tx,
            "select event_id, corrects from corrections where warehouse = ?"
            " and (corrects in (?*) or event_id in (?*))",
            fresh,
            before=(warehouse,),
        )
        fresh = {text(event_id) for event_id in chain.from_iterable(pairs)} - known
        known |= fresh
        found |= fresh
    return found
