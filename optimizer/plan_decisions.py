"""Reads the decisions back out of a plan, in the numbering of a product's tables."""

from __future__ import annotations

from optimizer.decisions import Decisions, Route
from optimizer.errors import PlanFormatError
from optimizer.plan import Plan
from optimizer.tables import ProductTables


def decisions_of(tables: ProductTables, plan: Plan) -> Decisions:
    """The plan's decisions about one product. Raises PlanFormatError for unknown ids."""
    found = [product for product in plan.products if product.id == tables.product.id]
    if len(found) != 1:
        raise PlanFormatError("products", f"expected {tables.product.id!r} once")
    warehouse = {name: j for j, name in enumerate(tables.warehouse_ids)}
    central = {name: k for k, name in enumerate(tables.central_ids)}
    at = f"products.{tables.product.id}"
    try:
        routes = tuple(
            Route(central[t.central], t.cycle_days, tuple(warehouse[j] for j in t.stops))
            for t in found[0].trips
        )
        procurement = {central[order.id]: order.cycle_days for order in found[0].central}
    except KeyError as error:
        raise PlanFormatError(at, f"unknown warehouse {error.args[0]!r}") from error
    for route in routes:
        if not 1 <= route.cycle_days <= tables.n_cycles:
            raise PlanFormatError(at, f"cycle_days {route.cycle_days} out of range")
    for days in procurement.values():
        if not 1 <= days <= tables.n_procurement_cycles:
            raise PlanFormatError(at, f"procurement cycle {days} out of range")
    return Decisions(routes, procurement)
