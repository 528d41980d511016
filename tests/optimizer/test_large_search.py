"""Pins the search of many warehouses: what it is told about its time, which central warehouses
it opens, and that neither limits nor a given plan are lost on the way."""

import numpy as np
import pytest

from benchmarks.large_cases import KINDS, make_case
from optimizer import MaxGenerations, MaxSeconds, NoImprovement, TargetGap, parse_case, solve
from optimizer.evaluation import objective_of, violations
from optimizer.large_search import LargeSearch
from optimizer.search import share_done
from optimizer.stop import SearchStatus, Stop
from optimizer.tables import make_tables
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Json

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("stop", "share"),
    [
        (MaxSeconds(8), 0.25),
        (MaxGenerations(4), 0.75),
        (MaxSeconds(8) | MaxGenerations(4), 0.75),
        (MaxSeconds(8) | TargetGap(0.01), 0.25),
        (NoImprovement(10), None),
        (MaxSeconds(8) | NoImprovement(10), None),
        (TargetGap(0.01), None),
    ],
)
def test_share_is_known_where_time_or_generations_alone_end_a_search(
    stop: Stop, share: float | None
) -> None:
    status = SearchStatus(seconds=2.0, generation=3, stagnation=1, gap=None)
    assert share_done(stop, status) == share


def searched(case: Json, n_steps: int, *, known: bool = True) -> LargeSearch:
    problem = parse_case(case)
    tables = make_tables(problem, problem.products[0])
    search = LargeSearch(0, tables, np.random.default_rng(1))
    for step in range(n_steps):
        search.pace(step / n_steps if known else None)
        search.step()
        (found,) = search.decisions
        assert not violations(tables, found)
        assert objective_of(tables, found) == pytest.approx(search.objective, rel=1e-9)
    return search


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", ["rings", "two"])
def test_every_generation_ends_with_a_plan_that_keeps_all_limits(kind: str, known: bool) -> None:
    search = searched(make_case(kind, 45, 1), 14, known=known)
    beginning = searched(make_case(kind, 45, 1), 1)
    assert search.objective < beginning.objective


def test_the_race_ends_though_nobody_tells_how_long_the_search_is() -> None:
    search = searched(make_case("three", 41, 1), 25, known=False)
    assert len(search._racers) == 1


def test_a_central_warehouse_that_costs_more_than_it_saves_is_closed() -> None:
    case = make_case("three", 45, 2)
    for central in case["central_warehouses"][1:]:
        for supply in central["products"].values():
            supply["trip_cost"] = 1e6
    (found,) = searched(case, 8).decisions
    assert set(found.procurement_days) == {0}


def test_warehouses_that_admit_no_common_cycle_are_served() -> None:
    case = make_case("rings", 45, 3)
    product = case["products"][0]
    product["minimum_order_kg"] = 1000.0
    product["vehicle"]["capacity_kg"] = 2400.0
    for n, warehouse in enumerate(case["warehouses"]):
        # The order is met, and the vehicle holds it: in 2 days; in 3 to 5 days.
        demand = 1000.0 if n % 2 else 400.0
        warehouse["products"][product["id"]] |= {"demand_kg_per_day": demand, "storage_kg": 9999.0}
    problem = parse_case(case)
    allowed = make_tables(problem, problem.products[0]).allowed
    assert not (allowed[0] & allowed[1]).any()
    (found,) = searched(case, 4).decisions
    assert sorted(j for route in found.routes for j in route.stops) == list(range(45))


def test_more_generations_after_a_plan_given_never_end_dearer() -> None:
    case = make_case("clustered", 45, 1)
    first = solve(parse_case(case), stop=MaxGenerations(6), seed=1)
    again = solve(parse_case(case), stop=MaxGenerations(3), seed=2, warm_start=first)
    assert again.objective <= first.objective * (1 + 1e-9)
    assert not check_plan(case, again.to_dict()).violations


@pytest.mark.parametrize("kind", KINDS)
def test_generated_cases_are_of_the_format_and_decided_by_their_arguments(kind: str) -> None:
    one = make_case(kind, 60, 1)
    assert one == make_case(kind, 60, 1) != make_case(kind, 60, 2)
    problem = parse_case(one)
    assert len(problem.warehouses) == 60
    for product in problem.products:
        assert make_tables(problem, product).allowed.any(axis=1).all()
