"""Prices decisions term by term, and says which limits a plan breaks.

Plain sums over trips and warehouses, deliberately apart from the solvers' incremental
arithmetic: what they claim is checked here before it leaves the package.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.decisions import Decisions, Route
from optimizer.plan import (
    CentralOrder,
    Costs,
    Plan,
    ProductPlan,
    SolverRun,
    Trip,
    WarehouseOrder,
)
from optimizer.problem import Problem
from optimizer.shared_vehicles import Ride, shared_savings
from optimizer.tables import ROUNDING, ProductTables, make_tables
from optimizer.trip_cost import TripFigures, drive


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A plan recomputed from its decisions: money per day, and the limits it breaks."""

    objective: float
    stage1: float
    stage2: float
    products: dict[str, Costs]
    violations: tuple[str, ...]

    @property
    def is_feasible(self) -> bool:
        return not self.violations


def evaluate(problem: Problem, plan: Plan) -> Evaluation:
    """Recompute a plan's costs from its decisions alone; its own figures are not read.

    Raises PlanFormatError where the plan does not fit the case (unknown ids).
    """
    from optimizer.plan_decisions import decisions_of

    tables = [make_tables(problem, product) for product in problem.products]
    decisions = [decisions_of(t, plan) for t in tables]
    fresh = make_plan(problem, tables, decisions, plan.solver)
    broken = [line for t, d in zip(tables, decisions, strict=True) for line in violations(t, d)]
    return Evaluation(
        objective=fresh.objective,
        stage1=fresh.stage1,
        stage2=fresh.stage2,
        products={p.id: p.costs for p in fresh.products},
        violations=tuple(broken),
    )


def make_plan(
    problem: Problem,
    tables: Sequence[ProductTables],
    decisions: Sequence[Decisions],
    run: SolverRun,
    *,
    lower_bound: float | None = None,
    proven_optimal: bool = False,
) -> Plan:
    """The full plan that follows from the decisions; shared vehicles are used where they pay."""
    products = [price(t, d.canonical()) for t, d in zip(tables, decisions, strict=True)]
    if any(product.vehicle.shared_with for product in problem.products):
        rides = [Ride(n, trip) for n, product in enumerate(products) for trip in product.trips]
        for n, saved in shared_savings(tables, rides).items():
            products[n] = _cheaper(products[n], saved)
    stage1 = math.fsum(product.costs.stage1 for product in products)
    stage2 = math.fsum(product.costs.stage2 for product in products)
    return Plan(
        case=problem.name,
        solver=run,
        objective=math.fsum(product.objective for product in products),
        stage1=stage1,
        stage2=stage2,
        lower_bound=lower_bound,
        proven_optimal=proven_optimal,
        products=tuple(products),
    )


def _cheaper(product: ProductPlan, saved: float) -> ProductPlan:
    costs = replace(product.costs, transport=product.costs.transport - saved)
    return replace(product, costs=costs, objective=costs.total)


def objective_of(tables: ProductTables, decisions: Decisions) -> float:
    """Money per day, vehicles not shared."""
    return price(tables, decisions).objective


def price(tables: ProductTables, decisions: Decisions) -> ProductPlan:
    """One product's decisions with all that follows from them."""
    figures = [drive(tables, route) for route in decisions.routes]
    warehouses, holding, spoilage = _warehouses(tables, decisions.routes, figures)
    transport = [f.cost / r.cycle_days for f, r in zip(figures, decisions.routes, strict=True)]
    central, stage2 = _central(tables, decisions)
    costs = Costs(math.fsum(holding), math.fsum(spoilage), math.fsum(transport), *stage2)
    trips = [
        Trip(
            central=tables.central_ids[route.central],
            cycle_days=route.cycle_days,
            stops=tuple(tables.warehouse_ids[j] for j in route.stops),
            load_kg=figure.load_kg,
            length_km=figure.length_km,
        )
        for route, figure in zip(decisions.routes, figures, strict=True)
    ]
    return ProductPlan(
        id=tables.product.id,
        objective=costs.total,
        costs=costs,
        central=central,
        warehouses=warehouses,
        trips=tuple(trips),
    )


