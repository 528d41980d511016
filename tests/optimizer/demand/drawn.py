"""Drawn demand: warehouses whose truth is known, for tests and for the forecasts' benchmark.

Sales of a day are Poisson around level · weekday · season · a Gamma factor of the day with mean 1
and variance ω; intermittent items sell on some days only, in lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from optimizer.demand.history import Floats, History, Ints, Outages, make_history

FIRST_DAY = date(2026, 3, 2)
"""A Monday."""
WEEK = np.array([0.80, 0.82, 0.86, 0.95, 1.20, 1.35, 1.02])
HOUR_SHARES = np.array(
    [0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 2, 5, 6, 5, 6, 8, 8, 5, 4, 4, 6, 9, 10, 9, 6, 3, 1.5, 0.5]
)
HOURS_OF = HOUR_SHARES / HOUR_SHARES.sum()


@dataclass(frozen=True)
class Drawn:
    """units: what was asked for; mean: the truth of each day. Both [item, day]."""

    units: Floats
    mean: Floats
    omega: Floats
    squares: Floats

    def history(self, n_days: int, outages: Outages | None = None) -> History:
        """What a warehouse saw of the first days; outages: hours of which it saw nothing."""
        squares = self.squares[:, :n_days].sum(axis=1)
        return history_of(self.units[:, :n_days], outages, squares=squares)


def draw(
    rng: np.random.Generator,
    *,
    n_items: int,
    n_days: int,
    level_median: float = 4.0,
    level_spread: float = 1.2,
    omega: float = 0.08,
    drift: float = 0.01,
    trend: float = 0.0,
) -> Drawn:
    """Smooth demand. drift: sd of the level's daily random walk, in logs; trend: per day, too."""
    level = level_median * np.exp(level_spread * rng.normal(size=(n_items, 1)))
    steps = drift * rng.normal(size=(n_items, n_days)) + trend
    week = WEEK * np.exp(0.1 * rng.normal(size=(n_items, 7)))
    week /= week.mean(axis=1, keepdims=True)
    mean = level * np.exp(np.cumsum(steps, axis=1)) * week[:, np.arange(n_days) % 7]
    omegas = omega * rng.uniform(0.5, 1.5, size=(n_items, 1))
    rate = mean * rng.gamma(1.0 / omegas, omegas, size=mean.shape)
    units = rng.poisson(rate).astype(np.float64)
    return Drawn(units=units, mean=mean, omega=omegas[:, 0], squares=units)


def draw_lumpy(rng: np.random.Generator, *, n_items: int, n_days: int) -> Drawn:
    """Intermittent demand: a sale on 5 to 30 % of days, of 1 to 10 pieces on average."""
    chance = rng.uniform(0.05, 0.3, size=(n_items, 1))
    size = rng.uniform(1.0, 10.0, size=(n_items, 1))
    is_sold = rng.random((n_items, n_days)) < chance
    units = is_sold * (1 + rng.poisson(size - 1.0, size=(n_items, n_days)))
    return Drawn(
        units=units.astype(np.float64),
        mean=np.broadcast_to(chance * size, units.shape).copy(),
        omega=np.zeros(n_items),
        squares=(units**2).astype(np.float64),
    )


def history_of(
    units: Floats,
    outages: Outages | None = None,
    *,
    hour_units: Floats | None = None,
    squares: Floats | None = None,
) -> History:
    """The history of these units, by the shops' hours and a piece a sale if not said."""
    n_items = len(units)
    return make_history(
        [f"{i:014d}" for i in range(n_items)],
        FIRST_DAY,
        units=units,
        hour_units=units.sum(axis=1, keepdims=True) * HOURS_OF
        if hour_units is None
        else hour_units,
        outages=none_out() if outages is None else outages,
        i_listed=np.zeros(n_items, dtype=np.int64),
        squares=units.sum(axis=1) if squares is None else squares,
    )


def none_out() -> Outages:
    """No hour without stock."""
    nothing: Ints = np.zeros(0, dtype=np.int64)
    return Outages(i_item=nothing, i_day=nothing, hour=nothing, share=np.zeros(0))
