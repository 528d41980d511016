"""Rows of one journal that only move goods, gathered in one pass for all who keep a part of it.

Balances, the accounts that they are the sums of, and the rows that concern an item all come out
of the same lines. A backlog is millions of such rows, so they are looked at once, and before the
database is: it is busy with the batch before meanwhile. What a gathering does not know then is the
journal's time before its first row, which matters for a journal whose clock went back and for no
other: `holds_after` says whether it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cloud_sync.contract.events import Event
from cloud_sync.contract.keys import is_virtual
from cloud_sync.inventory.corrections import target_of
from cloud_sync.inventory.counts import COUNTING, NOTHING, count_of
from cloud_sync.inventory.places import BEGINNING, Place, is_late, place_next
from cloud_sync.inventory.stock import CATCH_WEIGHT, NOWHERE, StockKey

DAY_US: Final = 86_400 * 1_000_000

Goods = tuple[str, str, str, str, str, str]
"""The parts of a StockKey: keys are made for sums only, of which there are few."""
DayGoods = tuple[str, int, str, str, str, str]
"""Item, day since 1970, location, lot, status, unit."""


class Moving:
    """What consecutive rows of a journal move.

    accounts: by goods their entries, flat: time of the place, row, quantity, …; a late row's
        number is negative, because its place does not depend on its journal.
    items: by item the rows that concern it, flat: seq, journal's time there (0 for a late row), …
    is_mere: False once a row does something else than move; the rest is not complete then.
    """

    def __init__(self, gateway: str, epoch: str, *, time_us: int = 0) -> None:
        self.accounts: dict[Goods, list[int]] = {}
        self.items: dict[str, list[int]] = {}
        self.is_mere = True
        self.n_rows = 0
        self.first_seq = 0
        self._gateway = gateway
        self._epoch = epoch
        self._time_us = time_us
        self._opening: tuple[int, int] | None = None  # time and seq of the first live row
        self._last_seq = 0
        self._late: list[Place] = []
        self._owners: dict[str, str] = {}

    def add(self, seq: int, event: Event) -> None:
        """Take the next row."""
        if not self.n_rows:
            self.first_seq = seq
        self.n_rows += 1
        if event.type in COUNTING and (target_of(event) or count_of(event) is not NOTHING):
            self.is_mere = False
        if is_late(event):
            place, _ = place_next(
                event, gateway=self._gateway, epoch=self._epoch, seq=seq, time_us=0
            )
            self._late.append(place)
            if event.lines:
                self._move(event, place.at_us, -seq, seq, 0)
            return
        self._time_us = max(self._time_us, min(event.occurred_at_us, event.received_at_us))
        if self._opening is None:
            self._opening = self._time_us, seq
        self._last_seq = seq
        if event.lines:
            self._move(event, self._time_us, seq, seq, self._time_us)

    def _move(self, event: Event, at_us: int, row: int, seq: int, time_us: int) -> None:
        # In one piece, and without calls: a line of a million costs a second a microsecond.
        accounts, items, owners, warehouse = (
            self.accounts, self.items, self._owners, event.warehouse,
        )  # fmt: skip
        for line in event.lines:
            item, lot, quantity = line.item, line.lot or "", line.quantity
            start, end = line.from_location, line.to_location
            if (owner := owners.get(start)) is None:
                owner = owners[start] = NOWHERE if is_virtual(start) else warehouse
            source = (owner, start, item, lot, line.from_status, line.unit)
            if (owner := owners.get(end)) is None:
                owner = owners[end] = NOWHERE if is_virtual(end) else warehouse
            target = (owner, end, item, lot, line.to_status, line.unit)
            if (held := accounts.get(source)) is None:
                held = accounts[source] = []
            held += (at_us, row, -quantity)
            if (held := accounts.get(target)) is None:
                held = accounts[target] = []
            held += (at_us, row, quantity)
            if line.weight_g is not None:
                for goods, grams in ((source, -line.weight_g), (target, line.weight_g)):
                    held = accounts.setdefault((*goods[:5], CATCH_WEIGHT), [])
                    held += (at_us, row, grams)
            if (pairs := items.get(item)) is None:
                items[item] = [seq, time_us]
            elif pairs[-2] != seq:
                pairs += (seq, time_us)

    # ------------------------------------------------------------ what came of it

    def holds_after(self, time_us: int) -> bool:
        """True if all of it is as it is after rows that took the journal's time so far."""
        return self._opening is None or time_us <= self._opening[0]

    def time_after(self, time_us: int) -> int:
        """The journal's time after these rows, if it was so before them."""
        return max(time_us, self._time_us)

    def first_place(self) -> Place:
        """The lowest place of a row. Raises ValueError if there is none."""
        return min(self._ends())

    def last_place(self) -> Place:
        """The highest place of a row, `BEGINNING` if there is none."""
        return max(self._ends(), default=BEGINNING)

    def _ends(self) -> Iterator[Place]:
        yield from self._late
        if self._opening is not None:
            for at_us, seq in (self._opening, (self._time_us, self._last_seq)):
                yield Place(at_us, self._gateway, self._epoch, "", 0, seq)

    def balances(self) -> dict[StockKey, int]:
        """What each balance changes by; those that do not are left away."""
        sums = ((goods, sum(entries[2::3])) for goods, entries in self.accounts.items())
        return {StockKey(*goods): quantity for goods, quantity in sums if quantity}

    def by_day(self, warehouse: str) -> Mapping[DayGoods, list[int]]:
        """The entries of a warehouse's goods by the days of their places."""
        found: dict[DayGoods, list[int]] = {}
        for (owner, location, item, lot, status, unit), entries in self.accounts.items():
            if owner != warehouse:
                continue
            days = {at_us // DAY_US for at_us in entries[::3]}
            if len(days) == 1:
                found[item, days.pop(), location, lot, status, unit] = entries
                continue
            for at_us, row, quantity in zip(*[iter(entries)] * 3, strict=True):
                key = item, at_us // DAY_US, location, lot, status, unit
                found.setdefault(key, []).extend((at_us, row, quantity))
        return found


def gathered(
    rows: Iterable[tuple[int, Event]], gateway: str, epoch: str, *, time_us: int = 0
) -> Moving:
    """The gathering of rows: seq and event, ascending. time_us: the journal's before them."""
    moving = Moving(gateway, epoch, time_us=time_us)
    for seq, event in rows:
        moving.add(seq, event)
    return moving
