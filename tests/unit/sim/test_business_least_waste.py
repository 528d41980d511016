"""Pins the least that must grow too old: by hand, against a shelf that is played, and in the order
in which customers are worth serving."""

from __future__ import annotations

import numpy as np
import pytest

from device_sim.business.chance import draw_goods, draw_world, levels_of
from device_sim.business.least_waste import least_waste_kg
from device_sim.business.scenario import Business, load_business

STEADY = (1.0,) * 7


def one_shelf(*, life_days: int, level: float, omega: float, thin: float = 0.0) -> Business:
    """An SKU at a place a day's drive away, whose days are all alike."""
    values = load_business("normal-weeks").model_dump()
    goods = values["classes"][1] | {"skus": 1, "life_days": (life_days, life_days), "pace": 1.0}
    sales = {"level": level, "spread": 0.0, "omega": omega, "thin": thin, "week": STEADY}
    return Business.model_validate(
        values | {"classes": [goods], "sales": sales, "warehouses": 1, "lead_days": 1}
    )


@pytest.mark.parametrize(("omega", "thin"), [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0)])
def test_one_shelf_by_hand(omega: float, thin: float) -> None:
    business = one_shelf(life_days=11, level=0.2, omega=omega, thin=thin)
    (((rate,),), _), (_, (grams,)) = levels_of(business, 1), draw_goods(business, 1)
    if thin:
        none = np.exp(-10 * rate / 3.0)  # customers take three at a time, and come by themselves
    elif omega:
        none = (1 + omega * rate) ** (-10 / omega)
    else:
        none = np.exp(-10 * rate)
    expected = 0.5 * rate * none / (1 - none) * grams / 1000.0
    assert least_waste_kg(business, 1, 0.5) == pytest.approx(expected)


def test_a_shelf_that_always_has_one_piece_wastes_as_much() -> None:
    """Filled at once and always with one piece, it serves everybody and wastes the least."""
    business = one_shelf(life_days=9, level=0.15, omega=0.0)
    (((rate,),), _), (_, (grams,)) = levels_of(business, 1), draw_goods(business, 1)
    rng = np.random.default_rng(3)
    gaps = rng.exponential(1.0 / rate, size=100_000)
    # Between two customers every eight days a piece grows too old.
    wasted = np.floor(gaps / 8.0).sum() * grams / 1000.0
    assert wasted / gaps.sum() == pytest.approx(least_waste_kg(business, 1, 1.0), rel=0.02)


def test_who_costs_most_waste_is_served_last() -> None:
    business = load_business("thin-tail")
    few, most, all_of_them = (least_waste_kg(business, 1, fill) for fill in (0.5, 0.95, 1.0))
    assert few < 0.001 * most
    assert most < 0.5 * all_of_them
    assert least_waste_kg(load_business("normal-weeks"), 1, 0.95) < 0.1 * most


def test_what_keeps_is_never_wasted_and_nobody_is_nothing() -> None:
    assert least_waste_kg(one_shelf(life_days=400, level=0.01, omega=0.1), 1, 1.0) == 0.0
    assert least_waste_kg(one_shelf(life_days=5, level=0.0, omega=0.1), 1, 1.0) == 0.0


def test_rates_and_goods_are_those_of_the_world_that_is_played() -> None:
    business = one_shelf(life_days=11, level=6.0, omega=0.1)
    business = business.model_copy(update={"history_days": 200, "weeks": 26})
    world = draw_world(business, 4)
    (((rate,),), _), (lives, grams) = levels_of(business, 4), draw_goods(business, 4)
    assert world.demand[:, 1, 0].mean() == pytest.approx(rate, rel=0.05)
    assert (world.lot_life == lives).all()
    assert (world.grams == grams).all()
