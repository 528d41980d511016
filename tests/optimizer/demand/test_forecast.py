"""Pins forecasts on demand whose truth is known: unbiased, calibrated, honest without stock."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.demand.forecast import Forecast, fit, no_uplift, week_of
from optimizer.demand.history import Floats, Outages
from optimizer.demand.selection import BETTER_BY
from optimizer.demand.smoothing import METHODS
from tests.optimizer.demand.drawn import HOURS_OF, Drawn, draw, draw_lumpy, history_of

pytestmark = pytest.mark.slow

N_DAYS = 112


def spans(n_items: int, days: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(n_items, days, dtype=np.int64)


def over(forecast: Forecast, days: float, quantile: float) -> Floats:
    demand = forecast.over(
        start_hours=0.0,
        days=np.full(len(forecast.items), days),
        uplift=no_uplift(len(forecast.items), int(days) + 1),
    )
    return demand.quantile(quantile)


QUANTILES = (0.5, 0.9, 0.98)


def coverage(drawn: Drawn, days: int) -> dict[float, tuple[float, float]]:
    """By quantile, the shares of spans that stayed below what was told, and at it or below."""
    met = []
    for n_days in (84, 91, 98, 105):
        forecast = fit(drawn.history(n_days), span_days=spans(len(drawn.units), days))
        came = drawn.units[:, n_days : n_days + days].sum(axis=1)
        for quantile in QUANTILES:
            told = over(forecast, days, quantile)
            met.append((quantile, (came < told).mean(), (came <= told).mean()))
    rows = np.array(met).reshape(-1, len(QUANTILES), 3).mean(axis=0)
    return {quantile: (below, at_most) for quantile, below, at_most in rows.tolist()}


@pytest.mark.parametrize("days", [1, 3, 7])
def test_quantiles_of_smooth_demand_are_met(days: int) -> None:
    drawn = draw(np.random.default_rng(days), n_items=500, n_days=N_DAYS)
    for quantile, (below, at_most) in coverage(drawn, days).items():
        # Whole numbers: the truth lies between the two. 2000 spans: 0.7 % is a standard error.
        slack = 0.03 if quantile < 0.95 else 0.015
        assert below - slack <= quantile <= at_most + slack


@pytest.mark.parametrize("days", [1, 7])
def test_quantiles_of_lumpy_demand_are_met(days: int) -> None:
    drawn = draw_lumpy(np.random.default_rng(days), n_items=500, n_days=N_DAYS)
    for quantile, (below, at_most) in coverage(drawn, days).items():
        # Lots of one size are no negative binomial: three points too few at 90 % (docs/demand.md).
        assert below - 0.03 <= quantile <= at_most + 0.045


def test_the_mean_is_right_by_weekday() -> None:
    drawn = draw(np.random.default_rng(4), n_items=800, n_days=N_DAYS, drift=0.0)
    told = week_of(fit(drawn.history(105), span_days=spans(800, 1)))
    came = drawn.mean[:, 105:112]
    assert told.sum(axis=0) == pytest.approx(came.sum(axis=0), rel=0.04)


def test_hours_without_stock_do_not_lower_the_mean() -> None:
    """Every evening of the last six weeks sold out: half of the day's demand is not seen."""
    rng = np.random.default_rng(5)
    drawn = draw(rng, n_items=300, n_days=N_DAYS, level_median=20.0, drift=0.0)
    lost_hours = np.arange(17, 24)
    share = HOURS_OF[lost_hours].sum()
    seen = drawn.units.copy()
    seen[:, 70:] = rng.binomial(seen[:, 70:].astype(np.int64), 1.0 - share)
    item, day, hour = np.meshgrid(np.arange(300), np.arange(70, N_DAYS), lost_hours, indexing="ij")
    outages = Outages(
        i_item=item.ravel(), i_day=day.ravel(), hour=hour.ravel(), share=np.ones(item.size)
    )
    late = np.zeros(24)
    late[lost_hours] = HOURS_OF[lost_hours]
    hour_units = seen[:, :70].sum(axis=1)[:, None] * HOURS_OF
    hour_units += seen[:, 70:].sum(axis=1)[:, None] * (HOURS_OF - late) / (1.0 - share)
    truth = drawn.mean[:, -7:].sum()
    history = history_of(seen, outages, hour_units=hour_units)
    honest = week_of(fit(history, span_days=spans(300, 1))).sum()
    blind = week_of(fit(history_of(seen), span_days=spans(300, 1))).sum()
    assert honest == pytest.approx(truth, rel=0.05)
    assert blind < 0.75 * truth


