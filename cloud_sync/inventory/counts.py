"""What a count says: a quantity for each key it names, and zero for the rest if it swept all.

A `count.observed` (or an `event.corrected` that puts another count in its place) carries in its
body
    assertions  [{item, location, quantity, lot?, status?, unit?, serials?}]: what was counted,
                zero allowed; two entries of one key are parts of one quantity
    exhaustive  true for a sweep that missed nothing: zero for every other key in
    scope       {location, item?, status?, unit?}: its place, or one item there
status is `available` and unit `EA` where they are not said. Serials that were seen outweigh a
quantity below their number. Entries that make no sense assert nothing, nor do those that no line
could say (a quantity beyond a line's, NUL in a lot); so do virtual places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.places import Place
from cloud_sync.inventory.stock import StockKey

STALE_US: Final = 3 * 86_400 * 1_000_000
"""A count that comes later than this after its place asserts nothing: too much has moved since,
and a gateway need not remember more than this to find its place."""

QUANTITY_MAX: Final = 10**12
"""The greatest quantity of a line, and so of a count."""
LOT_CHARACTERS_MAX: Final = 64

COUNTING: Final = frozenset({ev.COUNT_OBSERVED, ev.EVENT_CORRECTED})


@dataclass(frozen=True, slots=True)
class Scope:
    """What a sweep looked through: all lots of one item, or of all items (item "") at a place."""

    warehouse: str
    location: str
    item: str
    status: str
    unit: str

    def covers(self, key: StockKey) -> bool:
        """True if the key lies in the scope."""
        return (
            key.warehouse == self.warehouse
            and key.location == self.location
            and self.item in ("", key.item)
            and key.status == self.status
            and key.unit == self.unit
        )


@dataclass(frozen=True, slots=True)
class Count:
    """What one event asserts."""

    counted: Mapping[StockKey, int]
    sweep: Scope | None


NOTHING: Final = Count({}, None)


def count_of(event: ev.Event) -> Count:
    """The count in an event; NOTHING where there is none."""
    if event.type not in COUNTING:
        return NOTHING
    counted: dict[StockKey, int] = {}
    for entry in _entries(event.body.get("assertions")):
        found = _asserted(event, entry)
        if found is not None:
            key, quantity = found
            counted[key] = counted.get(key, 0) + quantity
    sweep = _sweep(event) if event.body.get("exhaustive") is True else None
    return Count(counted, sweep) if counted or sweep else NOTHING


def is_stale(event: ev.Event, place: Place) -> bool:
    """True if a count at this place came too late to assert anything."""
    return event.received_at_us - place.at_us > STALE_US


def _entries(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list | tuple):
        yield from (entry for entry in value if isinstance(entry, dict))


def _asserted(event: ev.Event, entry: Mapping[str, object]) -> tuple[StockKey, int] | None:
    location, item, quantity = entry.get("location"), entry.get("item"), entry.get("quantity")
    if not isinstance(location, str) or not isinstance(item, str) or keys.is_virtual(location):
        return None
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        return None
    if not 0 <= quantity <= QUANTITY_MAX:
        return None
    serials = entry.get("serials")
    if isinstance(serials, list | tuple):
        quantity = max(quantity, len({str(serial) for serial in serials}))
    lot = entry.get("lot")
    status, unit = _status_and_unit(entry)
    lot = lot if isinstance(lot, str) else ""
    if not all(map(keys.is_id, (location, item, status, unit))) or not _is_lot(lot):
        return None
    return StockKey(event.warehouse, location, item, lot, status, unit), quantity


def _sweep(event: ev.Event) -> Scope | None:
    scope = event.body.get("scope")
    if not isinstance(scope, dict):
        return None
    location, item = scope.get("location"), scope.get("item", "")
    if not isinstance(location, str) or not isinstance(item, str) or keys.is_virtual(location):
        return None
    status, unit = _status_and_unit(scope)
    if not all(map(keys.is_id, (location, item or "any", status, unit))):
        return None
    return Scope(event.warehouse, location, item, status, unit)


def _is_lot(text: str) -> bool:
    """True for what a line may name as its lot, and for no lot."""
    is_plain = text.isprintable() or not any(
        it == "\0" or "\ud800" <= it <= "\udfff" for it in text
    )
    return len(text) <= LOT_CHARACTERS_MAX and is_plain


def _status_and_unit(entry: Mapping[str, object]) -> tuple[str, str]:
    status, unit = entry.get("status"), entry.get("unit")
    return (
        status if isinstance(status, str) else ev.AVAILABLE,
        unit if isinstance(unit, str) else "EA",
    )
