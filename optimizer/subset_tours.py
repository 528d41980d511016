"""The best tour from one central warehouse through every set of a few warehouses.

Where only the length matters one tour per set serves every cycle. Where the load matters on
the way (in-transit spoilage, money per kg and km) the best order may differ by cycle, and all
orders that may be best are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, KG, KG_KM, VALUE, Ints, Network
from optimizer.subsets import members_of

MAX_ORDERS = 150_000
"""Orders of one length looked at together: some 100 MB of figures."""


@dataclass(frozen=True, slots=True)
class SubsetTours:
    """cost: (set, cycle) money per day as one trip, without upstream; order(set, cycle)."""

    cost: Floats
    order: Callable[[int, int], tuple[int, ...]]


class HeldKarp:
    """The shortest closed tour from central warehouse k through every set of warehouses.

    Held and Karp's recursion: the shortest path through a set to each of its members, all
    sets of one size at a time.
    """

    def __init__(self, net: Network, k: int) -> None:
        n, n_k = net.n, net.n_centrals
        self._distance = net.distance_km[n_k:, n_k:]
        self._home = net.distance_km[n_k:, k]
        path = np.full((1 << n, n), np.inf)
        path[1 << np.arange(n), np.arange(n)] = net.distance_km[k, n_k:]
        masks = np.arange(1 << n)
        sizes = np.bitwise_count(masks)
        for size in range(2, n + 1):
            group = masks[sizes == size]
            for last in range(n):
                holding = group[(group >> last) & 1 == 1]
                before = path[holding ^ (1 << last)]
                path[holding, last] = (before + self._distance[:, last]).min(axis=1)
        self._path = path
        self.length_km: Floats = (path + self._home).min(axis=1)
        """By set; 0 for the empty one."""
        self.length_km[0] = 0.0

    def order(self, mask: int) -> tuple[int, ...]:
        """The set's warehouses in driving order."""
        stops: list[int] = []
        ahead = self._home
        while mask:
            last = int(np.argmin(self._path[mask] + ahead))
            stops.append(last)
            ahead = self._distance[:, last]
            mask ^= 1 << last
        return tuple(stops[::-1])


def shortest_tours(net: Network, k: int) -> SubsetTours:
    """Every set in its shortest order."""
    tours = HeldKarp(net, k)
    features = np.einsum("sj,fcj->fcs", members_of(net.n), net.features)
    cost = net.price_by_cycle(tours.length_km, features).T
    return SubsetTours(cost, lambda mask, _cycle: tours.order(mask))


def ordered_tours(net: Network, k: int) -> SubsetTours | None:
    """The best of every order of every set; None where there are too many.

    Orders grow stop by stop. One is given up when no vehicle carries what it has loaded, or
    when another order of the same stops with the same last one is no longer, no heavier and
    no dearer: then it stays so, whatever follows.
    """
    n, n_k, n_cycles = net.n, net.n_centrals, len(net.days)
    best = np.full((1 << n, n_cycles), BLOCKED)
    row_of = np.zeros((1 << n, n_cycles), dtype=np.int64)
    orders, by_size = np.zeros((1, 0), dtype=np.int64), []
    km, features = np.zeros(1), np.zeros((*net.features.shape[:2], 1))
    while len(orders) and orders.shape[1] < n:
        used = (orders[:, :, None] == np.arange(n)).any(axis=1)
        parent, stop = np.nonzero(~used)
        if len(parent) > MAX_ORDERS:
            return None
        here = orders[parent, -1] + n_k if orders.shape[1] else np.full(len(parent), k)
        leg = net.distance_km[here, stop + n_k]
        km, features = net.join(
            km[parent], features[..., parent], leg, np.zeros(len(stop)), net.features[..., stop]
        )
        orders = np.concatenate([orders[parent], stop[:, None]], axis=1)
        kept = _promising(net, orders, km, features)
        orders, km, features = orders[kept], km[kept], np.ascontiguousarray(features[..., kept])
        by_size.append(orders)
        cost = net.price_by_cycle(km + net.distance_km[orders[:, -1] + n_k, k], features)
        masks = (1 << orders).sum(axis=1)
        for c in range(n_cycles):
            ranked = np.lexsort((cost[c], masks))
            sets, first = np.unique(masks[ranked], return_index=True)
            best[sets, c], row_of[sets, c] = cost[c, ranked[first]], ranked[first]

    def order(mask: int, cycle: int) -> tuple[int, ...]:
        return tuple(by_size[mask.bit_count() - 1][row_of[mask, cycle]].tolist())

    return SubsetTours(best, order)


def _promising(net: Network, orders: Ints, km: Floats, features: Floats) -> Ints:
    """Rows of the orders that may still be part of a best one."""
    rows = np.flatnonzero((features[KG] <= net.capacity_kg).any(axis=0))
    vehicle = net.tables.product.vehicle
    money = features[VALUE] + vehicle.cost_per_kg * features[KG]
    money += vehicle.cost_per_kg_km * features[KG_KM]
    burden = np.stack([features[KG], money])
    same = (1 << orders).sum(axis=1) * net.n + orders[:, -1]
    for score in (km, features[KG].sum(axis=0)):
        rows = rows[np.lexsort((score[rows], same[rows]))]
        starts = np.flatnonzero(np.diff(same[rows], prepend=-1))
        leader = np.repeat(rows[starts], np.diff(starts, append=len(rows)))
        is_worse = (leader != rows) & (km[leader] <= km[rows])
        is_worse &= (burden[..., leader] <= burden[..., rows]).all(axis=(0, 1))
        rows = rows[~is_worse]
    return np.sort(rows)
