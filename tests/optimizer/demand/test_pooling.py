"""Pins pooling: slow items lean on the network and are told better, fast ones keep their own."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from optimizer.demand.forecast import Forecast, fit
from optimizer.demand.history import Floats, History
from optimizer.demand.pooling import pooled

PLACES, ITEMS, DAYS = 8, 60, 56


def fitted(units: Floats) -> Forecast:
    n = len(units)
    history = History(
        items=tuple(f"{k:04d}" for k in range(n)),
        first_day=date(2026, 3, 2),
        units=units,
        covered=np.ones_like(units),
        profile=np.full((n, 24), 1 / 24),
        lump=np.ones(n),
    )
    return fit(history, span_days=np.full(n, 3, dtype=np.int64))


@pytest.fixture(scope="module")
def drawn() -> tuple[Floats, list[Forecast], list[Forecast]]:
    """The true rates [place, item], the places' own forecasts, and the pooled ones."""
    rng = np.random.default_rng(11)
    item = np.exp(rng.normal(-1.0, 1.3, ITEMS))
    rate = item * np.exp(
        0.3 * rng.normal(size=(PLACES, 1)) + 0.2 * rng.normal(size=(PLACES, ITEMS))
    )
    units = rng.poisson(rate[:, :, None], (PLACES, ITEMS, DAYS)).astype(np.float64)
    own = [fitted(each) for each in units]
    whole = fitted(units.sum(axis=0))
    return rate, own, pooled(own, whole, np.zeros(ITEMS, dtype=np.int64))


def test_pooled_levels_are_nearer_to_the_truth(
    drawn: tuple[Floats, list[Forecast], list[Forecast]],
) -> None:
    rate, own, together = drawn

    def error(forecasts: list[Forecast]) -> float:
        level = np.array([it.level for it in forecasts])
        return float(((level - rate) ** 2 / rate).mean())

    assert error(together) < 0.8 * error(own)


def test_what_sells_much_keeps_its_own_level(
    drawn: tuple[Floats, list[Forecast], list[Forecast]],
) -> None:
    rate, own, together = drawn
    before = np.array([it.level for it in own])
    moved = np.abs(np.array([it.level for it in together]) - before) / rate
    assert np.median(moved[rate > 2.0]) < 0.5 * np.median(moved[rate < 0.3])


def test_a_place_that_never_sold_anything_expects_nothing() -> None:
    rng = np.random.default_rng(2)
    units = rng.poisson(1.0, (3, ITEMS, DAYS)).astype(np.float64)
    units[0] = 0.0
    own = [fitted(each) for each in units]
    together = pooled(own, fitted(units.sum(axis=0)), np.zeros(ITEMS, dtype=np.int64))
    assert together[0].level.max() == pytest.approx(0.0, abs=1e-6)
    assert together[1].level.min() > 0
