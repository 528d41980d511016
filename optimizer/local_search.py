"""Local search on many individuals at once: sweeps of disjoint improving moves.

A sweep prices every move of every pair of neighbours, takes each move that is the best for
both trips it touches, carries those out together and starts again with what has changed.
"""

from __future__ import annotations

import numpy as np

from optimizer.integrals import Floats
from optimizer.moves import Candidates, apply, improving
from optimizer.network import Ints
from optimizer.polish import polish
from optimizer.segments import Segments

THRESHOLD = 1e-7
"""Money per day below which a gain may be rounding."""
MAX_SWEEPS = 200


def improve(
    seg: Segments, dirty: Ints, rng: np.random.Generator | None = None, noise: float = 0.0
) -> None:
    """Improve the trips of a batch until no move saves anything.

    dirty: rows of trips that have changed since they were last searched. With noise the order
    of moves varies (gains are weighed by 1 - noise * chance), never their worth.
    """
    polish(seg, dirty)
    seg.refresh(dirty)
    pairs = _pairs(seg)
    for _ in range(MAX_SWEEPS):
        if not len(dirty):
            return
        found = _candidates(seg, pairs, dirty)
        if not len(found.gain):
            return
        weight = found.gain
        if rng is not None and noise > 0:
            weight = weight * (1.0 - noise * rng.random(len(weight)))
        dirty = _carry_out(seg, found, weight)


def _pairs(seg: Segments) -> tuple[Ints, Ints]:
    """Every node with each of its neighbours, over all individuals."""
    near, n_individuals, n = seg.net.neighbours, len(seg.settings), seg.net.n
    offset = (np.arange(n_individuals) * n)[:, None, None]
    v = (near[None] + offset).reshape(-1)
    u = np.repeat(np.arange(n_individuals * n), near.shape[1])
    return u, v


def _candidates(seg: Segments, pairs: tuple[Ints, Ints], dirty: Ints) -> Candidates:
    fresh = np.zeros(seg.n_nodes, dtype=bool)
    fresh[dirty] = True
    u, v = pairs
    trip_u, trip_v = seg.trip_of[u], seg.trip_of[v]
    keep = np.flatnonzero((fresh[trip_u] | fresh[trip_v]) & (trip_u != trip_v))
    nodes = np.flatnonzero(fresh[seg.trip_of[:-1]] & (seg.length[seg.trip_of[:-1]] > 1))
    return improving(seg, u[keep], v[keep], nodes, THRESHOLD)


def _carry_out(seg: Segments, found: Candidates, weight: Floats) -> Ints:
    """Apply the moves that are the best for both their trips; gives the trips to look at."""
    trip_u, trip_v = seg.trip_of[found.u], seg.trip_of[found.v]
    rank = np.empty(len(weight), dtype=np.int64)
    rank[np.argsort(-weight, kind="stable")] = np.arange(len(weight))
    best = np.full(seg.n_nodes, len(weight))
    np.minimum.at(best, trip_u, rank)
    np.minimum.at(best, trip_v, rank)
    chosen = np.flatnonzero((best[trip_u] == rank) & (best[trip_v] == rank))
    changed: list[int] = []
    for move, u, v, centre in zip(
        found.move[chosen].tolist(),
        found.u[chosen].tolist(),
        found.v[chosen].tolist(),
        found.centre[chosen].tolist(),
        strict=True,
    ):
        changed += apply(seg, move, u, v, centre)
    rows = np.array(changed, dtype=np.int64)
    polish(seg, rows)
    seg.refresh(rows)
    # What was passed over must be looked at again, though its trips have not changed.
    again: Ints = np.unique(np.concatenate([rows, trip_u, trip_v]))
    return np.asarray(again[seg.length[again] > 0])
