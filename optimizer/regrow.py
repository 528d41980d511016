"""Ruin and recreate, many proposals of one plan at a time.

Every proposal takes some warehouses out of a copy of the plan and puts them back one by one
where each costs least; the i-th insertions of all proposals are priced together, so that
whole-array arithmetic has enough to do. What a proposal changes are a few trips, and the cost
of a plan is a sum over trips: all acceptable proposals that touch different trips are taken
together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, Ints, Network
from optimizer.rings import Ground, RingPlan
from optimizer.ruins import Ruins, choose_ruins
from optimizer.segments import StopsOf

PROPOSALS = 32
FEWEST, MOST = 4, 14
"""Warehouses set free at a time."""
BLINK = 0.01
"""Chance that a warehouse is overlooked, so that the cheapest is not always taken."""
N_SPARE = 1
"""Empty trips per central warehouse that any one insertion may open."""
FAR = 1e15
"""Stands for the leg beside a place that is in no trip: nothing can be put there."""
NOTICEABLE = 1e-7
"""Money per day; a smaller change may be rounding."""


def regrow(plan: RingPlan, rng: np.random.Generator, temperature: float) -> float:
    """Try proposals and carry out those accepted; gives the change in money per day.

    temperature: money per day by which an accepted proposal may be worse, on average of an
    exponential distribution.
    """
    n_free = min(int(rng.integers(FEWEST, MOST + 1)), plan.ground.n)
    proposals = _Proposals(plan, choose_ruins(plan, rng, PROPOSALS, n_free))
    proposals.take_out()
    proposals.put_back(rng)
    change = proposals.change()
    limit = -temperature * np.log1p(-rng.random(PROPOSALS))
    accepted = np.flatnonzero((change < limit) & (np.abs(change) > NOTICEABLE))
    return proposals.carry_out(accepted[np.argsort(change[accepted], kind="stable")], change)


class _Proposals:
    """Copies of a plan side by side in flat arrays.

    Flat positions are proposal * places + place and proposal * trips + trip; places in `_links`
    and trips in `_trip_of` are flat positions, too.
    """

    def __init__(self, plan: RingPlan, ruins: Ruins) -> None:
        self._plan, self._ruins = plan, ruins
        self._n_proposals = n = len(ruins.lengths)
        self._ground = g = plan.ground
        self._place0 = np.arange(n) * g.n_places
        self._trip0 = np.arange(n) * g.n_trips
        self._links = (plan.links[:, None, :] + self._place0[:, None]).reshape(2, -1)
        self._trip_of = (plan.trip_of + self._trip0[:, None]).reshape(-1)
        self._legs = np.tile(plan.legs, n)
        self._fare, self._cost = np.tile(plan.fare, n), np.tile(plan.cost, n)
        self._kg, self._own = np.tile(plan.kg, n), np.tile(plan.own, n)
        self._touched = np.zeros(len(self._fare), dtype=bool)
        self._beside = self._neighbourhood()

    def _neighbourhood(self) -> tuple[Ints, Floats]:
        """Places beside which each warehouse may stand, and the legs from them and to them."""
        g = self._ground
        spare = self._plan.spare_heads(N_SPARE)
        places = np.concatenate([g.near, np.broadcast_to(spare, (g.n, len(spare)))], axis=1)
        there = np.arange(g.n)[:, None] * g.n_places + places
        return places, np.array([g.legs.take(there + g.back), g.legs.take(there)])

    def take_out(self) -> None:
        """Every proposal's free warehouses leave their trips at once."""
        g, ruins = self._ground, self._ruins
        turn, owner = np.nonzero(np.arange(len(ruins.free))[:, None] < ruins.lengths)
        node = ruins.free[turn, owner]
        at = self._place0[owner] + node
        trip = self._trip_of[at]
        base, before, behind = self._place0[ruins.owner], ruins.before, ruins.behind
        at_before, at_behind = base + before, base + behind
        gap_trip = self._trip_of[at_before]
        leg = g.legs.take(before * g.n_places + behind)
        saved = np.bincount(trip, weights=self._legs[0, at], minlength=len(self._fare))
        saved += np.bincount(
            gap_trip, weights=self._legs[0, at_before] - leg, minlength=len(self._fare)
        )
        self._fare -= saved
        self._links[0, at_before], self._links[1, at_behind] = at_behind, at_before
        self._legs[0, at_before], self._legs[1, at_behind] = leg, leg
        self._legs[:, at] = -FAR
        row = node
        if g.n_centrals > 1:
            row = g.centre[trip % g.n_trips] * g.n + node
        for c, (kg, own) in enumerate(zip(g.kg, g.own, strict=True)):
            self._kg[c] -= np.bincount(trip, weights=kg[row], minlength=len(self._fare))
            self._own[c] -= np.bincount(trip, weights=own[row], minlength=len(self._fare))
        self._touched[gap_trip] = True
        self._price_what_is_left(np.unique(gap_trip))

    def _price_what_is_left(self, trips: Ints) -> None:
        """Costs of the trips that were taken from; an emptied one is as if never driven."""
        g = self._ground
        proposal, trip = np.divmod(trips, g.n_trips)
        head = proposal * g.n_places + g.n + trip
        is_empty = self._links[0, head] == head
        gone = trips[is_empty]
        self._fare[gone] = g.trip_cost
        self._kg[:, gone] = 0.0
        self._own[:, gone] = 0.0
        cost = g.price(self._fare[trips], self._kg[:, trips], self._own[:, trips])
        cost[is_empty] = 0.0
        self._cost[trips] = cost

    def put_back(self, rng: np.random.Generator) -> None:
        """The free warehouses, turn by turn, each where it costs least by then."""
        free, lengths = self._ruins.free, self._ruins.lengths
        places, legs = self._beside
        blink = rng.random((*free.shape, places.shape[1])) < BLINK
        overlooked = np.where(blink, BLOCKED, 0.0)
        for turn, nodes in enumerate(free):
            n = int((lengths > turn).sum())
            node = nodes[:n]
            beside, leg = places.take(node, axis=0), legs.take(node, axis=1)
            self._put_back(node, beside, leg, overlooked[turn, :n])

    def _put_back(self, node: Ints, beside: Ints, leg: Floats, overlooked: Floats) -> None:
        """One warehouse per proposal; beside and leg: rows of ``_neighbourhood``."""
        g, n = self._ground, len(node)
        place0 = self._place0[:n, None]
        at = beside + place0
        flat = at.reshape(-1)
        link = self._links.take(flat, axis=1).reshape(2, n, -1)
        # Behind a place: from it, and on to its follower; before it: to it, from its leader.
        other = link - place0
        other += (node * g.n_places)[:, None]
        if g.back:
            other[1] += g.back
        detour = g.legs.take(other)
        detour += leg
        detour -= self._legs.take(flat, axis=1).reshape(2, n, -1)
        extra = np.minimum(detour[0], detour[1])
        trip = self._trip_of.take(flat)
        fare = self._fare.take(trip)
        fare += extra.reshape(-1)
        row = node[:, None]
        if g.n_centrals > 1:
            row = (g.centre.take(trip % g.n_trips) * g.n).reshape(n, -1) + row
        more = self._prices(fare, trip, row, extra.shape)
        more -= self._cost.take(trip).reshape(n, -1)
        more += overlooked
        best = more.argmin(axis=1)
        best += np.arange(n) * more.shape[1]
        is_behind = detour[0].take(best) <= detour[1].take(best)
        one, two = at.take(best), link.reshape(2, -1)[:, best]
        self._link(node, np.where(is_behind, one, two[1]), np.where(is_behind, two[0], one))
        chosen = trip.take(best)
        self._trip_of[self._place0[:n] + node] = chosen
        self._fare[chosen] = fare.take(best)
        row = row.reshape(-1).take(best) if g.n_centrals > 1 else node
        self._kg[:, chosen] += g.kg[:, row]
        self._own[:, chosen] += g.own[:, row]
        self._cost[chosen] += more.take(best)
        self._touched[chosen] = True

    def _prices(self, fare: Floats, trip: Ints, row: Ints, shape: tuple[int, ...]) -> Floats:
        """Money per day of each trip with the detour and the stop added."""
        g = self._ground
        cost = self._own.take(trip, axis=1)
        cost += fare * g.per_day
        cost = cost.reshape(-1, *shape)
        cost += g.own[:, row]
        load = self._kg.take(trip, axis=1).reshape(-1, *shape)
        load += g.kg[:, row]
        np.copyto(cost, BLOCKED, where=load > g.net.capacity_kg)
        return np.asarray(cost.min(axis=0))

    def _link(self, node: Ints, before: Ints, after: Ints) -> None:
        """Put each node between two places that follow each other, given as flat positions."""
        g, place0 = self._ground, self._place0[: len(node)]
        at, row = place0 + node, node * g.n_places - place0
        came, goes = g.legs.take(row + before + g.back), g.legs.take(row + after)
        succ, pred = self._links
        leaves, comes = self._legs
        succ[before], pred[at], succ[at], pred[after] = at, before, after, at
        leaves[before], comes[at], leaves[at], comes[after] = came, came, goes, goes

    def change(self) -> Floats:
        """Money per day that each proposal costs more than the plan."""
        sums = self._cost.reshape(self._n_proposals, -1).sum(axis=1)
        return np.asarray(sums - self._plan.cost.sum())

    def carry_out(self, accepted: Ints, change: Floats) -> float:
        """Take over the accepted proposals, the first of those that touch the same trip."""
        g = self._ground
        touched = self._touched.reshape(-1, g.n_trips)
        taken = np.zeros(g.n_trips, dtype=bool)
        total = 0.0
        for p in accepted.tolist():
            if (touched[p] & taken).any():
                continue
            taken |= touched[p]
            total += float(change[p])
            at0 = p * g.n_places
            follower = self._links[0, at0 : at0 + g.n_places] - at0
            following: list[int] = follower.tolist()
            for trip in np.flatnonzero(touched[p]).tolist():
                stops, at = [], following[g.n + trip]
                while at < g.n:
                    stops.append(at)
                    at = following[at]
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
    ) -> None:
        """variances: of the demand that each central warehouse serves, to price its safety
        stock by."""
        self.setting, self._rng = setting, rng
        self._plan = _laid_out(net, setting, variances, trips)
        self._unit = self._plan.kilometre_cost()

    def go(self, n_rounds: int, warmth: float) -> list[list[StopsOf]]:
        """The best plan met in some rounds of ``regrow``, the start included, and the last.

        warmth: temperature in units of the money per day for the way to one warehouse.
        """
        cost = lowest = 0.0
        best = self._plan.trips()
        for _ in range(n_rounds):
            cost += regrow(self._plan, self._rng, warmth * self._unit)
            if cost < lowest - NOTICEABLE:
                lowest, best = cost, self._plan.trips()
        return [best, self._plan.trips()]

    def reprice(self, net: Network, variances: Sequence[float]) -> None:
        """Price safety stock anew; a central warehouse that serves nobody by now is closed."""
        pairs = zip(self.setting, variances, strict=True)
        self.setting = tuple(days if served > 0 else 0 for days, served in pairs)
        self._plan = _laid_out(net, self.setting, variances, self._plan.trips())


def _laid_out(
    net: Network, setting: Sequence[int], variances: Sequence[float], trips: Sequence[StopsOf]
) -> RingPlan:
    n_trips = np.bincount([k for _, k, _ in trips], minlength=net.n_centrals)
    return RingPlan(Ground(net, setting, variances, n_trips), trips)
