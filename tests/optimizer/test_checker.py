"""Pins the independent plan checker: right to the last digit, and blind to no kind of error."""

import copy
import math
from collections.abc import Callable

import pytest

from tests.optimizer.oracle import flows
from tests.optimizer.oracle.brute_force import NoPlan, best_plan, partitions
from tests.optimizer.oracle.checker import check_plan
from tests.optimizer.oracle.flows import Decay, Json
from tests.optimizer.oracle.plan_writer import Decisions, TripChoice, write_plan
from tests.optimizer.oracle.public_cases import PROVEN, proven_decisions, public_case
from tests.optimizer.oracle.quadrature import integrate
from tests.optimizer.oracle.tiny import flat_case, random_case

Mutation = Callable[[Json], None]


def flat_plan(case: Json, *, cycle: int = 2, procurement: int = 4, stops: str = "AB") -> Json:
    trip = TripChoice("K", cycle, list(stops))
    return write_plan(case, [Decisions("dry", {"K": procurement}, [trip])])


def checked_costs(case: Json, plan: Json) -> dict[str, float]:
    report = check_plan(case, plan)
    assert report.violations == []
    return report.costs["dry"]


# --- the numbers -------------------------------------------------------------------------


def test_quadrature_meets_known_integrals() -> None:
    assert integrate(math.exp, 0, 3) == pytest.approx(math.e**3 - 1, rel=1e-14)
    assert integrate(lambda x: 1 / x, 1e-3, 1) == pytest.approx(math.log(1000), rel=1e-12)


def test_flow_meets_a_step_by_step_simulation() -> None:
    case = random_case(3, warehouses=1, centrals=1)
    flow = flows.warehouse_flow(case, "ambient", "W1", 3)
    decay = flows.warehouse_decay(case, "ambient", "W1")
    d = flows.demand_kg_per_day(case, "ambient", "W1")
    stock, kg_days, h = flow.safety_stock_kg + flow.quantity_kg, 0.0, 1e-4

    def slope(t: float, i: float) -> float:
        theta = decay.freshness(t)
        return -d * theta - decay.kappa * (1 - theta) * i

    for n in range(round(3 / h)):  # the midpoint rule on dI/dt, a third way to the same numbers
        t = n * h
        middle = stock + h / 2 * slope(t, stock)
        kg_days += h * middle
        stock += h * slope(t + h / 2, middle)
    assert stock == pytest.approx(flow.safety_stock_kg, rel=1e-7)
    assert kg_days == pytest.approx(flow.kg_days, rel=1e-7)


def test_spoilage_exponent_is_continuous_at_no_decay() -> None:
    still, slow = Decay(0.9, 0.0, 0.3), Decay(0.9, 1e-10, 0.3)
    assert still.exponent(5) == pytest.approx(0.3 * 0.1 * 5)
    assert slow.exponent(5) == pytest.approx(still.exponent(5), rel=1e-7)


def test_flat_case_by_hand() -> None:
    """T = 2: Q = 20 + 40, I averages 10 and 20 + 12; r = 30, T_k = 4: Q = 120, I averages 60 + 18.

    S_k = 2 * 3 * sqrt(9) = 18. Carrying costs 0.5 + 0.25 * 2 = 1 here and 0.1 + 0.5 = 0.6 there.
    """
    case = flat_case()
    costs = checked_costs(case, flat_plan(case))
    assert costs == pytest.approx(
        {
            "holding": 1.0 * (10 + 32),
            "spoilage": 0.0,
            "transport": (100 + 2 * 12) / 2,
            "central_holding": 0.6 * (60 + 18),
            "central_spoilage": 0.0,
            "central_transport": 400 / 4,
            "procurement": 3 * 120 / 4,
        },
        abs=1e-9,
    )


@pytest.mark.parametrize("file_name", PROVEN)
def test_proven_optimum_comes_out_to_the_last_digit(file_name: str) -> None:
    case, expected = public_case(file_name), public_case("expected.json")[file_name]
    plan = write_plan(case, proven_decisions(case, expected))
    report = check_plan(case, plan)
    assert report.violations == []
    assert report.objective == pytest.approx(expected["objective"], rel=1e-12)
    for name, known in expected["products"].items():
        assert math.fsum(report.costs[name].values()) == pytest.approx(
            known["objective"], rel=1e-12
        )


