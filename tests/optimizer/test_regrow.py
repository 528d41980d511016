"""Pins ruin and recreate for large cases: sums kept on the way are those of the plan, trips stay
whole and within their vehicles, and a walk is decided by its seed alone."""

import numpy as np
import pytest

from optimizer import MaxGenerations, parse_case, solve
from optimizer.appraisal import appraise
from optimizer.filling import filled_trips
from optimizer.network import KG, Network, make_network
from optimizer.regrow import Walk, regrow
from optimizer.rings import Ground, RingPlan
from optimizer.ruins import choose_ruins
from optimizer.segments import StopsOf
from optimizer.tables import make_tables
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import random_case

pytestmark = pytest.mark.slow

DAYS = 4
CENTRALS = pytest.mark.parametrize("centrals", [1, 2])


def a_case(seed: int, centrals: int, *, one_way: bool = False) -> Json:
    case = random_case(seed, warehouses=45, centrals=centrals)
    if one_way:
        rng, n = np.random.default_rng(seed), 45 + centrals
        km = rng.uniform(1, 40, size=(n, n)).round(2)
        np.fill_diagonal(km, 0.0)
        case["distance_km"] = km.tolist()
    return case


def network(case: Json) -> Network:
    problem = parse_case(case)
    return make_network(make_tables(problem, problem.products[0]))


def singles(net: Network) -> list[StopsOf]:
    return [(0, j % net.n_centrals, [j]) for j in range(net.n)]


def ring_plan(net: Network, trips: list[StopsOf]) -> RingPlan:
    n_trips = np.bincount([k for _, k, _ in trips], minlength=net.n_centrals)
    share = [net.total_variance / net.n_centrals] * net.n_centrals
    return RingPlan(Ground(net, [DAYS] * net.n_centrals, share, n_trips), trips)


@CENTRALS
@pytest.mark.parametrize("one_way", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_round_claims_the_change_that_the_plan_laid_out_anew_shows(
    seed: int, centrals: int, one_way: bool
) -> None:
    net = network(a_case(seed, centrals, one_way=one_way))
    plan, rng = ring_plan(net, singles(net)), np.random.default_rng(seed)
    total = 0.0
    before = plan.cost.sum()
    for _ in range(12):
        total += regrow(plan, rng, temperature=5.0)
    again = ring_plan(net, plan.trips())
    assert total < 0
    assert again.cost.sum() == pytest.approx(before + total, rel=1e-9)
    assert sorted(j for _, _, stops in plan.trips() for j in stops) == list(range(net.n))


def test_ring_plans_differ_in_cost_as_the_appraisal_says() -> None:
    net = network(a_case(7, 1))
    setting = np.full((1, 1), DAYS)
    one = singles(net)
    two: list[StopsOf] = [(0, 0, [j, j + 1]) for j in range(0, net.n - 1, 2)]
    two.append((0, 0, [net.n - 1]))
    priced = [float(ring_plan(net, trips).cost.sum()) for trips in (one, two)]
    exact = [float(appraise(net, setting, trips).asked[0]) for trips in (one, two)]
    assert priced[1] - priced[0] == pytest.approx(exact[1] - exact[0], rel=1e-9)


def test_without_warmth_no_round_makes_a_plan_worse() -> None:
    net = network(a_case(3, 1))
    plan, rng = ring_plan(net, singles(net)), np.random.default_rng(3)
    for _ in range(20):
        assert regrow(plan, rng, temperature=0.0) <= 0.0


@CENTRALS
@pytest.mark.parametrize("seed", range(4))
def test_what_is_set_free_are_whole_stretches_between_its_gaps(seed: int, centrals: int) -> None:
    net = network(a_case(seed, centrals))
    plan, rng = ring_plan(net, filled_trips_of(net)), np.random.default_rng(seed)
    for n_free in range(1, 25):
        ruins = choose_ruins(plan, rng, 16, n_free)
        assert sorted(ruins.lengths.tolist(), reverse=True) == ruins.lengths.tolist()
        for p, length in enumerate(ruins.lengths.tolist()):
            free = ruins.free[:length, p].tolist()
            between = [
                j
                for before, behind in zip(
                    ruins.before[ruins.owner == p].tolist(),
                    ruins.behind[ruins.owner == p].tolist(),
                    strict=True,
                )
                for j in stretch(plan, before, behind)
            ]
            assert length >= 1
            assert len(set(free)) == length
            assert sorted(free) == sorted(between)


def stretch(plan: RingPlan, before: int, behind: int) -> list[int]:
    stops, at = [], int(plan.links[0, before])
    while at != behind:
        stops.append(at)
        at = int(plan.links[0, at])
    return stops


def filled_trips_of(net: Network) -> list[StopsOf]:
    return [trip for trip in filled_trips(net, range(net.n_centrals)) if trip[0] == 0]


@CENTRALS
def test_filled_trips_serve_everyone_once_within_the_vehicle(centrals: int) -> None:
    net = network(a_case(5, centrals))
    for cycle in range(len(net.days)):
        trips = [stops for b, _, stops in filled_trips(net, [centrals - 1]) if b == cycle]
        assert sorted(j for stops in trips for j in stops) == list(range(net.n))
        loads = [float(net.features[KG, cycle, stops].sum()) for stops in trips]
        assert all(
            load <= net.capacity_kg or len(stops) == 1
            for load, stops in zip(loads, trips, strict=True)
        )


def test_a_walk_is_decided_by_its_seed_and_its_best_is_no_worse_than_its_start() -> None:
    net = network(a_case(11, 1))
    start, setting = singles(net), np.full((2, 1), DAYS)

    def walked(seed: int) -> list[list[StopsOf]]:
        rng = np.random.default_rng(seed)
        walk = Walk(net, (DAYS,), [net.total_variance], start, rng=rng)
        return walk.go(5, warmth=0.1)

    assert walked(1) == walked(1) != walked(2)
    both = [*start, *((1, k, stops) for _, k, stops in walked(1)[0])]
    cost = appraise(net, setting, both).asked
    assert cost[1] < cost[0]


@CENTRALS
def test_a_large_case_is_solved_alike_twice_and_holds_before_the_checker(centrals: int) -> None:
    case = a_case(2, centrals)

    def solved() -> Json:
        plan = solve(parse_case(case), solver="hybrid", seed=5, stop=MaxGenerations(6))
        found: Json = plan.to_dict()
        return found

    one, two = solved(), solved()
    assert not check_plan(case, one).violations
    assert one["products"] == two["products"]
