"""What deliveries announce, summed up once for each word of the office about them.

Every scan at the door asks, and a delivery may have hundreds of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from cloud_sync.contract.documents import Asn, ShipmentLine
from gateway.core.flows.goods import Goods, Sums, add

REMEMBERED_MAX: Final = 256
"""Deliveries that are unloaded at one time; the one remembered first is forgotten first."""


class Announced(NamedTuple):
    """goods: per lot. units: by item and unit. lots: by item."""

    goods: Sums
    units: Mapping[tuple[str, str], int]
    lots: Mapping[str, AbstractSet[str]]


class Deliveries:
    """Remembers what the documents it was asked about announce."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Asn, Announced]] = {}

    def announced(self, asn: Asn) -> Announced:
        """What was sent, per lot; what was asked for where nobody said what was sent."""
        known = self._known.get(asn.id)
        if known is not None and known[0] is asn:
            return known[1]
        if len(self._known) >= REMEMBERED_MAX:
            del self._known[next(iter(self._known))]
        found = _announced(asn)
        self._known[asn.id] = asn, found
        return found


def sums_of(lines: Iterable[ShipmentLine]) -> Sums:
    """The units of shipment lines per lot."""
    sums: Sums = {}
    for it in lines:
        add(sums, Goods(it.item, it.lot or "", it.unit), it.quantity)
    return sums


def _announced(asn: Asn) -> Announced:
    goods = sums_of(asn.shipped or asn.ordered)
    units: dict[tuple[str, str], int] = {}
    lots: dict[str, set[str]] = {}
    for it, n in goods.items():
        units[it.item, it.unit] = units.get((it.item, it.unit), 0) + n
        lots.setdefault(it.item, set()).add(it.lot)
    return Announced(goods, units, lots)
