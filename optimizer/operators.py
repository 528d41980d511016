"""Crossover and mutation of individuals: order crossover, ruin, partition crossover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import Ints
from optimizer.segments import Segments, StopsOf


def order_crossover(mother: Ints, father: Ints, rng: np.random.Generator) -> Ints:
    """A stretch of the mother's tour, the rest in the father's order (OX)."""
    n = len(mother)
    a, b = sorted((int(rng.random() * (n + 1)), int(rng.random() * (n + 1))))
    kept = mother[a:b]
    taken = np.zeros(n, dtype=bool)
    taken[kept] = True
    rolled = np.concatenate([father[b:], father[:b]])
    rest = rolled[~taken[rolled]]
    child = np.empty_like(mother)
    child[a:b] = kept
    child[b:], child[:a] = rest[: n - b], rest[n - b :]
    return child


def ruin(seg: Segments, n_regions: int, rng: np.random.Generator) -> Ints:
    """Set warehouses around random ones free, each on a trip of its own.

    Either whole trips near the seed are dissolved, or some near warehouses leave theirs.
    Gives the rows of the trips that changed.
    """
    net, n = seg.net, seg.net.n
    rows: set[int] = set()
    for individual in range(len(seg.settings)):
        loose: set[int] = set()
        for seed in rng.integers(n, size=n_regions).tolist():
            near = [seed, *net.neighbours[seed].tolist()]
            nodes = [individual * n + j for j in near]
            if rng.random() < 0.5:
                trips = list(dict.fromkeys(int(seg.trip_of[x]) for x in nodes))
                for row in trips[: int(rng.integers(2, 5))]:
                    loose.update(seg.nodes_of(row))
            else:
                size = int(rng.integers(2, min(len(nodes), 10) + 1)) if len(nodes) > 1 else 1
                loose.update(rng.choice(nodes, size=size, replace=False).tolist())
        rows |= _set_free(seg, loose, rng)
    return np.array(sorted(rows), dtype=np.int64)


def _set_free(seg: Segments, loose: set[int], rng: np.random.Generator) -> set[int]:
    changed: set[int] = set()
    n_k = seg.net.n_centrals
    for row in sorted({int(seg.trip_of[x]) for x in loose}):
        nodes = seg.nodes_of(row)
        kept = [x for x in nodes if x not in loose]
        free = [x for x in nodes if x in loose]
        if not kept:
            kept, free = free[:1], free[1:]
        seg.put(row, kept)
        changed.add(row)
        individual, centre = int(seg.individual[row]), int(seg.centre[row])
        for node in free:
            at = centre
            if n_k > 1 and rng.random() < 0.3:
                open_at = np.flatnonzero(seg.settings[individual] > 0)
                at = int(rng.choice(open_at)) if len(open_at) else centre
            changed.add(seg.add(individual, at, [node]))
    return changed


def partition_crossover(
    n: int,
    mother: tuple[Sequence[StopsOf], Floats],
    father: tuple[Sequence[StopsOf], Floats],
) -> list[StopsOf]:
    """The better parent's trips in every part in which the parents can be told apart.

    A parent is its trips and their costs. Parts are the connected components of trips that
    share a warehouse: within one, both parents serve the same warehouses, so the choice is free
    in each, and the child is at least as good as either parent.
    """
    (mothers, mother_cost), (fathers, father_cost) = mother, father
    trip_m, trip_f = _trip_of(n, mothers), _trip_of(n, fathers)
    label = np.arange(n)
    while True:
        low_m = np.full(len(mothers), n)
        np.minimum.at(low_m, trip_m, label)
        label_m = low_m[trip_m]
        low_f = np.full(len(fathers), n)
        np.minimum.at(low_f, trip_f, label_m)
        fresh = low_f[trip_f]
        if np.array_equal(fresh, label):
            break
        label = fresh
    part_m = np.array([label[trip[2][0]] for trip in mothers], dtype=np.int64)
    part_f = np.array([label[trip[2][0]] for trip in fathers], dtype=np.int64)
    sum_m = np.bincount(part_m, weights=mother_cost, minlength=n)
    sum_f = np.bincount(part_f, weights=father_cost, minlength=n)
    from_father = sum_f < sum_m - 1e-9 * np.abs(sum_m)
    return [trip for trip, p in zip(mothers, part_m, strict=True) if not from_father[p]] + [
        trip for trip, p in zip(fathers, part_f, strict=True) if from_father[p]
    ]


def _trip_of(n: int, trips: Sequence[StopsOf]) -> Ints:
    where = np.zeros(n, dtype=np.int64)
    for row, trip in enumerate(trips):
        where[list(trip[2])] = row
    return where