def test_demand_that_stops_at_the_last_piece_is_estimated_and_not_cut_off() -> None:
    """Each morning there is stock for a usual day; busy days sell out, whenever that is."""
    rng = np.random.default_rng(6)
    n_items, n_days = 200, N_DAYS
    drawn = draw(
        rng, n_items=n_items, n_days=n_days, level_median=12.0, drift=0.0, level_spread=0.3
    )
    stock = np.ceil(drawn.mean)
    hour_units = np.zeros((n_items, 24))
    rows = []
    for i, day in np.ndindex(n_items, n_days):
        at = np.sort(rng.choice(24, size=int(drawn.units[i, day]), p=HOURS_OF) + rng.random())
        sold = at[: int(stock[i, day])]
        np.add.at(hour_units[i], sold.astype(np.int64), 1.0)
        if len(at) > len(sold):
            hour = int(sold[-1])
            rows.append((i, day, hour, hour + 1.0 - sold[-1]))
            rows += [(i, day, later, 1.0) for later in range(hour + 1, 24)]
    seen = np.minimum(drawn.units, stock)
    cells = np.array(rows)
    outages = Outages(*cells[:, :3].astype(np.int64).T, share=cells[:, 3])
    truth = drawn.mean[:, -7:].sum()
    history = history_of(seen, outages, hour_units=hour_units)
    honest = week_of(fit(history, span_days=spans(n_items, 1))).sum()
    blind = week_of(fit(history_of(seen), span_days=spans(n_items, 1))).sum()
    assert abs(honest - truth) < 0.06 * truth
    assert blind < 0.93 * truth


def test_a_campaign_that_was_announced_leaves_no_mark() -> None:
    drawn = draw(np.random.default_rng(7), n_items=300, n_days=N_DAYS, drift=0.0)
    uplift = np.ones_like(drawn.units)
    uplift[:, 100:110] = 3.0
    promoted = drawn.units * uplift
    told = week_of(fit(history_of(promoted), span_days=spans(300, 1), uplift=uplift)).sum()
    untold = week_of(fit(history_of(promoted), span_days=spans(300, 1))).sum()
    assert told == pytest.approx(drawn.mean[:, -7:].sum(), rel=0.05)
    assert untold > 1.2 * told


def test_days_on_which_nobody_was_to_buy_teach_nothing() -> None:
    drawn = draw(np.random.default_rng(17), n_items=200, n_days=N_DAYS, drift=0.0)
    uplift = np.ones_like(drawn.units)
    uplift[:, 95:110] = 0.0
    closed = history_of(drawn.units * uplift)
    told = week_of(fit(closed, span_days=spans(200, 1), uplift=uplift)).sum()
    assert told == pytest.approx(drawn.mean[:, -7:].sum(), rel=0.06)


def test_a_coming_campaign_raises_its_days() -> None:
    forecast = fit(draw(np.random.default_rng(8), n_items=20, n_days=60).history(60),
                   span_days=spans(20, 2))  # fmt: skip
    uplift = no_uplift(20, 5)
    uplift[3, 1:3] = 2.5
    plain, raised = forecast.means(no_uplift(20, 5)), forecast.means(uplift)
    assert raised[3] == pytest.approx(plain[3] * [1, 2.5, 2.5, 1, 1])
    assert (np.delete(raised, 3, 0) == np.delete(plain, 3, 0)).all()


def test_parts_of_days_follow_the_hours() -> None:
    forecast = fit(draw(np.random.default_rng(9), n_items=50, n_days=60).history(60),
                   span_days=spans(50, 1))  # fmt: skip
    day = forecast.means(no_uplift(50, 1))[:, 0]
    parts = [
        forecast.over(start_hours=start, days=np.full(50, 0.25), uplift=no_uplift(50, 2)).mean
        for start in (0.0, 6.0, 12.0, 18.0)
    ]
    assert sum(parts) == pytest.approx(day)
    assert (parts[3] > 3 * parts[0]).all()


