"""The balances, kept up with events that come in any order.

The state of a key is its balance and its counts, each with the variance that it made: counted
less book at its place. Invariants, for every key

    balance = sum of its movements + sum of the variances of its counts
    balance = counted, just after a count, in the order of places
    the balance at @adjustment = its own movements - all variances: conserved to the last piece

A movement changes the first count after it in the order, and the balance only if there is none:
the count saw the goods as they were, so a late scan changes the variance and not the truth. A
count changes the balance by its variance and, if another count follows, takes the same from that
one's. So nothing is ever folded again to place a movement. To place a count, what moved after it
must be known (`later`), and no more than that.

A sweep is a count of zero of every key in its scope that it did not name. Only keys whose book
was not zero get a row; movements that come later and lie before the sweep make theirs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cloud_sync.inventory.corrections import Acting
from cloud_sync.inventory.counts import NOTHING, Count, Scope, count_of, is_stale
from cloud_sync.inventory.places import Place
from cloud_sync.inventory.stock import StockKey, adjustment_of, movements


class Asserted(NamedTuple):
    """A count of one key. is_swept: it was not named, but lay in a sweep's scope."""

    place: Place
    event_id: str
    counted: int
    variance: int
    is_swept: bool


class Sweep(NamedTuple):
    """A sweep at its place."""

    place: Place
    event_id: str
    scope: Scope


Spot = tuple[str, str]
"""Warehouse and location."""

Entry = tuple[Place, StockKey, int]
"""What something that acts at a place adds to a balance."""


@dataclass(slots=True)
class Changes:
    """What a ledger did since it was last asked: by how much, and which counts to look at."""

    balances: dict[StockKey, int] = field(default_factory=dict)
    counts: set[tuple[StockKey, Place]] = field(default_factory=set)
    sweeps: set[tuple[Spot, Place]] = field(default_factory=set)