# --- the optional fields, each by hand on the flat case ------------------------------------


def test_transit_spoilage_loads_more_and_charges_the_loss() -> None:
    case = flat_case(transit_spoilage_per_hour=0.1, vehicle={"speed_km_per_hour": 10})
    plan = flat_plan(case)
    loaded = [20 * math.exp(0.1 * 0.3), 40 * math.exp(0.1 * 0.8)]
    assert plan["products"][0]["trips"][0]["load_kg"] == pytest.approx(sum(loaded))
    assert checked_costs(case, plan)["spoilage"] == pytest.approx(4 * (sum(loaded) - 60) / 2)


def test_handling_is_charged_by_stop_by_kg_and_by_kg_km() -> None:
    case = flat_case(vehicle={"stop_cost": 7, "cost_per_kg": 0.3, "cost_per_kg_km": 0.01})
    kg_km = 3 * 60 + 5 * 40
    extra = 2 * 7 + 0.3 * 60 + 0.01 * kg_km
    assert checked_costs(case, flat_plan(case))["transport"] == pytest.approx((124 + extra) / 2)


def test_warehouse_overrides_its_product() -> None:
    case = flat_case()
    case["warehouses"][0]["products"]["dry"] |= {"holding_cost": 1.5, "initial_freshness": 0.8}
    plan = flat_plan(case)
    assert plan["products"][0]["warehouses"][0]["quantity_kg"] > 0.8 * 20
    flow = flows.warehouse_flow(case, "dry", "A", 2)
    holding = checked_costs(case, plan)["holding"]
    assert holding == pytest.approx((1.5 + 0.5) * flow.kg_days / 2 + 32)
    assert flow.sold_kg == pytest.approx(16)


@pytest.mark.parametrize("owner", ["product", "case", "case by product"])
def test_correlated_demand_pools_less_safety_stock(owner: str) -> None:
    case = flat_case()
    case["warehouses"][0]["products"]["dry"]["demand_sd_kg"] = 4
    matrix = [[1, 0.5], [0.5, 1]]
    holder = case["products"][0] if owner == "product" else case
    holder["demand_correlation"] = {"dry": matrix} if owner == "case by product" else matrix
    pooled = 2 * math.sqrt(16 + 9 + 2 * 0.5 * 12) * 3
    assert flat_plan(case)["products"][0]["central"][0]["safety_stock_kg"] == pytest.approx(pooled)


def test_empirical_quantile_replaces_the_normal_safety_stock() -> None:
    case = flat_case()
    case["service_level"] = 0.9
    points = [[0.5, 80.0], [0.8, 95.0], [1.0, 105.0]]
    case["warehouses"][1]["products"]["dry"]["lead_time_demand_quantiles"] = points
    rows = flat_plan(case)["products"][0]["warehouses"]
    assert [row["safety_stock_kg"] for row in rows] == pytest.approx([0, 100 - 20 * 4])


def test_season_scales_mean_demand_only() -> None:
    case = flat_case() | {"season": [1, 1, 1, 1, 1, 2, 3.5]}
    rows = flat_plan(case)["products"][0]["warehouses"]
    assert [row["quantity_kg"] for row in rows] == pytest.approx([30, 60])
    assert rows[1]["safety_stock_kg"] == pytest.approx(12)


def test_shelf_life_and_minimum_order_are_limits() -> None:
    case = flat_case()
    plan = flat_plan(case)
    assert check_plan(flat_case(shelf_life_days=2, minimum_order_kg=20), plan).violations == []
    assert len(check_plan(flat_case(shelf_life_days=1), plan).violations) == 2
    assert len(check_plan(flat_case(minimum_order_kg=20.1), plan).violations) == 1


def shared_case(capacity: float) -> Json:
    case = flat_case(vehicle={"shared_with": ["wet"], "capacity_kg": capacity})
    wet = copy.deepcopy(case["products"][0]) | {"id": "wet"}
    wet["vehicle"]["shared_with"] = ["dry"]
    case["products"].append(wet)
    for place in case["central_warehouses"] + case["warehouses"]:
        place["products"]["wet"] = dict(place["products"]["dry"])
    return case


