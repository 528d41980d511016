"""Findings about whole balances and counts, as functions of what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloud_sync.contract.keys import is_virtual
from cloud_sync.inventory.corrections import Acting
from cloud_sync.inventory.counts import count_of
from cloud_sync.inventory.findings import (
    COUNT_UNCERTAIN,
    NEGATIVE_STOCK,
    OVER_RECEIPT,
    RECOUNT,
    TRANSIT_OVERDUE,
    Finding,
)
from cloud_sync.inventory.places import Place
from cloud_sync.inventory.stock import StockKey, movements

TRANSIT = "@transit."


def negative_stock(
    balances: Mapping[StockKey, int], evidence: Mapping[StockKey, tuple[str, ...]]
) -> list[Finding]:
    """Shelves from which more was taken than came. evidence: the last events per key."""
    return [
        Finding(NEGATIVE_STOCK, key, evidence.get(key, ()), f"{quantity} {key.unit}", RECOUNT)
        for key, quantity in sorted(balances.items())
        if quantity < 0 and not is_virtual(key.location)
    ]


def over_receipts(
    sent: Mapping[tuple[str, str], int], received: Mapping[tuple[str, str], int]
) -> list[Finding]:
    """Deliveries of which more came than was sent; both by ASN and item."""
    return [
        Finding(OVER_RECEIPT, key, (), f"{received[key]} of {sent[key]}")
        for key in sorted(sent.keys() & received.keys())
        if received[key] > sent[key]
    ]


def transits_overdue(
    balances: Mapping[StockKey, int],
    dispatched_us: Mapping[str, int],
    *,
    now_us: int,
    limit_us: int,
) -> list[Finding]:
    """Transfers whose goods are on their way for longer than the limit.

    dispatched_us: when each transfer left.
    """
    found = []
    for key, quantity in sorted(balances.items()):
        transfer = key.location.removeprefix(TRANSIT)
        if transfer == key.location or not quantity or transfer not in dispatched_us:
            continue
        if now_us - dispatched_us[transfer] > limit_us:
            found.append(
                Finding(TRANSIT_OVERDUE, (transfer, key.item), (), f"{quantity} {key.unit}")
            )
    return found


def uncertain_counts(events: Iterable[Acting]) -> list[Finding]:
    """Counts of keys that another gateway moved within both clocks' error of the count."""
    moves: dict[StockKey, list[tuple[Place, int, str]]] = {}
    counts: list[tuple[StockKey, Place, int, str]] = []
    for place, event, asserts in events:
        error_us = (event.device.error_us if event.device else None) or 0
        for key, quantity in movements(event):
            if quantity and not is_virtual(key.location):
                moves.setdefault(key, []).append((place, error_us, event.event_id))
        if asserts:
            counts += [(key, place, error_us, event.event_id) for key in count_of(event).counted]
    found = []
    for key, at, error_us, count_id in sorted(counts):
        near = [
            event_id
            for place, other_us, event_id in sorted(moves.get(key, ()))
            if place.gateway != at.gateway and abs(place.at_us - at.at_us) <= error_us + other_us
        ]
        if near:
            why = "another gateway moved it at the same time"
            found.append(Finding(COUNT_UNCERTAIN, key, (count_id, *near), why, RECOUNT))
    return found
