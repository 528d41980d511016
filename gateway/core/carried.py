"""Exposure on its way: what lots had suffered when they left here, and when they came.

A lot's exposure is what it suffered `here` and what was `brought` (core/exposure). What a part of
it had suffered before it came counts only for that part; but parts of a lot cannot be told apart
once they lie together, so the worst of them stands for all:

    brought = max over deliveries of what it had suffered less what the lot here had by then

part by part, and never below nothing. That is a maximum over what was told, so neither the order
nor the repeats of telling matter: a delivery's document may come before its goods or after them.
What becomes known of a lot after it has left again is told to where it went.

Pure. Docs: docs/cold-chain.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from gateway.core.exposure import NONE, Exposure, LotKey, Sums, is_worse

DAY_US: Final = 86_400_000_000
KEPT_US: Final = 92 * DAY_US
"""Deliveries are remembered so long; nothing is told of older ones."""

WayKey = tuple[str, LotKey]
"""A delivery (ASN) or transfer, and a lot in it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A lot of one delivery. at_us: of the last row that said something of it.

    told: what it had suffered, None while nobody has said. verdict: what stood against it where
    it came from. found: what the lot had suffered here when the first of it came, at `came_us`;
    None while nothing has come.
    """

    at_us: int
    told: Sums | None = None
    verdict: str = ""
    found: Sums | None = None
    came_us: int = 0

    @property
    def brought(self) -> Sums:
        """What it has suffered beyond what the lot had suffered here."""
        if self.told is None or self.found is None:
            return NONE
        return self.told.beyond(self.found)


@dataclass(frozen=True, slots=True)
class Departure:
    """A lot of one transfer: what it had suffered here when the last of it left, and before."""

    at_us: int
    here: Sums
    brought: Sums

    @property
    def total(self) -> Sums:
        """What goes with it."""
        return self.here.plus(self.brought)


@dataclass(slots=True)
class Carried:
    """All that is on its way, here and from here. Times are those at which rows were received.

    changed_in, changed_out: what was touched since it was saved.
    """

    arrivals: dict[WayKey, Arrival] = field(default_factory=dict)
    departures: dict[WayKey, Departure] = field(default_factory=dict)
    changed_in: set[WayKey] = field(default_factory=set)
    changed_out: set[WayKey] = field(default_factory=set)

    def come(self, delivery: str, lot: LotKey, here: Sums, at_us: int) -> Arrival:
        """Some of a lot has come. here: what the lot has suffered here so far."""
        was = self.arrivals.get((delivery, lot), Arrival(at_us))
        if was.found is not None:
            return was
        return self._put((delivery, lot), replace(was, at_us=at_us, found=here, came_us=at_us))

    def tell(self, delivery: str, lot: LotKey, told: Sums, verdict: str, at_us: int) -> Arrival:
        """Somebody says what a lot of a delivery had suffered before it came."""
        was = self.arrivals.get((delivery, lot), Arrival(at_us))
        worst = told if was.told is None else was.told.worst(told)
        graver = verdict if is_worse(verdict, was.verdict) else was.verdict
        return self._put((delivery, lot), replace(was, at_us=at_us, told=worst, verdict=graver))

    def _put(self, key: WayKey, arrival: Arrival) -> Arrival:
        self.arrivals[key] = arrival
        self.changed_in.add(key)
        return arrival

    def leave(self, transfer: str, lot: LotKey, exposure: Exposure, at_us: int) -> Departure:
        """Some of a lot leaves."""
        return self._send((transfer, lot), Departure(at_us, exposure.here, exposure.brought))

    def sent_on(self, lot: LotKey, arrival: Arrival) -> list[tuple[str, Departure]]:
        """The transfers with which some of it has left before more was known of it."""
        return [
            (transfer, self._send((transfer, it), replace(was, brought=worst)))
            for (transfer, it), was in sorted(self.departures.items())
            if it == lot
            and arrival.came_us <= was.at_us
            and (worst := was.brought.worst(arrival.brought)) != was.brought
        ]

    def _send(self, key: WayKey, departure: Departure) -> Departure:
        self.departures[key] = departure
        self.changed_out.add(key)
        return departure

    def forget(self, before_us: int) -> None:
        """Drop what is older."""
        for ways in (self.arrivals, self.departures):
            for key in [key for key, it in ways.items() if it.at_us < before_us]:
                del ways[key]
        self.changed_in &= self.arrivals.keys()
        self.changed_out &= self.departures.keys()
