"""Pins levels by worth: every unit earns its place, waste is as a queue wastes, service is met."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.demand.balance import (
    Exposure,
    Stakes,
    at_most,
    balanced_levels,
    lost_price,
    wasted_per_day,
)
from optimizer.demand.counts import negative_binomial
from optimizer.demand.history import Floats, Ints

RATE = np.array([0.1, 0.4, 1.0, 3.0, 12.0])
LIFE = np.array([8.0, np.inf, 8.0, 6.0, 20.0])
CYCLE_DAYS = 2.0


def exposure() -> Exposure:
    n = len(RATE)
    days = np.where(np.isinf(LIFE), CYCLE_DAYS, LIFE)
    none = np.full(n, 1e-6)
    return Exposure.of(
        cycle=(RATE * CYCLE_DAYS, none),
        life=(RATE * days, none),
        cycle_days=np.full(n, CYCLE_DAYS),
        life_days=LIFE,
    )


def stakes(price: float) -> Stakes:
    n = len(RATE)
    return Stakes(np.full(n, price), np.full(n, 3.0), np.full(n, 0.02))


def gain_less_cost(level: Floats, price: float) -> Floats:
    it = exposure()
    served = 1.0 - at_most(it.of_cycle, level - 1.0)
    wasted = wasted_per_day(
        it.of_life, level, sold=it.of_cycle.mean, cycle_days=it.cycle_days, life_days=it.life_days
    )
    return price * served / CYCLE_DAYS - 0.02 - 3.0 * wasted


@pytest.mark.parametrize("price", [0.5, 4.0, 30.0])
def test_the_last_unit_is_worth_it_and_one_more_is_not(price: float) -> None:
    levels = balanced_levels(exposure(), stakes(price)).astype(np.float64)
    at_top = gain_less_cost(np.maximum(levels, 1.0), price)
    assert (at_top[levels > 0] > 0).all()
    assert (gain_less_cost(levels + 1.0, price) <= 0).all()


def test_dearer_customers_and_cheaper_waste_raise_levels_and_short_lives_lower_them() -> None:
    low, high = (balanced_levels(exposure(), stakes(price)) for price in (1.0, 20.0))
    assert (high >= low).all()
    assert high.sum() > low.sum()
    one = exposure()
    keeps = Exposure(one.of_cycle, one.of_life, one.cycle_days, np.full(len(RATE), np.inf))
    kept = balanced_levels(keeps, stakes(4.0))
    assert (kept >= balanced_levels(one, stakes(4.0))).all()
    assert kept[0] > balanced_levels(one, stakes(4.0))[0]


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "level", "cycle"), [(0.6, 3, 1), (1.5, 8, 3), (3.0, 16, 2)])
def test_levels_waste_what_a_shelf_sold_first_in_first_out_wastes(
    rate: float, level: int, cycle: int
) -> None:
    """Σ w(s) up to the level against a shelf that is played for 40 000 days."""
    life = 8
    n = level
    table = negative_binomial(np.full(n, rate * life), np.full(n, 1e-6))
    told = wasted_per_day(
        table,
        np.arange(1.0, n + 1.0),
        sold=np.full(n, rate * cycle),
        cycle_days=np.full(n, float(cycle)),
        life_days=np.full(n, float(life)),
    ).sum()
    asked = np.random.default_rng(5).poisson(rate, 40_000)
    played = shelf_waste(asked, level=level, cycle=cycle, life=life)
    assert told == pytest.approx(played, rel=0.2)


def shelf_waste(asked: Ints, *, level: int, cycle: int, life: int) -> float:
    """Units wasted per day; each morning of a cycle fills up, what is `life` days old goes."""
    shelf = np.zeros(life, dtype=np.int64)
    wasted = 0
    for day, units in enumerate(asked.tolist()):
        if day % cycle == 0:
            shelf[-1] += level - shelf.sum()
        before = np.cumsum(shelf) - shelf
        shelf -= np.clip(units - before, 0, shelf)
        wasted += int(shelf[0])
        shelf = np.append(shelf[1:], 0)
    return wasted / len(asked)


@pytest.mark.parametrize("share", [0.9, 0.97])
def test_the_price_serves_the_share_that_was_asked_for(share: float) -> None:
    it = exposure()
    price = lost_price([(it, stakes(1.0)), (it, stakes(1.0))], share=share)
    served = 0.0
    for level, rate in zip(balanced_levels(it, stakes(price)).tolist(), RATE, strict=True):
        drawn = np.random.default_rng(3).poisson(rate * CYCLE_DAYS, 20_000)
        served += float(np.minimum(drawn, level).mean())
    found = served / float((RATE * CYCLE_DAYS).sum())
    # Whole units: the price of the next lower level would serve less than the share.
    assert share - 0.003 <= found <= share + 0.03


RATES = st.lists(st.floats(0.01, 40.0), min_size=1, max_size=4)
MONEY = st.floats(1e-4, 1e4)


def levels_of(rates: list[float], life: float, *, lost: float, waste: float, held: float) -> Ints:
    rate = np.array(rates)
    n = len(rate)
    none = np.full(n, 1e-6)
    it = Exposure.of(
        cycle=(rate * CYCLE_DAYS, none),
        life=(rate * life, none),
        cycle_days=np.full(n, CYCLE_DAYS),
        life_days=np.full(n, life),
    )
    return balanced_levels(it, Stakes(np.full(n, lost), np.full(n, waste), np.full(n, held)))


@given(RATES, st.floats(1.0, 50.0), MONEY, MONEY, MONEY, st.floats(1.0, 100.0))
def test_levels_rise_with_the_price_and_fall_with_waste_and_holding(
    rates: list[float], life: float, lost: float, waste: float, held: float, more: float
) -> None:
    here = levels_of(rates, life, lost=lost, waste=waste, held=held)
    assert (here >= 0).all()
    assert (levels_of(rates, life, lost=lost * more, waste=waste, held=held) >= here).all()
    assert (levels_of(rates, life, lost=lost, waste=waste * more, held=held) <= here).all()
    assert (levels_of(rates, life, lost=lost, waste=waste, held=held * more) <= here).all()


@given(RATES, st.floats(1.0, 50.0), MONEY, MONEY, MONEY, st.sampled_from([0.01, 0.5, 128.0]))
def test_levels_do_not_know_in_which_currency_they_are_worth_it(
    rates: list[float], life: float, lost: float, waste: float, held: float, rate: float
) -> None:
    """What stands at a border of two levels may fall to either side by a rounding."""
    here = levels_of(rates, life, lost=lost, waste=waste, held=held)
    there = levels_of(rates, life, lost=lost * rate, waste=waste * rate, held=held * rate)
    assert (np.abs(here - there) <= 1).all()


def test_what_is_kept_by_weight_counts_for_what_it_is_worth() -> None:
    """A thousand grams more of the same do not outvote the pieces: the price stays."""
    it = exposure()
    plain = lost_price([(it, stakes(1.0))], share=0.95)
    grams = Stakes(np.full(len(RATE), 1e-9), np.full(len(RATE), 3.0), np.full(len(RATE), 0.02))
    assert lost_price([(it, stakes(1.0)), (it, grams)], share=0.95) == pytest.approx(plain)


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="share: expected"):
        lost_price([(exposure(), stakes(1.0))], share=1.0)
