"""Pins the figures of the reports on small data that was reckoned by hand."""

from __future__ import annotations

import pytest

from cloud_sync.dashboard.reports import (
    Goods,
    added,
    days_before,
    days_between,
    fill_rates,
    mean_stock,
    productivity,
    profitability,
    turnover,
    waste_by_reason,
)
from cloud_sync.store.worth import ItemWorth

MILK, TEA = Goods("09506000134352", "EA"), Goods("09506000134369", "EA")
HAM = Goods("09506000134376", "g")


def test_mean_stock_goes_back_from_what_is_there_now() -> None:
    # Ends of days: 1st 10, 2nd 4 (6 left), 3rd 9 (5 came), 4th (today) 9.
    for last, mean in (("2026-03-04", (10 + 4 + 9 + 9) / 4), ("2026-03-02", (10 + 4) / 2)):
        changes = (("2026-03-02", -6), ("2026-03-03", 7), ("2026-03-03", -2))
        undone = sum(n * days_before(day, "2026-03-01", last) for day, n in changes)
        n_days = len(days_between("2026-03-01", last))
        assert mean_stock({MILK: 9}, {MILK: undone}, n_days=n_days) == {MILK: mean}


def test_what_is_sold_out_by_now_had_stock() -> None:
    assert mean_stock({}, {TEA: -8}, n_days=2) == {TEA: 4.0}


def test_turnover_is_per_year_and_the_slowest_is_first() -> None:
    found = turnover({MILK: 20}, {MILK: 10.0, TEA: 3.0}, n_days=10)
    assert [it.goods for it in found] == [TEA, MILK]
    assert (found[0].turns, found[0].days_of_stock) == (0.0, None)
    assert (found[1].turns, found[1].days_of_stock) == (73.0, 5.0)


def test_margin_is_price_less_cost_less_waste() -> None:
    worth = {MILK.item: ItemWorth(150.0, 100.0, "EUR"), HAM.item: ItemWorth(9.0, 5.0, "EUR")}
    (milk, ham, tea) = profitability({MILK: 10, TEA: 2, HAM: 500}, {MILK: 3}, worth)
    assert (milk.revenue, milk.cost, milk.wasted_cost, milk.margin) == (1500, 1000, 300, 200)
    assert milk.margin_share == pytest.approx(200 / 1500)
    # By weight, and of what no price is known: nothing is guessed.
    assert {ham.goods, tea.goods} == {HAM, TEA}
    assert (ham.margin, tea.margin, tea.margin_share) == (None, None, None)


def test_warehouses_add_up_within_a_currency() -> None:
    euro, yuan = {MILK.item: ItemWorth(2.0, 1.0, "EUR")}, {MILK.item: ItemWorth(16.0, 8.0, "CNY")}
    several = [
        *profitability({MILK: 5}, {}, euro),
        *profitability({MILK: 7}, {MILK: 1}, euro),
        *profitability({MILK: 1}, {}, yuan),
    ]
    assert {(it.currency, it.sold, it.margin) for it in added(several)} == {
        ("EUR", 12, 11.0),
        ("CNY", 1, 8.0),
    }


def test_waste_is_by_reason_with_what_it_cost() -> None:
    worth = {MILK.item: ItemWorth(None, 100.0, "EUR")}
    rows = [(MILK, "expired", 3), (TEA, "expired", 1), (HAM, "broken", 250), (MILK, "broken", 1)]
    expired, broken = waste_by_reason(rows, worth)
    assert (expired.reason, expired.units, expired.cost, expired.n_unknown) == (
        "expired", 4, {"EUR": 300.0}, 1,
    )  # fmt: skip
    assert (broken.units, broken.grams, broken.cost) == (1, 250, {"EUR": 100.0})


def test_fill_rate_is_of_what_was_asked_for() -> None:
    full, some, none = fill_rates({"a": 9, "b": 3, "c": -1}, {"b": 1}, ["a", "b", "c"])
    assert (full.rate, some.rate, none.rate) == (1.0, 0.75, None)


def test_an_hour_at_work_is_one_with_a_deed_in_it() -> None:
    deeds = {("anna", "goods.picked"): 8, ("anna", "goods.moved"): 2, ("bo", "goods.picked"): 3}
    days = [("2026-03-01", "09"), ("2026-03-01", "10"), ("2026-03-02", "09"), ("2026-03-02", "09")]
    hours = [*(("anna", *it) for it in days), ("bo", "2026-03-01", "09")]
    anna, bo = productivity(deeds, {"anna": 40}, hours)
    assert (anna.deeds, anna.units, anna.hours) == (10, 40, 3)
    assert anna.deeds_per_hour == pytest.approx(10 / 3)
    assert bo.units_per_hour == 0.0
    assert anna.by_type == {"goods.moved": 2, "goods.picked": 8}
