"""From events to balances: what each event adds where.

A balance belongs to a StockKey. Every line of an event is double entry, so its two movements
sum to zero, and the sum of all balances of an item and lot over all places, virtual ones
included, is zero for ever. Movements commute: any order and any grouping of the same events
gives the same balances. Negative balances are kept as they are; they are facts to look into.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cloud_sync.contract import keys
from cloud_sync.contract.events import Event

NOWHERE = ""
"""The warehouse of virtual locations, which belong to none."""


CATCH_WEIGHT = "g.catch"
"""The unit of what pieces weighed: grams beside the pieces, not instead of them."""


class StockKey(NamedTuple):
    """Where, what and in which state. lot is "" for goods without one.

    unit: EA (pieces), g (goods kept by weight) or g.catch (what pieces weighed).

    A tuple, because balances are counted in dictionaries and its hash is C's.
    """

    warehouse: str
    location: str
    item: str
    lot: str
    status: str
    unit: str


def movements(event: Event) -> Sequence[tuple[StockKey, int]]:
    """The signed changes an event makes, in pairs that sum to zero."""
    # A list, because going through a generator costs more than making the keys.
    moves = []
    warehouse = event.warehouse
    for line in event.lines:
        start, end, item, lot = line.from_location, line.to_location, line.item, line.lot or ""
        owner = NOWHERE if keys.is_virtual(start) else warehouse
        source = StockKey(owner, start, item, lot, line.from_status, line.unit)
        owner = NOWHERE if keys.is_virtual(end) else warehouse
        target = StockKey(owner, end, item, lot, line.to_status, line.unit)
        moves += [(source, -line.quantity), (target, line.quantity)]
        if line.weight_g is not None:
            moves += [
                (source._replace(unit=CATCH_WEIGHT), -line.weight_g),
                (target._replace(unit=CATCH_WEIGHT), line.weight_g),
            ]
    return moves


def adjustment_of(key: StockKey) -> StockKey:
    """Where a count's difference goes, so that nothing appears from nowhere."""
    return StockKey(NOWHERE, keys.ADJUSTMENT, key.item, key.lot, key.status, key.unit)


def is_on_shelf(key: StockKey, warehouse: str) -> bool:
    """True for goods at a warehouse that are `available` and not picked for an order already.

    Whether their lot is usable is another question (inventory/lots.py).
    """
    return (
        key.warehouse == warehouse
        and key.status == "available"
        and key.location != keys.PACKING
        and not keys.is_virtual(key.location)
        and key.unit != CATCH_WEIGHT
    )
