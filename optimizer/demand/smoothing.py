"""The methods: one pass over the days, all items and methods at once.

Every method holds a state per item and tells the mean of a coming day as

    mean = (level + trend Σ φ^i) · weekday factor · uplift

and learns from the difference of what was asked for and that mean. What was asked for is what was
seen, and for the part of the day that could not be seen its expectation given that (`asked_for`;
the E-step of Dempster, Laird & Rubin 1977). Of a day without any stock nothing is learnt.

    level_a    simple exponential smoothing, α = a         (Gardner 2006, Int. J. Forecasting 22,
    trend_a    damped additive trend, φ = 0.9               table 3, N-N and DA-N)
    sba_a      Croston's size over interval without its bias, (1 - α/2 (1 - 1/interval)): Syntetos
               & Boylan (2001, Int. J. Production Economics 71)
    tsb_a      size · probability, so that what is no longer sold fades (Teunter, Syntetos & Babai
               2011, Eur. J. Operational Research 214, eq. 2-3)
    blend      the mean of level_10, trend_10, tsb_10: no method is best everywhere (Makridakis,
               Spiliotis & Assimakopoulos 2020, Int. J. Forecasting 36)

Weekday factors are the same for all methods: per item seen over expected units of that weekday,
discounted by the week, as a Gamma-Poisson posterior mean around the factor of all items together
(history.PRIOR_UNITS). So a slow item has its warehouse's week and a fast one its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.demand.history import PRIOR_UNITS, Floats, History

WEEK: Final = 7
DAMPING: Final = 0.9
WEEK_DISCOUNT: Final = 0.96
"""Weight of a weekday's units after a week; half of it is gone after four months."""
FACTOR_MIN: Final = 0.05
DAY_OMEGA: Final = 0.1
"""How much days differ beyond chance: their rates have a standard deviation of 30 %."""

LEVELS: Final = {"level_05": 0.05, "level_10": 0.10, "level_20": 0.20, "level_40": 0.40}
TRENDS: Final = {"trend_10": (0.10, 0.10), "trend_20": (0.20, 0.10)}
CROSTON: Final = {"sba_10": 0.10}
TSB: Final = {"tsb_10": (0.10, 0.05), "tsb_20": (0.20, 0.10)}
BLEND: Final = ("level_10", "trend_10", "tsb_10")
METHODS: Final = (*LEVELS, *TRENDS, *CROSTON, *TSB, "blend")


@dataclass(frozen=True, slots=True)
class States:
    """What each method knew before each day. level, trend: [method, day, item]; day n_days is
    the state after the last. weekday: [day, item, weekday] with Monday 0.
    """

    level: Floats
    trend: Floats
    weekday: Floats


def weekdays(history: History) -> list[int]:
    """The weekday of each day and of the one after the last, Monday 0."""
    first = history.first_day.weekday()
    return [(first + day) % WEEK for day in range(history.n_days + 1)]


def run_methods(history: History, uplift: Floats) -> States:
    """All states over all days. uplift: [item, day], the factors of announced campaigns."""
    n_items, n_days = history.units.shape
    learners = _Learners(_first_levels(history, uplift))
    level = np.zeros((len(METHODS), n_days + 1, n_items))
    trend = np.zeros_like(level)
    weekday = np.ones((n_days + 1, n_items, WEEK))
    week = _Weekdays(n_items)
    for day, name in enumerate(weekdays(history)):
        weekday[day] = week.factors()
        learners.tell(level[:, day], trend[:, day])
        if day == n_days:
            break
        # A day on which nobody was to buy teaches as much as one without stock.
        is_open = uplift[:, day] >= FACTOR_MIN
        seen = np.where(is_open, history.units[:, day], 0.0)
        covered = np.where(is_open, history.covered[:, day], 0.0)
        factor = np.maximum(weekday[day][:, name] * uplift[:, day], FACTOR_MIN)
        week.learn(name, seen, covered * uplift[:, day] * learners.slow_level())
        learners.learn(seen, covered, factor)
    return States(level=level, trend=trend, weekday=weekday)


def _first_levels(history: History, uplift: Floats) -> Floats:
    """Where to begin: units over covered days of the item's first week with any cover."""
    begun = np.cumsum(history.covered > 0, axis=1)
    window = (begun > 0) & (begun <= 2 * WEEK)
    expected = (history.covered * uplift * window).sum(axis=1)
    units = (history.units * window).sum(axis=1)
    level: Floats = np.divide(units, expected, out=np.zeros_like(units), where=expected > 0)
    return level


class _Weekdays:
    """The weekday factors as they are learnt."""

    def __init__(self, n_items: int) -> None:
        self._seen = np.zeros((n_items, WEEK))
        self._expected = np.zeros((n_items, WEEK))

    def factors(self) -> Floats:
        """[item, weekday], mean 1 over the week."""
        pool = (self._seen.sum(axis=0) + PRIOR_UNITS) / (self._expected.sum(axis=0) + PRIOR_UNITS)
        factors = (self._seen + PRIOR_UNITS * pool) / (self._expected + PRIOR_UNITS)
        means: Floats = factors / factors.mean(axis=1, keepdims=True)
        return means

    def learn(self, name: int, seen: Floats, expected: Floats) -> None:
        """Take a day; expected: with a factor of 1."""
        is_counted = expected > 0
        for kept, new in ((self._seen, seen), (self._expected, expected)):
            kept[:, name] = kept[:, name] * np.where(is_counted, WEEK_DISCOUNT, 1.0) + np.where(
                is_counted, new, 0.0
            )