@pytest.mark.parametrize(("capacity", "fares"), [(120, 1), (119, 2)])
def test_shared_vehicle_pays_one_trip_while_both_loads_fit(capacity: float, fares: int) -> None:
    case = shared_case(capacity)
    trip = TripChoice("K", 2, ["A", "B"])
    plan = write_plan(case, [Decisions(p, {"K": 4}, [trip]) for p in ("dry", "wet")])
    report = check_plan(case, plan)
    paid = sum(costs["transport"] for costs in report.costs.values())
    assert paid == pytest.approx(fares * 124 / 2)


def test_explicit_distances_count_in_their_direction() -> None:
    case = flat_case() | {"distance_km": [[0, 1, 2], [10, 0, 4], [20, 40, 0]]}
    there = flat_plan(case, stops="AB")["products"][0]["trips"][0]["length_km"]
    back = flat_plan(case, stops="BA")["products"][0]["trips"][0]["length_km"]
    assert (there, back) == (1 + 4 + 20, 2 + 40 + 10)


# --- the mutants ---------------------------------------------------------------------------


def warehouse(plan: Json, n: int = 0) -> Json:
    row: Json = plan["products"][0]["warehouses"][n]
    return row


def trip(plan: Json, n: int = 0) -> Json:
    row: Json = plan["products"][0]["trips"][n]
    return row


def scaled(row: Json, key: str, factor: float) -> None:
    row[key] = row[key] * factor


MUTANTS: dict[str, Mutation] = {
    "quantity a millionth off": lambda p: scaled(warehouse(p), "quantity_kg", 1 + 1e-6),
    "safety stock left out": lambda p: warehouse(p).update(safety_stock_kg=0.0),
    "cycle changed at one stop": lambda p: warehouse(p).update(cycle_days=2),
    "cycle of zero": lambda p: warehouse(p).update(cycle_days=0),
    "cycle of a fraction": lambda p: warehouse(p).update(cycle_days=1.5),
    "cycle of a boolean": lambda p: warehouse(p).update(cycle_days=True),
    "warehouse left out": lambda p: p["products"][0]["warehouses"].pop(),
    "warehouse planned twice": lambda p: p["products"][0]["warehouses"].append(warehouse(p)),
    "unknown warehouse": lambda p: warehouse(p).update(id="W99"),
    "stop forgotten": lambda p: trip(p)["stops"].pop(),
    "stop visited twice": lambda p: trip(p)["stops"].append(trip(p)["stops"][0]),
    "stops in another order": lambda p: trip(p)["stops"].insert(0, trip(p)["stops"].pop(1)),
    "trip without stops": lambda p: p["products"][0]["trips"].append({**trip(p), "stops": []}),
    "trip from another centre": lambda p: trip(p).update(central="K9"),
    "trip with another cycle": lambda p: trip(p).update(cycle_days=5),
    "load understated": lambda p: scaled(trip(p), "load_kg", 0.9),
    "length understated": lambda p: scaled(trip(p), "length_km", 0.99),
    "supplier unknown": lambda p: warehouse(p).update(central="K9"),
    "centre left out": lambda p: p["products"][0]["central"].clear(),
    "centre that serves nobody": lambda p: p["products"][0]["central"].append(
        {**p["products"][0]["central"][0], "id": "K9"}
    ),
    "procurement no common multiple": lambda p: p["products"][0]["central"][0].update(
        cycle_days=7
    ),
    "procurement beyond its limit": lambda p: p["products"][0]["central"][0].update(
        cycle_days=3000
    ),
    "purchase understated": lambda p: scaled(p["products"][0]["central"][0], "quantity_kg", 0.99),
    "one cost term moved into another": lambda p: p["products"][0]["costs"].update(
        holding=p["products"][0]["costs"]["spoilage"],
        spoilage=p["products"][0]["costs"]["holding"],
    ),
    "a cost term left out": lambda p: p["products"][0]["costs"].pop("spoilage"),
    "product objective understated": lambda p: scaled(p["products"][0], "objective", 0.999),
    "objective understated": lambda p: scaled(p, "objective", 0.999999),
    "stages swapped": lambda p: p.update(stage1=p["stage2"], stage2=p["stage1"]),
    "objective not a number": lambda p: p.update(objective=math.nan),
    "objective missing": lambda p: p.pop("objective"),
    "bound above the objective": lambda p: p.update(lower_bound=p["objective"] * 1.01),
    "optimality claimed without a bound": lambda p: p.update(proven_optimal=True),
    "product left out": lambda p: p["products"].pop(),
    "product twice": lambda p: p["products"].append(p["products"][0]),
    "plan of another case": lambda p: p.update(case="another"),
    "other format": lambda p: p.update(format="forepost-plan/2"),
}


