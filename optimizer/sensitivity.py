"""How carrying, spoilage and profit answer to freshness on arrival and to preservation.

One product, all its pre-positioned warehouses together, money per day. Storage, vehicle, shelf
life and minimum order are lifted: the sweeps ask what a cycle would cost, not whether it fits.
Profit is sales margin less carrying and spoilage, transport and operation excluded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.integrals import Floats
from optimizer.problem import Demand, Problem, Warehouse
from optimizer.tables import make_tables

MAX_CYCLE_DAYS = 6
FRESHNESS_STEP = 0.02
INVESTMENT_STEP = 0.05
HIGHEST_INVESTMENT = 3.0
"""Beyond every optimum of the published case; the sweep checks that it is."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Money per day over one product's warehouses; arrays are (value, cycle), from 1 day up."""

    product: str
    parameter: str
    values: Floats
    carrying: Floats
    spoilage: Floats
    profit: Floats | None
    """None where the case gives no sale price."""

    @property
    def cost(self) -> Floats:
        return self.carrying + self.spoilage

    def best_cost(self) -> Floats:
        """The value with the lowest cost, per cycle."""
        best: Floats = self.values[np.argmin(self.cost, axis=0)]
        return best

    def best_profit(self) -> Floats:
        """The value with the highest profit, per cycle. Raises ValueError without prices."""
        if self.profit is None:
            raise ValueError(f"{self.product}: the case gives no sale_price")
        best: Floats = self.values[np.argmax(self.profit, axis=0)]
        return best


def sweep_freshness(problem: Problem, product_id: str, *, lowest: float = 0.9) -> Sweep:
    """Freshness on arrival from ``lowest`` to 1, in the publication's steps of 0.02."""
    n = round((1.0 - lowest) / FRESHNESS_STEP)
    values = np.round(lowest + FRESHNESS_STEP * np.arange(n + 1), 10)
    return _sweep(problem, product_id, "initial_freshness", values)


def sweep_investment(problem: Problem, product_id: str) -> Sweep:
    """Preservation investment from nothing to well beyond its optimum."""
    values = np.round(np.arange(0.0, HIGHEST_INVESTMENT + 1e-9, INVESTMENT_STEP), 10)
    return _sweep(problem, product_id, "preservation_cost", values)


def _sweep(problem: Problem, product_id: str, parameter: str, values: Floats) -> Sweep:
    rows = [_costs(_changed(problem, product_id, parameter, float(v)), product_id) for v in values]
    has_profit = problem.product(product_id).sale_price is not None
    carrying, spoilage, profit = (np.array(column) for column in zip(*rows, strict=True))
    return Sweep(
        product=product_id,
        parameter=parameter,
        values=values,
        carrying=carrying,
        spoilage=spoilage,
        profit=profit if has_profit else None,
    )


def _changed(problem: Problem, product_id: str, parameter: str, value: float) -> Problem:
    """The problem with one decay parameter set everywhere and the limits lifted."""
    product = problem.product(product_id)
    decay = replace(product.decay, **{parameter: value})
    free = replace(
        product,
        decay=decay,
        shelf_life_days=None,
        vehicle=replace(product.vehicle, capacity_kg=math.inf),
    )

    def set_in(place: Warehouse) -> Warehouse:
        demand = place.products[product_id]
        own: Demand = replace(
            demand,
            decay=replace(demand.decay, **{parameter: value}),
            storage_kg=math.inf,
            minimum_order_kg=0.0,
        )
        return replace(place, products={product_id: own})

    return replace(
        problem,
        max_cycle_days=MAX_CYCLE_DAYS,
        products=(free,),
        warehouses=tuple(set_in(w) for w in problem.warehouses if product_id in w.products),
        distance_km=None if problem.distance_km is None else _none_apart(problem, product_id),
    )


def _none_apart(problem: Problem, product_id: str) -> tuple[tuple[float, ...], ...]:
    """Distances do not matter to a sweep; the matrix only has to fit the places kept."""
    kept = sum(product_id in w.products for w in problem.warehouses)
    n = len(problem.central_warehouses) + kept
    return tuple((0.0,) * n for _ in range(n))


def _costs(problem: Problem, product_id: str) -> tuple[Floats, Floats, Floats]:
    """Carrying, spoilage and profit per day by cycle, summed over the warehouses."""
    product = problem.product(product_id)
    tables = make_tables(problem, product)
    carrying, spoilage = tables.holding.sum(axis=0), tables.spoilage.sum(axis=0)
    days = np.arange(1, MAX_CYCLE_DAYS + 1, dtype=np.float64)
    margin = np.zeros_like(days)
    for place in problem.warehouses:
        demand = place.products[product_id]
        invested = place.preservation_coefficient * demand.decay.preservation_cost
        rate = demand.decay.decay_per_day * math.exp(-invested)
        age = -np.expm1(-rate * days) / rate if rate > 0 else days
        per_kg = (product.sale_price or 0.0) - demand.unit_cost
        mean = demand.demand_kg_per_day * product.season_factor
        margin += per_kg * mean * demand.decay.initial_freshness * age / days
    return carrying, spoilage, margin - carrying - spoilage


