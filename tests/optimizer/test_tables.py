"""Pins the cost tables to adaptive quadrature (1e-9) and to values worked out by hand."""

import numpy as np
import pytest

from optimizer import parse_case
from optimizer.decisions import Decisions, Route
from optimizer.evaluation import price
from optimizer.integrals import integrate_stock
from optimizer.plan import ProductPlan
from optimizer.tables import ProductTables, make_tables
from tests.optimizer.oracle import flows
from tests.optimizer.oracle.flows import Decay, Json
from tests.optimizer.oracle.public_cases import PROVEN, public_case
from tests.optimizer.oracle.quadrature import integrate
from tests.optimizer.oracle.tiny import flat_case

TOUR = Decisions((Route(0, 2, (0, 1)),), {0: 4})
"""K → A → B → K, 12 km, every 2 days; procurement every 4 days."""


def flat_tables(case: Json) -> ProductTables:
    problem = parse_case(case)
    return make_tables(problem, problem.products[0])


def priced(case: Json, decisions: Decisions = TOUR) -> ProductPlan:
    return price(flat_tables(case), decisions)


@pytest.mark.parametrize("rate", [0.0, 1e-12, 0.004, 0.3, 2.0])
@pytest.mark.parametrize("kappa", [0.0, 0.2, 1.5])
@pytest.mark.parametrize("fading", [True, False])
def test_integrals_meet_adaptive_quadrature(rate: float, kappa: float, fading: bool) -> None:
    n_days, decay = 9, Decay(0.93, rate, kappa)
    found = integrate_stock(
        initial_freshness=np.array([0.93]),
        decay_per_day=np.array([rate]),
        spoilage_coefficient=np.array([kappa]),
        n_days=n_days,
        fading=fading,
    )

    def draw(t: float) -> float:
        return decay.freshness(t) if fading else 1.0

    for days in (1, 4, n_days):
        start = integrate(lambda u: draw(u) * np.exp(decay.exponent(u)), 0.0, days)
        aged = integrate(
            lambda u: draw(u) * np.exp(decay.exponent(u)) * decay.stock_days(u), 0.0, days
        )
        column = days - 1
        assert found.drawn[0, column] == pytest.approx(start, rel=1e-10)
        assert found.drawn_days[0, column] == pytest.approx(aged, rel=1e-10)
        assert found.ageing[0, column] == pytest.approx(decay.stock_days(days), rel=1e-10)
        assert found.sold[0, column] == pytest.approx(integrate(draw, 0.0, days), rel=1e-10)
        assert found.growth[0, column] == pytest.approx(np.exp(decay.exponent(days)), rel=1e-12)


@pytest.mark.parametrize("file_name", PROVEN)
def test_quantities_of_the_public_cases_meet_quadrature(file_name: str) -> None:
    case = public_case(file_name)
    problem = parse_case(case)
    for product in problem.products:
        tables = make_tables(problem, product)
        last = tables.n_cycles
        name = tables.warehouse_ids[-1]
        flow = flows.warehouse_flow(case, product.id, name, last)
        carry = flows.carry_cost_per_kg_day(case, product.id, name)
        assert tables.quantity_kg[-1, -1] == pytest.approx(flow.quantity_kg, rel=1e-9)
        assert tables.holding[-1, -1] == pytest.approx(carry * flow.kg_days / last, rel=1e-9)
        spoiled = tables.unit_cost[-1] * flow.spoiled_kg / last
        assert tables.spoilage[-1, -1] == pytest.approx(spoiled, rel=1e-9)


def test_flat_case_by_hand() -> None:
    """Q = 20 and 40, stock averages 10 and 20 + S = 12; at the centre r = 30, S = 18."""
    costs = priced(flat_case()).costs
    assert costs.holding == pytest.approx(1.0 * (10 + 32))
    assert costs.spoilage == pytest.approx(0.0, abs=1e-9)
    assert costs.transport == pytest.approx((100 + 2 * 12) / 2)
    assert costs.central_holding == pytest.approx(0.6 * (60 + 18))
    assert costs.central_spoilage == pytest.approx(0.0, abs=1e-9)
    assert costs.central_transport == pytest.approx(400 / 4)
    assert costs.procurement == pytest.approx(3 * 120 / 4)


# --- every optional field of the case, each against a value worked out by hand -------------


