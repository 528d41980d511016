"""One plan as rings: every trip a closed chain from its head, the central warehouse, and back.

Places are numbered warehouses first, then heads, one for each trip there is room for; an empty
trip is a head that follows itself. So a stop is taken out of a ring or put into one by the same
three distances wherever it stands, and a new trip is opened by the same insertion as any other.
Only for trips whose order matters by its length alone (``Network.is_load_dependent`` is False):
their kilograms and own costs are then plain sums over the stops.
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
        self.is_symmetric = net.tables.is_symmetric
        n, n_k = net.n, net.n_centrals
        self.n, self.n_centrals = n, n_k
        heads = (n_trips * ROOM).astype(np.int64) + MORE_ROOM
        self.centre: Ints = np.repeat(np.arange(n_k), heads)
        self.n_trips = len(self.centre)
        self.n_places = n + self.n_trips
        shape = (2, len(self.net.days), n_k, n + 1)
        features = self.net.node_features(settings, np.array([variances])).reshape(shape)
        flat = (shape[1], n_k * n)
        self.kg = np.ascontiguousarray(features[KG, :, :, :n].reshape(flat))
        self.own = np.ascontiguousarray(features[OWN, :, :, :n].reshape(flat))
        place = np.concatenate([np.arange(n) + n_k, self.centre])
        self.distance_km = np.ascontiguousarray(net.distance_km[np.ix_(place, place)])
        between = np.minimum(net.distance_km[n_k:, n_k:], net.distance_km[n_k:, n_k:].T).copy()
        np.fill_diagonal(between, -1.0)
        nearest = np.argsort(between, axis=1, kind="stable")
        self.near = np.ascontiguousarray(nearest[:, 1 : 1 + N_NEAR])
        self.around: list[list[int]] = nearest[:, :N_AROUND].tolist()
        """Per warehouse: itself and those around it, by distance."""
        self.reach_km: list[float] = net.distance_km[:n_k, n_k:].min(axis=0).tolist()
        self.size: list[float] = net.rate.max(axis=0).tolist()
        self.per_day: list[float] = self.net.per_day.tolist()

    def price(self, km: Floats, kg: Floats, own: Floats) -> Floats:
        """Money per day of trips in their best cycle; kg and own by (cycle, trip)."""
        vehicle = self.net.tables.product.vehicle
        fare = vehicle.trip_cost + vehicle.cost_per_km * km
        best = np.full(fare.shape, BLOCKED)
        for c, per_day in enumerate(self.per_day):
            cost = fare * per_day + own[c]
            cost[kg[c] > self.net.capacity_kg] = BLOCKED
            np.minimum(best, cost, out=best)
        return best


class RingPlan:
    """The trips of one individual under one setting. Changed by ``lay``, trip by trip."""

    def __init__(self, ground: Ground, trips: Sequence[StopsOf]) -> None:
        self.ground = ground
        n, n_trips, n_cycles = ground.n_places, ground.n_trips, len(ground.per_day)
        self.succ, self.pred = np.arange(n), np.arange(n)
        self.trip_of = np.zeros(n, dtype=np.int64)
        self.leg_km = np.zeros(n)
        """From each place to the one that follows it."""
        self.km, self.cost = np.zeros(n_trips), np.zeros(n_trips)
        self.kg, self.own = np.zeros((n_cycles, n_trips)), np.zeros((n_cycles, n_trips))
        self.stops: list[list[int]] = [[] for _ in range(n_trips)]
        free = [np.flatnonzero(ground.centre == k).tolist() for k in range(ground.n_centrals)]
        for _, k, stops in trips:
            self.stops[free[k].pop(0)] = list(stops)
        for trip in range(n_trips):
            self.lay(trip, self.stops[trip])

    def lay(self, trip: int, stops: list[int]) -> None:
        """Give a trip these stops in this order; none empties it."""
        g, head = self.ground, self.ground.n + trip
        self.stops[trip] = stops
        ring = np.array([head, *stops, head])
        here, there = ring[:-1], ring[1:]
        self.succ[here], self.pred[there], self.trip_of[ring] = there, here, trip
        self.leg_km[here] = g.distance_km[here, there]
        at = g.centre[trip] * g.n + ring[1:-1]
        self.km[trip] = self.leg_km[here].sum() if stops else 0.0
        self.kg[:, trip] = g.kg[:, at].sum(axis=1)
        self.own[:, trip] = g.own[:, at].sum(axis=1)
        self.cost[trip] = 0.0
        if stops:
            one = slice(trip, trip + 1)
            self.cost[one] = g.price(self.km[one], self.kg[:, one], self.own[:, one])

    def trips(self) -> list[StopsOf]:
        centre = self.ground.centre.tolist()
        return [(0, k, stops) for k, stops in zip(centre, self.stops, strict=True) if stops]

    def spare_heads(self, n_each: int) -> Ints:
        """Heads of some empty trips of every central warehouse."""
        spare: list[int] = []
        for k in range(self.ground.n_centrals):
            empty = [
                trip
                for trip in np.flatnonzero(self.ground.centre == k).tolist()
                if not self.stops[trip]
            ]
            spare += empty[:n_each]
        return np.array(spare, dtype=np.int64) + self.ground.n

    def kilometre_cost(self) -> float:
        """Money per day for the way to one warehouse, on average: the scale of small changes."""
        vehicle = self.ground.net.tables.product.vehicle
        fare = vehicle.trip_cost + vehicle.cost_per_km * self.km
        offers = np.array([fare * per_day for per_day in self.ground.per_day]) + self.own
        offers[self.kg > self.ground.net.capacity_kg] = BLOCKED
        per_day = np.array(self.ground.per_day)[np.argmin(offers, axis=0)]
        return float(vehicle.cost_per_km * (self.km * per_day).sum()) / max(1, self.ground.n)
