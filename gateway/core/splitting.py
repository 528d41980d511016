"""Several vehicles on one day for a warehouse that sells more of a zone than one of them takes.

The model puts every warehouse on exactly one trip, so such a network has no plan. It has one for
parts: the warehouse is told to the solver as several of the same place, each with an even share
of the zone's demand and shelves, and the parts' deliveries are told as the warehouse's own. Parts
carry more than half a vehicle, so each comes every day. What the centre holds against chance is a
little low for the parts, whose demand does not vary independently.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.core.vehicles import n_vehicles
from gateway.errors import PlanError
from optimizer.plan import Plan, ProductPlan, Trip, WarehouseOrder

PART: Final = "#"
SHARED: Final = ("demand_kg_per_day", "demand_sd_kg", "storage_kg")
"""What the parts of a warehouse share."""


def split_network(network: Mapping[str, object], slack: float) -> dict[str, object] | None:
    """The network with parts where a day's demand, and slack times that, needs several vehicles.

    None where nothing has to be split, or distances or correlations are told by tables that have
    no rows for parts.
    """
    if "distance_km" in network or "demand_correlation" in network:
        return None
    room = {str(it["id"]): _capacity_kg(it) for it in _rows(network.get("products"))}
    places: list[Mapping[str, object]] = []
    parts: list[Mapping[str, object]] = []
    for place in _rows(network.get("warehouses")):
        zones = place.get("products")
        kept = dict(zones) if isinstance(zones, dict) else {}
        for zone, about in list(kept.items()):
            n = _n_parts(about, room.get(zone, math.inf), slack)
            if n > 1:
                kept[zone] = _share(about, n)
                parts += [
                    {**place, "id": f"{place['id']}{PART}{zone}{PART}{k}",
                     "products": {zone: kept[zone]}}
                    for k in range(2, n + 1)
                ]  # fmt: skip
        places.append({**place, "products": kept})
    return {**network, "warehouses": [*places, *parts]} if parts else None


def _rows(found: object) -> list[dict[str, object]]:
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


def _capacity_kg(product: Mapping[str, object]) -> float:
    vehicle = product.get("vehicle")
    capacity = vehicle.get("capacity_kg") if isinstance(vehicle, dict) else None
    return float(capacity) if isinstance(capacity, int | float) and capacity > 0 else math.inf


def _n_parts(about: object, capacity_kg: float, slack: float) -> int:
    demand = about.get("demand_kg_per_day") if isinstance(about, dict) else None
    if not isinstance(demand, int | float):
        return 1
    return n_vehicles(demand, capacity_kg, slack=slack)


def _share(about: Mapping[str, object], n: int) -> dict[str, object]:
    shared = {
        name: value / n
        for name in SHARED
        if isinstance(value := about.get(name), int | float) and not isinstance(value, bool)
    }
    return {**about, **shared}


def merged(plan: Plan) -> Plan:
    """The plan with the parts' deliveries as their warehouses' own. Raises PlanError if parts of
    one warehouse are to come in different cycles or from different places."""
    return replace(plan, products=tuple(map(_merged_product, plan.products)))


def _merged_product(product: ProductPlan) -> ProductPlan:
    orders: dict[str, WarehouseOrder] = {}
    for order in product.warehouses:
        name = _whole(order.id)
        before = orders.get(name)
        if before is None:
            orders[name] = replace(order, id=name)
        elif (before.central, before.cycle_days) != (order.central, order.cycle_days):
            raise PlanError(f"network: {product.id}: {name} cannot be split into like parts")
        else:
            orders[name] = replace(
                before,
                quantity_kg=before.quantity_kg + order.quantity_kg,
                safety_stock_kg=before.safety_stock_kg + order.safety_stock_kg,
            )
    trips = tuple(_merged_trip(trip) for trip in product.trips)
    return replace(product, warehouses=tuple(orders.values()), trips=trips)


def _merged_trip(trip: Trip) -> Trip:
    return replace(trip, stops=tuple(dict.fromkeys(map(_whole, trip.stops))))


def _whole(name: str) -> str:
    return name.partition(PART)[0]


def is_split(plan: Plan) -> bool:
    """Whether some warehouse is on several trips: no plan that a search may start from."""
    return any(
        n > 1
        for product in plan.products
        for n in Counter(stop for trip in product.trips for stop in trip.stops).values()
    )
