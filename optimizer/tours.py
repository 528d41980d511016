"""Order of stops: short closed tours for a given set of warehouses."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.integrals import Floats


def nearest_neighbour(distance_km: Floats, start: int, places: Sequence[int]) -> list[int]:
    """Always on to the nearest place left; ties to the lower number."""
    left, here, order = sorted(places), start, []
    while left:
        here = min(left, key=lambda place: (float(distance_km[here, place]), place))
        left.remove(here)
        order.append(here)
    return order


def tour_length(distance_km: Floats, start: int, order: Sequence[int]) -> float:
    """Of the closed tour from start through the places."""
    here, length = start, 0.0
    for place in order:
        length += float(distance_km[here, place])
        here = place
    return length + float(distance_km[here, start])


def two_opt(distance_km: Floats, start: int, order: Sequence[int]) -> list[int]:
    """Turn stretches round until no turn shortens the tour."""
    best = list(order)
    length = tour_length(distance_km, start, best)
    improved = True
    while improved:
        improved = False
        for a in range(len(best) - 1):
            for b in range(a + 2, len(best) + 1):
                candidate = [*best[:a], *best[a:b][::-1], *best[b:]]
                shorter = tour_length(distance_km, start, candidate)
                if shorter < length - 1e-12:
                    best, length, improved = candidate, shorter, True
    return best
