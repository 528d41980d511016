"""What accepted events do to the stock, in the transaction that takes them.

Most batches only move goods after the last count, and then the balances are all there is to
change. Where a count, a sweep or a correction is in play, the part of the ledger that it touches
is read, changed by the rules of cloud_sync.inventory, and written back (store/ledger.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.contract.events import Event
from cloud_sync.inventory.moving import Moving, gathered
from cloud_sync.inventory.places import Placed, place_next, place_text
from cloud_sync.inventory.stock import StockKey
from cloud_sync.store.columns import integer, text
from cloud_sync.store.item_rows import note_items, rows_by_item
from cloud_sync.store.ledger import Head, Source, fold_with_counts
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.postings import Journalled, journalled, note_batch, note_entries
from cloud_sync.store.refold_balances import add_to_new_sums, is_new_one_done, mark_done

_LOCK = (
    "insert into ledgers(warehouse, n_batches, horizon, last_count, n_open, times, has_items, "
    "known_us, has_postings) values (?, 1, '', '', 0, '{}', 1, ?, 1) "
    "on conflict (warehouse) do update set n_batches = ledgers.n_batches + 1, known_us = "
    "case when excluded.known_us < ledgers.known_us then ledgers.known_us "
    "else excluded.known_us end "
    "returning horizon, last_count, n_open, times, n_batches, known_us, is_refolded"
)
_SAVE = "update ledgers set horizon = ?, last_count = ?, n_open = ?, times = ? where warehouse = ?"


@dataclass(frozen=True, slots=True)
class Journal:
    """Whose rows they are."""

    warehouse: str
    gateway: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Folded:
    """What rows change in the balances, and how their warehouse's ledger stood before.

    n_batches: with these. is_refolded: see refold_balances.py.
    """

    balances: Mapping[StockKey, int]
    n_batches: int
    is_refolded: bool


async def apply_stock(
    tx: Transaction,
    journal: Journal,
    rows: Sequence[tuple[int, Event]],
    *,
    known_us: int,
    moving: Moving | None = None,
) -> None:
    """Fold the next accepted rows of a journal into its warehouse's stock.

    rows: seq and event, ascending. known_us: when they came. moving: see `fold_rows`.
    """
    if not rows:
        return
    folded = await fold_rows(tx, journal, rows, known_us=known_us, moving=moving)
    await add_to_balances(tx, folded.balances)
    is_refolded = folded.is_refolded
    if folded.n_batches == 1 and await is_new_one_done(tx, journal.warehouse):
        await mark_done(tx, journal.warehouse)
        is_refolded = True
    if is_refolded:
        await add_to_new_sums(tx, folded.balances)


async def fold_rows(
    tx: Transaction,
    journal: Journal,
    rows: Sequence[tuple[int, Event]],
    *,
    known_us: int,
    before_position: int | None = None,
    moving: Moving | None = None,
) -> Folded:
    """Fold rows into all of a warehouse's ledger but its balances, whose changes it gives.

    before_position: only rows received before are known yet, when the stock is folded again;
    None: all but these. moving: what rows of the journal move, where somebody has gathered it
    already; used if it is of these rows.
    """
    ((horizon, last_count, n_open, times, n_batch, since_us, is_refolded),) = await tx.fetch(
        _LOCK, (journal.warehouse, known_us)
    )
    clocks: dict[str, int] = json.loads(text(times))
    name = f"{journal.gateway} {journal.epoch}"
    before_us = clocks.get(name, 0)
    head = Head(text(horizon), text(last_count), integer(n_open))
    moving = _gathered(moving, journal, rows, before_us)
    items: Mapping[str, Sequence[int]]
    balances: Mapping[StockKey, int]
    if await _only_moves(tx, journal.warehouse, head, moving, rows):
        clocks[name] = moving.time_after(before_us)
        items, balances, last = moving.items, moving.balances(), moving.last_place()
        entries: Iterable[Journalled] = [
            ((journal.gateway, journal.epoch), moving.by_day(journal.warehouse))
        ]
    else:
        batch, clocks[name] = _placed(journal, rows, before_us)
        items, last = rows_by_item(batch), max(place for place, _ in batch)
        source = Source(journal.warehouse, journal.gateway, journal.epoch, rows[0][0])
        source = source if before_position is None else source.up_to(before_position)
        folded = await fold_with_counts(tx, source, head, batch)
        balances, head = folded.balances, folded.head
        entries = journalled(journal.warehouse, folded.entries)
    await note_items(
        tx,
        warehouse=journal.warehouse,
        gateway=journal.gateway,
        epoch=journal.epoch,
        items=items,
    )
    n = integer(n_batch)
    await note_batch(tx, warehouse=journal.warehouse, batch=n, known_us=integer(since_us))
    await note_entries(tx, warehouse=journal.warehouse, batch=n, journals=entries)
    saved = max(head.horizon, place_text(last)), head.last_count, head.n_open, json.dumps(clocks)
    await tx.execute_many(_SAVE, [(*saved, journal.warehouse)])
    return Folded(balances, n, bool(is_refolded))


def _gathered(
    moving: Moving | None, journal: Journal, rows: Sequence[tuple[int, Event]], before_us: int
) -> Moving:
    """What the rows move: what was gathered before, if it is of them and holds."""
    is_of_them = moving is not None and (moving.first_seq, moving.n_rows) == (
        rows[0][0],
        len(rows),
    )
    if moving is not None and is_of_them and moving.holds_after(before_us):
        return moving
    return gathered(rows, journal.gateway, journal.epoch, time_us=before_us)


async def add_to_balances(tx: Transaction, changes: Mapping[StockKey, int]) -> None:
    """Add to balances, once per balance however many events move it."""
    await tx.add(
        "stock",
        ("warehouse", "item", "location", "lot", "status", "unit"),
        "quantity",
        # In one order everywhere, so that two writers lock rows without a deadlock.
        sorted(
            (key.warehouse, key.item, key.location, key.lot, key.status, key.unit, quantity)
            for key, quantity in changes.items()
            if quantity
        ),
    )


def _placed(
    journal: Journal, rows: Sequence[tuple[int, Event]], time_us: int
) -> tuple[list[Placed], int]:
    placed = []
    gateway, epoch = journal.gateway, journal.epoch
    for seq, event in rows:
        place, time_us = place_next(event, gateway=gateway, epoch=epoch, seq=seq, time_us=time_us)
        placed.append(Placed(place, event))
    return placed, time_us


async def _only_moves(
    tx: Transaction,
    warehouse: str,
    head: Head,
    moving: Moving,
    rows: Sequence[tuple[int, Event]],
) -> bool:
    """True if nothing but sums can change: no count, no correction, and none that matters yet."""
    if not moving.is_mere:
        return False
    if head.last_count and place_text(moving.first_place()) <= head.last_count:
        return False
    if not head.n_open:
        return True
    return not await fetch_in(
        tx,
        "select event_id from corrections where warehouse = ? and is_open = 1"
        " and corrects in (?*)",
        [event.event_id for _, event in rows],
        before=(warehouse,),
    )
