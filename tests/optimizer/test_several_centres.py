"""Pins the choice of suppliers among two and three central warehouses to proven optima."""

import pytest

from optimizer import parse_case, solve
from tests.optimizer.oracle.brute_force import best_plan
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.several_centres import KINDS, case_of_kind

pytestmark = pytest.mark.slow

SEEDS = range(2)


@pytest.mark.parametrize("centrals", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_exact_agrees_with_trying_every_supplier(kind: str, centrals: int) -> None:
    case = case_of_kind(kind, 1, warehouses=3, centrals=centrals)
    case |= {"max_cycle_days": 4, "max_procurement_cycle_days": 8}  # to try all of them
    plan = solve(parse_case(case), solver="exact")
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective == pytest.approx(best_plan(case)["objective"], rel=1e-9)


@pytest.mark.parametrize("warehouses", [6, 12])
@pytest.mark.parametrize("centrals", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_hybrid_reaches_the_optimum(kind: str, centrals: int, warehouses: int) -> None:
    case = case_of_kind(kind, 0, warehouses=warehouses, centrals=centrals)
    problem = parse_case(case)
    plan = solve(problem, seed=1)
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective == pytest.approx(solve(problem, solver="exact").objective, rel=1e-9)


@pytest.mark.parametrize("warehouses", [9])
@pytest.mark.parametrize("centrals", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_hybrid_reaches_the_optimum_from_every_seed(
    kind: str, centrals: int, warehouses: int
) -> None:
    problem = parse_case(case_of_kind(kind, 1, warehouses=warehouses, centrals=centrals))
    optimum = solve(problem, solver="exact").objective
    found = [solve(problem, seed=seed).objective for seed in SEEDS]
    assert found == pytest.approx([optimum] * len(SEEDS), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_only_procurement_cycles_that_serve_everyone_are_found(seed: int) -> None:
    """Half the warehouses order every 5 days, half every 7; of 15 by 15 cycles few do."""
    case = case_of_kind("apart", 4, warehouses=8, centrals=2)
    case |= {"max_cycle_days": 7, "max_procurement_cycle_days": 15, "service_z": 0}
    case["products"][0] |= {"initial_freshness": 1.0, "decay_per_day": 0.0}
    case["products"][0]["vehicle"]["capacity_kg"] = 9000
    for n, place in enumerate(case["warehouses"]):
        here, days = place["products"]["ambient"], (5, 7)[n % 2]
        daily = here["demand_kg_per_day"]
        here |= {"storage_kg": daily * (days + 0.7), "minimum_order_kg": daily * (days - 0.7)}
    plan = solve(parse_case(case), seed=seed)
    assert check_plan(case, plan.to_dict()).violations == []
    assert {w.cycle_days for w in plan.products[0].warehouses} == {5, 7}
