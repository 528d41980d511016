"""Pins what happens where a warehouse sells more in a day than a vehicle takes: several vehicles a
day if that helps, the reason if it does not, and never no plan."""

from __future__ import annotations

import copy
import json
from typing import cast

import pytest

from gateway.core.min_max import min_max_result
from gateway.core.solver_job import Job
from gateway.core.solving import solve_job
from gateway.core.splitting import split_network
from gateway.errors import PlanError
from tests.fakes.central_facts import CASE
from tests.plan_checker.check import check_network_plan

Json = dict[str, object]
CAPACITY_KG = 3120.0


def network(per_day: float, storage_kg: float = 20_000.0) -> Json:
    """M Company's, with so many vehicles' demand of ambient goods at J1."""
    found: Json = json.loads(CASE.read_text())
    first = cast(list[Json], found["warehouses"])[0]
    ambient = cast(dict[str, Json], first["products"])["ambient"]
    ambient |= {"demand_kg_per_day": CAPACITY_KG * per_day, "storage_kg": storage_kg}
    return found


def job(told: Json, warm_start: Json | None = None) -> Json:
    sku = {
        "gtin": "09506000134352", "zone": "ambient", "forecast_units_per_day": 3000.0,
        "forecast_sd_units_per_day": 10.0, "on_hand_units": 0, "on_order_units": 0,
        "usable_life_days": None, "grams_per_unit": 1000, "case_pack_units": 12,
        "minimum_order_units": 0, "lead_time_days": 0.25, "reorder_point_units": 100,
    }  # fmt: skip
    return {
        "network": told, "warehouse": "J1", "zones": ["ambient"], "solver": "hybrid", "seed": 1,
        "time_limit_s": 5.0, "skus": [sku], "warm_start": warm_start,
    }  # fmt: skip


def ambient(result: Json) -> Json:
    products = cast(list[Json], cast(Json, result["network_plan"])["products"])
    return next(it for it in products if it["id"] == "ambient")


@pytest.mark.parametrize(("per_day", "n_trips"), [(0.9, 1), (0.97, 1), (1.3, 2), (2.4, 3)])
def test_a_warehouse_gets_as_many_vehicles_a_day_as_it_needs(per_day: float, n_trips: int) -> None:
    told = network(per_day)
    result = solve_job(job(told))
    zone = ambient(result)
    trips = [it for it in cast(list[Json], zone["trips"]) if "J1" in cast(list[str], it["stops"])]
    assert len(trips) == n_trips
    orders = cast(list[Json], zone["warehouses"])
    assert [it["id"] for it in orders] == [f"J{n}" for n in range(1, len(orders) + 1)]
    assert list(check_network_plan(cast(Json, result["network_plan"]), told)) == []
    (line,) = cast(list[Json], result["lines"])
    assert cast(int, line["quantity"]) > 0.9 * CAPACITY_KG * min(per_day, 0.96)


def test_a_split_plan_is_no_start_for_the_next_search_and_does_no_harm() -> None:
    split = cast(Json, solve_job(job(network(1.3)))["network_plan"])
    assert len(cast(list[object], ambient(solve_job(job(network(0.5), split)))["trips"])) >= 1


def test_where_parts_do_not_help_the_reason_is_told_and_the_rule_plans() -> None:
    told = network(1.3, storage_kg=100.0)
    with pytest.raises(PlanError, match="storage_kg") as refused:
        solve_job(job(told))
    result = min_max_result(Job.model_validate(job(told)), str(refused.value))
    (line,) = cast(list[Json], result["lines"])
    assert cast(int, line["quantity"]) <= 100, "what the shelves take"
    assert "storage_kg" in str(result["fallback"])


def test_nothing_is_split_without_need_or_where_a_table_tells_distances() -> None:
    assert split_network(network(0.9), 1.0) is None
    told = network(1.3)
    before = copy.deepcopy(told)
    assert split_network({**told, "distance_km": []}, 1.0) is None
    assert split_network(told, 1.0) is not None
    assert told == before