def test_an_uncertain_lead_time_widens() -> None:
    forecast = fit(draw(np.random.default_rng(10), n_items=50, n_days=60).history(60),
                   span_days=spans(50, 2))  # fmt: skip
    days, uplift = np.full(50, 2.0), no_uplift(50, 3)
    sure = forecast.over(start_hours=0.0, days=days, uplift=uplift)
    unsure = forecast.over(start_hours=0.0, days=days, uplift=uplift, length_sd_days=days / 2)
    assert unsure.mean == pytest.approx(sure.mean)
    assert unsure.sd**2 == pytest.approx(sure.sd**2 + (sure.mean / 2) ** 2)


def test_the_same_history_gives_the_same_forecast() -> None:
    history = draw(np.random.default_rng(11), n_items=40, n_days=60).history(60)
    one, other = (fit(history, span_days=spans(40, 3)) for _ in range(2))
    assert one.choice.names() == other.choice.names()
    assert (over(one, 3, 0.9) == over(other, 3, 0.9)).all()


def test_a_method_stays_until_another_is_better_by_enough() -> None:
    history = draw(np.random.default_rng(12), n_items=200, n_days=90).history(90)
    first = fit(history, span_days=spans(200, 2))
    again = fit(history, span_days=spans(200, 2), before=first.choice.names())
    assert again.choice.names() == first.choice.names()
    bad = [("level_40", "negative_binomial")] * 200
    free = fit(history, span_days=spans(200, 2), before=bad).choice.names()
    held = [it for it in free if it == bad[0]]
    assert 0 < len(held) < 200
    assert 0 < BETTER_BY < 1


def test_a_method_that_is_not_known_any_more_is_chosen_anew() -> None:
    history = draw(np.random.default_rng(13), n_items=5, n_days=60).history(60)
    free = fit(history, span_days=spans(5, 1)).choice.names()
    old: list[tuple[str, str] | None] = [("theta", "normal"), None, *free[2:]]
    assert fit(history, span_days=spans(5, 1), before=old).choice.names() == free


@pytest.mark.parametrize("n_days", [1, 2, 7, 13, 14, 15, 16, 20, 40])
def test_a_short_history_gives_a_forecast_all_the_same(n_days: int) -> None:
    drawn = draw(np.random.default_rng(14), n_items=30, n_days=60)
    forecast = fit(drawn.history(n_days), span_days=spans(30, 3))
    median, high = over(forecast, 3, 0.5), over(forecast, 3, 0.98)
    assert np.isfinite(high).all()
    assert (median <= high).all()
    assert (high[drawn.units[:, :n_days].sum(axis=1) > 0] > 0).all()


def test_what_never_sold_and_what_was_never_there_are_expected_at_nothing() -> None:
    units = np.zeros((2, 60))
    forecast = fit(history_of(units), span_days=spans(2, 2))
    assert (over(forecast, 2, 0.98) == 0).all()


def test_an_erratic_item_among_steady_ones_keeps_its_own_width() -> None:
    rng = np.random.default_rng(18)
    steady = np.full((200, 84), 20.0) + rng.integers(-2, 3, size=(200, 84))
    rate = rng.gamma(1.0, 1.0, size=(4, 84)) * 20.0
    units = np.concatenate([steady, rng.poisson(rate).astype(np.float64)])
    forecast = fit(history_of(units), span_days=spans(204, 1))
    told = over(forecast, 1, 0.95)
    assert (told[:200] < 30).all()
    # ω = 1: 95 % of such a day are some 60.
    assert (told[200:] > 42).all()


def test_what_is_no_longer_sold_fades() -> None:
    drawn = draw_lumpy(np.random.default_rng(15), n_items=60, n_days=N_DAYS)
    drawn.units[:, 60:] = 0.0
    told = week_of(fit(drawn.history(N_DAYS), span_days=spans(60, 1))).sum()
    assert told < 0.25 * 7 * drawn.mean[:, 0].sum()


def test_every_method_is_better_than_another_somewhere() -> None:
    """No method is dead weight: on these four kinds of demand, each is somebody's choice."""
    rng = np.random.default_rng(16)
    kinds = [
        draw(rng, n_items=300, n_days=N_DAYS),
        draw(rng, n_items=300, n_days=N_DAYS, drift=0.12, level_median=40.0, omega=0.01),
        draw(rng, n_items=300, n_days=N_DAYS, trend=0.02, level_median=30.0, omega=0.01),
        draw_lumpy(rng, n_items=300, n_days=N_DAYS),
    ]
    chosen = {
        name
        for kind in kinds
        for name, _ in fit(kind.history(N_DAYS), span_days=spans(300, 2)).choice.names()
    }
    assert chosen == set(METHODS)
