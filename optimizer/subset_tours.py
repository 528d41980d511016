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


@dataclass(frozen=True, slots=True)
class SubsetTours:
    """cost: (set, cycle) money per day as one trip, without upstream; order(set, cycle)."""

    cost: Floats
    order: Callable[[int, int], tuple[int, ...]]


def shortest_tours(net: Network, k: int) -> SubsetTours:
    """Held and Karp's recursion over sets, all sets of one size at a time."""
    n, n_k = net.n, net.n_centrals
    distance = net.distance_km[n_k:, n_k:]
    out, home = net.distance_km[k, n_k:], net.distance_km[n_k:, k]
    path = np.full((1 << n, n), np.inf)
    path[1 << np.arange(n), np.arange(n)] = out
    masks = np.arange(1 << n)
    sizes = np.bitwise_count(masks)
    for size in range(2, n + 1):
        group = masks[sizes == size]
        for last in range(n):
            holding = group[(group >> last) & 1 == 1]
            before = path[holding ^ (1 << last)]
            path[holding, last] = (before + distance[:, last]).min(axis=1)
    length = (path + home).min(axis=1)
    length[0] = 0.0
    members = ((masks[:, None] >> np.arange(n)) & 1).astype(np.float64)
    features = np.einsum("sj,fcj->fcs", members, net.features)
    cost = net.price_by_cycle(length, features).T

    def order(mask: int, _cycle: int) -> tuple[int, ...]:
        stops: list[int] = []
        ahead = home
        while mask:
            last = int(np.argmin(path[mask] + ahead))
            stops.append(last)
            ahead = distance[:, last]
            mask ^= 1 << last
        return tuple(stops[::-1])

    return SubsetTours(cost, order)


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