@dataclass(frozen=True, slots=True)
class Statement:
    """One qualitative statement of the publication, and whether our figures bear it out."""

    product: str
    text: str
    holds: bool
    evidence: str


def freshness_statements(sweep: Sweep) -> list[Statement]:
    """What is said about freshness on arrival; `sweep` is over initial_freshness."""
    name, cost = sweep.product, sweep.cost
    low, high = sweep.spoilage[0], sweep.spoilage[-1]
    spread = cost.max(axis=0) - cost.min(axis=0)
    return [
        *(
            Statement(
                name,
                f"{term} rises with the cycle",
                _rises(table, axis=1),
                f"1 to {MAX_CYCLE_DAYS} days at freshness {sweep.values[-1]:g}: "
                f"{table[-1, 0]:.1f} to {table[-1, -1]:.1f}",
            )
            for term, table in (
                ("cost of carry", sweep.carrying),
                ("spoilage cost", sweep.spoilage),
                ("their sum", cost),
            )
        ),
        Statement(
            name,
            "a higher freshness on arrival raises the cost of carry",
            _rises(sweep.carrying, axis=0),
            f"2 days: {sweep.carrying[0, 1]:.1f} to {sweep.carrying[-1, 1]:.1f}",
        ),
        Statement(
            name,
            "a higher freshness on arrival lowers spoilage by multiples",
            _rises(-sweep.spoilage, axis=0) and bool((low > 2 * high).all()),
            f"2 days: {low[1]:.1f} to {high[1]:.1f}",
        ),
        Statement(
            name,
            "a higher freshness on arrival lowers the sum",
            _rises(-cost, axis=0),
            f"2 days: {cost[0, 1]:.1f} to {cost[-1, 1]:.1f}",
        ),
        Statement(
            name,
            "the spread widens with the cycle",
            _rises(spread, axis=0),
            f"{spread[0]:.1f} at 1 day, {spread[-1]:.1f} at {MAX_CYCLE_DAYS}",
        ),
    ]


def investment_statements(sweep: Sweep) -> list[Statement]:
    """What is said about preservation; `sweep` is over preservation_cost, with prices."""
    if sweep.profit is None:
        return []
    name, two = sweep.product, 1
    spoiled, profit = sweep.spoilage[:, two], sweep.profit[:, two]
    by_cost, by_profit = sweep.best_cost(), sweep.best_profit()
    top = int(np.argmax(profit))
    fall = -np.diff(spoiled)
    found = [
        Statement(
            name,
            "spoilage falls fast, then flattens (2 days)",
            bool((fall > 0).all() and _rises(-fall, axis=0) and fall[0] > 10 * fall[-1]),
            f"first step of {INVESTMENT_STEP:g} saves {fall[0]:.2f}, the last {fall[-1]:.3f}",
        ),
        Statement(
            name,
            "profit rises, then falls (2 days)",
            0 < top < len(profit) - 1
            and _rises(profit[: top + 1], axis=0)
            and _rises(-profit[top:], axis=0),
            f"{profit[0]:.1f} without, {profit[top]:.1f} at {sweep.values[top]:g}, "
            f"{profit[-1]:.1f} at {sweep.values[-1]:g}",
        ),
        Statement(
            name,
            "the profit-optimal investment exceeds the cost-optimal one (2 days)",
            bool(by_profit[two] > by_cost[two]),
            f"{by_profit[two]:g} against {by_cost[two]:g}",
        ),
        Statement(
            name,
            "longer cycles want more investment",
            _rises(by_profit, axis=0, strictly=False) and bool(by_profit[-1] > by_profit[0]),
            f"{by_profit[0]:g} at 1 day, {by_profit[-1]:g} at {MAX_CYCLE_DAYS}",
        ),
    ]
    if name == "frozen":
        found.append(_shrinking_gap(sweep))
    return found


def _shrinking_gap(sweep: Sweep) -> Statement:
    """Beyond the cost optimum the spending itself, which grows with stock, widens it again."""
    top = int(np.argmin(sweep.cost[:, -1]))
    gap = sweep.cost[:, -1] - sweep.cost[:, 0]
    return Statement(
        sweep.product,
        "the cost gap between cycles shrinks with investment (up to the cost optimum)",
        top > 0 and _rises(-gap[: top + 1], axis=0),
        f"{MAX_CYCLE_DAYS} days against 1: {gap[0]:.1f} without, {gap[top]:.1f} at "
        f"{sweep.values[top]:g}; smallest at {sweep.values[int(np.argmin(gap))]:g}",
    )


def _rises(table: Floats, *, axis: int, strictly: bool = True) -> bool:
    steps = np.diff(table, axis=axis)
    return bool((steps > 0).all() if strictly else (steps >= 0).all())


def all_statements(freshness: Sequence[Sweep], investment: Sequence[Sweep]) -> list[Statement]:
    """Every statement for every product, freshness first."""
    return [
        *(s for sweep in freshness for s in freshness_statements(sweep)),
        *(s for sweep in investment for s in investment_statements(sweep)),
    ]
