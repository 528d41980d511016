"""How far from the optimum a plan can be: the proven optimum of small cases, a bound of others."""

from __future__ import annotations

import math
from dataclasses import replace

from optimizer.bounds import lower_bound
from optimizer.errors import PlanBreaksLimits
from optimizer.evaluation import evaluate, objective_of
from optimizer.exact import TooLarge, solve_exactly
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.tables import ProductTables, make_tables

PROOF = 1e-9
"""Relative; sums in another order differ by less."""
MAX_EXACT_WAREHOUSES = 13
"""Above this the enumeration takes seconds per product."""


def certify(problem: Problem, plan: Plan) -> Plan:
    """The plan with its lower bound, and whether that proves it optimal.

    Products small enough are solved exactly; the others add a bound. Vehicles shared between
    products couple them, and then only the bound holds. The plan's objective is recomputed
    first. Raises PlanFormatError where the plan does not fit the case, and PlanBreaksLimits
    where it breaks a limit.
    """
    found = evaluate(problem, plan)
    if not found.is_feasible:
        raise PlanBreaksLimits(tuple(found.violations))
    tables = [make_tables(problem, product) for product in problem.products]
    shared = any(product.vehicle.shared_with for product in problem.products)
    bound = lower_bound(tables) if shared else math.fsum(_least(t) for t in tables)
    # The bound is a sum like the objective: it may exceed an optimum by its last digits.
    proven = found.objective <= bound * (1 + PROOF)
    return replace(
        plan,
        objective=found.objective,
        stage1=found.stage1,
        stage2=found.stage2,
        lower_bound=min(bound, found.objective) if proven else bound,
        proven_optimal=proven,
    )


def _least(tables: ProductTables) -> float:
    """The optimum of one product, or a bound where that would take too long."""
    if tables.n_warehouses > MAX_EXACT_WAREHOUSES:
        return lower_bound([tables])
    try:
        return objective_of(tables, solve_exactly(tables))
    except TooLarge:
        return lower_bound([tables])
