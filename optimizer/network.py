"""What the hybrid search needs to know about one product, laid out for whole-array arithmetic.

A *setting* is the procurement cycle of each central warehouse (0: closed). Under a setting the
central warehouses' share of a delivered kilogram is a price, so that every trip can be priced
on its own: its cost per day is

    min over cycles T of (trip_cost + cost_per_km * km) / T + sum of own[stop, T]

among the cycles whose load fits. ``own`` holds everything that hangs on one stop: holding,
spoilage, stop cost, the price of its kilograms upstream, and its marginal share of the pooled
safety stock at the central warehouse. A cycle a stop does not admit gets a load that never
fits, so that sums stay finite.

Features of a stop or a stretch of stops, per cycle: kg loaded and own cost; where the load
matters on the way (in-transit spoilage, money per kg and km) also the value carried and kg km.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.integrals import Floats
from optimizer.tables import ROUNDING, ProductTables

Ints = NDArray[np.int64]

KG, OWN, VALUE, KG_KM = range(4)
BLOCKED = 1e12
"""Money per day of what may not be: finite, so that gains can be formed, and never chosen."""
N_NEIGHBOURS = 12
"""Per warehouse, by distance: a move joins near ones. Small cases need them all."""


@dataclass(frozen=True, slots=True)
class Network:
    """One product's arrays; cycles are columns, `days` their lengths."""

    tables: ProductTables
    days: Floats
    per_day: Floats
    distance_km: Floats
    neighbours: Ints
    """(warehouse, rank): nearest other warehouses."""
    capacity_kg: float
    features: Floats
    """(feature, cycle, warehouse) without any share of the central warehouses."""
    rate: Floats
    """Delivered kg per day; (cycle, warehouse)."""
    divides: NDArray[np.bool_]
    """(procurement cycle, cycle)."""
    total_variance: float

    @property
    def n(self) -> int:
        return self.tables.n_warehouses

    @property
    def n_centrals(self) -> int:
        return self.tables.n_centrals

    @property
    def is_load_dependent(self) -> bool:
        return self.tables.is_load_dependent

    def variance(self, members: Ints) -> float:
        """Of the daily demand of these warehouses together, kg²."""
        part = self.tables.covariance[np.ix_(members, members)]
        return max(0.0, float(part.sum()))

    def narrowed(self, settings: Ints) -> Network:
        """The same network with only the cycles that divide a procurement cycle in use."""
        used = self.divides[np.unique(settings[settings > 0]) - 1].any(axis=0)
        return replace(
            self,
            days=self.days[used],
            per_day=self.per_day[used],
            features=np.ascontiguousarray(self.features[:, used]),
            rate=np.ascontiguousarray(self.rate[used]),
            divides=np.ascontiguousarray(self.divides[:, used]),
        )

    def node_features(self, settings: Ints, variances: Floats) -> Floats:
        """(feature, cycle, node), per central warehouse one node for each individual's
        warehouses in turn and a last one of zeros.

        settings: (individual, central) procurement days, 0 for closed; variances: the demand
        variance each central warehouse is thought to serve, for the marginal safety stock.
        """
        t, n_individuals, n_k = self.tables, len(settings), self.n_centrals
        n_features, n_cycles, n = self.features.shape
        nodes = np.zeros((n_features, n_cycles, n_k, n_individuals * n + 1))
        for k in range(n_k):
            days = settings[:, k]
            column = np.maximum(days, 1) - 1
            price = t.central.rate_price[k, column]
            here = np.tile(self.features[:, :, None, :], (1, 1, n_individuals, 1))
            here[OWN] += price[None, :, None] * self.rate[:, None, :]
            blocked = (~self.divides[column] | (days == 0)[:, None]).T
            here[KG] += np.where(blocked, 2.0 * self.capacity_kg, 0.0)[:, :, None]
            if n_k > 1:
                slope = t.central.safety_price[k, column] * t.safety_factor[k]
                slope = slope / (2.0 * np.sqrt(np.maximum(variances[:, k], 1e-9)))
                here[OWN] += slope[None, :, None] * self._marginal_variance()[None, None, :]
            nodes[:, :, k, :-1] = here.reshape(n_features, n_cycles, -1)
        return nodes.reshape(n_features, n_cycles, -1)

    def _marginal_variance(self) -> Floats:
        """Each warehouse's row sum of the covariance: its part of the variance of them all."""
        return np.asarray(self.tables.covariance.sum(axis=1))

    def join(
        self, km: Floats, features: Floats, link: Floats, more_km: Floats, more: Floats
    ) -> tuple[Floats, Floats]:
        """A stretch, a leg, and a stretch: kilometres and features of the whole."""
        start = km + link
        if not self.is_load_dependent:
            return start + more_km, features + more
        growth = np.exp(self.tables.loss_per_km * start)
        joined = features + more
        joined[KG] = features[KG] + growth * more[KG]
        joined[VALUE] = features[VALUE] + growth * more[VALUE]
        joined[KG_KM] = features[KG_KM] + growth * (more[KG_KM] + start * more[KG])
        return start + more_km, joined

    def price_by_cycle(self, km: Floats, features: Floats) -> Floats:
        """Money per day of whole trips by cycle; BLOCKED where the load does not fit."""
        vehicle = self.tables.product.vehicle
        fare = vehicle.trip_cost + vehicle.cost_per_km * km
        per_day = self.per_day.reshape(-1, *([1] * fare.ndim))
        cost = fare * per_day + features[OWN]
        if self.is_load_dependent:
            cost += per_day * (
                vehicle.cost_per_kg * features[KG]
                + vehicle.cost_per_kg_km * features[KG_KM]
                + features[VALUE]
            )
        return np.where(features[KG] > self.capacity_kg, BLOCKED, cost)

    def price(self, km: Floats, features: Floats) -> Floats:
        """Money per day of whole trips in their best cycle; BLOCKED where none fits."""
        return np.asarray(self.price_by_cycle(km, features).min(axis=0))


