"""Forecasts of many warehouses lean on each other: what one of them sells little of, all know.

An item that sells twice a week at one place is known there to a third at best, and ten times as
well in the network. So a level l at a place is drawn to m, the network's level times the place's
share of what such items sell, the more so the less the place can know by itself:

    l' = (1 - B) l + B m,        B = v / (v + τ² m²)

v: the variance of the level that a smoothing with constant α has seen, that of (2 - α) / α days;
τ: how much places differ beyond their shares, by moments over all items (empirical Bayes: Morris
1983, Journal of the American Statistical Association 78). What sells much keeps its place's level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.demand.forecast import Forecast
from optimizer.demand.history import Floats, Ints
from optimizer.demand.smoothing import CROSTON, DAY_OMEGA, LEVELS, METHODS, TRENDS, TSB

BLEND_ALPHA: Final = 0.10
SPREAD_MIN: Final = 0.10
"""Places differ by a tenth at least, whatever a short history says."""
_ALPHAS: Final = {
    **LEVELS,
    **{name: alpha for name, (alpha, _) in TRENDS.items()},
    **CROSTON,
    **{name: alpha for name, (alpha, _) in TSB.items()},
}


def pooled(places: Sequence[Forecast], whole: Forecast, group: Ints) -> list[Forecast]:
    """The places' forecasts, each leaning on all. whole: of the network; group: of each item,
    items that have their places' shares in common (a temperature class)."""
    level = np.array([it.level for it in places])
    expected = _shares(level, group)[:, group] * whole.level
    noise = np.array([_noise(it, m) for it, m in zip(places, expected, strict=True)])
    lean = np.ones_like(level)
    for each in np.unique(group):
        mine = group == each
        spread = _spread(level[:, mine], expected[:, mine], noise[:, mine])
        own = spread**2 * expected[:, mine] ** 2
        lean[:, mine] = np.divide(
            noise[:, mine],
            noise[:, mine] + own,
            out=np.zeros_like(own),
            where=expected[:, mine] > 0,
        )
    drawn = (1.0 - lean) * level + lean * expected
    return [
        replace(it, level=drawn[p], trend=it.trend * (1.0 - lean[p]))
        for p, it in enumerate(places)
    ]


def _shares(level: Floats, group: Ints) -> Floats:
    """What each place sells of a group's total, [place, group]."""
    sums = np.array([np.bincount(group, weights=row) for row in level])
    total = sums.sum(axis=0)
    shares: Floats = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    return shares


def _noise(forecast: Forecast, expected: Floats) -> Floats:
    """Variance of each level as the place knows it."""
    by_method = np.array([_ALPHAS.get(name, BLEND_ALPHA) for name in METHODS])
    alpha = by_method[forecast.choice.i_method]
    of_day = forecast.lump * expected + DAY_OMEGA * expected**2
    noise: Floats = of_day * alpha / (2.0 - alpha)
    return noise


def _spread(level: Floats, expected: Floats, noise: Floats) -> float:
    """τ: the standard deviation of places around their shares."""
    sells = expected > 0
    if not sells.any():
        return SPREAD_MIN
    square = expected[sells] ** 2
    known = noise[sells] / square
    excess = (level[sells] - expected[sells]) ** 2 / square - known
    weight = 1.0 / (known + SPREAD_MIN**2) ** 2
    return float(np.sqrt(max((weight * excess).sum() / weight.sum(), SPREAD_MIN**2)))
