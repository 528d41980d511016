"""Pins stock levels: the service they promise is served, short life caps them, classes divide."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from optimizer.demand.forecast import Forecast, fit, no_uplift
from optimizer.demand.history import Floats
from optimizer.demand.levels import (
    Levels,
    ServiceClass,
    Supply,
    abc_classes,
    days_ahead,
    stock_levels,
)
from tests.optimizer.demand.drawn import Drawn, draw

N_ITEMS, N_DAYS = 400, 140


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(np.random.default_rng(1), n_items=N_ITEMS, n_days=N_DAYS, level_median=8.0)


@pytest.fixture(scope="module")
def forecast(drawn: Drawn) -> Forecast:
    return fit(drawn.history(112), span_days=np.full(N_ITEMS, 2, dtype=np.int64))


def supply(
    service: ServiceClass,
    *,
    n_items: int = N_ITEMS,
    lead: float = 2.0,
    lead_sd: float = 0.0,
    review: float = 0.0,
    cycle: float = 3.0,
    life: float = np.inf,
    ratio: float = 0.5,
) -> Supply:
    def each(value: float) -> Floats:
        return np.full(n_items, value)

    return Supply(
        service=(service,) * n_items,
        lead_days=each(lead),
        lead_sd_days=each(lead_sd),
        review_days=each(review),
        cycle_days=each(cycle),
        life_days=each(life),
        critical_ratio=each(ratio),
    )


def levels_of(forecast: Forecast, given: Supply) -> Levels:
    uplift = no_uplift(len(forecast.items), days_ahead(given, 0.0))
    return stock_levels(forecast, given, start_hours=0.0, uplift=uplift)


def cycle(target: float) -> ServiceClass:
    return ServiceClass(target=target, measure="cycle")


@pytest.mark.parametrize("target", [0.9, 0.98])
def test_the_share_of_cycles_without_a_stock_out_is_as_promised(
    drawn: Drawn, forecast: Forecast, target: float
) -> None:
    levels = levels_of(forecast, supply(cycle(target)))
    came = drawn.units[:, 112:114].sum(axis=1)
    served = (came <= levels.reorder_point).mean()
    assert served >= target - 0.04
    assert (came < levels.reorder_point).mean() <= target + 0.04


def test_the_share_of_demand_that_is_served_is_as_promised(drawn: Drawn) -> None:
    """Played: order up to S every three days, two days on the way, for four weeks."""
    target = 0.95
    service = ServiceClass(target=target, measure="fill")
    wanted = supply(service, cycle=3.0, review=3.0)
    forecast = fit(drawn.history(112), span_days=wanted.span_days)
    levels = levels_of(forecast, wanted)
    # Looked at every third day, s covers until the order after next is there: a base stock.
    on_hand = levels.reorder_point.astype(np.float64)
    coming: dict[int, Floats] = {}
    asked = served = 0.0
    for day in range(112, N_DAYS):
        on_hand = on_hand + coming.pop(day, np.zeros(N_ITEMS))
        if (day - 112) % 3 == 0:
            coming[day + 2] = np.maximum(
                levels.reorder_point - on_hand - sum(coming.values(), np.zeros(N_ITEMS)), 0.0
            )
        sold = np.minimum(on_hand, drawn.units[:, day])
        asked, served = asked + drawn.units[:, day].sum(), served + sold.sum()
        on_hand = on_hand - sold
    assert target - 0.015 <= served / asked


def test_levels_stand_in_order(forecast: Forecast) -> None:
    for target in (0.8, 0.95, 0.99):
        levels = levels_of(forecast, supply(cycle(target)))
        assert (levels.reorder_point < levels.order_up_to).all()
        assert (levels.safety_stock <= levels.reorder_point).all()
        assert not levels.is_capped.any()
        gap = levels.reorder_point - levels.mean
        assert (np.abs(levels.safety_stock - np.maximum(gap, 0)) <= 1).all()


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"service": cycle(0.9)}, {"service": cycle(0.98)}),
        ({"service": ServiceClass(0.9, "fill")}, {"service": ServiceClass(0.99, "fill")}),
        ({"lead": 1.0}, {"lead": 3.0}),
        ({"lead_sd": 0.0}, {"lead_sd": 1.0}),
        ({"review": 0.0}, {"review": 1.0}),
    ],
    ids=str,
)
def test_more_service_and_longer_or_less_certain_ways_need_more(
    forecast: Forecast, less: dict[str, float], more: dict[str, float]
) -> None:
    given = {"service": cycle(0.95)}
    low = levels_of(forecast, supply(**(given | less)))  # type: ignore[arg-type]  # as named
    high = levels_of(forecast, supply(**(given | more)))  # type: ignore[arg-type]  # as named
    assert (low.reorder_point <= high.reorder_point).all()
    assert low.reorder_point.sum() < 0.97 * high.reorder_point.sum()


def test_goods_of_a_short_life_are_not_kept_beyond_what_sells_in_it(
    drawn: Drawn, forecast: Forecast
) -> None:
    given = supply(cycle(0.98), lead=0.5, cycle=3.0, life=1.5, ratio=0.4)
    levels = levels_of(forecast, given)
    assert levels.is_capped.mean() > 0.9
    assert (levels.reorder_point < np.maximum(levels.order_up_to, 1)).all()
    sold_in_life = drawn.units[:, 112:114].sum(axis=1)
    # What is kept sells out of hand with a chance of 1 - 0.4.
    assert (sold_in_life >= levels.order_up_to).mean() == pytest.approx(0.6, abs=0.09)


def test_a_life_longer_than_the_cycle_caps_nothing(forecast: Forecast) -> None:
    short = levels_of(forecast, supply(cycle(0.95), life=30.0))
    ever = levels_of(forecast, supply(cycle(0.95)))
    assert (short.order_up_to == ever.order_up_to).all()


def test_what_does_not_sell_is_not_ordered() -> None:
    nothing = draw(np.random.default_rng(2), n_items=3, n_days=60, level_median=1e-12)
    forecast = fit(nothing.history(60), span_days=np.full(3, 2, dtype=np.int64))
    levels = levels_of(forecast, supply(cycle(0.98), n_items=3))
    assert levels.order_up_to.tolist() == levels.reorder_point.tolist() == [0, 0, 0]


def test_a_campaign_raises_the_levels_in_time(forecast: Forecast) -> None:
    given = supply(cycle(0.95), lead=2.0)
    plain = no_uplift(N_ITEMS, days_ahead(given, 0.0))
    soon, later = plain.copy(), plain.copy()
    soon[:, 1] = 4.0
    later[:, 6:] = 4.0
    told = [
        stock_levels(forecast, given, start_hours=0.0, uplift=it).reorder_point.sum()
        for it in (plain, soon, later)
    ]
    assert told[1] > 1.8 * told[0]
    assert told[2] == told[0]


def test_the_worked_example_of_the_page() -> None:
    """docs/demand.md, milk: 10 a day, ω = 0.04, 2 days on the way, every 3 days, 95 %."""
    history = draw(np.random.default_rng(3), n_items=1, n_days=60).history(60)
    milk = dataclasses.replace(
        fit(history, span_days=np.full(1, 2, dtype=np.int64)),
        level=np.array([10.0]),
        trend=np.zeros(1),
        weekday=np.ones((1, 7)),
        omega=np.array([0.04]),
        lump=np.ones(1),
        is_empirical=np.zeros(1, dtype=np.bool_),
    )
    plain = levels_of(milk, supply(cycle(0.95), n_items=1))
    assert (plain.mean[0], round(plain.sd[0], 6)) == (20.0, 6.0)
    assert (plain.reorder_point[0], plain.safety_stock[0], plain.order_up_to[0]) == (31, 11, 71)
    capped = levels_of(milk, supply(cycle(0.95), n_items=1, life=4.0))
    assert (capped.order_up_to[0], capped.is_capped[0]) == (59, True)
    unsure = levels_of(milk, supply(cycle(0.95), n_items=1, lead_sd=0.5))
    assert unsure.reorder_point[0] == 34


def test_items_are_classed_by_what_they_bring() -> None:
    assert abc_classes(np.array([1.0, 70.0, 4.0, 25.0])) == ["C", "A", "C", "A"]
    assert abc_classes(np.array([80.0, 15.0, 5.0])) == ["A", "B", "C"]
    assert abc_classes(np.zeros(2)) == ["C", "C"]


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1])
def test_a_service_of_all_or_nothing_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="target"):
        ServiceClass(target=target, measure="cycle")


@pytest.mark.parametrize(
    ("field", "value"), [("lead", -1.0), ("cycle", np.nan), ("ratio", 0.0), ("ratio", 1.0)]
)
def test_impossible_supplies_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        supply(cycle(0.9), **{field: value})  # type: ignore[arg-type]  # as named
