"""Pins the sweeps: the publication's statements hold on its case, the numbers by another way."""

from pathlib import Path

import numpy as np
import pytest

from optimizer import load_case, parse_case
from optimizer.problem import Problem
from optimizer.sensitivity import (
    Statement,
    Sweep,
    all_statements,
    freshness_statements,
    sweep_freshness,
    sweep_investment,
)
from tests.optimizer.oracle import flows
from tests.optimizer.oracle.tiny import flat_case, random_case

M_COMPANY = Path(__file__).resolve().parents[2] / "deploy" / "example" / "m_company.json"
CLASSES = ("ambient", "refrigerated", "frozen")


@pytest.fixture(scope="module")
def m_company() -> Problem:
    return load_case(M_COMPANY)


@pytest.fixture(scope="module")
def statements(m_company: Problem) -> list[Statement]:
    return all_statements(
        [sweep_freshness(m_company, name) for name in CLASSES],
        [sweep_investment(m_company, name) for name in CLASSES],
    )


FRESHNESS_TEXTS = (
    "cost of carry rises with the cycle",
    "spoilage cost rises with the cycle",
    "their sum rises with the cycle",
    "a higher freshness on arrival raises the cost of carry",
    "a higher freshness on arrival lowers spoilage by multiples",
    "a higher freshness on arrival lowers the sum",
    "the spread widens with the cycle",
)
INVESTMENT_TEXTS = (
    "spoilage falls fast, then flattens (2 days)",
    "profit rises, then falls (2 days)",
    "the profit-optimal investment exceeds the cost-optimal one (2 days)",
    "longer cycles want more investment",
)


@pytest.mark.parametrize("product", CLASSES)
@pytest.mark.parametrize("text", FRESHNESS_TEXTS + INVESTMENT_TEXTS)
def test_published_statement_holds(statements: list[Statement], product: str, text: str) -> None:
    (found,) = [s for s in statements if (s.product, s.text) == (product, text)]
    assert found.holds, found.evidence


def test_frozen_cost_gap_between_cycles_shrinks(statements: list[Statement]) -> None:
    (found,) = [s for s in statements if "gap between cycles shrinks" in s.text]
    assert (found.product, found.holds) == ("frozen", True), found.evidence


def test_statement_that_is_false_is_reported_as_false() -> None:
    """Goods that keep for ever: spoilage is nothing at every cycle, so it does not rise."""
    case = flat_case(spoilage_coefficient=0.0)
    found = freshness_statements(sweep_freshness(parse_case(case), "dry"))
    assert [s.text for s in found if not s.holds] == [
        "spoilage cost rises with the cycle",
        "a higher freshness on arrival lowers spoilage by multiples",
        "a higher freshness on arrival lowers the sum",
    ]


def oracle_sums(sweep: Sweep, case: flows.Json, n: int, days: int) -> tuple[float, float, float]:
    """Carrying, spoilage and profit at one point of a sweep, by the suite's own model."""
    product = case["products"][0]
    name = product["id"]
    changed = case | {"products": [product | {sweep.parameter: float(sweep.values[n])}]}
    carrying = spoilage = profit = 0.0
    for j in flows.served(changed, name):
        flow = flows.warehouse_flow(changed, name, j, days)
        carry = flows.carry_cost_per_kg_day(changed, name, j) * flow.kg_days / days
        spoilt = product["unit_cost"] * flow.spoiled_kg / days
        margin = (product["sale_price"] - product["unit_cost"]) * flow.sold_kg / days
        carrying, spoilage = carrying + carry, spoilage + spoilt
        profit += margin - carry - spoilt
    return carrying, spoilage, profit


@pytest.mark.parametrize("days", [1, 2, 6])
@pytest.mark.parametrize("sweep_of", [sweep_freshness, sweep_investment])
def test_sweep_agrees_with_the_independent_model(sweep_of: object, days: int) -> None:
    case = random_case(5, warehouses=3, centrals=2)
    assert callable(sweep_of)
    sweep = sweep_of(parse_case(case), "ambient")
    for n in (0, 3, len(sweep.values) - 1):
        got = (sweep.carrying[n, days - 1], sweep.spoilage[n, days - 1], sweep.profit[n, days - 1])
        assert got == pytest.approx(oracle_sums(sweep, case, n, days), rel=1e-9)


def test_sweep_ignores_limits_and_distances() -> None:
    """A full zone, a small vehicle and a matrix of distances change nothing in a sweep."""
    case = random_case(5, warehouses=3, centrals=1)
    free = sweep_freshness(parse_case(case), "ambient")
    case["distance_km"] = [[float(a != b) for b in range(4)] for a in range(4)]
    case["products"][0] |= {"shelf_life_days": 1, "minimum_order_kg": 5000}
    case["products"][0]["vehicle"]["capacity_kg"] = 1
    for place in case["warehouses"]:
        place["products"]["ambient"]["storage_kg"] = 1
    assert np.array_equal(sweep_freshness(parse_case(case), "ambient").cost, free.cost)


def test_freshness_steps_are_the_published_ones(m_company: Problem) -> None:
    values = sweep_freshness(m_company, "ambient").values
    assert values.tolist() == [0.9, 0.92, 0.94, 0.96, 0.98, 1.0]


def test_case_without_sale_price_has_no_profit() -> None:
    case = flat_case()
    del case["products"][0]["sale_price"]
    sweep = sweep_investment(parse_case(case), "dry")
    assert sweep.profit is None
    with pytest.raises(ValueError, match="sale_price"):
        sweep.best_profit()
