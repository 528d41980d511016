"""What was on the shelves after each row of the journal, for a reader that is behind the facts.

The facts say what there is by now. Going back from there, what the rows since have moved is taken
off again; then every row is gone through in its order. So goods that ran out and came again are
seen to have, however late one looks. A row moves what its lines say, and where it counts, what the
ledger has as the variance of that count. Holds and the last days of lots are those of now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cloud_sync.contract import events as ev
from cloud_sync.inventory.counts import COUNTING, NOTHING, count_of
from cloud_sync.inventory.ledger import Ledger
from cloud_sync.inventory.stock import StockKey, is_on_shelf, movements
from gateway.core.facts import Facts


class PastShelves:
    """The shelves after a row. Items, their lots and units, as `Facts.shelves` has them."""

    def __init__(self, facts: Facts) -> None:
        self._left = {item: dict(lots) for item, lots in facts.shelves.items()}

    def go_back(self, facts: Facts, events: Iterable[ev.Event]) -> None:
        """Take off what rows have moved that the facts hold already, in any order."""
        for event in events:
            for key, units in _moved(event, facts):
                self._move(key, -units)

    def take(self, facts: Facts, event: ev.Event) -> set[str]:
        """Go on by one row; gives the items of which it moved any."""
        touched = set()
        for key, units in _moved(event, facts):
            self._move(key, units)
            touched.add(key.item)
        return touched

    def catch_up(self, facts: Facts, items: Iterable[str]) -> None:
        """Have of these items what the facts have, whose last row this is."""
        for item in items:
            self._left[item] = dict(facts.shelves.get(item, {}))

    def is_usable(self, facts: Facts, item: str, day: str) -> bool:
        """Whether any of an item could be sold on this day."""
        held = facts.flows.holds
        return any(
            units > 0
            and facts.usable(item, lot, day, held=held, expiry=facts.lots.get((item, lot)))
            for (lot, _), units in self._left.get(item, {}).items()
        )

    def _move(self, key: StockKey, units: int) -> None:
        lots = self._left.setdefault(key.item, {})
        left = lots.get((key.lot, key.unit), 0) + units
        if left:
            lots[key.lot, key.unit] = left
        else:
            lots.pop((key.lot, key.unit), None)


def _moved(event: ev.Event, facts: Facts) -> Iterator[tuple[StockKey, int]]:
    """What a row put on the shelves, or took off."""
    for key, units in movements(event):
        if is_on_shelf(key, facts.warehouse):
            yield key, units
    if event.type in COUNTING and count_of(event) is not NOTHING:
        yield from _variances(event, facts.book.ledger, facts.warehouse)


def _variances(event: ev.Event, ledger: Ledger, warehouse: str) -> Iterator[tuple[StockKey, int]]:
    """What a count found more or fewer. A sweep names no keys; counts are rare."""
    for key, counts in ledger.counts.items():
        if is_on_shelf(key, warehouse):
            for each in counts:
                if each.event_id == event.event_id and each.variance:
                    yield key, each.variance
