"""Pins the (s, S) policy at its limits, and campaigns by hour."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from cloud_sync.demand.campaigns import Campaign, uplift_at, uplift_by_hour
from cloud_sync.demand.hours import day_start_us
from cloud_sync.demand.reorder import StockLevels, order_units

HOUR_US = 3_600_000_000
OPEN = StockLevels(item="a", safety_stock=4, reorder_point=10, order_up_to=30)
CAPPED = StockLevels(item="a", safety_stock=4, reorder_point=10, order_up_to=15, is_capped=True)


@pytest.mark.parametrize(
    ("levels", "position", "case_pack", "minimum", "expected"),
    [
        (OPEN, 11, 1, 0, 0),
        (OPEN, 10, 1, 0, 20),
        (OPEN, 9, 6, 0, 24),
        (OPEN, -5, 1, 0, 35),
        (OPEN, 10, 6, 40, 42),
        (CAPPED, 10, 6, 0, 0),
        (CAPPED, 9, 6, 0, 6),
        (CAPPED, 2, 6, 0, 12),
        (CAPPED, 9, 6, 12, 0),
    ],
)
def test_an_order_fills_up_to_the_level(
    levels: StockLevels, position: int, case_pack: int, minimum: int, expected: int
) -> None:
    assert order_units(levels, position=position, case_pack=case_pack, minimum=minimum) == expected


def test_a_reorder_point_above_the_level_orders_nothing_beyond_it() -> None:
    levels = StockLevels(
        item="a", safety_stock=4, reorder_point=20, order_up_to=12, is_capped=True
    )
    assert order_units(levels, position=15) == 0
    assert order_units(levels, position=11) == 1


def test_campaigns_hold_from_start_to_before_the_end_for_their_items() -> None:
    sale = Campaign(id="live", start_us=10, end_us=20, factor=3.0, items=frozenset({"a"}))
    free = Campaign(id="free", start_us=15, end_us=30, factor=2.0)
    assert [uplift_at([sale, free], "a", at) for at in (9, 10, 15, 19, 20, 30)] == [
        1,
        3,
        6,
        6,
        2,
        1,
    ]
    assert uplift_at([sale, free], "b", 16) == 2.0


def test_an_hour_that_a_campaign_covers_in_part_counts_in_part() -> None:
    day = "1970-01-02"
    start = day_start_us(day, UTC) + 10 * HOUR_US + HOUR_US // 2
    sale = Campaign(id="live", start_us=start, end_us=start + HOUR_US, factor=5.0)
    by_hour = uplift_by_hour(sale, day, UTC)
    assert by_hour[9:13] == (1.0, 3.0, 3.0, 1.0)
    assert uplift_by_hour(sale, "1970-01-03", UTC) == (1.0,) * 24


def test_a_campaign_over_the_night_of_a_missing_hour_is_no_trouble() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = day_start_us("2026-03-29", zone)
    sale = Campaign(id="live", start_us=start, end_us=start + 10 * HOUR_US, factor=2.0)
    assert uplift_by_hour(sale, "2026-03-29", zone)[:4] == (2.0, 2.0, 1.0, 2.0)