def _warehouses(
    tables: ProductTables, routes: Sequence[Route], figures: Sequence[TripFigures]
) -> tuple[tuple[WarehouseOrder, ...], list[float], list[float]]:
    """Orders in the case's order, and the holding and spoilage costs per day."""
    orders: dict[int, WarehouseOrder] = {}
    holding, spoilage = [], []
    for route, figure in zip(routes, figures, strict=True):
        days = route.cycle_days
        for j, loaded in zip(route.stops, figure.loaded_kg, strict=True):
            quantity = float(tables.quantity_kg[j, days - 1])
            lost = float(tables.unit_cost[j]) * (loaded - quantity) / days
            holding.append(float(tables.holding[j, days - 1]))
            spoilage.append(float(tables.spoilage[j, days - 1]) + lost)
            orders[j] = WarehouseOrder(
                id=tables.warehouse_ids[j],
                central=tables.central_ids[route.central],
                cycle_days=days,
                quantity_kg=quantity,
                safety_stock_kg=float(tables.safety_kg[j]),
            )
    return tuple(orders[j] for j in sorted(orders)), holding, spoilage


def _central(
    tables: ProductTables, decisions: Decisions
) -> tuple[tuple[CentralOrder, ...], list[float]]:
    """Procurement per central warehouse in use, and stage 2 costs per day by term."""
    orders, terms = [], []
    central = tables.central
    for k, days in sorted(decisions.procurement_days.items()):
        routes = [route for route in decisions.routes if route.central == k]
        members = sorted(j for route in routes for j in route.stops)
        rate = math.fsum(
            float(tables.quantity_kg[j, r.cycle_days - 1]) / r.cycle_days
            for r in routes
            for j in r.stops
        )
        safety = central_safety_kg(tables, k, members)
        n = days - 1
        orders.append(
            CentralOrder(
                id=tables.central_ids[k],
                cycle_days=days,
                quantity_kg=float(
                    central.quantity_per_rate[k, n] * rate
                    + central.quantity_per_safety[k, n] * safety
                ),
                safety_stock_kg=safety,
            )
        )
        terms.append(
            central.cost_fixed[:, k, n]
            + central.cost_per_rate[:, k, n] * rate
            + central.cost_per_safety[:, k, n] * safety
        )
    return tuple(orders), [math.fsum(float(t[i]) for t in terms) for i in range(4)]


def central_safety_kg(tables: ProductTables, k: int, members: Sequence[int]) -> float:
    """S_ik over the warehouses served: pooled, by the covariance of their demand."""
    part = tables.covariance[np.ix_(list(members), list(members))]
    return float(tables.safety_factor[k]) * math.sqrt(max(0.0, math.fsum(part.ravel())))


def violations(tables: ProductTables, decisions: Decisions) -> list[str]:
    """Every limit the decisions break, in words; empty for a feasible plan."""
    name = tables.product.id
    times = Counter(j for route in decisions.routes for j in route.stops)
    found = [
        f"{name}: {where} is on {times[j]} trips, not 1"
        for j, where in enumerate(tables.warehouse_ids)
        if times[j] != 1
    ]
    for route in decisions.routes:
        trip = f"{name}: trip {[tables.warehouse_ids[j] for j in route.stops]}"
        days = decisions.procurement_days.get(route.central)
        if not 1 <= route.cycle_days <= tables.n_cycles:
            found.append(f"{trip}: cycle of {route.cycle_days} days")
            continue
        if days is None or not 1 <= days <= tables.n_procurement_cycles:
            found.append(f"{trip}: {tables.central_ids[route.central]} procures every {days} days")
        elif days % route.cycle_days:
            found.append(f"{trip}: procurement cycle {days} is no multiple of {route.cycle_days}")
        load = drive(tables, route).load_kg
        if load > tables.product.vehicle.capacity_kg * ROUNDING:
            found.append(f"{trip}: {load} kg exceed the vehicle")
        for j in route.stops:
            if not tables.allowed[j, route.cycle_days - 1]:
                where = tables.warehouse_ids[j]
                found.append(f"{trip}: {where} does not admit {route.cycle_days} days")
    return found