def make_network(tables: ProductTables) -> Network:
    """Arrays of one product; only cycles that some warehouse admits become columns."""
    columns = np.flatnonzero(tables.allowed.any(axis=0))
    days = (columns + 1).astype(np.float64)
    capacity = tables.product.vehicle.capacity_kg * ROUNDING
    quantity = np.where(tables.allowed, tables.quantity_kg, 0.0)[:, columns]
    allowed = tables.allowed[:, columns]
    features = _features(tables, columns, quantity, days, capacity)
    procurement = np.arange(1, tables.n_procurement_cycles + 1)
    return Network(
        tables=tables,
        days=days,
        per_day=1.0 / days,
        distance_km=np.ascontiguousarray(tables.distance_km),
        neighbours=_neighbours(tables),
        capacity_kg=capacity,
        features=features,
        rate=np.ascontiguousarray(np.where(allowed, quantity / days, 0.0).T),
        divides=procurement[:, None] % (columns + 1)[None, :] == 0,
        total_variance=float(tables.covariance.sum()),
    )


def _features(
    tables: ProductTables, columns: Ints, quantity: Floats, days: Floats, capacity: float
) -> Floats:
    vehicle = tables.product.vehicle
    allowed = tables.allowed[:, columns]
    own = tables.holding[:, columns] + tables.spoilage[:, columns] + vehicle.stop_cost / days
    n_features = 4 if tables.is_load_dependent else 2
    features = np.zeros((n_features, len(columns), tables.n_warehouses))
    features[KG] = np.where(allowed, quantity, 2.0 * capacity).T
    if tables.is_load_dependent:
        # What is lost on the way is value loaded less value delivered.
        own = own - tables.unit_cost[:, None] * quantity / days
        features[VALUE] = (tables.unit_cost[:, None] * quantity).T
    else:
        own = own + vehicle.cost_per_kg * quantity / days
    features[OWN] = np.where(allowed, own, 0.0).T
    return features


def _neighbours(tables: ProductTables) -> Ints:
    k, n = tables.n_centrals, tables.n_warehouses
    between = np.minimum(tables.distance_km[k:, k:], tables.distance_km[k:, k:].T).copy()
    np.fill_diagonal(between, np.inf)
    order = np.argsort(between, axis=1, kind="stable")
    return np.ascontiguousarray(order[:, : min(N_NEIGHBOURS, max(0, n - 1))])