@pytest.fixture(scope="module")
def good() -> tuple[Json, Json]:
    """A feasible three-product case of nine warehouses, cut into trips of three, and its plan."""
    case = random_case(8, warehouses=9, centrals=1, products=3)
    case["max_procurement_cycle_days"] = 8
    for place in case["warehouses"]:
        for limits in place["products"].values():
            limits["storage_kg"] = 5000
    names = [w["id"] for w in case["warehouses"]]
    for product in case["products"]:
        product["vehicle"]["capacity_kg"] = 5000
    trips = [TripChoice("K1", 3, names[n : n + 3][::-1]) for n in (0, 3, 6)]
    plan = write_plan(case, [Decisions(p["id"], {"K1": 6}, trips) for p in case["products"]])
    assert check_plan(case, plan).violations == []
    return case, plan


@pytest.mark.parametrize("name", MUTANTS)
def test_mutated_plan_is_refused(good: tuple[Json, Json], name: str) -> None:
    case, plan = good
    mutant = copy.deepcopy(plan)
    MUTANTS[name](mutant)
    assert check_plan(case, mutant).violations


@pytest.mark.parametrize(("key", "at", "below"), [("storage_kg", 52.0, 51.9)])
def test_storage_limit_is_inclusive(key: str, at: float, below: float) -> None:
    case = flat_case()
    plan = flat_plan(case)
    limits = case["warehouses"][1]["products"]["dry"]
    limits[key] = at
    assert check_plan(case, plan).violations == []
    limits[key] = below
    assert len(check_plan(case, plan).violations) == 1


def test_capacity_limit_is_inclusive() -> None:
    plan = flat_plan(flat_case())
    assert check_plan(flat_case(vehicle={"capacity_kg": 60}), plan).violations == []
    assert len(check_plan(flat_case(vehicle={"capacity_kg": 59.9}), plan).violations) == 1


# --- the brute force -----------------------------------------------------------------------


def test_partitions_are_counted_by_bell() -> None:
    assert [sum(1 for _ in partitions(list("abcde"[:n]))) for n in range(6)] == [
        1,
        1,
        2,
        5,
        15,
        52,
    ]


def test_brute_force_finds_the_proven_optimum_of_five_warehouses() -> None:
    expected = public_case("expected.json")["public_5.json"]
    case = public_case("public_5.json")
    plan = best_plan(case)
    assert plan["objective"] == pytest.approx(expected["objective"], rel=1e-12)
    assert check_plan(case, plan).violations == []


@pytest.mark.parametrize("seed", range(4))
def test_brute_force_beats_or_meets_every_neighbour(seed: int) -> None:
    case = random_case(seed, warehouses=3, centrals=2)
    plan = best_plan(case)
    assert check_plan(case, plan).violations == []
    entry = plan["products"][0]
    for supplier in ("K1", "K2"):  # all on one supplier, one trip each, every cycle pair
        for t in range(1, case["max_cycle_days"] + 1):
            for t_k in range(t, case["max_procurement_cycle_days"] + 1, t):
                trips = [TripChoice(supplier, t, [w["id"]]) for w in case["warehouses"]]
                other = write_plan(case, [Decisions(entry["id"], {supplier: t_k}, trips)])
                if check_plan(case, other).violations == []:
                    assert other["objective"] >= plan["objective"] - 1e-9


def test_brute_force_says_when_nothing_is_feasible() -> None:
    with pytest.raises(NoPlan, match="dry"):
        best_plan(flat_case(vehicle={"capacity_kg": 5}))


def test_brute_force_refuses_what_it_cannot_try() -> None:
    with pytest.raises(ValueError, match="too many"):
        best_plan(random_case(1, warehouses=6, centrals=1))
    with pytest.raises(ValueError, match="couple"):
        best_plan(shared_case(100))
