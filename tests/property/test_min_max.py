"""Pins that a plan by the stock levels can always be driven, put away and sold in time, whatever
the job: checked by sums that share nothing with the rule."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.min_max import min_max_result
from gateway.core.solver_job import Job, Sku

pytestmark = pytest.mark.slow

skus = st.builds(
    Sku,
    gtin=st.just(""),
    zone=st.just("cold"),
    forecast_units_per_day=st.floats(0, 50),
    forecast_sd_units_per_day=st.floats(0, 20),
    on_hand_units=st.integers(-20, 200),
    on_order_units=st.integers(0, 100),
    usable_life_days=st.none() | st.integers(1, 20).map(float),
    grams_per_unit=st.integers(1, 5000),
    case_pack_units=st.integers(1, 24),
    minimum_order_units=st.integers(0, 60),
    lead_time_days=st.floats(0.1, 3),
    reorder_point_units=st.integers(0, 100),
    order_up_to_units=st.none() | st.integers(0, 300),
    cycle_days=st.floats(0.5, 4),
)


@given(st.lists(skus, max_size=12), st.just(0.0) | st.floats(5, 300), st.floats(0, 600))
def test_what_is_released_fits_and_sells(
    drawn: list[Sku], capacity_kg: float, storage_kg: float
) -> None:
    named = [sku.model_copy(update={"gtin": f"{n:014d}"}) for n, sku in enumerate(drawn)]
    job = Job(
        network={
            "products": [{"id": "cold", "vehicle": {"capacity_kg": capacity_kg}}],
            "central_warehouses": [{"id": "K1", "products": {"cold": {}}}],
            "warehouses": [{"id": "J1", "products": {"cold": {"storage_kg": storage_kg}}}],
        },
        warehouse="J1", zones=["cold"], solver="hybrid", seed=1, time_limit_s=1.0, skus=named,
    )  # fmt: skip
    lines = cast(list[dict[str, object]], min_max_result(job, "why")["lines"])
    by_gtin = {sku.gtin: sku for sku in named}
    kg = held = 0.0
    sold_kg = sum(sku.forecast_units_per_day * sku.grams_per_unit for sku in named) / 1000
    n_vehicles = 1
    while capacity_kg > 0 and n_vehicles * capacity_kg < sold_kg - 1e-6:
        n_vehicles += 1
    for line in lines:
        sku, units = by_gtin[str(line["item"])], int(str(line["quantity"]))
        position = sku.on_hand_units + sku.on_order_units
        assert position <= sku.reorder_point_units, "nothing that is not low"
        assert units > 0
        assert units % sku.case_pack_units == 0
        assert units >= sku.minimum_order_units
        if sku.usable_life_days is not None:
            pace = sku.forecast_units_per_day
            before = max(0.0, position - pace * sku.lead_time_days)
            assert units <= pace * sku.usable_life_days - before + max(0, -position) + 1e-6
        kg += units * sku.grams_per_unit / 1000
    held = sum(max(0, sku.on_hand_units) * sku.grams_per_unit / 1000 for sku in named)
    assert kg <= n_vehicles * capacity_kg + 1e-6
    assert not lines or kg <= storage_kg - held + 1e-6
    assert len({line["item"] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("demand", "capacity_kg", "units"),
    [(40.0, 100.0, 100), (120.0, 100.0, 200), (30.0, 500.0, 300)],
)
def test_what_is_low_is_filled_up_within_the_vehicles_that_a_day_s_demand_fills(
    demand: float, capacity_kg: float, units: int
) -> None:
    """One kilogram a piece; one vehicle, two, and one with room for all of S."""
    sku = Sku(
        gtin="09506000134352", zone="cold", forecast_units_per_day=demand,
        forecast_sd_units_per_day=0.0, on_hand_units=0, on_order_units=0, usable_life_days=None,
        grams_per_unit=1000, case_pack_units=1, minimum_order_units=0, lead_time_days=1.0,
        reorder_point_units=50, order_up_to_units=300, cycle_days=2.0,
    )  # fmt: skip
    job = Job(
        network={
            "products": [{"id": "cold", "vehicle": {"capacity_kg": capacity_kg}}],
            "central_warehouses": [{"id": "K1", "products": {"cold": {}}}],
            "warehouses": [{"id": "J1", "products": {"cold": {"storage_kg": 9000.0}}}],
        },
        warehouse="J1", zones=["cold"], solver="hybrid", seed=1, time_limit_s=1.0, skus=[sku],
    )  # fmt: skip
    (line,) = cast(list[dict[str, object]], min_max_result(job, "why")["lines"])
    assert (line["quantity"], line["order_up_to_units"]) == (units, 300)


@given(st.floats(0.1, 30), st.integers(0, 200), st.integers(1, 100), st.floats(0.5, 9))
def test_a_level_for_another_cycle_stays_above_the_reorder_point(
    demand: float, reorder_point: int, above: int, cycle_days: float
) -> None:
    sku = Sku(
        gtin="09506000134352", zone="cold", forecast_units_per_day=demand,
        forecast_sd_units_per_day=1.0, on_hand_units=0, on_order_units=0, usable_life_days=None,
        grams_per_unit=1, case_pack_units=1, minimum_order_units=0, lead_time_days=1.0,
        reorder_point_units=reorder_point, order_up_to_units=reorder_point + above,
        cycle_days=2.0,
    )  # fmt: skip
    level = sku.level_units(cycle_days)
    assert level is not None
    assert level > reorder_point
    assert level == pytest.approx(
        max(reorder_point + above + demand * (cycle_days - 2.0), reorder_point + 1), abs=1
    )
    assert sku.level_units(2.0) == reorder_point + above
