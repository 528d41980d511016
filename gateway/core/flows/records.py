"""How far each task is: one record per order, delivery, transfer, counted place and SSCC.

A record is a fold of events and nothing else. `to_body` and `from_body` are how it is kept with
the read model: JSON of lists, goods as [item, lot, unit], so that a record read back is equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.core.flows.goods import Goods, Stop, Sums, number

Body = dict[str, object]


@dataclass(slots=True)
class OrderFlow:
    """stops: allocated and not yet picked. picked: good goods taken off the shelves for it.

    empty: places where the allocated goods were not found; nothing is allocated there again.
    is_gone: the cloud took the document back: cancelled, sent, or another warehouse's now.
    """

    at_us: int = 0
    stops: list[Stop] = field(default_factory=list)
    picked: Sums = field(default_factory=dict)
    shipped: Sums = field(default_factory=dict)
    empty: set[tuple[str, Goods]] = field(default_factory=set)
    is_gone: bool = False

    def to_body(self) -> Body:
        """As it is kept."""
        return {
            "at_us": self.at_us,
            "stops": [[stop.location, *stop.goods, stop.quantity] for stop in self.stops],
            "picked": _rows(self.picked),
            "shipped": _rows(self.shipped),
            "empty": sorted([location, *goods] for location, goods in self.empty),
            "is_gone": self.is_gone,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> OrderFlow:
        """As it was kept."""
        return cls(
            number(body["at_us"]),
            [
                Stop(str(location), Goods(str(item), str(lot), str(unit)), number(n))
                for location, item, lot, unit, n in _lists(body["stops"])
            ],
            _sums(body["picked"]),
            _sums(body["shipped"]),
            {
                (str(location), Goods(str(item), str(lot), str(unit)))
                for location, item, lot, unit in _lists(body["empty"])
            },
            bool(body.get("is_gone", False)),
        )


@dataclass(slots=True)
class ReceiptFlow:
    """What came of a delivery so far; damaged is part of received."""

    at_us: int = 0
    received: Sums = field(default_factory=dict)
    damaged: Sums = field(default_factory=dict)
    is_closed: bool = False

    def to_body(self) -> Body:
        """As it is kept."""
        return {
            "at_us": self.at_us,
            "received": _rows(self.received),
            "damaged": _rows(self.damaged),
            "is_closed": self.is_closed,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> ReceiptFlow:
        """As it was kept."""
        return cls(
            number(body["at_us"]),
            _sums(body["received"]),
            _sums(body["damaged"]),
            bool(body["is_closed"]),
        )


@dataclass(slots=True)
class DispatchFlow:
    """What has left under a transfer so far."""

    at_us: int = 0
    dispatched: Sums = field(default_factory=dict)

    def to_body(self) -> Body:
        """As it is kept."""
        return {"at_us": self.at_us, "dispatched": _rows(self.dispatched)}

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> DispatchFlow:
        """As it was kept."""
        return cls(number(body["at_us"]), _sums(body["dispatched"]))


@dataclass(slots=True)
class CountFlow:
    """One place in one count. round: the one that is under way, from 1.

    counted: of this round. book: what was believed when each was first scanned in its newest
    round. before: what the round before came to. outcome: of the last closing; "" once something
    was counted after it.
    """

    at_us: int = 0
    round: int = 1
    counted: Sums = field(default_factory=dict)
    book: Sums = field(default_factory=dict)
    before: Sums = field(default_factory=dict)
    outcome: str = ""

    def to_body(self) -> Body:
        """As it is kept."""
        return {
            "at_us": self.at_us,
            "round": self.round,
            "counted": _rows(self.counted),
            "book": _rows(self.book),
            "before": _rows(self.before),
            "outcome": self.outcome,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> CountFlow:
        """As it was kept."""
        return cls(
            number(body["at_us"]),
            number(body["round"]),
            _sums(body["counted"]),
            _sums(body["book"]),
            _sums(body["before"]),
            str(body["outcome"]),
        )


@dataclass(slots=True)
class Unit:
    """A logistic unit: where it stands, what is in it, and for which order it was packed."""

    at_us: int = 0
    location: str = ""
    contents: Sums = field(default_factory=dict)
    order: str | None = None

    def to_body(self) -> Body:
        """As it is kept."""
        return {
            "at_us": self.at_us,
            "location": self.location,
            "contents": _rows(self.contents),
            "order": self.order,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Unit:
        """As it was kept."""
        order = body["order"]
        return cls(
            number(body["at_us"]),
            str(body["location"]),
            _sums(body["contents"]),
            None if order is None else str(order),
        )


def _rows(sums: Sums) -> list[list[object]]:
    return [[*goods, n] for goods, n in sorted(sums.items())]


def _sums(rows: object) -> Sums:
    return {
        Goods(str(item), str(lot), str(unit)): number(n) for item, lot, unit, n in _lists(rows)
    }


def _lists(rows: object) -> Iterable[list[object]]:
    if not isinstance(rows, list):
        raise AssertionError(f"expected a list in a kept record, got {rows!r}")
    return rows
