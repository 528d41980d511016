"""Better orders of the stops within a trip: every order for short trips, 2-opt and or-opt else."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import Ints, Network
from optimizer.segments import Segments

EXACT_STOPS = 5
IMPROVEMENT = 1e-9


def polish(seg: Segments, rows: Ints) -> None:
    """Reorder the stops of these trips until no order tried is better."""
    left = rows[seg.length[rows] > 1]
    while len(left):
        improved = []
        for length in np.unique(seg.length[left]).tolist():
            same = left[seg.length[left] == length]
            better = _better_orders(seg, same, length)
            if length > EXACT_STOPS:
                improved.append(better)
        left = np.concatenate(improved) if improved else left[:0]


def _better_orders(seg: Segments, rows: Ints, length: int) -> Ints:
    """Put the best order tried into each trip; gives the trips that changed."""
    nodes = seg.stops[rows, :length]
    orders = _orders(length)
    candidates = nodes[:, orders]  # (trip, order, stop)
    if seg.net.is_load_dependent:
        cost = _costs(seg, rows, candidates)
    else:
        cost = _lengths(seg.net, seg.place[candidates], seg.centre[rows])
    best = np.argmin(cost, axis=1)
    at = np.arange(len(rows))
    better = cost[at, best] < cost[:, 0] - IMPROVEMENT * np.abs(cost[:, 0])
    changed: Ints = rows[better]
    seg.stops[changed, :length] = candidates[at, best][better]
    return changed


def _lengths(net: Network, places: Ints, centre: Ints) -> Floats:
    distance = net.distance_km
    start = centre[:, None]
    length = distance[start, places[..., 0]] + distance[places[..., -1], start]
    inner: Floats = distance[places[..., :-1], places[..., 1:]].sum(axis=-1)
    return np.asarray(length + inner)


def _costs(seg: Segments, rows: Ints, candidates: Ints) -> Floats:
    """Money per day of every order, where more than the length matters."""
    n_rows, n_orders, length = candidates.shape
    centre = np.repeat(seg.centre[rows], n_orders)
    flat = candidates.reshape(-1, length)
    places, distance = seg.place[flat], seg.net.distance_km
    here, km = centre, np.zeros(len(flat))
    features = np.zeros((*seg.net.features.shape[:2], len(flat)))
    zero = np.zeros(len(flat))
    for p in range(length):
        leg = distance[here, places[:, p]]
        km, features = seg.net.join(km, features, leg, zero, seg.features_of(flat[:, p], centre))
        here = places[:, p]
    km = km + distance[here, centre]
    return seg.net.price(km, features).reshape(n_rows, n_orders)


@lru_cache(maxsize=64)
def _orders(length: int) -> Ints:
    """Orders to try, the present one first: (order, stop)."""
    if length <= EXACT_STOPS:
        return np.array(list(permutations(range(length))))
    plain = list(range(length))
    tried = [plain]
    for a in range(length - 1):
        tried += [[*plain[:a], *plain[a:b][::-1], *plain[b:]] for b in range(a + 2, length + 1)]
    for size in (1, 2, 3):
        for a in range(length - size + 1):
            block, rest = plain[a : a + size], [*plain[:a], *plain[a + size :]]
            tried += [[*rest[:b], *block, *rest[b:]] for b in range(len(rest) + 1) if b != a]
    return np.unique(np.array(tried), axis=0)  # sorted: the present order is the first
