"""Ruin and recreate, many proposals of one plan at a time.

Every proposal takes some warehouses out of a copy of the plan and puts them back one by one
where each costs least; the i-th insertions of all proposals are priced together, so that
whole-array arithmetic has enough to do. What a proposal changes are a few trips, and the cost
of a plan is a sum over trips: all acceptable proposals that touch different trips are taken
together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, Ints, Network
from optimizer.rings import Ground, RingPlan
from optimizer.ruins import Dice, choose_free
from optimizer.segments import StopsOf

PROPOSALS = 32
WARMTH = 0.03
"""Temperature of a walk in units of the money per day for the way to one warehouse."""
BLINK = 0.01
"""Chance that a position is overlooked, so that the cheapest is not always taken."""
N_SPARE = 2
"""Empty trips per central warehouse a proposal may open."""
FAR_KM = 1e15
"""Stands for the leg from a place that is in no trip: nothing can be put behind it."""
NOTICEABLE = 1e-7
"""Money per day; a smaller change may be rounding."""


def regrow(plan: RingPlan, rng: np.random.Generator, dice: Dice, temperature: float) -> float:
    """Try proposals and carry out those accepted; gives the change in money per day.

    temperature: money per day by which an accepted proposal may be worse, on average of an
    exponential distribution.
    """
    free = sorted((choose_free(plan, dice) for _ in range(PROPOSALS)), key=len, reverse=True)
    proposals = _Proposals(plan, free)
    for turn in range(len(free[0])):
        proposals.take_out(turn)
    proposals.price_what_is_left()
    for turn in range(len(free[0])):
        proposals.put_back(turn, rng)
    change = proposals.cost.reshape(PROPOSALS, -1).sum(axis=1) - plan.cost.sum()
    limit = -temperature * np.log1p(-rng.random(PROPOSALS))
    accepted = np.flatnonzero((change < limit) & (np.abs(change) > NOTICEABLE))
    return proposals.carry_out(accepted[np.argsort(change[accepted], kind="stable")], change)


class _Proposals:
    """Copies of a plan side by side in flat arrays; `free` by falling length.

    Flat positions are proposal * places + place and proposal * trips + trip.
    """

    def __init__(self, plan: RingPlan, free: list[list[int]]) -> None:
        self._plan, n = plan, len(free)
        self._ground: Ground = plan.ground
        self._lengths = np.array([len(one) for one in free])
        self._free = np.zeros((len(free[0]), n), dtype=np.int64)
        """(turn, proposal)"""
        for p, one in enumerate(free):
            self._free[: len(one), p] = one
        self._place0 = np.arange(n) * self._ground.n_places
        self._trip0 = np.arange(n) * self._ground.n_trips
        self._succ, self._pred = np.tile(plan.succ, n), np.tile(plan.pred, n)
        self._trip_of, self._leg_km = np.tile(plan.trip_of, n), np.tile(plan.leg_km, n)
        self._km, self.cost = np.tile(plan.km, n), np.tile(plan.cost, n)
        self._kg, self._own = np.tile(plan.kg, (1, n)), np.tile(plan.own, (1, n))
        self._touched = np.zeros(len(self._km), dtype=bool)
        self._flat_km: Floats = self._ground.distance_km.reshape(-1)
        self._heads = plan.spare_heads(N_SPARE)

    def take_out(self, turn: int) -> None:
        """Every proposal's warehouse of this turn leaves its trip."""
        node = self._free[turn, : int((self._lengths > turn).sum())]
        place0, n_places = self._place0[: len(node)], self._ground.n_places
        at = place0 + node
        before, after = self._pred[at], self._succ[at]
        at_before = place0 + before
        trip = self._trip0[: len(node)] + self._trip_of[at]
        leg = self._flat_km.take(before * n_places + after)
        self._km[trip] += leg - self._leg_km[at_before] - self._leg_km[at]
        self._succ[at_before], self._pred[place0 + after] = after, before
        self._leg_km[at_before], self._leg_km[at] = leg, -FAR_KM
        row = self._ground.centre[self._trip_of[at]] * self._ground.n + node
        self._kg[:, trip] -= self._ground.kg[:, row]
        self._own[:, trip] -= self._ground.own[:, row]
        self._touched[trip] = True

    def price_what_is_left(self) -> None:
        """Costs of the trips that were taken from; an emptied one is as if never driven."""
        g, trips = self._ground, np.flatnonzero(self._touched)
        proposal, trip = np.divmod(trips, g.n_trips)
        head = g.n + trip
        is_empty = self._succ[proposal * g.n_places + head] == head
        self._km[trips[is_empty]] = 0.0
        self._kg[:, trips[is_empty]] = 0.0
        self._own[:, trips[is_empty]] = 0.0
        cost = g.price(self._km[trips], self._kg[:, trips], self._own[:, trips])
        self.cost[trips] = np.where(is_empty, 0.0, cost)

    def put_back(self, turn: int, rng: np.random.Generator) -> None:
        """Every proposal's warehouse of this turn goes where it costs least now."""
        g, node = self._ground, self._free[turn, : int((self._lengths > turn).sum())]
        place0 = self._place0[: len(node), None]
        near = g.near[node]
        heads = np.broadcast_to(self._heads, (len(node), len(self._heads)))
        before = np.concatenate([near, self._pred.take(near + place0), heads], axis=1)
        at_before = before + place0
        after, from_node = self._succ.take(at_before), (node * g.n_places)[:, None]
        km = self._flat_km
        if not g.is_symmetric:
            detour = km.take(before * g.n_places + node[:, None])
        else:
            detour = km.take(from_node + before)
        detour += km.take(from_node + after)
        detour -= self._leg_km.take(at_before)
        trip = self._trip_of.take(at_before)
        row = node[:, None]
        if g.n_centrals > 1:
            row = g.centre.take(trip) * g.n + row
        trip += self._trip0[: len(node), None]
        more = self._prices(detour, trip, row)
        more -= self.cost.take(trip)
        more[rng.random(more.shape) < BLINK] = BLOCKED
        best = np.arange(len(node)) * more.shape[1] + more.argmin(axis=1)
        self._insert(node, before.take(best), after.take(best))
        trip, row = trip.take(best), np.broadcast_to(row, more.shape).reshape(-1).take(best)
        self._trip_of[self._place0[: len(node)] + node] = trip - self._trip0[: len(node)]
        self._km[trip] += detour.take(best)
        self._kg[:, trip] += g.kg[:, row]
        self._own[:, trip] += g.own[:, row]
        self.cost[trip] += more.take(best)
        self._touched[trip] = True

    def _prices(self, detour: Floats, trip: Ints, row: Ints) -> Floats:
        """Money per day of each trip with the detour and the stop added."""
        g, vehicle = self._ground, self._ground.net.tables.product.vehicle
        fare = self._km.take(trip)
        fare += detour
        fare *= vehicle.cost_per_km
        fare += vehicle.trip_cost
        best = np.full(trip.shape, BLOCKED)
        for c, per_day in enumerate(g.per_day):
            cost = self._own[c].take(trip)
            cost += fare * per_day
            cost += g.own[c].take(row)
            load = self._kg[c].take(trip)
            load += g.kg[c].take(row)
            cost[load > g.net.capacity_kg] = BLOCKED
            np.minimum(best, cost, out=best)
        best[detour > FAR_KM / 2] = BLOCKED
        return best

    def _insert(self, node: Ints, before: Ints, after: Ints) -> None:
        place0, n_places = self._place0[: len(node)], self._ground.n_places
        at, at_before = place0 + node, place0 + before
        self._succ[at_before], self._pred[at] = node, before
        self._succ[at], self._pred[place0 + after] = after, node
        self._leg_km[at_before] = self._flat_km.take(before * n_places + node)
        self._leg_km[at] = self._flat_km.take(node * n_places + after)

    def carry_out(self, accepted: Ints, change: Floats) -> float:
        """Take over the accepted proposals, the first of those that touch the same trip."""
        g = self._ground
        succ = self._succ.reshape(-1, g.n_places)
        touched = self._touched.reshape(-1, g.n_trips)
        taken = np.zeros(g.n_trips, dtype=bool)
        total = 0.0
        for p in accepted.tolist():
            if (touched[p] & taken).any():
                continue
            taken |= touched[p]
            total += float(change[p])
            follower = succ[p].tolist()
            for trip in np.flatnonzero(touched[p]).tolist():
                stops, at = [], follower[g.n + trip]
                while at < g.n:
                    stops.append(at)
                    at = follower[at]
                self._plan.lay(trip, stops)
        return total


class Walk:
    """A plan under one setting on its way from proposal to proposal, mostly downwards."""

    def __init__(
        self,
        net: Network,
        setting: tuple[int, ...],
        variances: Sequence[float],
        trips: Sequence[StopsOf],
        *,
        rng: np.random.Generator,
        trials: int,
    ) -> None:
        self.setting, self._rng, self._dice = setting, rng, Dice(rng)
        self.lowest, self.trials = math.inf, trials
        """For whoever sends the walk on: what it has come to, and how often it may yet fail."""
        n_trips = np.bincount([k for _, k, _ in trips], minlength=net.n_centrals)
        self._plan = RingPlan(Ground(net, setting, variances, n_trips), trips)
        self._temperature = WARMTH * self._plan.kilometre_cost()

    def go(self, n_rounds: int) -> list[list[StopsOf]]:
        """The best plan met in some rounds of ``regrow``, the start included, and the last."""
        cost = lowest = 0.0
        best = self._plan.trips()
        for _ in range(n_rounds):
            cost += regrow(self._plan, self._rng, self._dice, self._temperature)
            if cost < lowest - NOTICEABLE:
                lowest, best = cost, self._plan.trips()
        return [best, self._plan.trips()]