class Ledger:
    """Balances, counts and sweeps, as far as they are needed by whoever keeps them.

    balances may hold nothing of keys that are only moved, and counts nothing that lies before
    all that is to come: `changes` is right all the same.
    """

    def __init__(self) -> None:
        self.balances: dict[StockKey, int] = {}
        self.counts: dict[StockKey, list[Asserted]] = {}
        self.sweeps: dict[Spot, list[Sweep]] = {}
        self.changes = Changes()

    def take_changes(self) -> Changes:
        """What changed since the last time."""
        changes, self.changes = self.changes, Changes()
        return changes

    def apply(
        self, *, undo: Iterable[Acting] = (), do: Iterable[Acting], later: Sequence[Acting] = ()
    ) -> None:
        """Take back what no longer counts, then add what does.

        do: in order. later: what counts already, lies after the first count in `do`, and is not
        taken back; needed wherever such a count is not the last word of its keys.
        """
        for each in undo:
            self._take_back(each)
        window: list[Entry] | None = None
        # By far the most keys were never counted: their movements are only summed.
        sums: dict[StockKey, int] = {}
        counts, sweeps = self.counts, self.sweeps
        for place, event, asserts in do:
            for key, quantity in movements(event):
                if sweeps or key in counts:
                    self._move(key, place, quantity)
                else:
                    sums[key] = sums.get(key, 0) + quantity
            count = count_of(event) if asserts else NOTHING
            if count is NOTHING:
                continue
            if is_stale(event, place):
                continue  # told by the exceptions queue
            if window is None:
                window = _postings(later)
            for key in list(sums) if count.sweep is not None else count.counted:
                self._add(key, sums.pop(key, 0))
            self._count(place, event.event_id, count, window)
        for key, quantity in sums.items():
            self._add(key, quantity)

    def _take_back(self, each: Acting) -> None:
        for key, quantity in movements(each.event):
            self._move(key, each.place, -quantity)
        count = count_of(each.event) if each.asserts else NOTHING
        for key in count.counted:
            self._discount(key, each.place)
        if count.sweep is not None:
            self._unsweep(count.sweep, each.place)

    def _move(self, key: StockKey, place: Place, quantity: int) -> None:
        if not quantity:
            return
        following = self._following(key, place, is_included=True)
        if following is None:
            self._add(key, quantity)
        else:
            self._vary(key, following, -quantity)
            self._add(adjustment_of(key), quantity)

    def _count(
        self,
        place: Place,
        event_id: str,
        count: Count,
        window: Sequence[Entry],
    ) -> None:
        for key, counted in count.counted.items():
            row = Asserted(place, event_id, counted, 0, is_swept=False)
            self._assert(key, row, window)
        scope = count.sweep
        if scope is None:
            return
        for key in self._in_scope(scope, place, window):
            if key not in count.counted:
                self._assert(key, Asserted(place, event_id, 0, 0, is_swept=True), window)
        spot = (scope.warehouse, scope.location)
        sweeps = self.sweeps.setdefault(spot, [])
        sweeps.append(Sweep(place, event_id, scope))
        sweeps.sort(key=_place)
        self.changes.sweeps.add((spot, place))

    def _assert(self, key: StockKey, row: Asserted, window: Sequence[Entry]) -> None:
        following = self._following(key, row.place, is_included=False)
        end = following.place if following is not None else None
        moved = sum(
            quantity
            for place, moved_key, quantity in window
            if moved_key == key and place > row.place and (end is None or place <= end)
        )
        if following is None:
            book = self.balances.get(key, 0) - moved
        else:
            book = following.counted - following.variance - moved
        variance = row.counted - book
        if row.is_swept and not variance:
            return
        if following is None:
            self._add(key, variance)
            self._add(adjustment_of(key), -variance)
        else:
            self._vary(key, following, -variance)
        self._put(key, row._replace(variance=variance))

    def _discount(self, key: StockKey, place: Place) -> None:
        rows = self.counts.get(key, [])
        row = next((row for row in rows if row.place == place), None)
        if row is None:
            return
        self._drop(key, place)
        following = self._following(key, place, is_included=False)
        if following is None:
            self._add(key, -row.variance)
            self._add(adjustment_of(key), row.variance)
        else:
            self._vary(key, following, row.variance)

    def _unsweep(self, scope: Scope, place: Place) -> None:
        spot = (scope.warehouse, scope.location)
        kept = [sweep for sweep in self.sweeps.get(spot, []) if sweep.place != place]
        if kept:
            self.sweeps[spot] = kept
        else:
            self.sweeps.pop(spot, None)
        self.changes.sweeps.add((spot, place))
        for key in [key for key in self.counts if scope.covers(key)]:
            self._discount(key, place)

    def _in_scope(self, scope: Scope, place: Place, window: Sequence[Entry]) -> list[StockKey]:
        """The keys whose book at this place may not be zero."""
        known = {key for key, balance in self.balances.items() if balance and scope.covers(key)}
        known |= {key for at, key, _ in window if at > place and scope.covers(key)}
        known |= {
            key
            for key, rows in self.counts.items()
            if rows[-1].place > place and scope.covers(key)
        }
        return sorted(known)

    def _following(self, key: StockKey, place: Place, *, is_included: bool) -> Asserted | None:
        """The first count of the key after a place, or at it too; a sweep's may have no row."""
        rows = self.counts.get(key, [])
        bisect = bisect_left if is_included else bisect_right
        at = bisect(rows, place, key=_place)
        found = rows[at] if at < len(rows) else None
        sweeps = self.sweeps.get(key[:2], [])
        for sweep in sweeps[bisect(sweeps, place, key=_place) :]:
            if found is not None and found.place <= sweep.place:
                break
            if sweep.scope.covers(key):
                return Asserted(sweep.place, sweep.event_id, 0, 0, is_swept=True)
        return found

    def _vary(self, key: StockKey, row: Asserted, amount: int) -> None:
        """Change a count's variance; a swept row without one is no row."""
        changed = row._replace(variance=row.variance + amount)
        if row.place in [each.place for each in self.counts.get(key, ())]:
            self._drop(key, row.place)
        if changed.variance or not changed.is_swept:
            self._put(key, changed)

    def _put(self, key: StockKey, row: Asserted) -> None:
        rows = self.counts.setdefault(key, [])
        rows.insert(bisect_right(rows, row.place, key=_place), row)
        self.changes.counts.add((key, row.place))

    def _drop(self, key: StockKey, place: Place) -> None:
        rows = [row for row in self.counts[key] if row.place != place]
        if rows:
            self.counts[key] = rows
        else:
            del self.counts[key]
        self.changes.counts.add((key, place))

    def _add(self, key: StockKey, quantity: int) -> None:
        if not quantity:
            return
        balance = self.balances.get(key, 0) + quantity
        if balance:
            self.balances[key] = balance
        else:
            del self.balances[key]
        deltas = self.changes.balances
        deltas[key] = deltas.get(key, 0) + quantity


def rows_of(
    ledger: Ledger, changed: Iterable[tuple[StockKey, Place]]
) -> Mapping[tuple[StockKey, Place], Asserted | None]:
    """The counts at these places as they are now; None for one that is no more."""
    found: dict[tuple[StockKey, Place], Asserted | None] = {}
    for key, place in changed:
        rows = ledger.counts.get(key, ())
        found[key, place] = next((row for row in rows if row.place == place), None)
    return found


def _postings(later: Sequence[Acting]) -> list[Entry]:
    return [
        (place, key, quantity) for place, event, _ in later for key, quantity in movements(event)
    ]


def _place(row: Asserted | Sweep) -> Place:
    return row.place
