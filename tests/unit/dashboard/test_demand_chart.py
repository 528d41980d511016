# Pins the chart of an item's demand: which days, the sum of the warehouses and its band.

import re

import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.dashboard.demand_chart import days_before, draw_demand
from cloud_sync.dashboard.languages import Words


def policy(mean: float, deviation: float) -> doc.Policy:
    return doc.Policy(
        warehouse="J1", gtin="09506000000015", demand_units_per_day=mean,
        demand_sd_units_per_day=deviation, reorder_point_units=1, lead_time_days=1.0,
    )  # fmt: skip


def numbers(html: str) -> dict[str, list[str]]:
    """The rows of the chart's table."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', html)
    return {day: re.findall(r">([^<]+)</td>", cells) for day, cells in rows}


def test_the_past_is_what_was_sold_and_the_future_is_expected() -> None:
    drawn = draw_demand(
        {"2026-02-27": 1, "2026-03-01": 7},
        [policy(10, 3), policy(5, 4)],
        today="2026-03-02",
        words=Words("en"),
    )
    found = numbers(drawn)
    assert len(found) == 28 + 7
    assert found["03-01"] == ["7", "–", "–", "–"]
    assert found["02-28"] == ["0", "–", "–", "–"]
    assert found["02-26"] == ["–", "–", "–", "–"], "nobody was looking yet"
    assert "03-02" not in found, "today is not over"
    # 10 + 5 a day; deviations of 3 and 4 are one of 5.
    assert found["03-03"] == ["–", "15", "6.8", "23.2"]


def test_what_nobody_expects_has_no_line() -> None:
    found = numbers(draw_demand({}, [], today="2026-03-02", words=Words("zh")))
    assert found["03-03"] == ["–", "–", "–", "–"]


@pytest.mark.parametrize(("today", "first", "last"), [("2024-03-01", "2024-02-02", "2024-02-29")])
def test_days_are_those_before_today(today: str, first: str, last: str) -> None:
    days = days_before(today)
    assert (days[0], days[-1], len(days)) == (first, last, 28)
