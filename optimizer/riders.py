"""What products on one car cost: figures of every set of warehouses as a trip, by product.

A shared vehicle is one of its riders' vehicles, the cheapest that carries the joint load, at
one fare. Sets of warehouses are numbers, bit j for warehouse j; tours are the shortest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import make_network
from optimizer.problem import Vehicle
from optimizer.procurement import procurement_outlook
from optimizer.subset_tours import HeldKarp
from optimizer.subsets import members_of
from optimizer.tables import ROUNDING, ProductTables


class Rider:
    """One product's figures by central warehouse, cycle and set of warehouses."""

    def __init__(self, tables: ProductTables) -> None:
        self.tables, self.n = tables, tables.n_warehouses
        self.net = make_network(tables)
        self.members = members_of(self.n)
        variance = np.einsum("si,ij,sj->s", self.members, tables.covariance, self.members)
        self.deviation: Floats = np.sqrt(np.maximum(variance, 0.0))
        self.rate = (self.members @ np.where(tables.allowed, tables.quantity_kg, 0.0)).T
        self.rate /= np.arange(1, tables.n_cycles + 1)[:, None]
        self.tours = [HeldKarp(self.net, k) for k in range(tables.n_centrals)]
        self.rides = [self._rides(k) for k in range(tables.n_centrals)]

    @cached_property
    def likely_days(self) -> list[int]:
        """Procurement cycles, the likeliest first, over all central warehouses."""
        order = procurement_outlook(self.net).order
        return list(dict.fromkeys(order.T.ravel().tolist()))

    def _rides(self, k: int) -> _Rides:
        t, tours = self.tables, self.tours[k]
        bad = self.members @ (~t.allowed).astype(np.float64) > 0
        loss = np.zeros((1 << self.n, self.n))
        way = np.zeros((1 << self.n, self.n))
        if t.is_load_dependent:
            for mask in range(1, 1 << self.n):
                way[mask] = _ways(t, k, tours.order(mask))
            loss = np.expm1(t.loss_per_km * way)
        quantity = np.where(t.allowed, t.quantity_kg, 0.0)
        grown = self.members * (1.0 + loss)
        days = np.arange(1, t.n_cycles + 1)
        own = np.where(t.allowed, t.holding + t.spoilage, 0.0)
        lost = (self.members * loss) @ (t.unit_cost[:, None] * quantity)
        stock = self.members @ own + lost / days
        load = grown @ quantity
        bad |= load > t.product.vehicle.capacity_kg * ROUNDING
        return _Rides(
            km=tours.length_km,
            n_stops=self.members.sum(axis=1),
            load=load.T,
            kg_km=((grown * way) @ quantity).T,
            stock=np.where(bad, np.inf, stock).T,
        )


@dataclass(frozen=True, slots=True)
class _Rides:
    """From one central warehouse, by (cycle, set); kilometres and stops by set."""

    km: Floats
    n_stops: Floats
    load: Floats
    kg_km: Floats
    stock: Floats
    """Money per day for holding and spoilage; inf where a limit is broken."""


def _ways(tables: ProductTables, k: int, order: tuple[int, ...]) -> Floats:
    """Kilometres driven up to each stop; 0 for warehouses not on the tour."""
    found, here, km = np.zeros(tables.n_warehouses), k, 0.0
    for j in order:
        place = tables.n_centrals + j
        km += float(tables.distance_km[here, place])
        found[j], here = km, place
    return found


def _fare(vehicle: Vehicle, one: _Rides, load: Floats, kg_km: Floats) -> Floats:
    """Money per departure of a vehicle; inf where the load does not fit."""
    fare = vehicle.trip_cost + vehicle.cost_per_km * one.km + vehicle.stop_cost * one.n_stops
    fare = fare + vehicle.cost_per_kg * load + vehicle.cost_per_kg_km * kg_km
    return np.where(load > vehicle.capacity_kg * ROUNDING, np.inf, fare)


def car_cost(riders: Sequence[Rider], k: int) -> Floats:
    """(cycle, set): money per day of all riders together in the cheapest of their vehicles."""
    rides = [rider.rides[k] for rider in riders]
    load, kg_km = sum(r.load for r in rides), sum(r.kg_km for r in rides)
    fares = [
        _fare(rider.tables.product.vehicle, rides[0], np.asarray(load), np.asarray(kg_km))
        for rider in riders
    ]
    days = np.arange(1, len(rides[0].load) + 1)[:, None]
    cost = np.min(fares, axis=0) / days + sum(r.stock for r in rides)
    cost[:, 0] = np.inf
    return np.asarray(cost)
