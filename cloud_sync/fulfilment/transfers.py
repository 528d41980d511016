"""Proposals to send goods from where there is too much of them to where there is too little.

Of each goods a warehouse with a policy is short if what it may promise, and what is on order for
it, are at or below its reorder point s, and then wants to reach s plus its demand over
`cover_days`. It has a surplus in what is above that same level. A warehouse without a policy sells
none of it: all it has is surplus.

A lot travels only if on arrival it still has `days_left_min` days, its last day counted, and only
as much of it as the destination sells in the days it has left then, after what the destination has
already and what it is sent of older lots. Shortages are served by urgency (the days that what is
there will last), each from the nearest surplus; of the lots that may travel the oldest goes first,
so that the younger ones stay good where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor

from cloud_sync.fulfilment.promise import Goods


@dataclass(frozen=True, slots=True)
class LotStock:
    """What is usable of a lot. expiry: its last day, None if it does not spoil."""

    lot: str
    expiry: date | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Goods at a warehouse. available: what may be promised (promise.py), less what it has been
    told to send away; lots: what is usable; on_order: what is on its way there.

    demand_per_day and reorder_point: None where the warehouse has no policy for the goods.
    """

    warehouse: str
    goods: Goods
    available: int
    lots: Sequence[LotStock]
    demand_per_day: float | None = None
    reorder_point: int | None = None
    on_order: int = 0


@dataclass(frozen=True, slots=True)
class TransferRules:
    """cover_days: demand that a shortage is filled up for. days_left_min: on arrival."""

    cover_days: int = 3
    days_left_min: int = 2


@dataclass(frozen=True, slots=True)
class Proposal:
    """Send lots of goods. days_left: what the oldest has left on arrival; None: does not spoil."""

    goods: Goods
    source: str
    destination: str
    lots: tuple[LotStock, ...]
    arrives_on: date
    days_left: int | None

    @property
    def quantity(self) -> int:
        """All lots together."""
        return sum(lot.quantity for lot in self.lots)


def propose(
    holdings: Iterable[Holding],
    *,
    arrivals: Mapping[tuple[str, str], date],
    distances_m: Mapping[tuple[str, str], int],
    rules: TransferRules,
) -> list[Proposal]:
    """Proposals for all goods, the most urgent of each goods first.

    arrivals, distances_m: by (source, destination); pairs that are not there do not supply each
    other.
    """
    by_goods: dict[Goods, list[Holding]] = {}
    for holding in holdings:
        by_goods.setdefault(holding.goods, []).append(holding)
    proposals: list[Proposal] = []
    for goods in sorted(by_goods):
        proposals += _propose(by_goods[goods], arrivals, distances_m, rules)
    return proposals


def _propose(
    holdings: Sequence[Holding],
    arrivals: Mapping[tuple[str, str], date],
    distances_m: Mapping[tuple[str, str], int],
    rules: TransferRules,
) -> Iterable[Proposal]:
    surplus = {it.warehouse: max(0, it.available - _level(it, rules)) for it in holdings}
    left = {it.warehouse: [*it.lots] for it in holdings}
    for needy in sorted((it for it in holdings if _is_short(it)), key=_urgency):
        wanted = _level(needy, rules) - needy.available - needy.on_order
        sources = sorted(
            (it for it in surplus if (it, needy.warehouse) in arrivals and it != needy.warehouse),
            key=lambda it: (distances_m[it, needy.warehouse], it),
        )
        arriving: list[LotStock] = []
        for source in sources:
            arrives_on = arrivals[source, needy.warehouse]
            room = min(wanted, surplus[source])
            sent, left[source] = _load(
                needy, left[source], arriving, room=room, arrives_on=arrives_on, rules=rules
            )
            if not sent:
                continue
            arriving += sent
            wanted -= sum(lot.quantity for lot in sent)
            surplus[source] -= sum(lot.quantity for lot in sent)
            days = [_days_left(lot, arrives_on) for lot in sent if lot.expiry is not None]
            yield Proposal(
                needy.goods,
                source,
                needy.warehouse,
                tuple(sent),
                arrives_on,
                min(days, default=None),
            )


def _level(holding: Holding, rules: TransferRules) -> int:
    """What the warehouse wants to have: its reorder point and some days of demand."""
    if holding.demand_per_day is None or holding.reorder_point is None:
        return 0
    return holding.reorder_point + ceil(holding.demand_per_day * rules.cover_days)


def _is_short(holding: Holding) -> bool:
    position = holding.available + holding.on_order
    return holding.reorder_point is not None and position <= holding.reorder_point


def _urgency(holding: Holding) -> tuple[float, str]:
    """The days that what is there will last."""
    demand = holding.demand_per_day or 0.0
    return (holding.available / demand if demand else float("inf"), holding.warehouse)


def _load(
    needy: Holding,
    lots: Sequence[LotStock],
    arriving: Sequence[LotStock],
    *,
    room: int,
    arrives_on: date,
    rules: TransferRules,
) -> tuple[list[LotStock], list[LotStock]]:
    """What is sent of a source's lots, the oldest first, and what stays."""
    sent: list[LotStock] = []
    stays: list[LotStock] = []
    for lot in sorted(lots, key=lambda it: (it.expiry or date.max, it.lot)):
        quantity = min(lot.quantity, room, _sellable(needy, lot, [*arriving, *sent], arrives_on))
        if quantity <= 0 or _days_left(lot, arrives_on) < rules.days_left_min:
            stays.append(lot)
            continue
        room -= quantity
        sent.append(LotStock(lot.lot, lot.expiry, quantity))
        if lot.quantity > quantity:
            stays.append(LotStock(lot.lot, lot.expiry, lot.quantity - quantity))
    return sent, stays


def _days_left(lot: LotStock, arrives_on: date) -> int:
    """The days on which a lot may be sold from its arrival on, the last one counted."""
    return 10**6 if lot.expiry is None else (lot.expiry - arrives_on).days + 1


def _sellable(
    needy: Holding, lot: LotStock, arriving: Sequence[LotStock], arrives_on: date
) -> int:
    """What the destination sells of a lot before its last day, behind what is older."""
    if lot.expiry is None:
        return 10**12
    sold = floor((needy.demand_per_day or 0.0) * _days_left(lot, arrives_on))
    older = sum(
        it.quantity
        for it in (*needy.lots, *arriving)
        if it.expiry is not None and it.expiry <= lot.expiry
    )
    return sold - older