def test_transit_spoilage_loads_more_and_costs_what_is_lost() -> None:
    """30 km/h: A after 3 km (0.1 h), B after 8 km (4/15 h); 10 % per hour."""
    case = flat_case(transit_spoilage_per_hour=0.1, vehicle={"speed_km_per_hour": 30})
    plan = priced(case)
    loaded = 20 * np.exp(0.01) + 40 * np.exp(0.1 * 8 / 30)
    assert plan.trips[0].load_kg == pytest.approx(loaded, rel=1e-12)
    assert plan.costs.spoilage == pytest.approx(4.0 * (loaded - 60) / 2, rel=1e-9)
    assert plan.costs.procurement == pytest.approx(90)


def test_handling_costs_per_stop_per_kg_and_per_kg_km() -> None:
    case = flat_case(vehicle={"stop_cost": 7, "cost_per_kg": 0.5, "cost_per_kg_km": 0.01})
    kg_km = 60 * 3 + 40 * 5
    fare = 100 + 2 * 12 + 7 * 2 + 0.5 * 60 + 0.01 * kg_km
    assert priced(case).costs.transport == pytest.approx(fare / 2)


def test_warehouse_overrides_the_product() -> None:
    case = flat_case()
    case["warehouses"][0]["products"]["dry"]["holding_cost"] = 2.5
    assert priced(case).costs.holding == pytest.approx(3.0 * 10 + 1.0 * 32)


@pytest.mark.parametrize(("correlation", "deviation"), [(0.0, 5.0), (1.0, 7.0), (-1.0, 1.0)])
def test_correlated_demand_pools_the_central_safety_stock(
    correlation: float, deviation: float
) -> None:
    """Deviations 4 and 3: z sqrt(9 days) = 6 times 5, 7 or 1."""
    case = flat_case(demand_correlation=[[1, correlation], [correlation, 1]])
    case["warehouses"][0]["products"]["dry"]["demand_sd_kg"] = 4
    assert priced(case).central[0].safety_stock_kg == pytest.approx(6 * deviation)


def test_empirical_quantile_replaces_the_safety_stock() -> None:
    """Halfway between 100 and 140 kg, less the mean of 4 days of 20 kg."""
    case = flat_case()
    entry = case["warehouses"][1]["products"]["dry"]
    entry |= {"lead_time_demand_quantiles": [[0.9, 100], [1.0, 140]], "service_level": 0.95}
    assert priced(case).warehouses[1].safety_stock_kg == pytest.approx(120 - 80)


@pytest.mark.parametrize("factors", [[1.5] * 7, [2.0] * 84 + [1.0] * 84])
def test_season_scales_mean_demand(factors: list[float]) -> None:
    plan = priced(flat_case() | {"season": factors})
    assert plan.warehouses[0].quantity_kg == pytest.approx(30)
    assert plan.warehouses[1].safety_stock_kg == pytest.approx(12)


def test_shelf_life_forbids_longer_cycles() -> None:
    assert flat_tables(flat_case(shelf_life_days=3)).allowed.tolist() == [[True] * 3 + [False]] * 2


def test_minimum_order_forbids_shorter_cycles() -> None:
    """A orders 10 kg a day, B 20: at least 20 kg each, limit inclusive."""
    allowed = flat_tables(flat_case(minimum_order_kg=20)).allowed
    assert allowed.tolist() == [[False, True, True, True], [True] * 4]


def test_storage_holds_safety_stock_and_quantity() -> None:
    case = flat_case()
    entry = case["warehouses"][1]["products"]["dry"]
    entry["storage_kg"] = 72.0  # S = 12 and three days of 20 kg, to the kilogram
    assert flat_tables(case).allowed[1].tolist() == [True, True, True, False]
    entry["storage_kg"] = 71.9
    assert flat_tables(case).allowed[1].tolist() == [True, True, False, False]


def test_explicit_distances_count_in_their_direction() -> None:
    matrix = [[0, 1, 20], [30, 0, 5], [7, 40, 0]]
    assert priced(flat_case() | {"distance_km": matrix}).trips[0].length_km == 1 + 5 + 7


def test_tables_cannot_be_written_to() -> None:
    tables = flat_tables(flat_case())
    with pytest.raises(ValueError, match="read-only"):
        tables.quantity_kg[0, 0] = 1.0
