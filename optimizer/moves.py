"""The moves of the local search: what each would save, for all pairs of neighbours at once.

u and v are nodes of one individual on different trips, v a near neighbour of u. Every move
makes u and v adjacent (PyVRP and its kin restrict their neighbourhoods likewise); the cycle of
a changed trip is chosen afresh within its price. ``MOVES`` names them in the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import Ints
from optimizer.segments import Segments

MOVES = (
    "u after v",
    "u before v",
    "u and its follower after v",
    "u and its follower, turned, before v",
    "u for v's follower",
    "u for v's leader",
    "tails from u and v",
    "heads to u and v",
    "tails of u and v",
    "u alone",
    "split after u",
)
N_PAIR_MOVES = 9
ALONE, SPLIT = 9, 10


@dataclass(frozen=True, slots=True)
class Candidates:
    """Improving moves: the gain in money per day, which move, its nodes, a centre if new."""

    gain: Floats
    move: Ints
    u: Ints
    v: Ints
    centre: Ints


def improving(seg: Segments, u: Ints, v: Ints, nodes: Ints, threshold: float) -> Candidates:
    """The best move of each pair and node that saves more than the threshold."""
    pairs = _pair_gains(seg, u, v)
    best = np.argmax(pairs, axis=0)
    gain = pairs[best, np.arange(len(u))]
    alone, centre = _alone_gains(seg, nodes)
    split = _split_gains(seg, nodes)
    zeros = np.zeros_like(nodes)
    every = Candidates(
        gain=np.concatenate([gain, alone, split]),
        move=np.concatenate([best, zeros + ALONE, zeros + SPLIT]),
        u=np.concatenate([u, nodes, nodes]),
        v=np.concatenate([v, nodes, nodes]),
        centre=np.concatenate([np.zeros_like(u), centre, zeros]),
    )
    good = np.flatnonzero(every.gain > threshold)
    return Candidates(*(getattr(every, name)[good] for name in Candidates.__slots__))


def _pair_gains(seg: Segments, u: Ints, v: Ints) -> Floats:
    """(move, pair) money per day saved; -inf where the move does not exist."""
    n, none = seg.n_nodes, seg.n_nodes
    trip_u, trip_v = seg.trip_of[u], seg.trip_of[v]
    now = seg.cost[trip_u] + seg.cost[trip_v]
    at_u, at_v = seg.centre[trip_u], seg.centre[trip_v]
    before_u, after_u, before_v, after_v = seg.before[u], seg.after[u], seg.before[v], seg.after[v]
    next_u, next_v, last_v, last_u = seg.succ[u], seg.succ[v], seg.pred[v], seg.pred[u]
    no_next_u, no_next_v, no_last_v = next_u == none, next_v == none, last_v == none
    some_next_u = np.where(no_next_u, u, next_u)
    some_next_v, some_last_v = np.where(no_next_v, v, next_v), np.where(no_last_v, v, last_v)
    three = seg.cost_of_three(
        np.concatenate([v, before_v, v, before_v, v, before_u, before_v, before_u]),
        np.concatenate([u, u, n + u, 2 * n + u, u, some_next_v, u, some_last_v]),
        np.concatenate([after_v, v, after_v, v, seg.after[some_next_v], after_u, v, after_u]),
        np.concatenate([at_v, at_v, at_v, at_v, at_v, at_u, at_v, at_u]),
    ).reshape(8, -1)
    # The last swap puts u where v's leader was: its prefix ends before that leader.
    swapped = seg.cost_of_three(seg.before[some_last_v], u, v, at_v)
    head_u, tail_u = n + some_next_u, n + np.where(last_u == none, u, last_u)
    empty_u = 2 * n + at_u
    two = seg.cost_of_two(
        np.concatenate([u, before_v, u, np.where(no_next_u, empty_u, head_u), n + v, before_v]),
        np.concatenate([v, after_u, n + v, after_v, u, np.where(last_u == none, empty_u, tail_u)]),
    ).reshape(6, -1)
    without = _without(seg, before_u, after_u)
    without_pair = _without(seg, before_u, seg.after[some_next_u])
    made = np.stack(
        [
            three[0] + without,
            three[1] + without,
            three[2] + without_pair,
            three[3] + without_pair,
            three[4] + three[5],
            swapped + three[7],
            two[0] + two[1],
            two[2] + two[3],
            two[4] + two[5],
        ]
    )
    gains: Floats = now - made
    gains[2:4, no_next_u] = -np.inf
    gains[4, no_next_v] = -np.inf
    gains[5, no_last_v] = -np.inf
    gains[6:9, at_u != at_v] = -np.inf
    return gains


def _without(seg: Segments, before: Ints, after: Ints) -> Floats:
    """Cost of a trip with a stretch left out."""
    return seg.cost_of_two(before, after)


def _alone_gains(seg: Segments, nodes: Ints) -> tuple[Floats, Ints]:
    """Gain of giving each node a trip of its own, and from which central warehouse."""
    trips, n = seg.trip_of[nodes], seg.n_nodes
    costs = []
    for k in range(seg.net.n_centrals):
        empty = np.full(len(nodes), 2 * n + k)
        costs.append(seg.cost_of_three(empty, nodes, empty, np.full(len(nodes), k)))
    alone = np.stack(costs)
    centre = np.argmin(alone, axis=0)
    rest = seg.cost_of_two(seg.before[nodes], seg.after[nodes])
    gain = seg.cost[trips] - rest - alone[centre, np.arange(len(nodes))]
    return gain, centre


def _split_gains(seg: Segments, nodes: Ints) -> Floats:
    """Gain of ending the trip at each node and starting another with its follower."""
    trips = seg.trip_of[nodes]
    empty = 2 * seg.n_nodes + seg.centre[trips]
    gain = seg.cost[trips] - seg.cost_of_two(nodes, empty)
    gain -= seg.cost_of_two(empty, seg.after[nodes])
    gain[seg.succ[nodes] == seg.n_nodes] = -np.inf
    return gain


def apply(seg: Segments, move: int, u: int, v: int, centre: int) -> list[int]:
    """Carry out one move; gives the rows of the trips it changed."""
    row_u, row_v = int(seg.trip_of[u]), int(seg.trip_of[v])
    a = seg.nodes_of(row_u)
    i = a.index(u)
    if move in {ALONE, SPLIT}:
        rest, new = ([*a[:i], *a[i + 1 :]], [u]) if move == ALONE else (a[: i + 1], a[i + 1 :])
        seg.put(row_u, rest)
        at = centre if move == ALONE else int(seg.centre[row_u])
        return [row_u, seg.add(int(seg.individual[row_u]), at, new)]
    b = seg.nodes_of(row_v)
    j = b.index(v)
    new_a, new_b = _exchange(move, a, i, b, j)
    seg.put(row_u, new_a)
    seg.put(row_v, new_b)
    return [row_u, row_v]


def _exchange(
    move: int, a: list[int], i: int, b: list[int], j: int
) -> tuple[list[int], list[int]]:
    """Stops of u's and v's trips after the move; u is a[i], v is b[j]."""
    match move:
        case 0:
            return [*a[:i], *a[i + 1 :]], [*b[: j + 1], a[i], *b[j + 1 :]]
        case 1:
            return [*a[:i], *a[i + 1 :]], [*b[:j], a[i], *b[j:]]
        case 2:
            return [*a[:i], *a[i + 2 :]], [*b[: j + 1], a[i], a[i + 1], *b[j + 1 :]]
        case 3:
            return [*a[:i], *a[i + 2 :]], [*b[:j], a[i + 1], a[i], *b[j:]]
        case 4:
            return [*a[:i], b[j + 1], *a[i + 1 :]], [*b[: j + 1], a[i], *b[j + 2 :]]
        case 5:
            return [*a[:i], b[j - 1], *a[i + 1 :]], [*b[: j - 1], a[i], *b[j:]]
        case 6:
            return [*a[: i + 1], *b[j:]], [*b[:j], *a[i + 1 :]]
        case 7:
            return [*a[: i + 1], *b[: j + 1][::-1]], [*a[i + 1 :][::-1], *b[j + 1 :]]
        case 8:
            return [*b[j:][::-1], *a[i:]], [*b[:j], *a[:i][::-1]]
        case _:
            raise AssertionError(f"no move {move}")
