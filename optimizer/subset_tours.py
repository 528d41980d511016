"""The best tour from one central warehouse through every set of a few warehouses.

Where only the length matters one tour per set serves every cycle. Where the load matters on
the way (in-transit spoilage, money per kg and km) the best order may differ by cycle, and all
orders are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, Network
from optimizer.subsets import members_of


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


def ordered_tours(net: Network, k: int) -> SubsetTours:
    """Every order of every set, grown stop by stop."""
    n, n_k, n_cycles = net.n, net.n_centrals, len(net.days)
    best = np.full((1 << n, n_cycles), BLOCKED)
    chosen: dict[tuple[int, int], tuple[int, ...]] = {}
    orders = np.zeros((1, 0), dtype=np.int64)
    km, features = np.zeros(1), np.zeros((*net.features.shape[:2], 1))
    for _ in range(n):
        used = (orders[:, :, None] == np.arange(n)).any(axis=1)
        parent, stop = np.nonzero(~used)
        here = orders[parent, -1] + n_k if orders.shape[1] else np.full(len(parent), k)
        leg = net.distance_km[here, stop + n_k]
        km, features = net.join(
            km[parent], features[..., parent], leg, np.zeros(len(stop)), net.features[..., stop]
        )
        orders = np.concatenate([orders[parent], stop[:, None]], axis=1)
        cost = net.price_by_cycle(km + net.distance_km[stop + n_k, k], features)
        masks = (1 << orders).sum(axis=1)
        for c in range(n_cycles):
            ranked = np.lexsort((cost[c], masks))
            sets, first = np.unique(masks[ranked], return_index=True)
            for mask, row in zip(sets.tolist(), ranked[first].tolist(), strict=True):
                best[mask, c] = cost[c, row]
                chosen[mask, c] = tuple(orders[row].tolist())

    def order(mask: int, cycle: int) -> tuple[int, ...]:
        return chosen[mask, cycle]

    return SubsetTours(best, order)
