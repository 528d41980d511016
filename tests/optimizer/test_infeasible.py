"""Pins that a case without a plan is refused before any search, and in which words."""

import json
from collections.abc import Callable

import pytest

from optimizer import Infeasible, Progress, parse_case, solve
from optimizer.feasibility import insist_on_feasible, serving_setting
from optimizer.solving import SOLVERS, SolverName
from optimizer.tables import make_tables
from tests.optimizer.oracle import flows
from tests.optimizer.oracle.brute_force import NoPlan, best_plan
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import flat_case, random_case

pytestmark = pytest.mark.slow


def several_centres(case: Json, n: int) -> Json:
    """The case with n central warehouses, each 1 km further out than the last."""
    case = json.loads(json.dumps(case))
    for extra in range(1, n):
        twin = json.loads(json.dumps(case["central_warehouses"][0]))
        case["central_warehouses"].append(twin | {"id": f"K{extra}", "xy_km": [-extra, 0]})
    return case


def at(case: Json, warehouse: int, **values: object) -> Json:
    case["warehouses"][warehouse]["products"]["dry"] |= values
    return case


def refusal(case: Json, solver: SolverName = "hybrid") -> Infeasible:
    """The error, once it is sure that nothing was searched."""
    told: list[Progress] = []
    with pytest.raises(Infeasible) as caught:
        solve(parse_case(case), solver=solver, on_progress=told.append)
    assert not told
    assert "\n" not in str(caught.value)
    return caught.value


def transit() -> Json:
    """20 kg for B are 29.8 kg at the dock after 4 km at 1 km/h and a tenth an hour."""
    vehicle = {"capacity_kg": 20.0, "speed_km_per_hour": 1}
    return flat_case(transit_spoilage_per_hour=0.1, vehicle=vehicle)


def only_cycle(case: Json, warehouse: int, days: int) -> Json:
    """Storage and minimum order that leave this warehouse one cycle; it draws 10 or 20 kg."""
    daily, safety = (20, 12) if warehouse == 1 else (10, 0)
    kg = daily * days
    return at(case, warehouse, storage_kg=kg + safety + 1, minimum_order_kg=kg - 1)


CASES: dict[str, tuple[Callable[[], Json], str, tuple[str, ...]]] = {
    "storage": (
        lambda: at(flat_case(), 1, storage_kg=31.9),
        "storage_kg",
        ("warehouse B", "32.0 kg", "12.0 kg of them safety stock", "limit is 31.9"),
    ),
    "vehicle": (
        lambda: flat_case(vehicle={"capacity_kg": 19}),
        "vehicle.capacity_kg",
        ("warehouse B", "20.0 kg for 1 day", "limit is 19"),
    ),
    "vehicle after transit": (
        transit,
        "vehicle.capacity_kg",
        ("warehouse B", "29.8 kg", "in-transit spoilage", "limit is 20"),
    ),
    "shelf life": (
        lambda: flat_case(shelf_life_days=0.5),
        "shelf_life_days",
        ("warehouse A", "every 1 day", "limit is 0.5"),
    ),
    "minimum order": (
        lambda: flat_case(minimum_order_kg=70),
        "minimum_order_kg",
        ("warehouse A", "40.0 kg for 4 days", "limit is 70"),
    ),
    "storage against minimum order": (
        lambda: at(flat_case(), 0, storage_kg=25, minimum_order_kg=30),
        "storage_kg with minimum_order_kg",
        ("warehouse A", "storage_kg 25 is kept by cycles of 1 to 2 days", "of 3 to 4 days"),
    ),
    "minimum order against shelf life": (
        lambda: flat_case(shelf_life_days=2, minimum_order_kg=25),
        "shelf_life_days with minimum_order_kg",
        ("warehouse A", "shelf_life_days 2", "minimum_order_kg 25"),
    ),
    "procurement for one": (
        lambda: flat_case(minimum_order_kg=30) | {"max_procurement_cycle_days": 2},
        "max_procurement_cycle_days",
        ("warehouse A", "no cycle below 3 days", "limit is 2"),
    ),
}


