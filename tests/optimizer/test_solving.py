"""Pins the library: proven optima, repeatability, stop criteria, warm start, infeasible cases."""

import itertools
import json
from pathlib import Path

import pytest

from optimizer import (
    Infeasible,
    MaxGenerations,
    MaxSeconds,
    NoImprovement,
    Plan,
    PlanFormatError,
    Progress,
    TargetGap,
    certify,
    evaluate,
    parse_case,
    solve,
)
from optimizer.bounds import lower_bound
from optimizer.exact import TooLarge
from optimizer.stop import SearchStatus, Settled
from optimizer.tables import make_tables
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.public_cases import CHECKOUT, PROVEN, public_case
from tests.optimizer.oracle.tiny import flat_case, random_case, with_every_option

M_COMPANY = CHECKOUT / "deploy" / "example" / "m_company.json"
M_COMPANY_OPTIMUM = 127529.93519583542


def m_company() -> Json:
    case: Json = json.loads(Path(M_COMPANY).read_text())
    return case


def twenty() -> Json:
    """More warehouses than can be proven, so that only a criterion ends the search."""
    return random_case(1, warehouses=20, centrals=1, products=2)


def decisions(plan: Plan) -> object:
    return plan.products


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(s, marks=pytest.mark.slow) for s in range(3, 100))]
)
def test_hybrid_reaches_the_proven_optimum_of_m_company(seed: int) -> None:
    assert solve(parse_case(m_company()), seed=seed).objective == pytest.approx(
        M_COMPANY_OPTIMUM, rel=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("file_name", PROVEN)
@pytest.mark.parametrize("seed", range(3))
def test_hybrid_reaches_every_proven_optimum(file_name: str, seed: int) -> None:
    expected = public_case("expected.json")[file_name]["objective"]
    plan = solve(parse_case(public_case(file_name)), seed=seed)
    assert plan.objective == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("file_name", PROVEN)
def test_exact_solver_proves_the_known_optimum(file_name: str) -> None:
    expected = public_case("expected.json")[file_name]["objective"]
    plan = solve(parse_case(public_case(file_name)), solver="exact")
    assert plan.objective == pytest.approx(expected, rel=1e-12)
    assert plan.proven_optimal
    assert plan.lower_bound == plan.objective


@pytest.mark.parametrize("file_name", PROVEN)
def test_lower_bound_never_exceeds_the_proven_optimum(file_name: str) -> None:
    problem = parse_case(public_case(file_name))
    optimum = public_case("expected.json")[file_name]["objective"]
    bound = lower_bound([make_tables(problem, product) for product in problem.products])
    assert 0.9 * optimum < bound <= optimum


@pytest.mark.parametrize("options", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_lower_bound_holds_with_options_and_several_centres(seed: int, options: bool) -> None:
    case = random_case(seed, warehouses=4, centrals=1 + seed % 3)
    if options:
        case = with_every_option(case, seed)
    problem = parse_case(case)
    try:
        optimum = solve(problem, solver="exact").objective
    except Infeasible:
        return
    bound = lower_bound([make_tables(problem, product) for product in problem.products])
    assert 0 < bound <= optimum * (1 + 1e-12)


def test_certify_proves_an_optimal_plan_and_measures_another() -> None:
    problem = parse_case(m_company())
    best = certify(problem, solve(problem, solver="exact"))
    assert best.proven_optimal
    assert best.gap == pytest.approx(0, abs=1e-9)
    worse = certify(problem, solve(problem, solver="fixed-cycle"))
    assert not worse.proven_optimal
    assert worse.lower_bound == pytest.approx(M_COMPANY_OPTIMUM, rel=1e-9)
    assert worse.gap == pytest.approx(worse.objective / M_COMPANY_OPTIMUM - 1)


def test_certify_refuses_a_plan_that_breaks_limits() -> None:
    case = flat_case()
    plan = solve(parse_case(case), solver="exact")
    case["products"][0]["vehicle"]["capacity_kg"] = 25
    with pytest.raises(ValueError, match="exceed the vehicle"):
        certify(parse_case(case), plan)


@pytest.mark.parametrize("solver", ["hybrid", "matrix"])
def test_same_seed_same_plan(solver: str) -> None:
    problem = parse_case(twenty())
    one, two, other = (
        solve(problem, solver=solver, seed=seed, stop=MaxGenerations(3))  # type: ignore[arg-type]  # parametrized
        for seed in (7, 7, 8)
    )
    assert decisions(one) == decisions(two)
    assert one.solver.generations == 3
    assert other.solver.seed == 8


def test_plan_file_reads_back_and_evaluates_to_itself() -> None:
    problem = parse_case(m_company())
    plan = solve(problem, stop=MaxGenerations(1))
    assert Plan.from_json(plan.to_json()) == plan
    found = evaluate(problem, plan)
    assert found.is_feasible
    assert found.objective == pytest.approx(plan.objective, rel=1e-12)


def test_plan_of_another_format_is_refused() -> None:
    with pytest.raises(PlanFormatError, match="format"):
        Plan.from_dict({"format": "forepost-plan/2"})


def test_warm_start_is_never_lost() -> None:
    problem = parse_case(m_company())
    best = solve(problem, solver="exact")
    for solver in ("hybrid", "matrix"):
        plan = solve(problem, solver=solver, seed=3, warm_start=best, stop=MaxGenerations(1))  # type: ignore[arg-type]  # a literal each
        if solver == "hybrid":
            assert plan.objective == pytest.approx(best.objective, rel=1e-12)
        assert evaluate(problem, plan).is_feasible


def test_cancelled_search_gives_the_best_plan_so_far() -> None:
    asked = itertools.count()
    plan = solve(parse_case(twenty()), is_cancelled=lambda: next(asked) >= 1)
    assert plan.solver.generations == 2
    assert len(plan.products) == 2


def test_progress_tells_every_generation_and_never_rises() -> None:
    told: list[Progress] = []
    solve(parse_case(twenty()), stop=MaxGenerations(4), on_progress=told.append)
    totals = [p.objective for p in told]
    assert totals == sorted(totals, reverse=True)
    assert [p.generation for p in told if p.products == ("refrigerated",)] == [1, 2, 3, 4]


def test_time_limit_is_read_from_the_given_clock() -> None:
    ticks = itertools.count()
    plan = solve(parse_case(twenty()), stop=MaxSeconds(20), clock=lambda: float(next(ticks)))
    assert 20 <= plan.solver.seconds <= 30


def test_target_gap_ends_the_search_at_once_when_generous() -> None:
    plan = solve(parse_case(m_company()), stop=TargetGap(0.5))
    assert plan.solver.generations == 1


@pytest.mark.parametrize(
    ("status", "met"),
    [
        (SearchStatus(1.0, 5, 2, None, is_short=True), False),
        (SearchStatus(1.0, 5, 2, None), False),
        (SearchStatus(2.0, 5, 2, None), True),
        (SearchStatus(1.0, 9, 2, None), True),
        (SearchStatus(1.0, 5, 3, None), True),
        (SearchStatus(1.0, 5, 2, 0.01), True),
        (SearchStatus(1.0, 5, 2, 0.02), False),
    ],
)
def test_whichever_criterion_comes_first_ends_the_search(status: SearchStatus, met: bool) -> None:
    stop = MaxSeconds(2) | MaxGenerations(9) | NoImprovement(3) | TargetGap(0.01)
    assert stop.is_met(status) is met
    assert stop.needs_bound


@pytest.mark.parametrize(
    ("stagnation", "is_short", "met"),
    [(2, False, False), (3, False, True), (3, True, False), (7, True, False), (8, True, True)],
)
def test_search_known_not_to_have_arrived_is_given_more_time(
    stagnation: int, is_short: bool, met: bool
) -> None:
    status = SearchStatus(1.0, 20, stagnation, None, is_short=is_short)
    assert Settled(3, 8).is_met(status) is met


@pytest.mark.parametrize("make", [MaxSeconds, MaxGenerations, NoImprovement])
def test_criterion_that_would_never_run_is_refused(make: type[MaxSeconds]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make(0)


def test_exact_solver_says_when_a_case_is_too_large() -> None:
    case = random_case(1, warehouses=15, centrals=1)
    with pytest.raises(TooLarge, match="15 warehouses"):
        solve(parse_case(case), solver="exact")


def test_shared_vehicle_saves_a_fare_where_routes_agree() -> None:
    """Two products alike on one tour: one vehicle for both, as long as both loads fit."""
    case = flat_case(vehicle={"shared_with": ["wet"]})
    twin = json.loads(json.dumps(case["products"][0]))
    twin |= {"id": "wet"}
    twin["vehicle"]["shared_with"] = ["dry"]
    case["products"].append(twin)
    for place in (*case["central_warehouses"], *case["warehouses"]):
        place["products"]["wet"] = place["products"]["dry"]
    shared = solve(parse_case(case), solver="exact")
    for product in case["products"]:
        product["vehicle"]["shared_with"] = []
    apart = solve(parse_case(case), solver="exact")
    fares = sum(p.costs.transport for p in apart.products)
    assert sum(p.costs.transport for p in shared.products) == pytest.approx(fares / 2)
