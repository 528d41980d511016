"""Trips of several products in one vehicle, where centre, cycle and route agree.

A shared vehicle is driven as the vehicle of one of its riders (the cheapest that carries the
joint load), at one trip cost. Vehicles may be shared only where each rider names the others.
The fare is split by load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimizer.decisions import Route
from optimizer.plan import Trip
from optimizer.tables import ROUNDING, ProductTables
from optimizer.trip_cost import TripFigures, drive


@dataclass(frozen=True, slots=True)
class Ride:
    """A trip and the position of its product in the problem."""

    product: int
    trip: Trip


def shared_savings(tables: Sequence[ProductTables], rides: Sequence[Ride]) -> dict[int, float]:
    """Money per day each product saves by sharing vehicles; empty where nothing is shared."""
    groups: dict[tuple[object, ...], list[Ride]] = {}
    for ride in rides:
        stops, trip = ride.trip.stops, ride.trip
        if all(t.is_symmetric and not t.is_load_dependent for t in tables):
            stops = min(stops, stops[::-1])
        groups.setdefault((trip.central, trip.cycle_days, stops), []).append(ride)
    saved: dict[int, float] = {}
    for group in groups.values():
        if len(group) > 1:
            for product, money in _best_sharing(tables, group).items():
                saved[product] = saved.get(product, 0.0) + money
    return saved


def _best_sharing(tables: Sequence[ProductTables], group: Sequence[Ride]) -> dict[int, float]:
    """Cheapest way to seat one group's rides in vehicles, as money per day saved by product."""
    figures = {ride.product: _figures(tables, ride) for ride in group}
    best: dict[int, float] = {}
    for cars in _partitions(list(group)):
        saved: dict[int, float] = {}
        for car in cars:
            fare = _fare(tables, car, figures)
            total = math.fsum(figures[r.product].load_kg for r in car)
            for ride in car:
                own = figures[ride.product]
                share = own.load_kg / total if total else 1.0 / len(car)
                saved[ride.product] = (own.cost - fare * share) / ride.trip.cycle_days
        if math.fsum(saved.values()) > math.fsum(best.values()) + 1e-12:
            best = saved
    return best


def _figures(tables: Sequence[ProductTables], ride: Ride) -> TripFigures:
    own = tables[ride.product]
    stops = tuple(own.warehouse_ids.index(name) for name in ride.trip.stops)
    central = own.central_ids.index(ride.trip.central)
    return drive(own, Route(central, ride.trip.cycle_days, stops))


def _fare(
    tables: Sequence[ProductTables], car: Sequence[Ride], figures: Mapping[int, TripFigures]
) -> float:
    """Money per departure of one vehicle for these rides; inf where it may not be."""
    if len(car) == 1:
        return figures[car[0].product].cost
    names = {tables[ride.product].product.id for ride in car}
    vehicles = [tables[ride.product].product.vehicle for ride in car]
    for ride, vehicle in zip(car, vehicles, strict=True):
        if names - {tables[ride.product].product.id} - set(vehicle.shared_with):
            return math.inf
    load = math.fsum(figures[ride.product].load_kg for ride in car)
    kg_km = math.fsum(figures[ride.product].kg_km for ride in car)
    first = figures[car[0].product]
    fares = [
        vehicle.trip_cost
        + vehicle.cost_per_km * first.length_km
        + vehicle.stop_cost * len(first.loaded_kg)
        + vehicle.cost_per_kg * load
        + vehicle.cost_per_kg_km * kg_km
        for vehicle in vehicles
        if load <= vehicle.capacity_kg * ROUNDING
    ]
    return min(fares, default=math.inf)


def _partitions(items: list[Ride]) -> Iterator[list[list[Ride]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for split in _partitions(rest):
        yield [[first], *split]
        for n, part in enumerate(split):
            yield [*split[:n], [first, *part], *split[n + 1 :]]
