"""Which warehouses are set free together: strings of neighbouring trips, or whole trips.

Strings of consecutive stops, one from each of a few trips around a random warehouse, make room
in neighbouring trips at the same time: slack in space and load that greedy insertion can use
(J. Christiaens and G. Vanden Berghe, Slack Induction by String Removals for Vehicle Routing
Problems, Transportation Science 54, 2020). Whole trips go now and then, so that the number of
trips can fall and a trip can change its cycle. The ruins of all proposals are drawn together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import Ints
from optimizer.rings import RingPlan

LONGEST_STRING = 10
MOST_STRINGS = 8
WHOLE_TRIP = 0.1
SPLIT_STRING = 0.5
LENGTHEN = 0.5
"""Chance that one more stop in the middle of a split string stays."""


@dataclass(frozen=True, slots=True)
class Ruins:
    """What the proposals set free, those that free most first."""

    free: Ints
    """(turn, proposal): warehouses in the order in which to put them back; -1 behind the last."""
    lengths: Ints
    """Warehouses per proposal."""
    owner: Ints
    """Of each gap, a proposal; with the places before and behind what was taken out. No place
    stands twice on one side in one proposal."""
    before: Ints
    behind: Ints


@dataclass(frozen=True, slots=True)
class _Strings:
    """Per proposal and rank: a stretch of a trip, but for a few stops kept in its middle."""

    trip: Ints
    start: Ints
    length: Ints
    """Stops taken out; 0 for no string."""
    n_before: Ints
    """Of them before the stops kept."""
    n_kept: Ints


def choose_ruins(plan: RingPlan, rng: np.random.Generator, n: int, n_free: int) -> Ruins:
    """For n proposals about n_free warehouses each to take out; a whole trip may have more."""
    strings = _strings(plan, rng, n, n_free)
    step = np.arange(int(strings.length.max()))
    is_free = step < strings.length[..., None]
    position = strings.start[..., None] + step
    position += np.where(step >= strings.n_before[..., None], strings.n_kept[..., None], 0)
    width = plan.order.shape[1]
    node = plan.order[strings.trip[..., None], np.minimum(position, width - 1)].reshape(n, -1)
    keys = np.where(is_free.reshape(n, -1), _order_keys(plan, rng, node), np.inf)
    lengths = strings.length.sum(axis=1)
    rank = np.argsort(keys, axis=1)[:, : int(lengths.max())]
    free = np.take_along_axis(node, rank, axis=1)
    by_length = np.argsort(-lengths, kind="stable")
    ranks = np.empty(n, dtype=np.int64)
    ranks[by_length] = np.arange(n)
    owner, before, behind = _gaps(plan, strings)
    return Ruins(
        free=np.ascontiguousarray(free[by_length].T),
        lengths=lengths[by_length],
        owner=ranks[owner],
        before=before,
        behind=behind,
    )


def _strings(plan: RingPlan, rng: np.random.Generator, n: int, n_free: int) -> _Strings:
    seed = (rng.random(n) * plan.ground.n).astype(np.int64)
    at, is_string = _one_per_trip(plan, seed)
    trip = plan.trip_of[at]
    n_stops = plan.length[trip]
    longest = 1 + (rng.random((n, 1)) * min(LONGEST_STRING, n_free)).astype(np.int64)
    chance = rng.random((5, *at.shape))
    length = 1 + (chance[0] * np.minimum(n_stops, longest)).astype(np.int64)
    length[~is_string] = 0
    room = n_free - (np.cumsum(length, axis=1) - length)
    length = np.clip(room, 0, length)
    is_whole = rng.random(n) < WHOLE_TRIP
    length[is_whole] = 0
    length[is_whole, 0] = n_stops[is_whole, 0]
    n_kept = 1 + (np.log(1.0 - chance[1]) / np.log(LENGTHEN)).astype(np.int64)
    is_split = (length > 1) & (chance[2] < SPLIT_STRING)
    n_kept = np.where(is_split, np.minimum(n_kept, n_stops - length), 0)
    span = length + n_kept
    position = plan.position[at]
    first = np.maximum(0, position - span + 1)
    last = np.maximum(first, np.minimum(position, n_stops - span))
    start = first + (chance[3] * (last - first + 1)).astype(np.int64)
    inner = 1 + (chance[4] * (length - 1)).astype(np.int64)
    return _Strings(trip, start, length, np.where(n_kept > 0, inner, length), n_kept)


def _one_per_trip(plan: RingPlan, seed: Ints) -> tuple[Ints, np.ndarray]:
    """The nearest warehouse of each of the nearest trips, nearest first; and whether there is."""
    around = plan.ground.around[seed]
    trip = plan.trip_of[around]
    n, width = trip.shape
    by_trip = np.argsort(trip, axis=1, kind="stable")
    in_order = np.take_along_axis(trip, by_trip, axis=1)
    is_first = np.ones((n, width), dtype=bool)
    is_first[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    rank = np.where(is_first, by_trip, width)
    rank.sort(axis=1)
    rank = rank[:, :MOST_STRINGS]
    there = rank < width
    return np.take_along_axis(around, np.minimum(rank, width - 1), axis=1), there


def _order_keys(plan: RingPlan, rng: np.random.Generator, node: Ints) -> Floats:
    """At random, largest first, furthest first or nearest first, proposal by proposal."""
    g, x = plan.ground, rng.random((len(node), 1))
    keys = rng.random(node.shape)
    keys = np.where(x < 4 / 11, -g.size[node], keys)
    reach = g.reach_km[node]
    return np.where(x >= 8 / 11, np.where(x < 10 / 11, -reach, reach), keys)


def _gaps(plan: RingPlan, strings: _Strings) -> tuple[Ints, Ints, Ints]:
    """Proposal, and places before and behind, of every run of stops taken out."""
    owner, rank = np.nonzero(strings.length)
    one = (owner, rank)
    trip, start, kept = strings.trip[one], strings.start[one], strings.n_kept[one]
    cut = start + strings.n_before[one]
    end = start + strings.length[one] + kept
    split = np.flatnonzero(kept)
    again = (cut + kept)[split]
    trips = np.concatenate([trip, trip[split]])
    starts = np.concatenate([start, again])
    ends = np.concatenate([np.where(kept > 0, cut, end), end[split]])
    owners = np.concatenate([owner, owner[split]])
    head = plan.ground.n + trips
    before = np.where(starts > 0, plan.order[trips, np.maximum(starts - 1, 0)], head)
    inside = ends < plan.length[trips]
    behind = np.where(inside, plan.order[trips, np.where(inside, ends, 0)], head)
    return owners, before, behind
