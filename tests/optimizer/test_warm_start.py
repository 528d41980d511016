"""Pins that a search starts from the last plan though the network has changed since."""

import copy
from collections.abc import Callable

import pytest

from benchmarks.large_cases import make_case
from optimizer import MaxGenerations, PlanFormatError, parse_case, solve
from optimizer.evaluation import violations
from optimizer.large_search import LARGE
from optimizer.tables import make_tables
from optimizer.warm_start import start_from
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import flat_case, random_case


def network() -> Json:
    case = random_case(5, warehouses=6, centrals=2, products=2)
    for place in case["warehouses"]:
        for here in place["products"].values():
            here["storage_kg"] = 3000
    return case


def without_a_warehouse(case: Json) -> None:
    case["warehouses"].pop(2)


def without_a_centre(case: Json) -> None:
    case["central_warehouses"].pop(0)


def without_a_product(case: Json) -> None:
    gone = case["products"].pop(0)["id"]
    for place in (*case["central_warehouses"], *case["warehouses"]):
        place["products"].pop(gone)


def shorter_cycles(case: Json) -> None:
    case["max_cycle_days"], case["max_procurement_cycle_days"] = 2, 3


def smaller_vehicles(case: Json) -> None:
    for product in case["products"]:
        product["vehicle"]["capacity_kg"] /= 2


CHANGES = [
    without_a_warehouse,
    without_a_centre,
    without_a_product,
    shorter_cycles,
    smaller_vehicles,
]


@pytest.mark.parametrize("solver", ["hybrid", "matrix"])
@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_last_plan_starts_a_search_of_the_changed_network(
    change: Callable[[Json], None], forwards: bool, solver: str
) -> None:
    before, after = network(), network()
    change(after)
    if not forwards:
        before, after = after, before
    last = solve(parse_case(before), seed=1, stop=MaxGenerations(2))
    plan = solve(
        parse_case(after),
        solver=solver,  # type: ignore[arg-type]  # parametrized
        seed=1,
        warm_start=last,
        stop=MaxGenerations(2),
    )
    assert check_plan(after, plan.to_dict()).violations == []


def test_what_still_fits_is_kept_and_the_rest_gets_trips_of_its_own() -> None:
    case = network()
    last = solve(parse_case(case), solver="exact")
    later = copy.deepcopy(case)
    later["warehouses"].append(copy.deepcopy(case["warehouses"][0]) | {"id": "W7"})
    problem = parse_case(later)
    tables = [make_tables(problem, product) for product in problem.products]
    for t, product, start in zip(tables, last.products, start_from(tables, last), strict=True):
        stops = {tuple(t.warehouse_ids[j] for j in route.stops) for route in start.routes}
        assert {trip.stops for trip in product.trips} <= stops
        assert stops - {trip.stops for trip in product.trips} == {("W7",)}
        assert violations(t, start) == []


def test_the_same_network_starts_from_the_very_plan() -> None:
    problem = parse_case(network())
    last = solve(problem, solver="exact")
    plan = solve(problem, seed=9, warm_start=last, stop=MaxGenerations(1))
    assert plan.objective == pytest.approx(last.objective, rel=1e-12)


def test_plan_of_another_network_is_refused() -> None:
    plan = solve(parse_case(flat_case()), solver="exact")
    with pytest.raises(PlanFormatError, match="none of the case's warehouses"):
        solve(parse_case(network()), warm_start=plan)


@pytest.mark.slow
def test_a_plan_whose_trips_are_too_heavy_by_now_is_cut_anew_and_not_forgotten() -> None:
    """A tenth more is sold. Who is near whom has not changed: the search begins further on."""
    case = make_case("clustered", LARGE + 1, 1)
    last = solve(parse_case(case), seed=1, stop=MaxGenerations(4))
    for place in case["warehouses"]:
        for here in place["products"].values():
            here["demand_kg_per_day"] *= 1.1
    problem = parse_case(case)
    tables = [make_tables(problem, product) for product in problem.products]
    starts = zip(tables, start_from(tables, last), strict=True)
    assert any(violations(t, start) for t, start in starts), "it would fit as it is"
    cold = solve(problem, seed=2, stop=MaxGenerations(1))
    warm = solve(problem, seed=2, stop=MaxGenerations(1), warm_start=last)
    assert warm.objective < cold.objective
    assert check_plan(case, warm.to_dict()).violations == []
