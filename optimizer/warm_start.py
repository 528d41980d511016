"""Fits the last plan to today's case, to start a search from.

Networks change between plans: warehouses open and close, a supplier falls away, limits move.
What still stands is kept, warehouses the plan does not know get a trip of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.decisions import Decisions, Route
from optimizer.errors import PlanFormatError
from optimizer.feasibility import serving_setting, single_trips
from optimizer.plan import Plan, ProductPlan
from optimizer.tables import ProductTables


def start_from(tables: Sequence[ProductTables], plan: Plan) -> list[Decisions]:
    """Per product, decisions that serve each warehouse once, close to the plan's.

    They may break limits that have moved since. Raises PlanFormatError where plan and case
    have no warehouse in common: it is another network's plan.
    """
    known = {order.id for product in plan.products for order in product.warehouses}
    if not any(known.intersection(t.warehouse_ids) for t in tables):
        raise PlanFormatError("products", "the plan knows none of the case's warehouses")
    old = {product.id: product for product in plan.products}
    return [_fitted(t, old.get(t.product.id)) for t in tables]


def _fitted(tables: ProductTables, old: ProductPlan | None) -> Decisions:
    if not tables.n_warehouses:
        return Decisions((), {})
    warehouse = {name: j for j, name in enumerate(tables.warehouse_ids)}
    central = {name: k for k, name in enumerate(tables.central_ids)}
    days = _procurement(tables, old)
    left, routes = set(warehouse.values()), []
    for trip in old.trips if old else ():
        stops = tuple(warehouse[name] for name in trip.stops if name in warehouse)
        k = central.get(trip.central)
        if k in days and left.issuperset(stops) and stops and trip.cycle_days <= tables.n_cycles:
            routes.append(Route(k, trip.cycle_days, stops))
            left.difference_update(stops)
    alone = single_trips(tables)
    routes += [_own_trip(alone, j, days) for j in sorted(left)]
    used = {route.central for route in routes}
    return Decisions(tuple(routes), {k: d for k, d in days.items() if k in used})


def _procurement(tables: ProductTables, old: ProductPlan | None) -> dict[int, int]:
    """Procurement days by central warehouse: the plan's, and enough others to serve everyone."""
    days = {k: d for k, d in enumerate(serving_setting(tables)) if d}
    for order in old.central if old else ():
        if order.id in tables.central_ids and order.cycle_days <= tables.n_procurement_cycles:
            days[tables.central_ids.index(order.id)] = order.cycle_days
    return days


def _own_trip(alone: np.ndarray, j: int, days: dict[int, int]) -> Route:
    """A trip to one warehouse, in a cycle its central warehouse's procurement fits if any is."""
    offers = [
        (procurement % (c + 1) != 0, k, c + 1)
        for k, procurement in sorted(days.items())
        for c in np.flatnonzero(alone[k, j]).tolist()
    ]
    _, k, cycle = min(offers, default=(True, min(days), 1))
    return Route(k, cycle, (j,))
