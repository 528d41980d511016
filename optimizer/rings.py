"""One plan as rings: every trip a closed chain from its head, the central warehouse, and back.

Places are numbered warehouses first, then heads, one for each trip there is room for; an empty
trip is a head that follows itself. So a stop is taken out of a ring or put into one by the same
three legs wherever it stands, and a new trip is opened by the same insertion as any other.
Only for trips whose order matters by its length alone (``Network.is_load_dependent`` is False):
their kilograms and own costs are then plain sums over the stops.

Legs are in money per drive (kilometres times their price), so that a trip's fare is its trip
cost and its legs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import BLOCKED, KG, OWN, Ints, Network
from optimizer.segments import StopsOf

ROOM = 1.5
"""Heads per trip of the plan laid out."""
MORE_ROOM = 8
N_NEAR = 16
"""Warehouses beside which a stop may be put."""
N_AROUND = 64
"""Warehouses that count as surroundings of one, for what is set free together."""


class Ground:
    """What does not change while the trips of a plan do."""

    def __init__(
        self, net: Network, setting: Sequence[int], variances: Sequence[float], n_trips: Ints
    ) -> None:
        """n_trips: how many trips of each central warehouse the plan has."""
        settings = np.array([setting], dtype=np.int64)
        self.net = net.narrowed(settings)
        n, n_k = net.n, net.n_centrals
        self.n, self.n_centrals = n, n_k
        self.is_open = [days > 0 for days in setting]
        heads = (n_trips * ROOM).astype(np.int64) + MORE_ROOM
        self.centre: Ints = np.repeat(np.arange(n_k), heads)
        self.n_trips = len(self.centre)
        self.n_places = n + self.n_trips
        shape = (2, len(self.net.days), n_k, n + 1)
        features = self.net.node_features(settings, np.array([variances])).reshape(shape)
        flat = (shape[1], n_k * n)
        self.kg = np.ascontiguousarray(features[KG, :, :, :n].reshape(flat))
        """(cycle, central * n + warehouse), as ``own``."""
        self.own = np.ascontiguousarray(features[OWN, :, :, :n].reshape(flat))
        self._lay_out_legs()
        between = np.minimum(net.distance_km[n_k:, n_k:], net.distance_km[n_k:, n_k:].T).copy()
        np.fill_diagonal(between, -1.0)
        nearest = np.argsort(between, axis=1, kind="stable")
        self.near = np.ascontiguousarray(nearest[:, 1 : 1 + N_NEAR])
        self.around = np.ascontiguousarray(nearest[:, :N_AROUND])
        """Per warehouse: itself and those around it, by distance."""
        self.reach_km = net.distance_km[:n_k, n_k:].min(axis=0)
        self.size = net.rate.max(axis=0)
        self.per_day = self.net.per_day[:, None]

    def _lay_out_legs(self) -> None:
        """Money from place to place; behind it, unless it is the same, the way back."""
        net, n_k = self.net, self.n_centrals
        vehicle = net.tables.product.vehicle
        place = np.concatenate([np.arange(self.n) + n_k, self.centre])
        leg = net.distance_km[np.ix_(place, place)] * vehicle.cost_per_km
        np.fill_diagonal(leg, 0.0)  # a head that follows itself
        self.trip_cost = vehicle.trip_cost
        self.n_legs = leg.size
        if net.tables.is_symmetric:
            self.legs, self.back = leg.reshape(-1), 0
        else:
            self.legs, self.back = np.concatenate([leg, leg.T]).reshape(-1), leg.size

    def price(self, fare: Floats, kg: Floats, own: Floats) -> Floats:
        """Money per day of trips in their best cycle; kg and own by (cycle, trip)."""
        cost = fare * self.per_day
        cost += own
        np.copyto(cost, BLOCKED, where=kg > self.net.capacity_kg)
        return np.asarray(cost.min(axis=0))


class RingPlan:
    """The trips of one individual under one setting. Changed by ``lay``, trip by trip."""

    def __init__(self, ground: Ground, trips: Sequence[StopsOf]) -> None:
        self.ground = ground
        n, n_trips, n_cycles = ground.n_places, ground.n_trips, len(ground.per_day)
        self.links = np.array([np.arange(n), np.arange(n)])
        """Which place follows each, and which it follows."""
        self.legs = np.zeros((2, n))
        """Money from each place to the one that follows it, and to it from the one before."""
        self.trip_of = np.zeros(n, dtype=np.int64)
        self.fare, self.cost = np.full(n_trips, ground.trip_cost), np.zeros(n_trips)
        self.kg, self.own = np.zeros((n_cycles, n_trips)), np.zeros((n_cycles, n_trips))
        self.stops: list[list[int]] = [[] for _ in range(n_trips)]
        self.length = np.zeros(n_trips, dtype=np.int64)
        self.position = np.zeros(ground.n, dtype=np.int64)
        """Of each warehouse in its trip."""
        free = [np.flatnonzero(ground.centre == k).tolist() for k in range(ground.n_centrals)]
        for _, k, stops in trips:
            self.stops[free[k].pop(0)] = list(stops)
        self.order = np.zeros((n_trips, 2 * max(map(len, self.stops))), dtype=np.int64)
        """``stops`` as rows; what stands behind the last means nothing."""
        for trip in range(n_trips):
            self.lay(trip, self.stops[trip])

    def lay(self, trip: int, stops: list[int]) -> None:
        """Give a trip these stops in this order; none empties it."""
        g, head = self.ground, self.ground.n + trip
        self.stops[trip] = stops
        n_stops = self.length[trip] = len(stops)
        if n_stops > self.order.shape[1]:
            self.order = np.pad(self.order, ((0, 0), (0, n_stops)))
        self.order[trip, :n_stops] = stops
        self.position[stops] = np.arange(n_stops)
        ring = np.array([head, *stops, head])
        here, there = ring[:-1], ring[1:]
        self.links[0, here], self.links[1, there] = there, here
        self.trip_of[ring] = trip
        leg = g.legs.take(here * g.n_places + there)
        self.legs[0, here], self.legs[1, there] = leg, leg
        at = g.centre[trip] * g.n + ring[1:-1]
        self.fare[trip] = g.trip_cost + leg.sum()
        self.kg[:, trip] = g.kg[:, at].sum(axis=1)
        self.own[:, trip] = g.own[:, at].sum(axis=1)
        self.cost[trip] = 0.0
        if stops:
            one = slice(trip, trip + 1)
            self.cost[one] = g.price(self.fare[one], self.kg[:, one], self.own[:, one])

    def trips(self) -> list[StopsOf]:
        centre = self.ground.centre.tolist()
        return [(0, k, stops) for k, stops in zip(centre, self.stops, strict=True) if stops]

    def spare_heads(self, n_each: int) -> Ints:
        """Heads of some empty trips of every open central warehouse."""
        spare: list[int] = []
        centre = self.ground.centre.tolist()
        left = [n_each * is_open for is_open in self.ground.is_open]
        for trip, stops in enumerate(self.stops):
            if not stops and left[centre[trip]]:
                left[centre[trip]] -= 1
                spare.append(self.ground.n + trip)
        return np.array(spare, dtype=np.int64)

    def kilometre_cost(self) -> float:
        """Money per day for the way to one warehouse, on average: the scale of small changes."""
        g = self.ground
        offers = self.fare * g.per_day + self.own
        offers[self.kg > g.net.capacity_kg] = BLOCKED
        per_day = g.per_day[np.argmin(offers, axis=0), 0]
        return float(((self.fare - g.trip_cost) * per_day).sum()) / max(1, g.n)
