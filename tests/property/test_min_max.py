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
)


@given(st.lists(skus, max_size=12), st.floats(0, 300), st.floats(0, 600))
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
    assert kg <= capacity_kg + 1e-6
    assert not lines or kg <= storage_kg - held + 1e-6
    assert len({line["item"] for line in lines}) == len(lines)
