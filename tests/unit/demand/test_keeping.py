"""Pins what is taken for a forecaster's answer: finite numbers, in pieces. Anything else is
refused by one error, which the services know, and never gets as far as a policy."""

from __future__ import annotations

import json

import pytest

from cloud_sync.contract.levels import Worth
from cloud_sync.demand.keeping import AnswerRefused, read_answer

MILK = "09506000134352"
ROW: dict[str, object] = {
    "item": MILK,
    "covered_days": 30.0,
    "units_per_day": 10.0,
    "sd_units_per_day": 3.0,
    "reorder_point": 25,
    "order_up_to": 60,
    "hours": [1.0] * 24,
    "stakes": [2.0, 3.0, 0.01],
}


def read(**changes: object) -> Worth | None:
    (found,) = read_answer({"items": [ROW | changes]}, {}, covered_days=14.0)
    return found.worth


def test_stakes_are_told_in_lost_sales() -> None:
    assert read() == Worth(wasted=1.5, held=0.005)
    assert read(stakes=None) is None


@pytest.mark.parametrize(
    "stakes",
    [
        "abc", [], [1.0, 2.0], ["1", 2.0, 3.0], [1.0, None, 3.0], [1.0, 2.0, [3.0]],
        [True, 1.0, 1.0], [0.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [1.0, -1.0, 0.0],
        json.loads("[NaN, 1, 1]"), json.loads("[1, Infinity, 1]"), [1e-300, 1e300, 1.0],
        [1, 10**400, 1],
    ],
)  # fmt: skip
def test_stakes_that_are_no_numbers_are_refused(stakes: object) -> None:
    with pytest.raises(AnswerRefused, match=r"^stakes: "):
        read(stakes=stakes)


@pytest.mark.parametrize("key", ["covered_days", "units_per_day", "reorder_point", "order_up_to"])
@pytest.mark.parametrize("value", [None, "7", True, float("nan"), float("inf"), 10**400])
def test_what_is_no_number_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(AnswerRefused, match=f"^{key}: expected a number"):
        read(**{key: value})


def test_an_answer_without_items_is_refused() -> None:
    for answer in ({}, {"items": {}}, {"items": ["milk"]}):
        with pytest.raises(AnswerRefused, match="no items"):
            read_answer(answer, {}, covered_days=14.0)
