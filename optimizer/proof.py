"""What the optimum of a small case costs, so that a search can tell that it has arrived.

The search finds; this only judges. It gives a number and never a plan: money per day below
which no plan can be. Few sets of warehouses need a look, because

- each warehouse pays at least its share (docs/optimizer-bounds.md, steps 1 and 2), so
  procurement cycles whose shares already add up to more than the best plan are out; and
- so is any trip that costs so much more than its warehouses' shares that all shares together
  and this excess are more than the best plan.

What is left is cut into trips at the least cost, by the recursion of the exact solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optimizer.bounds import bound_by_setting, demand_variance_floor, own_fare
from optimizer.integrals import Floats
from optimizer.network import Ints
from optimizer.subsets import share_out
from optimizer.trip_sets import Offers, TripSets, cheapest_cuts

MAX_WORK = 30_000_000
"""Pairs of a set and a trip in it, times procurement cycles: about half a second."""
SLACK = 1e-9
"""Relative; what costs as much as the best plan stays in, whatever its last digits."""


@dataclass(frozen=True, slots=True)
class _Shares:
    """Of one central warehouse, by procurement cycle, where it is open in that cycle."""

    least: Floats
    """(cycle, warehouse): money per day no trip serves it for less, whoever runs it."""
    floor: Floats
    """(cycle,): money per day of the whole."""


def least_money(sets: TripSets, incumbent: float) -> float | None:
    """No plan costs less per day than this; the optimum itself, or the incumbent if that is it.

    incumbent: money per day of a plan. None where the enumeration would take too long.
    """
    net = sets.net
    if net.is_load_dependent and sets.best_orders is None:
        return None
    limit = incumbent * (1.0 + SLACK)
    shares = _shares(sets)
    offers: list[Offers] = []
    columns: list[Ints] = []
    for k, share in enumerate(shares):
        open_in = np.flatnonzero(share.floor < limit)
        columns.append(open_in)
        offers.append(_worth_a_look(sets, k, open_in, share, limit))
    if sum(_work(offer, net.n) for offer in offers) > MAX_WORK:
        return None
    totals = []
    for k, (offer, column) in enumerate(zip(offers, columns, strict=True)):
        best = np.full(1 << net.n, np.inf)
        best[0] = 0.0
        if len(column):
            cuts = cheapest_cuts(offer, net.n)
            best = sets.with_idle_costs(k, cuts, column).min(axis=1)
        totals.append(best)
    parts = share_out(totals)
    if parts is None:
        return incumbent
    return min(incumbent, math.fsum(best[part] for best, part in zip(totals, parts, strict=True)))


def _shares(sets: TripSets) -> list[_Shares]:
    """What each warehouse pays at least, and all of it together."""
    net, t = sets.net, sets.net.tables
    fare, everyone = own_fare(t), range(net.n_centrals)
    alone = [bound_by_setting(net, k, fare) for k in everyone]
    price = t.central.safety_price * t.safety_factor[:, None]
    if net.n_centrals == 1:
        stock = price * sets.deviation[-1]
    else:
        # Pooling everything is best, and the cheapest stock is whoever's it is.
        stock = np.full_like(price, price.min() * np.sqrt(demand_variance_floor(net)))
    found = []
    for k in everyone:
        others = [alone[o].min(axis=0) for o in everyone if o != k]
        least = np.min([alone[k], *(np.broadcast_to(o, alone[k].shape) for o in others)], axis=0)
        found.append(_Shares(least, least.sum(axis=1) + t.central.fixed[k] + stock[k]))
    return found


def _worth_a_look(sets: TripSets, k: int, columns: Ints, share: _Shares, limit: float) -> Offers:
    """Trips that may be part of a plan below the limit."""
    if not len(columns):
        return Offers(np.zeros(0, dtype=np.int64), np.zeros((0, 0)))
    offer = sets.offers(k, np.arange(1, 1 << sets.net.n), columns, in_best_order=True)
    paid = sets.members[offer.masks] @ share.least[columns].T
    offer.cost[offer.cost - paid + share.floor[columns] >= limit] = np.inf
    kept = np.isfinite(offer.cost).any(axis=1)
    return Offers(offer.masks[kept], offer.cost[kept])


def _work(offer: Offers, n: int) -> float:
    """Pairs of a set and one of the trips it may be cut by, times columns."""
    lowest = np.bitwise_count((offer.masks & -offer.masks) - 1)
    free = n - lowest - np.bitwise_count(offer.masks)
    return float((2.0**free).sum() * offer.cost.shape[1])
