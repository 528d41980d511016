"""Exposure on its way: what lots had suffered when they left here, and when they came.

A lot's exposure is what it suffered `here` and what was `brought` (core/exposure). What a part of
it had suffered before it came counts only for that part; but parts of a lot cannot be told apart
once they lie together, so the worst of them stands for all:

    brought = max over deliveries of what it had suffered less what the lot here had by then

part by part, and never below nothing. That is a maximum over what was told, so neither the order
nor the repeats of telling matter: a delivery's document may come before its goods or after them.
What becomes known of a lot after it has left again is told to where it went.

A blind receipt may have been of any delivery of its lot that had left its sender by then, and
nobody says of which: it counts as of each. It is an arrival of its own name.

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
"""A delivery (ASN), transfer or blind receipt, and a lot in it."""

BLIND: Final = "@"
"""Begins the name of a blind receipt; no delivery is called so."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A lot of one delivery. at_us: of the last row that said something of it.

    told: what it had suffered, None while nobody has said. verdict: what stood against it where
    it came from. found: what the lot had suffered here when the first of it came, at `came_us`;
    None while nothing has come. moved_us: when the delivery left its sender, 0 if nobody says; of
    blind receipts, when the last of them came.
    """

    at_us: int
    told: Sums | None = None
    verdict: str = ""
    found: Sums | None = None
    came_us: int = 0
    moved_us: int = 0

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
    _names: dict[LotKey, set[str]] | None = None

    def come(self, delivery: str, lot: LotKey, here: Sums, at_us: int) -> Arrival:
        """Some of a lot has come. here: what the lot has suffered here so far."""
        was = self.arrivals.get((delivery, lot), Arrival(at_us))
        if was.found is not None:
            return was
        return self._put((delivery, lot), replace(was, at_us=at_us, found=here, came_us=at_us))

    def come_blind(self, receipt: str, lot: LotKey, here: Sums, at_us: int) -> Arrival:
        """Some of a lot has come, and nobody said with which delivery.

        Receipts between which the lot has suffered nothing here are one arrival.
        """
        known = [it for it in self._of_lot(lot) if it.startswith(BLIND)]
        name = next((it for it in known if self.arrivals[it, lot].found == here), BLIND + receipt)
        arrival = self.come(name, lot, here, at_us)
        arrival = self._put((name, lot), replace(arrival, at_us=at_us, moved_us=at_us))
        for delivery in self._of_lot(lot):
            was = self.arrivals[delivery, lot]
            if was.told is not None and _may_be_of(was, arrival, delivery):
                arrival = self._say(name, lot, was.told, was.verdict, at_us)
        return arrival

    def tell(
        self, delivery: str, lot: LotKey, told: Sums, verdict: str, *, at_us: int, left_us: int
    ) -> list[Arrival]:
        """Somebody says what a lot of a delivery had suffered before it came. Gives what has come
        of it: the delivery, and blind receipts that may have been of it.

        left_us: when it left its sender; 0 if nobody says.
        """
        said = self._say(delivery, lot, told, verdict, at_us)
        said = self._put((delivery, lot), replace(said, moved_us=left_us or said.moved_us))
        blind = [
            self._say(name, lot, told, verdict, at_us)
            for name in self._of_lot(lot)
            if name.startswith(BLIND) and _may_be_of(said, self.arrivals[name, lot], delivery)
        ]
        return [it for it in (said, *blind) if it.found is not None]

    def _say(self, name: str, lot: LotKey, told: Sums, verdict: str, at_us: int) -> Arrival:
        was = self.arrivals.get((name, lot), Arrival(at_us))
        worst = told if was.told is None else was.told.worst(told)
        graver = verdict if is_worse(verdict, was.verdict) else was.verdict
        return self._put((name, lot), replace(was, at_us=at_us, told=worst, verdict=graver))

    def _of_lot(self, lot: LotKey) -> list[str]:
        """The names under which a lot came, or is to come."""
        if self._names is None:
            self._names = {}
            for name, it in self.arrivals:
                self._names.setdefault(it, set()).add(name)
        return sorted(self._names.get(lot, ()))

    def _put(self, key: WayKey, arrival: Arrival) -> Arrival:
        self.arrivals[key] = arrival
        self.changed_in.add(key)
        if self._names is not None:
            self._names.setdefault(key[1], set()).add(key[0])
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
        self._names = None
        self.changed_in &= self.arrivals.keys()
        self.changed_out &= self.departures.keys()


def _may_be_of(delivery: Arrival, blind: Arrival, name: str) -> bool:
    """Whether a blind receipt may have been of a delivery: it had left by then."""
    return not name.startswith(BLIND) and 0 < delivery.moved_us <= blind.moved_us