class _Learners:
    """The states of all methods after a day. Arrays: [parameter set, item]."""

    def __init__(self, start: Floats) -> None:
        self._levels = np.tile(start, (len(LEVELS), 1))
        self._alpha = np.array(list(LEVELS.values()))[:, None]
        self._base = np.tile(start, (len(TRENDS), 1))
        self._slope = np.zeros_like(self._base)
        self._trend_alpha = np.array([alpha for alpha, _ in TRENDS.values()])[:, None]
        self._trend_beta = np.array([beta for _, beta in TRENDS.values()])[:, None]
        # Until something is sold the first sale is as large as a day's mean, at least one.
        self._size = np.tile(np.maximum(start, 1.0), (len(CROSTON), 1))
        self._interval = self._size / np.maximum(start, 1e-3)
        self._since = np.ones_like(self._size)
        self._croston_alpha = np.array(list(CROSTON.values()))[:, None]
        self._tsb_size = np.tile(np.maximum(start, 1.0), (len(TSB), 1))
        self._chance = np.minimum(start / self._tsb_size, 1.0)
        self._tsb_alpha = np.array([alpha for alpha, _ in TSB.values()])[:, None]
        self._tsb_beta = np.array([beta for _, beta in TSB.values()])[:, None]

    def slow_level(self) -> Floats:
        """The steadiest level: what weekdays are compared with."""
        slowest: Floats = self._levels[0]
        return slowest

    def tell(self, level: Floats, trend: Floats) -> None:
        """Write each method's state into rows ordered as METHODS."""
        rows = [
            *self._levels,
            *self._base,
            *(self._unbiased() * self._size / self._interval),
            *(self._chance * self._tsb_size),
        ]
        by_name = dict(zip(METHODS, rows, strict=False))
        blend = np.mean([by_name[name] for name in BLEND], axis=0)
        level[:] = [*rows, blend]
        first = len(LEVELS)
        trend[first : first + len(TRENDS)] = self._slope
        trend[-1] = self._slope[list(TRENDS).index("trend_10")] / len(BLEND)

    def _unbiased(self) -> Floats:
        """What takes Croston's bias away, which is nothing for an item that sells every day."""
        corrected: Floats = 1.0 - self._croston_alpha / 2.0 * (1.0 - 1.0 / self._interval)
        return corrected

    def learn(self, seen: Floats, covered: Floats, factor: Floats) -> None:
        """Take a day of all items. factor: weekday times uplift."""
        # Days with few sales say less about the level; those with many say no more than others.
        weight = np.minimum(factor, 1.0)
        asked = asked_for(seen, covered, self._levels * factor)
        self._levels += self._alpha * weight * (asked / factor - self._levels)
        np.maximum(self._levels, 0.0, out=self._levels)
        told = np.maximum(self._base + DAMPING * self._slope, 0.0)
        innovation = weight * (asked_for(seen, covered, told * factor) / factor - told)
        # A day of which nothing could be seen leaves level and trend where they are.
        is_seen = covered > 0
        self._base = np.where(is_seen, told + self._trend_alpha * innovation, self._base)
        slope = DAMPING * self._slope + self._trend_alpha * self._trend_beta * innovation
        self._slope = np.where(is_seen, slope, self._slope)
        np.maximum(self._base, 0.0, out=self._base)
        self._learn_intermittent(seen, covered, factor)

    def _learn_intermittent(self, seen: Floats, covered: Floats, factor: Floats) -> None:
        is_sold = seen > 0
        alpha = self._croston_alpha * is_sold
        mean = self._size / self._interval * factor
        self._size += alpha * (asked_for(seen, covered, mean) / factor - self._size)
        # Only time in which the item could be sold passes.
        self._since += np.minimum(covered, 1.0) * ~is_sold
        self._interval += alpha * (self._since - self._interval)
        self._since = np.where(is_sold, 1.0, self._since)
        mean = self._chance * self._tsb_size * factor
        size = asked_for(seen, covered, mean) / factor
        self._tsb_size += self._tsb_alpha * is_sold * (size - self._tsb_size)
        weight = np.where(is_sold, 1.0, np.minimum(covered, 1.0))
        self._chance += self._tsb_beta * weight * (is_sold - self._chance)


def asked_for(seen: Floats, covered: Floats, mean: Floats) -> Floats:
    """What was asked for on a day of which a part was seen, as far as anybody can tell.

    The day's rate is Gamma around the mean with variance DAY_OMEGA mean²; what was seen of it
    tells the rest: the posterior mean rate is mean (1 + ω seen) / (1 + ω covered mean). A shelf is
    empty early because the day was busy, so the usual rate would be too little for such a rest.
    """
    rate = mean * (1.0 + DAY_OMEGA * seen) / (1.0 + DAY_OMEGA * covered * mean)
    asked: Floats = seen + (1.0 - covered) * rate
    return asked
