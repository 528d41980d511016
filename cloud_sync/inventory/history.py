"""Balances as they were: at a time, as they were known at a time, and what made them.

Two times, not to be confused. *As of* asks what stood in the warehouse at that time, by all that
is known now: late scans and corrections included, at their places. *Known at* asks what the
books said at that time: only events that had been received by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.inventory.corrections import acting
from cloud_sync.inventory.counts import COUNTING, count_of
from cloud_sync.inventory.folding import LedgerRow, placed_events
from cloud_sync.inventory.ledger import Ledger, rows_of
from cloud_sync.inventory.places import Place
from cloud_sync.inventory.stock import StockKey, movements

ALL_ITEMS: Final = ""
"""The item of a sweep that looked at every item of its place."""


class Posting(NamedTuple):
    """One entry in the account of a balance.

    quantity: what it added; for a count its variance, and `counted` what was seen there.
    balance: what the account stood at after it. gateway, epoch, seq: the row with the raw bytes.
    """

    place: Place
    event_id: str
    type: str
    quantity: int
    counted: int | None
    balance: int
    gateway: str
    epoch: str
    seq: int
    device: str | None
    worker: str | None
    occurred_at_us: int
    received_at_us: int
    documents: tuple[str, ...]
    corrects: str | None


def balances_at(
    rows: Iterable[LedgerRow],
    *,
    items: Collection[str] | None = None,
    as_of_us: int | None = None,
    known_at_us: int | None = None,
) -> Mapping[StockKey, int]:
    """Balances that are not zero, as of a time and as known at a time; None: now.

    items: fold these alone, None for all.
    """
    ledger = Ledger()
    known = known_by(rows, known_at_us)
    ledger.apply(
        do=(
            each
            for each in acting(placed_events(known))
            if (as_of_us is None or each.place.at_us <= as_of_us)
            and (items is None or concerns(each.event, items))
        )
    )
    if items is None:
        return ledger.balances
    return {key: quantity for key, quantity in ledger.balances.items() if key.item in items}


def items_of(event: ev.Event) -> set[str]:
    """The items that an event moves, counts or swept past; ALL_ITEMS among them for any item."""
    items = {line.item for line in event.lines}
    if event.type in COUNTING:
        count = count_of(event)
        items |= {key.item for key in count.counted}
        if count.sweep is not None:
            items.add(count.sweep.item)
    return items


def concerns(event: ev.Event, items: Collection[str]) -> bool:
    """True if an event may change a balance of one of the items.

    Asked of what acts: an event may act for what it corrects, and at its place.
    """
    concerned = items_of(event)
    return ALL_ITEMS in concerned or not concerned.isdisjoint(items)


def known_by(rows: Iterable[LedgerRow], known_at_us: int | None) -> Iterator[LedgerRow]:
    """The rows that had come by a time."""
    return (row for row in rows if known_at_us is None or row.known_us <= known_at_us)


def postings(
    rows: Iterable[LedgerRow],
    key: StockKey,
    *,
    opening: int = 0,
    from_us: int = 0,
    until_us: int | None = None,
) -> list[Posting]:
    """The account of a balance from its beginning, in the order of places.

    The last posting's balance is the balance. Counts are folded as of now: their variances
    are what is left after every late scan. A part of it, from one time until another (None: all
    the rest), needs only the rows that act there, and what the account stood at before.
    """
    found: list[Posting] = []
    by_id = {
        row.event.event_id: row for row in sorted(rows, key=lambda row: row[:3], reverse=True)
    }
    ledger = Ledger()
    if opening:
        ledger.balances[key] = opening
    for each in acting(placed_events(by_id.values())):
        at_us = each.place.at_us
        is_asked = at_us >= from_us and (until_us is None or at_us <= until_us)
        if not is_asked or not concerns(each.event, {key.item}):
            continue
        before = ledger.balances.get(key, 0)
        ledger.apply(do=(each,))
        counted = rows_of(ledger, [(key, each.place)])[key, each.place] if each.asserts else None
        moved = any(moved_key == key for moved_key, _ in movements(each.event))
        if counted is not None and counted.event_id != each.event.event_id:
            counted = None
        if counted is None and not moved:
            continue
        balance = ledger.balances.get(key, 0)
        row, event = by_id[each.event.event_id], each.event
        found.append(
            Posting(
                place=each.place,
                event_id=event.event_id,
                type=event.type,
                quantity=balance - before,
                counted=None if counted is None else counted.counted,
                balance=balance,
                gateway=row.gateway,
                epoch=row.epoch,
                seq=row.seq,
                device=None if event.device is None else event.device.id,
                worker=event.worker,
                occurred_at_us=event.occurred_at_us,
                received_at_us=event.received_at_us,
                documents=tuple(f"{it.type}:{it.id}" for it in event.documents),
                corrects=event.corrects,
            )
        )
    return found
