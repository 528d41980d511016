"""A lower bound on any plan's cost, cheap at every size. Derivation: docs/optimizer-bounds.md.

In short: a trip carries at most the vehicle's capacity and drives at least to its furthest
stop and home, so each stop may be charged its load's share of a trip there and back of its
own; then every warehouse chooses its cheapest cycle for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.integrals import Floats
from optimizer.network import KG, KG_KM, OWN, VALUE, Network, make_network
from optimizer.tables import ProductTables

MAX_SETTINGS = 200_000


@dataclass(frozen=True, slots=True)
class Fare:
    """The cheapest fare and the largest capacity under which a product may ride."""

    trip_cost: float
    cost_per_km: float
    stop_cost: float
    cost_per_kg: float
    cost_per_kg_km: float
    capacity_kg: float


def lower_bound(tables: Sequence[ProductTables]) -> float:
    """No plan for these products, shared vehicles included, costs less per day."""
    return float(sum(_product_bound(t, _fare(t, tables)) for t in tables))


def bound_by_setting(net: Network, k: int, fare: Fare) -> Floats:
    """(procurement cycle, warehouse): least cost per day of each warehouse, supplied by k.

    Stage 2 is included but for what a procurement costs by itself and the safety stock.
    """
    t, n_k = net.tables, net.n_centrals
    distance = _shortest_ways(net.distance_km)
    out, home = distance[k, n_k:], distance[n_k:, k]
    per_day, kg = net.per_day[:, None], net.features[KG]
    share = (fare.trip_cost + fare.cost_per_km * (out + home)) / fare.capacity_kg
    own = net.features[OWN] + kg * per_day * share
    vehicle = t.product.vehicle
    own += (fare.stop_cost - vehicle.stop_cost) * per_day
    if net.is_load_dependent:
        own += per_day * (net.features[VALUE] + fare.cost_per_kg * kg)
    else:
        own += per_day * (fare.cost_per_kg - vehicle.cost_per_kg) * kg
    if len(net.features) > KG_KM:
        own += per_day * fare.cost_per_kg_km * kg * out
    own[kg > net.capacity_kg] = np.inf
    best = np.full((t.n_procurement_cycles, net.n), np.inf)
    for c in range(len(net.days)):
        rows = np.flatnonzero(net.divides[:, c])
        offer = own[c] + t.central.rate_price[k, rows, None] * net.rate[c]
        best[rows] = np.minimum(best[rows], offer)
    return best


def own_fare(tables: ProductTables) -> Fare:
    """A product's own vehicle."""
    v = tables.product.vehicle
    return Fare(
        v.trip_cost, v.cost_per_km, v.stop_cost, v.cost_per_kg, v.cost_per_kg_km, v.capacity_kg
    )


def _fare(tables: ProductTables, every: Sequence[ProductTables]) -> Fare:
    """The best of each figure over the vehicles this product may ride in."""
    mine = tables.product
    vehicles = [mine.vehicle] + [
        t.product.vehicle
        for t in every
        if t.product.id in mine.vehicle.shared_with and mine.id in t.product.vehicle.shared_with
    ]
    # A shared car pays each stop once: one rider's share of it can be next to nothing.
    return Fare(
        trip_cost=min(v.trip_cost for v in vehicles),
        cost_per_km=min(v.cost_per_km for v in vehicles),
        stop_cost=mine.vehicle.stop_cost if len(vehicles) == 1 else 0.0,
        cost_per_kg=min(v.cost_per_kg for v in vehicles),
        cost_per_kg_km=min(v.cost_per_kg_km for v in vehicles),
        capacity_kg=max(v.capacity_kg for v in vehicles),
    )


def _product_bound(tables: ProductTables, fare: Fare) -> float:
    """The least over all ways to open central warehouses and choose their cycles."""
    if not tables.n_warehouses:
        return 0.0
    net, n_days = make_network(tables), tables.n_procurement_cycles
    price = tables.central.safety_price * tables.safety_factor[:, None]
    deviation = float(np.sqrt(demand_variance_floor(net)))
    per_central = [bound_by_setting(net, k, fare) for k in range(net.n_centrals)]
    if net.n_centrals == 1:
        bound = per_central[0].sum(axis=1) + tables.central.fixed[0] + price[0] * deviation
        return float(bound.min())
    if (n_days + 1) ** net.n_centrals > MAX_SETTINGS:
        # Every warehouse for itself, one procurement in all.
        least = np.min([rows.min(axis=0) for rows in per_central], axis=0).sum()
        return float(least + (tables.central.fixed + price * deviation).min())
    return _least_over_settings(per_central, tables.central.fixed, price * deviation)


def _least_over_settings(per_central: Sequence[Floats], fixed: Floats, safety: Floats) -> float:
    """The least over every procurement cycle, or none, of each central warehouse.

    Every warehouse goes to the cheapest open one. Pooling is best when all is pooled (a norm
    of a sum is at most the sum of norms), so the cheapest open one's safety stock is counted.
    """
    n = per_central[0].shape[1]
    least, paid, stock = np.full((1, n), np.inf), np.zeros(1), np.full(1, np.inf)
    for rows, cost, hold in zip(per_central[:-1], fixed[:-1], safety[:-1], strict=True):
        offers = np.concatenate([np.full((1, n), np.inf), rows])
        least = np.minimum(least[:, None, :], offers[None]).reshape(-1, n)
        paid = (paid[:, None] + np.append(0.0, cost)).reshape(-1)
        stock = np.minimum(stock[:, None], np.append(np.inf, hold)).reshape(-1)
    best = np.inf
    last = zip(
        [np.full(n, np.inf), *per_central[-1]],
        np.append(0.0, fixed[-1]).tolist(),
        np.append(np.inf, safety[-1]).tolist(),
        strict=True,
    )
    for row, cost, hold in last:
        total = np.minimum(least, row).sum(axis=1) + paid + cost + np.minimum(stock, hold)
        best = min(best, float(total.min()))
    return best


def demand_variance_floor(net: Network) -> float:
    """Demand variance of all together; 0 where the covariance is none (not PSD)."""
    spectrum = np.linalg.eigvalsh(net.tables.covariance)
    if spectrum.min() < -1e-9 * max(1.0, float(spectrum.max())):
        return 0.0
    return max(0.0, net.total_variance)


def _shortest_ways(distance: Floats) -> Floats:
    """Shortest ways over other places: a file's matrix may break the triangle inequality."""
    ways = distance.copy()
    for via in range(len(ways)):
        np.minimum(ways, ways[:, via, None] + ways[None, via, :], out=ways)
    return ways
