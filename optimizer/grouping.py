"""Trips for warehouses whose supplier and cycle are already decided.

Used by the solvers that decide cycles first: the published genetic algorithm and the
baselines. Trips are filled along a nearest-neighbour walk and their stops ordered by 2-opt.
"""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.decisions import Route
from optimizer.tables import ROUNDING, ProductTables
from optimizer.tours import nearest_neighbour, two_opt
from optimizer.trip_cost import drive


def routes_for(
    tables: ProductTables, central: int, cycle_days: int, members: Sequence[int]
) -> list[Route] | None:
    """Trips through the members, each within the vehicle; None where one does not fit alone."""
    n = tables.n_centrals
    walk = nearest_neighbour(tables.distance_km, central, [n + j for j in members])
    routes: list[Route] = []
    load: list[int] = []
    for place in walk:
        if not fits(tables, central, cycle_days, [*load, place - n]):
            if not load:
                return None
            routes.append(ordered(tables, central, cycle_days, load))
            load = []
            if not fits(tables, central, cycle_days, [place - n]):
                return None
        load.append(place - n)
    if load:
        routes.append(ordered(tables, central, cycle_days, load))
    return routes


def fits(tables: ProductTables, central: int, cycle_days: int, stops: Sequence[int]) -> bool:
    load = drive(tables, Route(central, cycle_days, tuple(stops))).load_kg
    return load <= tables.product.vehicle.capacity_kg * ROUNDING


def ordered(tables: ProductTables, central: int, cycle_days: int, stops: Sequence[int]) -> Route:
    n = tables.n_centrals
    """A trip through the stops in a short order that the vehicle can carry."""
    order = two_opt(tables.distance_km, central, [n + j for j in stops])
    shorter = tuple(place - n for place in order)
    # In-transit spoilage may weigh the shorter order more heavily than the walk.
    if not fits(tables, central, cycle_days, shorter):
        shorter = tuple(stops)
    return Route(central, cycle_days, shorter)
