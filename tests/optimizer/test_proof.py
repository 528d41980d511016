"""Pins the proof of small cases: the optimum's cost and no other, and how it ends a search."""

import math

import numpy as np
import pytest

from optimizer import Infeasible, MaxGenerations, parse_case, solve
from optimizer.decisions import Decisions
from optimizer.evaluation import objective_of
from optimizer.exact import solve_exactly
from optimizer.network import make_network
from optimizer.proof import least_money
from optimizer.search import SearchOutcome, run_tracks
from optimizer.stop import Settled, Stop
from optimizer.tables import ProductTables, make_tables
from optimizer.trip_sets import TripSets
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.several_centres import KINDS, case_of_kind
from tests.optimizer.oracle.tiny import flat_case, random_case


def tables_of(case: Json) -> ProductTables:
    problem = parse_case(case)
    return make_tables(problem, problem.products[0])


def proven(tables: ProductTables, incumbent: float) -> float | None:
    return least_money(TripSets(make_network(tables)), incumbent)


@pytest.mark.parametrize("worse", [1.0, 1.001, 1.05, 2.0])
@pytest.mark.parametrize("centrals", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_proof_is_the_optimum_whatever_the_plan_at_hand(
    kind: str, centrals: int, worse: float
) -> None:
    tables = tables_of(case_of_kind(kind, 5, warehouses=7, centrals=centrals))
    optimum = objective_of(tables, solve_exactly(tables))
    assert proven(tables, optimum * worse) == pytest.approx(optimum, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_proof_agrees_with_the_exact_solver_where_demand_is_correlated(seed: int) -> None:
    case = random_case(seed, warehouses=6, centrals=1 + seed % 3)
    load = np.random.default_rng(seed).uniform(-0.7, 0.9, 6)
    correlation = np.where(np.eye(6) > 0, 1.0, np.outer(load, load))
    case["products"][0]["demand_correlation"] = correlation.tolist()
    try:
        tables = tables_of(case)
        optimum = objective_of(tables, solve_exactly(tables))
    except Infeasible:
        pytest.skip("the draw has no plan")
    assert proven(tables, optimum * 1.02) == pytest.approx(optimum, rel=1e-12)


def test_nothing_is_found_below_what_no_plan_costs() -> None:
    """A plan said to cost less than the optimum would be the best: there is none below it."""
    tables = tables_of(flat_case())
    optimum = objective_of(tables, solve_exactly(tables))
    assert proven(tables, 0.9 * optimum) == 0.9 * optimum


def test_small_cases_end_proven_and_larger_ones_do_not() -> None:
    small = solve(parse_case(random_case(3, warehouses=9, centrals=2, products=2)))
    assert small.proven_optimal
    assert small.lower_bound == pytest.approx(small.objective, rel=1e-9)
    large = solve(parse_case(random_case(3, warehouses=16, centrals=1)), stop=MaxGenerations(3))
    assert not large.proven_optimal


class _Steps:
    """A track that gets cheaper by one each generation, down to a floor."""

    products = (0,)
    decisions = (Decisions((), {}),)

    def __init__(self, floor: float, proven_at: float | None) -> None:
        self.objective, self.proven = math.inf, proven_at
        self._floor = floor

    def step(self) -> None:
        fresh = 10.0 if math.isinf(self.objective) else self.objective - 1
        self.objective = max(self._floor, fresh)


def run(track: _Steps, stop: Stop) -> SearchOutcome:
    return run_tracks(
        [track],
        product_ids=["dry"],
        stop=stop,
        lower_bound=None,
        elapsed=lambda: 0.0,
        on_progress=None,
        is_cancelled=None,
    )


def test_search_ends_once_it_has_arrived() -> None:
    found = run(_Steps(floor=0.0, proven_at=7.0), MaxGenerations(50))
    assert (found.generations, found.proven) == (4, (7.0,))


def test_search_that_is_known_to_be_short_goes_on_longer() -> None:
    """Best at generation 4; three more without gain end it, nine where better is known."""
    assert run(_Steps(floor=7.0, proven_at=None), Settled(3, 9)).generations == 7
    assert run(_Steps(floor=7.0, proven_at=6.5), Settled(3, 9)).generations == 13
