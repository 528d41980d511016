"""Which warehouses fill an order: as much as there is, in the fewest parcels, the shortest way.

The goals in this order, each decided before the next is looked at:
1. as many units as can be had (all of them, where the warehouses together have them);
2. the fewest parcels, because each one is packed, carried and handed over for itself;
3. the smallest sum of distances over the parcels;
4. the smaller ids, so that the same question always has the same answer.

A set of warehouses fills the order if, of every goods, what they have together is enough. That
does not depend on who gives how much, so choosing warehouses and sharing out can be done one
after the other: sets are tried by size, and within a size the nearest that fills wins. With
n warehouses there are 2^n - 1 sets, 2047 for 11, each tried by a few additions; set cover is
NP-hard and these sizes are not, so nothing cleverer is needed to be exact. Above `EXACT_MAX`
candidates the sets are chosen greedily, then freed of what is not needed; the answer says so.

Within the chosen set the nearest gives what it has, then the next. In a smallest set everybody is
needed, so everybody is left something to send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from typing import Final

from cloud_sync.fulfilment.promise import Goods

EXACT_MAX: Final = 11


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one warehouse sends."""

    warehouse: str
    distance_m: int
    lines: Mapping[Goods, int]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Parcels, nearest first; what nobody has; and whether no better set exists for certain."""

    parcels: tuple[Parcel, ...]
    short: Mapping[Goods, int]
    is_exact: bool = True


def allocate(
    wanted: Mapping[Goods, int],
    available: Mapping[str, Mapping[Goods, int]],
    distances_m: Mapping[str, int],
) -> Allocation:
    """The best allocation of an order.

    available: by warehouse, what may be promised; negative amounts count as none. Only
    warehouses with a distance take part.
    """
    wanted = {goods: quantity for goods, quantity in wanted.items() if quantity > 0}
    offers = _offers(wanted, available, distances_m)
    target = {
        goods: min(quantity, sum(offer.get(goods, 0) for offer in offers.values()))
        for goods, quantity in wanted.items()
    }
    short = {goods: wanted[goods] - target[goods] for goods in wanted}
    nearest = sorted(offers, key=lambda warehouse: (distances_m[warehouse], warehouse))
    is_exact = len(nearest) <= EXACT_MAX
    if not any(target.values()):
        chosen: Sequence[str] = ()
    elif is_exact:
        chosen = _smallest(nearest, offers, target, distances_m)
    else:
        chosen = _greedy(nearest, offers, target)
    return Allocation(
        parcels=_share_out(chosen, offers, target, distances_m),
        short={goods: missing for goods, missing in short.items() if missing},
        is_exact=is_exact,
    )


def _offers(
    wanted: Mapping[Goods, int],
    available: Mapping[str, Mapping[Goods, int]],
    distances_m: Mapping[str, int],
) -> dict[str, dict[Goods, int]]:
    """What each warehouse could give of what is wanted; those that could give nothing are out."""
    offers = {
        warehouse: {
            goods: min(quantity, available[warehouse].get(goods, 0))
            for goods, quantity in wanted.items()
            if available[warehouse].get(goods, 0) > 0
        }
        for warehouse in distances_m
        if warehouse in available
    }
    return {warehouse: offer for warehouse, offer in offers.items() if offer}


def _fills(
    chosen: Sequence[str], offers: Mapping[str, Mapping[Goods, int]], target: Mapping[Goods, int]
) -> bool:
    return all(
        sum(offers[warehouse].get(goods, 0) for warehouse in chosen) >= quantity
        for goods, quantity in target.items()
    )


def _smallest(
    nearest: Sequence[str],
    offers: Mapping[str, Mapping[Goods, int]],
    target: Mapping[Goods, int],
    distances_m: Mapping[str, int],
) -> Sequence[str]:
    """The best of the smallest sets that fill the target."""
    columns = [
        (quantity, [offers[warehouse].get(goods, 0) for warehouse in nearest])
        for goods, quantity in target.items()
        if quantity
    ]
    # What is scarcest rules out most sets, so it is looked at first.
    columns.sort(key=lambda column: sum(column[1]) - column[0])
    for size in range(max(map(_least, columns)), len(nearest) + 1):
        found = [
            (sum(distances_m[it] for it in names), sorted(names), names)
            for chosen in combinations(range(len(nearest)), size)
            if all(sum([offered[i] for i in chosen]) >= quantity for quantity, offered in columns)
            for names in [[nearest[i] for i in chosen]]
        ]
        if found:
            return min(found)[2]
    raise AssertionError("all warehouses together fill what was cut down to what they have")


def _least(column: tuple[int, Sequence[int]]) -> int:
    """How many warehouses it takes at least, by those that have most."""
    quantity, offered = column
    together = accumulate(sorted(offered, reverse=True))
    return next(n for n, amount in enumerate(together, 1) if amount >= quantity)


def _greedy(
    nearest: Sequence[str], offers: Mapping[str, Mapping[Goods, int]], target: Mapping[Goods, int]
) -> Sequence[str]:
    """Who gives most of what is missing comes next, the nearest of equals; then spare ones go."""
    rank = {warehouse: place for place, warehouse in enumerate(nearest)}
    left, chosen = set(nearest), list[str]()
    missing = dict(target)
    while any(missing.values()):
        best = max(left, key=lambda it: (_given(offers[it], missing), -rank[it]))
        left.remove(best)
        chosen.append(best)
        for goods, given in offers[best].items():
            missing[goods] = max(0, missing[goods] - given)
    for spare in sorted(chosen, key=rank.__getitem__, reverse=True):
        rest = [it for it in chosen if it != spare]
        if _fills(rest, offers, target):
            chosen = rest
    return sorted(chosen, key=rank.__getitem__)


def _given(offer: Mapping[Goods, int], missing: Mapping[Goods, int]) -> int:
    return sum(min(missing[goods], given) for goods, given in offer.items())


def _share_out(
    chosen: Sequence[str],
    offers: Mapping[str, Mapping[Goods, int]],
    target: Mapping[Goods, int],
    distances_m: Mapping[str, int],
) -> tuple[Parcel, ...]:
    """The nearest gives what it has, the next what is then missing."""
    missing = dict(target)
    parcels = []
    for warehouse in chosen:
        lines = {
            goods: given
            for goods in sorted(missing)
            if (given := min(missing[goods], offers[warehouse].get(goods, 0)))
        }
        for goods, given in lines.items():
            missing[goods] -= given
        parcels.append(Parcel(warehouse, distances_m[warehouse], lines))
    return tuple(parcels)
