"""Pins what is at stake in a piece: from terms, prices and rates, and where nobody knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.contract.master import Price, Stocking, Supply
from cloud_sync.demand.worth import best_terms, stakes_of

MILK, CHEESE = "09506000134352", "09506000134369"
MARGIN = Stocking(id="all", lost_sale="margin", holding_basis_points_per_year=3650)
SHARE = MARGIN.model_copy(update={"lost_sale": "share"})


def supply(cost: int, *, gtin: str = MILK, currency: str = "EUR", **more: object) -> Supply:
    told = {"supplier": "S1", "gtin": gtin, "lead_time_days": 2.0, "cost_minor": cost}
    return Supply.model_validate(told | {"currency": currency} | more)


def price(minor: int, *, currency: str = "EUR", includes_vat: bool = False) -> Price:
    return Price(
        market="DE", gtin=MILK, price_minor=minor, currency=currency, includes_vat=includes_vat
    )


def test_a_lost_sale_costs_its_margin_and_a_day_the_interest() -> None:
    found = stakes_of({MILK: supply(100)}, {MILK: price(150)}, {}, MARGIN)
    assert found == {MILK: pytest.approx((50.0, 100.0, 0.1))}


def test_vat_earns_nothing() -> None:
    told = {MILK: price(214, includes_vat=True)}
    assert stakes_of({MILK: supply(100)}, told, {MILK: 700}, MARGIN)[MILK][0] == pytest.approx(100)
    assert stakes_of({MILK: supply(100)}, told, {}, MARGIN) == {}, "nobody says how much is in it"


@pytest.mark.parametrize(
    "prices",
    [{}, {MILK: price(150, currency="USD")}, {MILK: price(100)}, {MILK: price(80)}],
    ids=["no price", "another currency", "earns nothing", "below cost"],
)
def test_without_a_margin_an_item_goes_by_service(prices: dict[str, Price]) -> None:
    assert stakes_of({MILK: supply(100)}, prices, {}, MARGIN) == {}


def test_for_a_planned_share_terms_are_enough() -> None:
    assert stakes_of({MILK: supply(100)}, {}, {}, SHARE) == {MILK: pytest.approx((1, 100, 0.1))}
    by_service = SHARE.model_copy(update={"lost_sale": "service"})
    assert stakes_of({MILK: supply(100)}, {MILK: price(150)}, {}, by_service) == {}


def test_classes_without_a_planned_share_get_the_usual_one() -> None:
    """Left out, a lost sale of theirs would be worth one cent."""
    told = Stocking(id="all", lost_sale="share", served_basis_points={"B": 9_000})
    assert told.served() == {"A": 9_800, "B": 9_000, "C": 9_000}
    assert Stocking(id="all", lost_sale="share").served()["B"] == 9_500


def test_money_is_compared_in_the_currency_that_most_is_bought_in() -> None:
    third = "09506000134376"
    bought = {
        MILK: supply(100),
        CHEESE: supply(900, gtin=CHEESE, currency="JPY"),
        third: supply(3, gtin=third),
    }
    assert stakes_of(bought, {}, {}, SHARE).keys() == {MILK, third}


def test_the_preferred_supplier_is_asked_first_then_the_cheapest() -> None:
    dear = supply(120, supplier="S2", preferred=True)
    assert best_terms([supply(100), dear])[MILK] == dear
    assert best_terms([supply(100), supply(90, supplier="S3")])[MILK].cost_minor == 90


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_for_the_same_goods_never_makes_a_lost_sale_cheaper(
    cost: int, minor: int, more: int
) -> None:
    def lost(cost: int, minor: int) -> float:
        told = stakes_of({MILK: supply(cost)}, {MILK: price(minor)}, {}, MARGIN)
        return told[MILK][0] if told else 0.0

    assert lost(cost, minor + more) > lost(cost, minor) or lost(cost, minor + more) == 0
    assert lost(cost + more, minor) <= lost(cost, minor)
