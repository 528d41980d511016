"""Which warehouses are set free together: strings of neighbouring trips, or whole trips.

Strings of consecutive stops, one from each of a few trips around a random warehouse, make room
in neighbouring trips at the same time: slack in space and load that greedy insertion can use
(J. Christiaens and G. Vanden Berghe, Slack Induction by String Removals for Vehicle Routing
Problems, Transportation Science 54, 2020). Whole trips go now and then, so that the number of
trips can fall and a trip can change its cycle.
"""

from __future__ import annotations

import numpy as np

from optimizer.rings import RingPlan

MEAN_FREE = 10
"""Warehouses set free at a time, on average."""
LONGEST_STRING = 10
WHOLE_TRIP = 0.1
SPLIT_STRING = 0.5
LENGTHEN = 0.5
"""Chance that one more stop in the middle of a split string stays."""
DRAWN_AT_A_TIME = 4096


class Dice:
    """Numbers from [0, 1) one by one; drawn in blocks, since a single draw is slow."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn: list[float] = []

    def roll(self) -> float:
        if not self._drawn:
            self._drawn = self._rng.random(DRAWN_AT_A_TIME).tolist()
        return self._drawn.pop()

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self.roll() * n)


def choose_free(plan: RingPlan, dice: Dice) -> list[int]:
    """Warehouses to take out of their trips, in the order in which to put them back."""
    if dice.roll() < WHOLE_TRIP:
        seed = dice.below(plan.ground.n)
        free = list(plan.stops[int(plan.trip_of[seed])])
    else:
        free = _strings(plan, dice)
    _put_in_order(plan, free, dice)
    return free


def _strings(plan: RingPlan, dice: Dice) -> list[int]:
    g = plan.ground
    n_trips = sum(1 for stops in plan.stops if stops)
    longest = min(LONGEST_STRING, g.n / n_trips)
    n_strings = int(dice.roll() * (4 * MEAN_FREE / (1 + longest) - 1) + 1)
    touched: set[int] = set()
    free: list[int] = []
    for warehouse in g.around[dice.below(g.n)]:
        trip = int(plan.trip_of[warehouse])
        if trip in touched:
            continue
        touched.add(trip)
        stops = plan.stops[trip]
        length = 1 + int(dice.roll() * min(len(stops), longest))
        free += _string(stops, stops.index(warehouse), length, dice)
        if len(touched) == n_strings:
            break
    return free


def _string(stops: list[int], at: int, length: int, dice: Dice) -> list[int]:
    """A string around a position; split strings leave a few stops in their middle alone."""
    n_kept = 0
    if 1 < length < len(stops) and dice.roll() < SPLIT_STRING:
        n_kept = 1
        while length + n_kept < len(stops) and dice.roll() < LENGTHEN:
            n_kept += 1
    span = length + n_kept
    first, last = max(0, at - span + 1), min(at, len(stops) - span)
    start = first + dice.below(last - first + 1)
    if not n_kept:
        return stops[start : start + length]
    n_before = 1 + dice.below(length - 1)
    return stops[start : start + n_before] + stops[start + n_before + n_kept : start + span]


def _put_in_order(plan: RingPlan, free: list[int], dice: Dice) -> None:
    """At random, largest first, furthest first or nearest first."""
    g, x = plan.ground, dice.roll()
    if x < 4 / 11:
        free.sort(key=lambda _: dice.roll())
    elif x < 8 / 11:
        free.sort(key=lambda j: -g.size[j])
    elif x < 10 / 11:
        free.sort(key=lambda j: -g.reach_km[j])
    else:
        free.sort(key=lambda j: g.reach_km[j])
