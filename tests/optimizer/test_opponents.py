"""Pins the libraries' playing field: the chromosome's model is ours, and the budget is exact."""

import random

import numpy as np
import pytest

from optimizer import parse_case
from optimizer.decisions import Decisions
from optimizer.evaluation import make_plan
from optimizer.opponents import OPPONENTS, PENALTY, BudgetSpent, Chromosome, Opponent
from optimizer.plan import SolverRun
from optimizer.tables import make_tables
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import flat_case, random_case

RUN = SolverRun("test", 0, 0, 0.0, 0.0)


def chromosome(case: Json, budget: int = 1000) -> Chromosome:
    problem = parse_case(case)
    return Chromosome([make_tables(problem, p) for p in problem.products], budget=budget)


def checked(case: Json, decisions: list[Decisions]) -> float:
    problem = parse_case(case)
    tables = [make_tables(problem, p) for p in problem.products]
    plan = make_plan(problem, tables, decisions, RUN).to_dict()
    report = check_plan(case, plan)
    assert report.violations == []
    return report.objective


def test_gene_bounds_cover_suppliers_and_cycles() -> None:
    case = random_case(1, warehouses=2, centrals=3)
    low, high = chromosome(case).bounds()
    cycle, procurement = case["max_cycle_days"], case["max_procurement_cycle_days"]
    assert low.tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert high.tolist() == [2, 2, cycle, cycle, procurement, procurement, procurement]


def test_genes_mean_what_the_model_says() -> None:
    """Supplier 0 twice, cycles 2 and 4, procurement every 8 days: two trips, nothing snapped."""
    case = flat_case()
    mine = chromosome(case)
    price = mine.evaluate(np.array([0, 0, 2, 4, 8]))
    (decisions,) = mine.decisions()
    assert [(r.cycle_days, r.stops) for r in decisions.routes] == [(2, (0,)), (4, (1,))]
    assert price == pytest.approx(checked(case, [decisions]), rel=1e-12)


def test_cycle_snaps_to_the_nearest_divisor() -> None:
    mine = chromosome(flat_case())
    mine.evaluate(np.array([0, 0, 3, 3, 8]))
    assert {route.cycle_days for route in mine.decisions()[0].routes} == {2}


@pytest.mark.parametrize("seed", range(5))
def test_any_chromosome_prices_like_the_independent_checker(seed: int) -> None:
    case = random_case(seed, warehouses=5, centrals=2, products=2)
    mine = chromosome(case)
    rng = np.random.default_rng(seed)
    low, high = mine.bounds()
    for _ in range(20):
        mine.evaluate(rng.integers(low, high + 1))
    assert mine.has_plan
    assert mine.best == pytest.approx(checked(case, mine.decisions()), rel=1e-9)


def test_infeasible_chromosome_costs_the_penalty() -> None:
    case = flat_case(minimum_order_kg=39)  # A needs 4 days, which 6 is no multiple of
    mine = chromosome(case)
    assert mine.evaluate(np.array([0, 0, 4, 4, 6])) == PENALTY
    assert not mine.has_plan
    with pytest.raises(ValueError, match="feasible"):
        mine.decisions()


def test_evaluation_beyond_the_budget_is_refused() -> None:
    mine = chromosome(flat_case(), budget=1)
    mine.evaluate(np.array([0, 0, 2, 2, 2]))
    with pytest.raises(BudgetSpent):
        mine.evaluate(np.array([0, 0, 2, 2, 2]))


@pytest.fixture(params=OPPONENTS, ids=lambda opponent: opponent.package)
def opponent(request: pytest.FixtureRequest) -> Opponent:
    found: Opponent = request.param
    if not found.is_installed:
        pytest.skip(f"{found.package} is not installed (dependency group bench)")
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # theirs, not ours
def test_library_spends_its_budget_and_no_more(opponent: Opponent) -> None:
    case = random_case(2, warehouses=4, centrals=2)
    mine = chromosome(case, budget=333)
    opponent.run(mine, seed=1)
    assert mine.evaluations == 333
    assert mine.best == pytest.approx(checked(case, mine.decisions()), rel=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_library_run_repeats_by_seed_and_leaves_chance_alone(opponent: Opponent) -> None:
    case = random_case(2, warehouses=4, centrals=2)
    random.seed(5)
    expected = random.Random(5).random()
    runs = []
    for seed in (1, 1, 2):
        mine = chromosome(case, budget=200)
        opponent.run(mine, seed=seed)
        assert mine.best_genes is not None
        runs.append((mine.best, mine.best_genes.tolist()))
    assert runs[0] == runs[1]
    if opponent.package == "deap":
        assert random.random() == expected
