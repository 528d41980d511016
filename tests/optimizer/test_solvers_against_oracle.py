"""Pins every solver to an outside judge: the checker for plans, brute force for optima."""

from functools import cache

import pytest

from optimizer import Infeasible, MaxGenerations, parse_case, solve
from optimizer.solving import SOLVERS, SolverName
from tests.optimizer.oracle.brute_force import NoPlan, best_plan
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.public_cases import PROVEN, public_case
from tests.optimizer.oracle.tiny import random_case, with_every_option

FUZZ_SEEDS = [
    *range(3),  # one, two and three central warehouses
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 16)),
]


def tiny(seed: int, *, options: bool) -> Json:
    """One product, three to five warehouses, one to three central ones."""
    n_centrals = 1 + seed % 3
    n_warehouses = 4 if n_centrals == 3 else 3 + seed % 3
    case = random_case(seed, warehouses=n_warehouses, centrals=n_centrals)
    return with_every_option(case, seed) if options else case


@cache
def optimum_of(seed: int, *, options: bool) -> float | None:
    """The cost of the best plan by trying everything; None if there is no plan."""
    try:
        return float(best_plan(tiny(seed, options=options))["objective"])
    except NoPlan:
        return None


@pytest.mark.parametrize("options", [False, True])
@pytest.mark.parametrize("seed", FUZZ_SEEDS)
def test_hybrid_meets_the_optimum_proven_by_brute_force(seed: int, options: bool) -> None:
    case = tiny(seed, options=options)
    optimum = optimum_of(seed, options=options)
    if optimum is None:
        with pytest.raises(Infeasible):
            solve(parse_case(case), seed=1)
        return
    plan = solve(parse_case(case), seed=1)
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize("seed", FUZZ_SEEDS)
def test_exact_meets_the_optimum_proven_by_brute_force(seed: int) -> None:
    case = tiny(seed, options=False)
    plan = solve(parse_case(case), solver="exact")
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective == pytest.approx(optimum_of(seed, options=False), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("file_name", PROVEN)
def test_every_solver_makes_sound_plans_not_below_the_optimum(
    file_name: str, solver: SolverName
) -> None:
    case, expected = public_case(file_name), public_case("expected.json")[file_name]
    stop = MaxGenerations(20) if solver == "matrix" else None  # of 100, each checked alike
    plan = solve(parse_case(case), solver=solver, seed=2, stop=stop)
    report = check_plan(case, plan.to_dict())
    assert report.violations == []
    assert report.objective >= expected["objective"] * (1 - 1e-9)
    if solver in {"hybrid", "exact"}:
        assert report.objective == pytest.approx(expected["objective"], rel=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", range(4))
def test_every_solver_copes_with_several_centres_and_products(
    seed: int, solver: SolverName
) -> None:
    case = random_case(seed, warehouses=7, centrals=2, products=3)
    plan = solve(parse_case(case), solver=solver, seed=seed, stop=MaxGenerations(5))
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.solver.name == solver
