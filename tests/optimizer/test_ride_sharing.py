"""Pins that products share vehicles where it pays: against every joint plan of tiny cases."""

import itertools
import json
import random

import pytest

from optimizer import Infeasible, MaxSeconds, parse_case, solve
from optimizer.bounds import lower_bound
from optimizer.ride_sharing import friendships
from optimizer.tables import make_tables
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.shared_rides import least_with_sharing
from tests.optimizer.oracle.tiny import flat_case, random_case, with_every_option

pytestmark = pytest.mark.slow


def sharing_case(seed: int, *, warehouses: int, centrals: int, products: int) -> Json:
    """Friends whose fares weigh enough to move cycles and routes; some do not know each other."""
    rng = random.Random(seed)
    case = random_case(seed, warehouses=warehouses, centrals=centrals, products=products)
    case |= {"max_cycle_days": 3, "max_procurement_cycle_days": 6}
    names = [product["id"] for product in case["products"]]
    for n, product in enumerate(case["products"]):
        product["vehicle"]["trip_cost"] = round(rng.uniform(300, 2000), 1)
        product["vehicle"]["capacity_kg"] = rng.choice([900, 1500, 2500, 4000])
        product["vehicle"]["stop_cost"] = rng.choice([0.0, 35.0])
        product["vehicle"]["cost_per_kg"] = rng.choice([0.0, 0.15])
        product["vehicle"]["shared_with"] = [
            other
            for m, other in enumerate(names)
            if m != n and not (seed % 3 == 2 and {m, n} == {0, 2})
        ]
    for place in case["warehouses"]:
        for here in place["products"].values():
            here["demand_kg_per_day"] = round(rng.uniform(50, 300), 1)
    return case


SHAPES = {
    "two products": (3, 1, 2, 3),
    "two centres": (3, 2, 2, 2),
    "three products": (2, 1, 3, 3),
}
LARGER = {"four warehouses": (4, 1, 2, 3), "three of three": (3, 1, 3, 2)}


def insist_on_optimum(seed: int, shape: tuple[int, int, int, int]) -> None:
    warehouses, centrals, products, cycles = shape
    case = sharing_case(seed, warehouses=warehouses, centrals=centrals, products=products)
    case["max_cycle_days"] = cycles
    plan = solve(parse_case(case), seed=seed)
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective == pytest.approx(least_with_sharing(case), rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(6))
def test_hybrid_reaches_the_best_joint_plan(seed: int, shape: str) -> None:
    insist_on_optimum(seed, SHAPES[shape])


@pytest.mark.parametrize("shape", LARGER)
@pytest.mark.parametrize("seed", range(3))
def test_hybrid_reaches_the_best_joint_plan_of_larger_cases(seed: int, shape: str) -> None:
    insist_on_optimum(seed, LARGER[shape])


def test_each_product_for_itself_is_not_enough() -> None:
    """The control: without a search for agreement most of these plans are dearer."""
    dearer = 0
    for seed in range(6):
        problem = parse_case(sharing_case(seed, warehouses=3, centrals=1, products=2))
        apart = solve(problem, solver="exact").objective
        dearer += apart > solve(problem, seed=seed).objective * (1 + 1e-6)
    assert dearer >= 4


@pytest.mark.parametrize("seed", range(6))
def test_agreement_too_large_to_prove_is_sound_and_pays(seed: int) -> None:
    """Nine warehouses: friends are planned as one, then each anew beside the others."""
    case = sharing_case(seed, warehouses=9, centrals=1 + seed % 2, products=2)
    problem = parse_case(case)
    plan, apart = solve(problem, seed=seed), solve(problem, solver="exact")
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective <= apart.objective * (1 + 1e-9)
    assert lower_bound([make_tables(problem, p) for p in problem.products]) <= plan.objective


@pytest.mark.parametrize("seed", range(4))
def test_sharing_with_every_option_keeps_every_limit(seed: int) -> None:
    case = with_every_option(random_case(seed, warehouses=4, centrals=2, products=2), seed)
    problem = parse_case(case)
    try:
        plan = solve(problem, seed=seed)
    except Infeasible:
        with pytest.raises(Infeasible):
            solve(problem, solver="exact")
        return
    assert check_plan(case, plan.to_dict()).violations == []
    assert plan.objective <= solve(problem, solver="exact").objective * (1 + 1e-9)


def test_loads_that_fit_no_vehicle_together_ride_apart() -> None:
    """Two alike of 10 and 20 kg a day: 60 kg carry both, 59 kg both to one warehouse."""
    case = flat_case(vehicle={"capacity_kg": 60, "shared_with": ["wet"]})
    twin = json.loads(json.dumps(case["products"][0])) | {"id": "wet"}
    twin["vehicle"]["shared_with"] = ["dry"]
    case["products"].append(twin)
    case["max_cycle_days"] = 1
    for place in (*case["central_warehouses"], *case["warehouses"]):
        place["products"]["wet"] = place["products"]["dry"]

    def fares(capacity: float) -> float:
        for product in case["products"]:
            product["vehicle"]["capacity_kg"] = capacity
        return sum(p.costs.transport for p in solve(parse_case(case)).products)

    tour = 100 + 2 * 12
    assert fares(60) == pytest.approx(tour)
    # A car with both to A (20 kg, 6 km) and one to B (40 kg, 8 km).
    assert fares(59) == pytest.approx((100 + 12) + (100 + 16))
    assert fares(39) == pytest.approx(2 * tour)


def test_cancelled_search_does_not_look_for_agreement() -> None:
    problem = parse_case(sharing_case(2, warehouses=3, centrals=1, products=2))
    cancelled = solve(problem, is_cancelled=lambda: True)
    assert cancelled.solver.generations == 1
    assert cancelled.objective > solve(problem).objective


def test_agreement_is_looked_for_only_as_long_as_the_search_may_last() -> None:
    """A second passes with every look at the clock: the search takes all three."""
    problem = parse_case(sharing_case(2, warehouses=3, centrals=1, products=2))
    ticks = itertools.count()
    hasty = solve(problem, stop=MaxSeconds(3), clock=lambda: float(next(ticks)))
    ticks = itertools.count()
    patient = solve(problem, stop=MaxSeconds(900), clock=lambda: float(next(ticks)))
    assert hasty.objective == solve(problem, is_cancelled=lambda: True).objective
    assert patient.objective == solve(problem).objective < hasty.objective


def test_agreement_cancelled_half_way_is_the_best_so_far() -> None:
    case = sharing_case(2, warehouses=3, centrals=1, products=3)
    problem, found, whole = parse_case(case), [], solve(parse_case(case)).objective
    for patience in (1, 2, 3, 4, 6, 9, 14, 20, 30, 45, 70, 999):
        asked = itertools.count()
        plan = solve(problem, is_cancelled=lambda: next(asked) >= patience)  # noqa: B023  # called at once
        found.append(plan.objective)
        assert check_plan(case, plan.to_dict()).violations == []
    assert next(asked) < 999
    assert found == sorted(found, reverse=True)
    assert len(set(found)) > 2, "it was never cancelled between two improvements"
    assert found[-1] == whole


def test_friendship_must_be_mutual() -> None:
    case = sharing_case(1, warehouses=3, centrals=1, products=2)
    case["products"][0]["vehicle"]["shared_with"] = []
    problem = parse_case(case)
    tables = [make_tables(problem, product) for product in problem.products]
    assert friendships(tables) == {0: frozenset(), 1: frozenset()}
    assert solve(problem).objective == pytest.approx(
        solve(problem, solver="exact").objective, rel=1e-9
    )
