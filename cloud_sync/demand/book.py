"""The demand book: how much of each item was asked for in each hour, and when it could be sold.

Demand is counted where a sale is (docs/decisions/0005-handover-is-the-sale.md): goods that go to
`@customer`, at the hour they went; at a central warehouse also what goes out under transfers. To
it comes what a picker was to take and did not find (`pick.short`), at the hour of that, up to
what the order asked for: goods that were found elsewhere after all are counted once.

    shorts that count = min(sum of shorts, asked - served)      per order, item and unit

A return takes no demand back: somebody wanted the goods that day. A correction does, where the
event that it corrects stood (inventory/corrections.py): the book takes acting events, with a sign.

An hour in which nothing usable lay on the shelves says nothing about demand. `note_usable` is
told whenever that changes; the seconds without stock are kept by hour, and whoever reads the book
takes them for missing, not for zero.

Invariant: the buckets are a function of the set of acting events, whatever order and portions
they come in. Seconds without stock are a function of the turns told, in the order of their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.demand.hours import Hour, hour_of, hours_between
from cloud_sync.inventory.corrections import Acting

ORDER: Final = "order"


class Series(NamedTuple):
    """What is counted together: an item in one unit, EA or g."""

    item: str
    unit: str


class OrderKey(NamedTuple):
    """One item of one order."""

    order: str
    item: str
    unit: str


@dataclass(slots=True)
class Bucket:
    """One hour of a series: units asked for, of them units that were not there, and sales.

    n_sales: movements to the customer, each however large: what a surge is counted in. squares:
    the sum of their squared quantities, which tells how lumpy sales are.
    """

    units: int = 0
    short_units: int = 0
    n_sales: int = 0
    squares: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.units or self.short_units or self.n_sales or self.squares)


class OrderState(NamedTuple):
    """What is remembered of an order's item; as DemandBook.order_state gives it.

    shorts: (when, event id, units) of what was to be taken and not found.
    """

    asked: int | None
    served: int
    shorts: tuple[tuple[int, str, int], ...]
    last_us: int


@dataclass(slots=True)
class _Order:
    """What an order asked for of one item, and what became of it. asked: None if nobody said."""

    asked: int | None = None
    served: int = 0
    shorts: dict[tuple[int, str], int] = field(default_factory=dict)
    last_us: int = 0

    def counted(self) -> dict[int, int]:
        """The shorts that count, units by time: the earliest first."""
        left = None if self.asked is None else max(0, self.asked - self.served)
        counted: dict[int, int] = {}
        for (at_us, _), missing in sorted(self.shorts.items()):
            units = missing if left is None else min(missing, left)
            if left is not None:
                left -= units
            if units:
                counted[at_us] = counted.get(at_us, 0) + units
        return counted


class DemandBook:
    """Demand of one warehouse by item and hour. zone: the warehouse's time zone.

    counts_transfers: True for a central warehouse, whose customers are other warehouses.
    changed, outages_changed, orders_changed: what was touched since they were last emptied, for
    who keeps the book on disk. Buckets and outages are sums: who has added them to those on the
    disk may empty them too, and the book goes on.
    """

    def __init__(self, zone: tzinfo, *, counts_transfers: bool = False) -> None:
        self.zone = zone
        self.buckets: dict[tuple[Series, Hour], Bucket] = {}
        self.outages_s: dict[tuple[str, Hour], float] = {}
        self.listed_us: dict[str, int] = {}
        self.out_since_us: dict[str, int] = {}
        self.changed: set[tuple[Series, Hour]] = set()
        self.outages_changed: set[tuple[str, Hour]] = set()
        self.orders_changed: set[OrderKey] = set()
        self._orders: dict[OrderKey, _Order] = {}
        self.counts_transfers = counts_transfers

    def take(self, *, undo: Iterable[Acting] = (), do: Iterable[Acting]) -> None:
        """Take acting events away and in (inventory/folding.py, `step` or `acting`)."""
        for sign, acts in ((-1, undo), (1, do)):
            for place, event, _ in acts:
                if event.lines:
                    self._sell(event, place.at_us, sign)
                elif event.type == ev.PICK_SHORT:
                    self._miss(event, place.at_us, sign)
                elif event.type == ev.DOCUMENT_CHANGED:
                    self._ask(event, place.at_us)

    def note_usable(self, item: str, *, is_usable: bool, at_us: int) -> None:
        """Whether any of an item can be sold from this moment on; said again it changes nothing.

        Before an item is usable for the first time it is not kept here, which is no outage.
        """
        since_us = self.out_since_us.get(item)
        if is_usable:
            self.listed_us.setdefault(item, at_us)
            if since_us is not None:
                del self.out_since_us[item]
                self._close(item, since_us, at_us)
        elif since_us is None and item in self.listed_us:
            self.out_since_us[item] = at_us

    def order_state(self, key: OrderKey) -> OrderState:
        """What is remembered of an order's item."""
        it = self._orders[key]
        shorts = tuple((at_us, name, n) for (at_us, name), n in sorted(it.shorts.items()))
        return OrderState(it.asked, it.served, shorts, it.last_us)

    def restore_order(self, key: OrderKey, state: OrderState) -> None:
        """Remember what was remembered; the buckets hold it already."""
        shorts = {(at_us, name): n for at_us, name, n in state.shorts}
        self._orders[key] = _Order(state.asked, state.served, shorts, state.last_us)

    def outages(self, now_us: int) -> Mapping[tuple[str, Hour], float]:
        """Seconds without usable stock by item and hour, those that still last included."""
        outages = dict(self.outages_s)
        for item, since_us in self.out_since_us.items():
            for hour, seconds in hours_between(since_us, now_us, self.zone):
                outages[item, hour] = outages.get((item, hour), 0.0) + seconds
        return outages

    def forget(self, *, before_day: str, before_us: int) -> None:
        """Drop buckets and outages of earlier days, and orders that nothing was heard of since."""
        self.buckets = {it: n for it, n in self.buckets.items() if it[1].day >= before_day}
        self.outages_s = {it: s for it, s in self.outages_s.items() if it[1].day >= before_day}
        self._orders = {it: o for it, o in self._orders.items() if o.last_us >= before_us}

    def _sell(self, event: ev.Event, at_us: int, sign: int) -> None:
        is_correction = event.type == ev.EVENT_CORRECTED
        kind = _corrected_type(event) if is_correction else event.type
        if kind == ev.GOODS_RETURNED:
            return
        order = _order_of(event)
        for line in event.lines:
            if self._is_buyer(line.to_location):
                units = sign * line.quantity
            elif is_correction and self._is_buyer(line.from_location):
                units = -sign * line.quantity
            else:
                continue
            bucket = self._bucket(Series(line.item, line.unit), at_us)
            bucket.units += units
            n_sales = (units > 0) - (units < 0)
            bucket.n_sales += n_sales
            bucket.squares += n_sales * units * units
            if order is not None:
                self._reorder(OrderKey(order, line.item, line.unit), at_us, served=units)

    def _is_buyer(self, location: str) -> bool:
        if location == keys.CUSTOMER:
            return True
        return self.counts_transfers and keys.is_transit(location)

    def _miss(self, event: ev.Event, at_us: int, sign: int) -> None:
        item, unit, missing = (event.body.get(key) for key in ("item", "unit", "missing"))
        order = _order_of(event)
        if not isinstance(item, str) or not isinstance(missing, int) or order is None:
            return
        key = OrderKey(order, item, unit if isinstance(unit, str) else "EA")
        self._reorder(key, at_us, short=(event.event_id, sign * missing))

    def _ask(self, event: ev.Event, at_us: int) -> None:
        body = event.body
        data = body.get("data")
        if body.get("kind") != doc.ORDER or not isinstance(data, dict):
            return
        order, asked = doc.Order.model_validate(data), dict[OrderKey, int]()
        for line in order.lines:
            key = OrderKey(order.id, line.item, line.unit)
            asked[key] = asked.get(key, 0) + line.quantity
        for key, units in asked.items():
            self._reorder(key, at_us, asked=units)

    def _reorder(
        self,
        key: OrderKey,
        at_us: int,
        *,
        asked: int = 0,
        served: int = 0,
        short: tuple[str, int] | None = None,
    ) -> None:
        """Change what is known of an order's item, and the buckets with it."""
        known = self._orders.setdefault(key, _Order())
        self.orders_changed.add(key)
        before = known.counted() if known.shorts else {}
        known.last_us = max(known.last_us, at_us)
        known.served += served
        if asked:
            # The cloud takes what was short out of the order again; what was asked for stays.
            known.asked = max(known.asked or 0, asked)
        if short is not None:
            place = (at_us, short[0])
            left = known.shorts.pop(place, 0) + short[1]
            if left:
                known.shorts[place] = left
        after = known.counted() if known.shorts else {}
        for missed_us in before.keys() | after.keys():
            units = after.get(missed_us, 0) - before.get(missed_us, 0)
            if units:
                bucket = self._bucket(Series(key.item, key.unit), missed_us)
                bucket.units += units
                bucket.short_units += units

    def _bucket(self, series: Series, at_us: int) -> Bucket:
        key = series, hour_of(at_us, self.zone)
        self.changed.add(key)
        return self.buckets.setdefault(key, Bucket())

    def _close(self, item: str, since_us: int, at_us: int) -> None:
        for hour, seconds in hours_between(since_us, at_us, self.zone):
            self.outages_s[item, hour] = self.outages_s.get((item, hour), 0.0) + seconds
            self.outages_changed.add((item, hour))


def _order_of(event: ev.Event) -> str | None:
    return next((it.id for it in event.documents if it.type == ORDER), None)


def _corrected_type(event: ev.Event) -> str:
    """The type of what was wrong, through corrections of corrections."""
    said: Mapping[str, object] = event.body
    while said.get("corrects_type") == ev.EVENT_CORRECTED:
        inner = said.get("of")
        if not isinstance(inner, dict):
            break
        said = inner
    return str(said.get("corrects_type", ""))