@pytest.mark.parametrize("centrals", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_binding_constraint_is_named_with_value_and_limit(name: str, centrals: int) -> None:
    make, constraint, parts = CASES[name]
    error = refusal(several_centres(make(), centrals))
    assert error.product == "dry"
    assert error.constraint == constraint
    for part in parts:
        assert part in str(error)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_refuses_in_the_same_words(solver: SolverName) -> None:
    case = several_centres(flat_case(minimum_order_kg=70), 2)
    assert str(refusal(case, solver)) == str(refusal(case))


def test_common_multiple_beyond_the_procurement_cycle_is_told() -> None:
    """A every 3 days, B every 4: twelve days would do, eight are allowed."""
    case = only_cycle(only_cycle(flat_case(), 0, 3), 1, 4)
    error = refusal(case)
    assert error.constraint == "max_procurement_cycle_days"
    assert "K every 3 days leaves out warehouse B" in str(error)
    assert "12 days would do; the limit is 8" in str(error)


def test_a_second_central_warehouse_parts_what_has_no_common_multiple() -> None:
    case = several_centres(only_cycle(only_cycle(flat_case(), 0, 3), 1, 4), 2)
    for seed in range(5):
        plan = solve(parse_case(case), seed=seed)
        cycles = {w.id: w.cycle_days for w in plan.products[0].warehouses}
        assert cycles == {"A": 3, "B": 4}
        assert len(plan.products[0].central) == 2


def test_three_cycles_do_not_part_between_two_central_warehouses() -> None:
    case = flat_case() | {"max_cycle_days": 5, "max_procurement_cycle_days": 11}
    case["warehouses"].append(json.loads(json.dumps(case["warehouses"][0])) | {"id": "C"})
    for warehouse, days in ((0, 3), (1, 4), (2, 5)):
        only_cycle(case, warehouse, days)
    error = refusal(several_centres(case, 2))
    assert error.constraint == "max_procurement_cycle_days"
    assert "leaves out warehouse" in str(error)
    problem = parse_case(several_centres(case, 3))
    setting = serving_setting(make_tables(problem, problem.products[0]))
    assert sorted(setting) == [3, 4, 5]


def test_missing_supply_is_named() -> None:
    case = flat_case()
    case["central_warehouses"][0]["products"] = {}
    assert refusal(case).constraint == "supply"


@pytest.mark.parametrize("seed", range(40))
def test_refused_exactly_where_trying_everything_finds_no_plan(seed: int) -> None:
    """Narrow storage and minimum orders, up to three central warehouses."""
    case = random_case(seed, warehouses=3, centrals=1 + seed % 3)
    case |= {"max_cycle_days": 4, "max_procurement_cycle_days": 3 + seed % 4}
    for n, place in enumerate(case["warehouses"]):
        here = place["products"]["ambient"]
        demand, days = here["demand_kg_per_day"], 1 + (seed + n * (1 + seed // 7)) % 4
        here["demand_sd_kg"] = 0
        here |= {"storage_kg": demand * (days + 0.3), "minimum_order_kg": demand * (days - 0.9)}
    problem = parse_case(case)
    try:
        best_plan(case)
    except NoPlan:
        with pytest.raises(Infeasible):
            insist_on_feasible(make_tables(problem, problem.products[0]))
    else:
        insist_on_feasible(make_tables(problem, problem.products[0]))
        assert solve(problem, seed=seed).objective == pytest.approx(
            best_plan(case)["objective"], rel=1e-9
        )


def test_oracle_too_refuses_quantiles_without_a_level() -> None:
    case = at(flat_case(), 1, lead_time_demand_quantiles=[[0.5, 80], [0.9, 120]])
    with pytest.raises(ValueError, match="without a service_level"):
        flows.warehouse_safety_kg(case, "dry", "B")
