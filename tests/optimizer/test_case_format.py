"""Pins that bad cases are refused by key path, value and expectation, and good ones read whole."""

import json
from collections.abc import Callable

import pytest

from optimizer import CaseError, load_case, parse_case
from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import flat_case

Change = Callable[[Json], object]

REFUSED: list[tuple[Change, str]] = [
    (lambda c: c.update(format="forepost-network/2"), "format: expected 'forepost-network/1'"),
    (lambda c: c.update(colour="red"), "colour: expected no such key"),
    (lambda c: c.pop("service_z"), "service_z: expected a value"),
    (lambda c: c.update(service_z=float("nan")), "service_z: expected a finite number"),
    (lambda c: c.update(max_cycle_days=0), "max_cycle_days: expected a whole number"),
    (lambda c: c.update(max_cycle_days=True), "max_cycle_days: expected a whole number"),
    (lambda c: c.update(products=[]), "products: expected at least one entry"),
    (lambda c: c["products"][0].update(initial_freshness=0), "products[0].initial_freshness"),
    (lambda c: c["products"][0].update(initial_freshness=1.01), "products[0].initial_freshness"),
    (lambda c: c["products"][0].update(unit_cost="4"), "products[0].unit_cost"),
    (lambda c: c["products"][0].update(sesaon=[1] * 7), "products[0].sesaon"),
    (lambda c: c["products"][0].update(season=[1] * 6), "products[0].season"),
    (lambda c: c["products"].append(c["products"][0]), "products: expected each id once"),
    (
        lambda c: c["products"][0]["vehicle"].update(capacity_kg=0),
        "products[0].vehicle.capacity_kg: expected a number above 0",
    ),
    (
        lambda c: c["products"][0]["vehicle"].update(shared_with=["ice"]),
        "products[0].vehicle.shared_with",
    ),
    (
        lambda c: c["products"][0].update(transit_spoilage_per_hour=0.1),
        "products[0].vehicle.speed_km_per_hour",
    ),
    (
        lambda c: c["products"][0].update(demand_correlation=[[1, 2], [2, 1]]),
        "products[0].demand_correlation[0][1]",
    ),
    (
        lambda c: c["products"][0].update(demand_correlation=[[1, 0.5], [0.4, 1]]),
        "products[0].demand_correlation[1][0]: expected a symmetric matrix",
    ),
    (lambda c: c["warehouses"][0].pop("xy_km"), "warehouses[0].xy_km"),
    (lambda c: c["warehouses"][1].update(id="K"), "each id once"),
    (
        lambda c: c["warehouses"][0]["products"].update(ice={}),
        "warehouses[0].products.ice: expected the id of a product",
    ),
    (
        lambda c: c["warehouses"][0]["products"]["dry"].update(storage_kg=-1),
        "warehouses[0].products.dry.storage_kg: expected a number at least 0",
    ),
    (
        lambda c: c["warehouses"][0]["products"]["dry"].update(
            lead_time_demand_quantiles=[[0.9, 100]]
        ),
        "warehouses[0].products.dry.service_level",
    ),
    (lambda c: c.update(distance_km=[[0, 1], [1, 0]]), "distance_km: expected a square matrix"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_bad_case_is_refused_by_key_path(change: Change, message: str) -> None:
    case = flat_case()
    change(case)
    with pytest.raises(CaseError) as caught:
        parse_case(case)
    assert message in str(caught.value)


def test_text_and_object_are_the_same_case() -> None:
    assert parse_case(json.dumps(flat_case())) == parse_case(flat_case())


@pytest.mark.parametrize("text", ["", "[1]", "null", "{"])
def test_text_that_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(CaseError):
        parse_case(text)


def test_missing_file_is_refused_by_name() -> None:
    with pytest.raises(CaseError, match="no-such-case"):
        load_case("no-such-case.json")


def test_left_out_purchase_price_is_the_unit_cost() -> None:
    case = flat_case()
    del case["products"][0]["purchase_price"]
    assert parse_case(case).products[0].purchase_price == 4.0
