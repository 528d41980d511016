"""When an item could be sold and when it could not, from acting events in their order.

The shelves are replayed: balances as movements and counts make them, lots as events tell of them,
days as the warehouse's calendar has them (a lot is usable on its last day, inventory/lots.py).
What only documents of the office say against goods (recalls, certificates) is not known here; it
stops sales for a reason that is no stock-out of ours to plan for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import NamedTuple

from cloud_sync.demand.hours import day_start_us, next_day
from cloud_sync.inventory.corrections import Acting
from cloud_sync.inventory.counts import NOTHING, count_of, is_stale
from cloud_sync.inventory.lots import (
    LOT_EVENTS,
    LotKey,
    LotState,
    local_day,
    lot_key,
    told,
    usable,
)
from cloud_sync.inventory.stock import StockKey, is_on_shelf, movements


class Turn(NamedTuple):
    """From this moment on an item can be sold, or can not."""

    at_us: int
    item: str
    is_usable: bool


def turns(
    acts: Iterable[Acting], *, warehouse: str, zone: tzinfo, until_us: int
) -> Iterator[Turn]:
    """Every change of what is usable, in order of time; nothing of items that never were."""
    shelf = _Shelf(warehouse)
    day = ""
    for act in acts:
        at_us = act.place.at_us
        if at_us >= until_us:
            break
        today = local_day(at_us, zone)
        yield from shelf.pass_days(day, today, zone)
        day = today
        yield from shelf.take(act, at_us, today)
    if day:
        yield from shelf.pass_days(day, local_day(until_us, zone), zone)


class _Shelf:
    """The shelves at a moment."""

    def __init__(self, warehouse: str) -> None:
        self._warehouse = warehouse
        self._balances: dict[str, dict[StockKey, int]] = {}
        self._lots: dict[LotKey, LotState] = {}
        self._last_days: dict[str, set[str]] = {}
        self._is_usable: dict[str, bool] = {}

    def take(self, act: Acting, at_us: int, today: str) -> Iterator[Turn]:
        """What an event turns."""
        touched = set()
        for key, quantity in movements(act.event):
            if is_on_shelf(key, self._warehouse):
                self._set(key, self._balance(key) + quantity)
                touched.add(key.item)
        count = count_of(act.event) if act.asserts else NOTHING
        if count is not NOTHING and not is_stale(act.event, act.place):
            swept = [
                key
                for kept in self._balances.values()
                for key in kept
                if count.sweep is not None and count.sweep.covers(key)
            ]
            for key, quantity in (dict.fromkeys(swept, 0) | dict(count.counted)).items():
                if is_on_shelf(key, self._warehouse):
                    self._set(key, quantity)
                    touched.add(key.item)
        key_told = lot_key(act.event)
        if key_told is not None and act.event.type in LOT_EVENTS:
            state = told(self._lots.get(key_told, LotState()), act.place, act.event)
            self._lots[key_told] = state
            if state.expiry is not None:
                self._last_days.setdefault(state.expiry, set()).add(key_told[0])
            touched.add(key_told[0])
        yield from self._look(touched, at_us, today)

    def pass_days(self, day: str, today: str, zone: tzinfo) -> Iterator[Turn]:
        """What the calendar turns between two days: lots whose last day is over."""
        ended = sorted(it for it in self._last_days if day <= it < today)
        for last in ended:
            items = self._last_days.pop(last)
            yield from self._look(items, day_start_us(next_day(last), zone), next_day(last))

    def _balance(self, key: StockKey) -> int:
        return self._balances.get(key.item, {}).get(key, 0)

    def _set(self, key: StockKey, quantity: int) -> None:
        kept = self._balances.setdefault(key.item, {})
        if quantity:
            kept[key] = quantity
        else:
            kept.pop(key, None)

    def _look(self, items: Iterable[str], at_us: int, today: str) -> Iterator[Turn]:
        for item in sorted(items):
            of_all = self._lots.get((item, ""))
            is_usable = any(
                quantity > 0
                and usable(self._lots.get((item, key.lot), LotState()), today, of_all=of_all)
                for key, quantity in self._balances.get(item, {}).items()
            )
            if is_usable != self._is_usable.get(item, False):
                self._is_usable[item] = is_usable
                yield Turn(at_us, item, is_usable)
