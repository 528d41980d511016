"""One trip, driven stop by stop: what is loaded, how far it goes, what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from optimizer.decisions import Route
from optimizer.tables import ProductTables


@dataclass(frozen=True, slots=True)
class TripFigures:
    """Per departure: kg loaded for each stop in driving order, km, and money."""

    loaded_kg: tuple[float, ...]
    length_km: float
    kg_km: float
    cost: float

    @property
    def load_kg(self) -> float:
        return math.fsum(self.loaded_kg)


def drive(tables: ProductTables, route: Route) -> TripFigures:
    """What one departure of the route takes. The way home carries nothing."""
    vehicle, places = tables.product.vehicle, [tables.n_centrals + j for j in route.stops]
    path = [route.central, *places, route.central]
    legs = [float(tables.distance_km[a, b]) for a, b in pairwise(path)]
    driven, loaded, carried = 0.0, [], []
    for j, leg in zip(route.stops, legs, strict=False):
        driven += leg
        kg = float(tables.quantity_kg[j, route.cycle_days - 1])
        loaded.append(kg * math.exp(tables.loss_per_km * driven))
        carried.append(loaded[-1] * driven)
    length, kg_km = math.fsum(legs), math.fsum(carried)
    cost = math.fsum(
        (
            vehicle.trip_cost,
            vehicle.cost_per_km * length,
            vehicle.stop_cost * len(route.stops),
            vehicle.cost_per_kg * math.fsum(loaded),
            vehicle.cost_per_kg_km * kg_km,
        )
    )
    return TripFigures(tuple(loaded), length, kg_km, cost)
