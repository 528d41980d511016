"""What events make of balances, line by line: the plain sum that all cleverer ways must give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cloud_sync.contract.events import Event
from cloud_sync.inventory.stock import StockKey, movements


def summed(events: Iterable[Event]) -> dict[StockKey, int]:
    """Changes of balances by events that only move goods; none that is zero."""
    sums = Counter[StockKey]()
    for event in events:
        for key, quantity in movements(event):
            sums[key] += quantity
    return {key: quantity for key, quantity in sums.items() if quantity}
