"""The outsider's ledger: what was done and when, folded from the start when asked.

Nothing here is clever: entries are sorted by time and applied one after the other. What was taken
back is struck out, as if it had never been done (docs/ledger.md, Corrections).
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

AVAILABLE, DAMAGED, HELD = "available", "damaged", "held"


class Goods(NamedTuple):
    """One lot of an item, or an item without one."""

    item: str
    lot: str | None = None
    unit: str = "EA"


class Key(NamedTuple):
    """Where a balance stands; virtual places have no warehouse, some goods have no lot: ""."""

    warehouse: str
    location: str
    item: str
    lot: str
    status: str
    unit: str


def key_of(warehouse: str, location: str, goods: Goods, status: str = AVAILABLE) -> Key:
    owner = "" if location.startswith("@") else warehouse
    return Key(owner, location, goods.item, goods.lot or "", status, goods.unit)


@dataclass
class Entry:
    """One thing that was done, in one scan or one close."""

    at_us: int
    n: int
    moves: list[tuple[Key, Key, int]] = field(default_factory=list)
    counts: dict[Key, int] = field(default_factory=dict)
    sweeps: tuple[str, str] | None = None
    """Warehouse and place of which every available key that is not in `counts` is zero."""
    is_struck: bool = False
    is_unseen: bool = False
    """What really happened, and nobody scanned it."""


class Book:
    """All of them."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._numbers = itertools.count()

    def enter(self, at_us: int) -> Entry:
        """A new entry, still empty."""
        entry = Entry(at_us, next(self._numbers))
        self._entries.append(entry)
        return entry

    def balances(self) -> Counter[Key]:
        """What stands where, zeros left out."""
        held: Counter[Key] = Counter()
        for entry in sorted(self._entries, key=lambda each: (each.at_us, each.n)):
            if not entry.is_struck and not entry.is_unseen:
                _apply(held, entry)
        return Counter({key: n for key, n in held.items() if n})

    def truth(self) -> Counter[Key]:
        """What really stands where: all that was moved, seen or not, whatever was counted."""
        held: Counter[Key] = Counter()
        for entry in self._entries:
            for source, target, quantity in entry.moves * (not entry.is_struck):
                held[source] -= quantity
                held[target] += quantity
        return Counter({key: n for key, n in held.items() if n})

    def at(self, warehouse: str, location: str) -> dict[Key, int]:
        """What stands at one place."""
        return dict(self.where(lambda key: key[:2] == (warehouse, location)))

    def where(self, is_meant: Callable[[Key], bool]) -> Iterator[tuple[Key, int]]:
        """Balances whose key is meant, in the order of their keys."""
        found = self.balances()
        for key in sorted(found):
            if is_meant(key):
                yield key, found[key]

    def sums(self) -> dict[tuple[str, str, str], int]:
        """Item, lot and unit over all places: zero each, or something came from nowhere."""
        total: dict[tuple[str, str, str], int] = defaultdict(int)
        for key, n in self.balances().items():
            total[key.item, key.lot, key.unit] += n
        return total

    def __len__(self) -> int:
        return len(self._entries)


def _apply(held: Counter[Key], entry: Entry) -> None:
    for source, target, quantity in entry.moves:
        held[source] -= quantity
        held[target] += quantity
    counted = dict(entry.counts)
    if entry.sweeps is not None:
        for key in list(held):
            if key[:2] == entry.sweeps and key.status == AVAILABLE:
                counted.setdefault(key, 0)
    for key, quantity in counted.items():
        variance = quantity - held[key]
        held[key] = quantity
        held[key._replace(warehouse="", location="@adjustment")] -= variance
