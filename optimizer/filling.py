"""Plans to begin with: every trip filled up under one common cycle, the furthest stops first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optimizer.integrals import Floats
from optimizer.network import KG, Network
from optimizer.segments import StopsOf


def filled_trips(net: Network, centrals: Sequence[int]) -> list[StopsOf]:
    """An individual per cycle: trips from the furthest warehouse left on to the nearest that fits.

    Every warehouse is supplied by the nearest of these central ones; one that does not admit
    the cycle has a trip of its own.
    """
    n_k, used = net.n_centrals, np.array(centrals)
    centre = used[np.argmin(net.distance_km[used, n_k:], axis=0)]
    reach = net.distance_km[centre, np.arange(net.n) + n_k]
    between = net.distance_km[n_k:, n_k:]
    order: list[int] = np.argsort(-reach, kind="stable").tolist()
    trips: list[StopsOf] = []
    for individual, kg in enumerate(net.features[KG]):
        left = np.ones(net.n, dtype=bool)
        for start in order:
            if not left[start]:
                continue
            k = int(centre[start])
            stops = _fill(between, kg, left & (centre == k), start, net.capacity_kg)
            left[stops] = False
            trips.append((individual, k, stops))
    return trips


def _fill(
    between: Floats, kg: Floats, is_free: NDArray[np.bool_], start: int, room: float
) -> list[int]:
    """Stops from start on, each the nearest free one that the room left admits."""
    stops, room = [start], room - float(kg[start])
    is_free[start] = False
    while True:
        km = np.where(is_free & (kg <= room), between[stops[-1]], np.inf)
        nearest = int(np.argmin(km))
        if not km[nearest] < np.inf:
            return stops
        stops.append(nearest)
        is_free[nearest] = False
        room -= float(kg[nearest])
