"""An order's life as a function of what was asked for, given out and told by events.

Events name the document they belong to: a parcel (`{order}.{n}`, what one warehouse is to send)
or the order itself. Of each document three sums are kept per warehouse, item, lot and unit; sums
do not mind the order in which gateways report, so neither does what follows from them:

    taken      off the shelves for it: to the packing bench or straight to the customer, less what
               was put back
    delivered  to the customer
    short      what a picker was to take and did not find (`pick.short`)

A line into the bench from a shelf is taken, one back is put back, whatever the event's type, so
that a correction, which turns lines round, needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.fulfilment.promise import Goods

SHIP_WITHIN_US: Final = 72 * 3600 * 1_000_000
"""An order leaves within 72 hours of being placed."""

TAKEN: Final = "order.taken"
DELIVERED: Final = "order.delivered"
SHORT: Final = "order.short"
SUMS: Final = (TAKEN, DELIVERED, SHORT)

_QUANTITY_MAX: Final = 10**12

Status = Literal[
    "open", "allocated", "picking", "picked", "part_delivered", "delivered", "cancelled"
]
ENDED: Final = ("delivered", "cancelled")


@dataclass(frozen=True, slots=True, order=True)
class SumKey:
    """One sum of a document, as told by a gateway of `warehouse`. lot: "" if none."""

    warehouse: str
    kind: str
    document: str
    item: str
    lot: str
    unit: str


def sums_of(events: Iterable[ev.Event]) -> dict[SumKey, int]:
    """What events add to the sums of the orders and parcels they name."""
    sums: dict[SumKey, int] = {}
    for event in events:
        for document in event.documents:
            if document.type == "order":
                for key, quantity in _sums_of(event, document.id):
                    sums[key] = sums.get(key, 0) + quantity
    return {key: quantity for key, quantity in sums.items() if quantity}


def _sums_of(event: ev.Event, document: str) -> Iterable[tuple[SumKey, int]]:
    # What a customer sends back was delivered all the same.
    is_return = ev.GOODS_RETURNED in {event.type, event.body.get("corrects_type")}
    for line in () if is_return else event.lines:
        source, target = _rank(line.from_location), _rank(line.to_location)
        for kind, edge in ((TAKEN, 1), (DELIVERED, 2)):
            sign = (source < edge <= target) - (target < edge <= source)
            if sign:
                key = SumKey(event.warehouse, kind, document, line.item, line.lot or "", line.unit)
                yield key, sign * line.quantity
    if event.type == ev.PICK_SHORT:
        yield from _missing(event.body, event.warehouse, document)
    was = event.body.get("of")
    if event.body.get("corrects_type") == ev.PICK_SHORT and isinstance(was, Mapping):
        for key, quantity in _missing(was, event.warehouse, document):
            yield key, -quantity


def _rank(location: str) -> int:
    """How far goods are on their way out: 0 on a shelf or elsewhere, 1 on the bench, 2 gone."""
    return 2 if location == keys.CUSTOMER else int(location == keys.PACKING)


def _missing(
    body: Mapping[str, object], warehouse: str, document: str
) -> Iterable[tuple[SumKey, int]]:
    """What a picker did not find. A body that does not say so in the agreed words says nothing."""
    item, lot, unit, missing = (body.get(it) for it in ("item", "lot", "unit", "missing"))
    if not isinstance(item, str) or not keys.is_gtin(item) or unit not in {"EA", "g"}:
        return
    if isinstance(missing, int) and 0 < missing <= _QUANTITY_MAX:
        place = lot if isinstance(lot, str) and "\0" not in lot and len(lot) <= 64 else ""
        yield SumKey(warehouse, SHORT, document, item, place, str(unit)), missing


@dataclass(frozen=True, slots=True)
class Part:
    """What a warehouse was given to send, and what came of it; amounts by goods."""

    parcel: str
    warehouse: str
    is_open: bool
    wanted: Mapping[Goods, int]
    taken: Mapping[Goods, int] = field(default_factory=dict)
    delivered: Mapping[Goods, int] = field(default_factory=dict)
    short: Mapping[Goods, int] = field(default_factory=dict)

    def to_come(self, goods: Goods) -> int:
        """What is still to be taken, and therefore reserved on the shelves."""
        if not self.is_open:
            return 0
        done = self.taken.get(goods, 0) + self.short.get(goods, 0)
        return min(self.wanted.get(goods, 0), max(0, self.wanted.get(goods, 0) - done))

    @property
    def is_begun(self) -> bool:
        """True once something was taken for it."""
        return any(quantity > 0 for quantity in self.taken.values())

    @property
    def is_done(self) -> bool:
        """True once nothing is to come and all that was taken is with the customer."""
        return not any(self.to_come(goods) for goods in self.wanted) and all(
            self.delivered.get(goods, 0) >= quantity for goods, quantity in self.taken.items()
        )


@dataclass(frozen=True, slots=True)
class Given:
    """A parcel as it was given to a warehouse."""

    parcel: str
    warehouse: str
    is_open: bool
    wanted: Mapping[Goods, int]


def parts_of(given: Sequence[Given], sums: Mapping[SumKey, int]) -> list[Part]:
    """The parcels of an order with what came of each.

    What was told under the order's own id, or by a warehouse that the parcel was not given to,
    counts for the first parcel of that warehouse; where it has none, as a part nobody asked for.
    """
    amounts: dict[tuple[str, str], dict[str, dict[Goods, int]]] = {}
    homes = {(it.parcel, it.warehouse): (it.parcel, it.warehouse) for it in given}
    firsts: dict[str, tuple[str, str]] = {}
    for it in given:
        firsts.setdefault(it.warehouse, (it.parcel, it.warehouse))
    for key, quantity in sums.items():
        named = (key.document, key.warehouse)
        home = homes.get(named, firsts.get(key.warehouse, named))
        kind = amounts.setdefault(home, {}).setdefault(key.kind, {})
        goods = Goods(key.item, key.unit)
        kind[goods] = kind.get(goods, 0) + quantity
    parts = [_part(it, amounts.pop((it.parcel, it.warehouse), {})) for it in given]
    for (document, warehouse), kinds in sorted(amounts.items()):
        parts.append(_part(Given(document, warehouse, False, {}), kinds))
    return parts


def _part(given: Given, kinds: Mapping[str, Mapping[Goods, int]]) -> Part:
    return Part(
        given.parcel,
        given.warehouse,
        given.is_open,
        given.wanted,
        taken=kinds.get(TAKEN, {}),
        delivered=kinds.get(DELIVERED, {}),
        short=kinds.get(SHORT, {}),
    )


def missing_of(wanted: Mapping[Goods, int], parts: Sequence[Part]) -> dict[Goods, int]:
    """What no warehouse has taken or is still to take."""
    missing = {}
    for goods, quantity in wanted.items():
        given = sum(part.taken.get(goods, 0) + part.to_come(goods) for part in parts)
        if given < quantity:
            missing[goods] = quantity - given
    return missing


def superfluous(wanted: Mapping[Goods, int], parts: Sequence[Part]) -> list[int]:
    """Which parts can be spared, the last first: nobody has begun them, others have all of it.

    So it is once a picker finds what was said to be missing and is on its way from elsewhere.
    """
    given = _given_to(parts)
    spared = []
    for i, part in reversed(list(enumerate(parts))):
        mine = {goods: part.to_come(goods) for goods in part.wanted}
        if not part.is_open or part.is_begun or not any(mine.values()):
            continue
        if all(given[goods] - n >= wanted.get(goods, 0) for goods, n in mine.items() if n):
            spared.append(i)
            for goods, n in mine.items():
                given[goods] -= n
    return spared


def given_twice(
    wanted: Mapping[Goods, int], parts: Sequence[Part], warehouses: Container[str]
) -> dict[int, dict[Goods, int]]:
    """By part of these warehouses, what need not come from it any more: others have it in hand.

    So it is once a picker finds what was said to be missing, and where it was asked for instead
    somebody has begun to pick it.
    """
    given = _given_to(parts)
    found: dict[int, dict[Goods, int]] = {}
    for i, part in enumerate(parts):
        if part.warehouse not in warehouses:
            continue
        for goods in part.wanted:
            n = min(given[goods] - wanted.get(goods, 0), part.to_come(goods))
            if n > 0:
                found.setdefault(i, {})[goods] = n
                given[goods] -= n
    return found


def _given_to(parts: Sequence[Part]) -> dict[Goods, int]:
    """What was taken and is to come, of all parts."""
    given: dict[Goods, int] = {}
    for part in parts:
        for goods in {*part.wanted, *part.taken}:
            had = part.taken.get(goods, 0) + part.to_come(goods)
            given[goods] = given.get(goods, 0) + had
    return given


def delivered_beyond(wanted: Mapping[Goods, int], parts: Sequence[Part]) -> dict[Goods, int]:
    """What reached the customer and was not ordered, or not so much of it."""
    beyond: dict[Goods, int] = {}
    for part in parts:
        for goods, quantity in part.delivered.items():
            beyond[goods] = beyond.get(goods, -wanted.get(goods, 0)) + quantity
    return {goods: quantity for goods, quantity in beyond.items() if quantity > 0}


def status_of(wanted: Mapping[Goods, int], parts: Sequence[Part], *, is_cancelled: bool) -> Status:
    """Where an order stands.

    open            not all of it is given to warehouses (or again: short, or moved)
    allocated       all of it is, and nothing was taken
    picking         something was taken
    picked          all of it was
    part_delivered  something has reached the customer
    delivered       all of it has
    cancelled       by a person, before it was delivered
    """
    delivered = {goods: sum(part.delivered.get(goods, 0) for part in parts) for goods in wanted}
    if all(delivered[goods] >= quantity for goods, quantity in wanted.items()):
        return "delivered"
    if is_cancelled:
        return "cancelled"
    if any(quantity > 0 for quantity in delivered.values()):
        return "part_delivered"
    if missing_of(wanted, parts):
        return "open"
    if not any(part.is_begun for part in parts):
        return "allocated"
    is_all = not any(part.to_come(goods) for part in parts for goods in wanted)
    return "picked" if is_all else "picking"


def risks_of(
    *,
    status: Status,
    ship_by_us: int,
    now_us: int,
    soon_us: int,
    missing: Mapping[Goods, int],
    dark: bool,
) -> list[str]:
    """Why an order that is not at its end may not leave in time; empty if nothing says so.

    late   its time is over        due    its time is over within `soon_us`
    short  goods are missing       dark   a warehouse that has to send is not heard of
    """
    if status in ENDED:
        return []
    risks = []
    if now_us > ship_by_us:
        risks.append("late")
    elif ship_by_us - now_us <= soon_us:
        risks.append("due")
    if missing:
        risks.append("short")
    if dark:
        risks.append("dark")
    return risks
