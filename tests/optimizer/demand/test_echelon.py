"""Pins the network's level: a lone place's own when nothing comes between, less than the sum of
safety stocks when demand pools, and cheaper than its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.demand.balance import Stakes
from optimizer.demand.counts import negative_binomial
from optimizer.demand.echelon import (
    CHANCES,
    MIDPOINTS,
    Network,
    cost_per_day,
    echelon_levels,
    places_levels,
    shortage_chance,
    shortfall,
)
from optimizer.demand.history import Floats

N_PLACES = 8
CYCLE = 2.0


def network(rate: Floats, *, until_days: float, life: float, places: int) -> Network:
    none = np.full(len(rate), 1e-6)
    one = places_levels(negative_binomial(rate * CYCLE, none))
    table = negative_binomial(rate * places * until_days, none)
    until = np.array([table.quantile(each) for each in MIDPOINTS])
    days = until_days if np.isinf(life) else until_days + life
    return Network(
        held=one * places,
        cycle_days=np.full(len(rate), CYCLE),
        until=until if until_days else np.zeros((1, len(rate))),
        of_life=negative_binomial(rate * places * max(days, 1.0), none),
        life_days=np.full(len(rate), life),
        buying_days=np.full(len(rate), 2.0),
        sold=rate * places * 2.0,
    )


def stakes(n: int, *, lost: float) -> Stakes:
    return Stakes(np.full(n, lost), np.full(n, 3.0), np.full(n, 0.02))


def test_the_next_unit_goes_where_a_shortage_is_likeliest() -> None:
    held = np.sort(np.random.default_rng(1).integers(0, 30, (len(CHANCES), 3)), axis=0)
    units = np.array([[0.0, 5.0, 40.0]])
    found = shortage_chance(held, units)
    for k in range(3):
        above = [c for c, level in zip(CHANCES, held[:, k], strict=True) if level > units[0, k]]
        assert found[0, k] == pytest.approx(max(above, default=0.0))


def test_a_shortfall_is_the_sum_of_the_chances_beyond() -> None:
    held = places_levels(negative_binomial(np.array([4.0]), np.array([0.2])))
    units = np.array([[2.0]])
    steps = np.arange(2.0, held[-1, 0] + 1.0)
    told = sum(float(shortage_chance(held, np.array([[x]]))[0, 0]) for x in steps)
    assert float(shortfall(held, units)[0, 0]) == pytest.approx(told)


def test_a_lone_place_with_no_way_to_go_is_its_own_newsvendor() -> None:
    rate = np.array([0.5, 3.0, 20.0])
    alone = network(rate, until_days=0.0, life=np.inf, places=1)
    levels = echelon_levels(alone, stakes(3, lost=4.0))
    wanted = 0.02 * CYCLE / 4.0
    exact = negative_binomial(rate * CYCLE, np.full(3, 1e-6)).quantile(1.0 - wanted)
    # The grid of chances is a third apart: levels are its next step at most.
    coarse = negative_binomial(rate * CYCLE, np.full(3, 1e-6)).quantile(1.0 - 1.5 * wanted)
    assert (levels <= exact + 1).all()
    assert (levels >= coarse - 1).all()


def test_a_unit_more_or_less_than_the_level_costs_more() -> None:
    rate = np.array([0.3, 1.0, 6.0])
    for life in (np.inf, 12.0):
        it = network(rate, until_days=4.0, life=life, places=N_PLACES)
        at_stake = stakes(3, lost=5.0)
        levels = echelon_levels(it, at_stake)
        cost = cost_per_day(it, at_stake, levels)
        step = np.maximum(levels // 4, 3)
        assert (cost_per_day(it, at_stake, levels + step) > cost).all()
        assert (cost_per_day(it, at_stake, np.maximum(levels - step, 0)) > cost).all()


def test_short_lives_and_cheap_customers_buy_less() -> None:
    rate = np.array([0.3, 1.0])
    keeps = network(rate, until_days=4.0, life=np.inf, places=N_PLACES)
    perishes = network(rate, until_days=4.0, life=6.0, places=N_PLACES)
    dear, cheap = stakes(2, lost=8.0), stakes(2, lost=0.5)
    assert (echelon_levels(perishes, dear) <= echelon_levels(keeps, dear)).all()
    assert (echelon_levels(keeps, cheap) < echelon_levels(keeps, dear)).all()
