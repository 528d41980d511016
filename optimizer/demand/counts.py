"""The distribution of demand over a span: negative binomial, over all items at once.

Demand is Poisson around a rate that itself varies from day to day like a Gamma variable, so over a
span with mean μ (Fisher 1941, Ann. Eugenics 11; as a demand model: Agrawal & Smith 1996, Naval
Research Logistics 43)

    variance = lump μ + ω μ²,        as a negative binomial with r = μ² / (variance - μ)

Probabilities are tabulated on a grid per item: every whole number where they fit, else equal
steps of at most a twentieth of the standard deviation or so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.demand.history import Floats, Ints

GRID: Final = 768
SMALL_GRIDS: Final = (48, 192)
"""Most items are slow, and the few points they need are quickly told."""
CHUNK: Final = 512
"""Items at a time: what is worked on stays in the processor's cache."""
_MEAN_MIN = 1e-9
_OMEGA_MIN = 1e-6
"""Below this a negative binomial is a Poisson to six digits, and its r still a usable number."""


@dataclass(frozen=True, slots=True)
class CountTable:
    """P(demand ≤ first + k step) in `below`, [item, k]; demand is a whole number of units."""

    mean: Floats
    first: Floats
    step: Floats
    below: Floats

    def part(self, rows: Ints) -> CountTable:
        """The table of some of the items; one may come again."""
        return CountTable(self.mean[rows], self.first[rows], self.step[rows], self.below[rows])

    def quantile(self, probability: Floats | float) -> Floats:
        """The smallest demand that is not exceeded with this probability (by item, or for all)."""
        wanted = np.broadcast_to(np.asarray(probability, dtype=np.float64), self.mean.shape)
        # The number of points below what is wanted, by halving: tables are wide.
        rows = np.arange(len(self.mean))
        low, high = np.zeros(len(rows), np.int64), np.full(len(rows), self.below.shape[1] - 1)
        for _ in range(self.below.shape[1].bit_length()):
            middle = (low + high) // 2
            is_below = self.below[rows, middle] < wanted
            low = np.where(is_below & (low < high), middle + 1, low)
            high = np.where(is_below, high, middle)
        found: Floats = self.first + low * self.step
        return found

    def expected_short(self, level: Floats) -> Floats:
        """E[max(0, demand - level)]: what a stock of `level` leaves unserved."""
        # E[(D - s)+] = E[D] - E[min(D, s)] and E[min(D, s)] = Σ_{x < s} P(D > x).
        n_points = self.below.shape[1]
        rows = np.arange(len(self.mean))
        place = np.clip((level - self.first) / self.step, 0.0, n_points)
        k = place.astype(np.int64)
        below = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(self.below, axis=1)], axis=1)
        part = (place - k) * (1.0 - self.below[rows, np.minimum(k, n_points - 1)])
        served = np.minimum(level, self.first) + self.step * (k - below[rows, k] + part)
        short: Floats = np.maximum(self.mean - served, 0.0)
        return short

    def level_for_short(self, short_max: Floats) -> Floats:
        """The smallest level on the grid that leaves no more than `short_max` unserved."""
        above = 1.0 - self.below
        served = self.first[:, None] + np.cumsum(above, axis=1) * self.step[:, None]
        short = np.maximum(self.mean[:, None] - served, 0.0)
        k = (short > short_max[:, None]).sum(axis=1).clip(max=GRID - 1)
        # Without any stock the whole mean is short.
        return np.where(self.mean <= short_max, 0.0, self.first + (k + 1) * self.step)


def negative_binomial(mean: Floats, omega: Floats) -> CountTable:
    """The table of counts with this mean and variance mean + omega mean²; both by item."""
    mean = np.maximum(mean, 0.0)
    omega = np.maximum(omega, _OMEGA_MIN)
    sd = np.sqrt(mean + omega * mean**2)
    # A negative binomial's tail is a Gamma's: with a small r it needs more than ten deviations.
    last = np.ceil(mean + 10.0 * sd + 8.0 * (1.0 + omega * mean))
    first = np.where(last < GRID, 0.0, np.floor(np.maximum(mean - 10.0 * sd, 0.0)))
    step = np.ceil((last - first + 1.0) / GRID)
    below = np.ones((len(mean), GRID))
    low = 0.0
    for n_points in (*SMALL_GRIDS, GRID):
        rows = np.flatnonzero((last >= low) & ((last < n_points) | (n_points == GRID)))
        low = float(n_points)
        if len(rows):
            below[rows, :n_points] = _below(
                mean[rows], omega[rows], first=first[rows], step=step[rows], n_points=n_points
            )
    return CountTable(mean=mean, first=first, step=step, below=below)


def _below(mean: Floats, omega: Floats, *, first: Floats, step: Floats, n_points: int) -> Floats:
    """P(demand ≤ point) at n_points of each item's grid."""
    found = np.empty((len(mean), n_points))
    for start in range(0, len(mean), CHUNK):
        rows = slice(start, start + CHUNK)
        logs = _by_ratios if (step[rows] == 1.0).all() else _by_gammas
        r = (1.0 / omega[rows])[:, None]
        rate = np.maximum(mean[rows], _MEAN_MIN)[:, None]
        points = first[rows, None] + step[rows, None] * np.arange(n_points)
        log_p = logs(points, r, rate)
        weight = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        below = np.cumsum(weight, axis=1)
        # A point of a coarse grid stands for the whole numbers around it; half of them lie above.
        share_above = ((step[rows] - 1.0) / (2.0 * step[rows]))[:, None]
        found[rows] = (below - share_above * weight) / below[:, -1:]
    return found


def _by_ratios(points: Floats, r: Floats, rate: Floats) -> Floats:
    """ln P at neighbouring whole numbers, but for a constant: P(x) / P(x - 1), added up."""
    log_p = np.zeros_like(points)
    x = points[:, 1:]
    np.cumsum(np.log((x - 1.0 + r) / x * (rate / (r + rate))), axis=1, out=log_p[:, 1:])
    return log_p


def _by_gammas(points: Floats, r: Floats, rate: Floats) -> Floats:
    """ln P anywhere, but for a constant."""
    log_p = log_gamma(points + r) - log_gamma(points + 1.0)
    log_p += points * np.log(rate / (r + rate))
    return log_p


def omega_of(mean: Floats, *, omega: Floats, lump: Floats, extra_variance: Floats) -> Floats:
    """The ω with which a negative binomial has variance lump μ + ω μ² + extra."""
    square = np.maximum(mean, _MEAN_MIN) ** 2
    wide: Floats = omega + ((lump - 1.0) * mean + extra_variance) / square
    return wide


def log_gamma(x: Floats) -> Floats:
    """ln Γ(x) for x > 0, to some ten digits.

    Stirling's series at x + 7, taken back by the recurrence (Abramowitz & Stegun 6.1.41, 6.1.15).
    """
    product = x * (x + 1.0) * (x + 2.0) * (x + 3.0) * (x + 4.0) * (x + 5.0) * (x + 6.0)
    z = x + 7.0
    square = 1.0 / (z * z)
    series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / z
    logs: Floats = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2.0 * np.pi) + series - np.log(product)
    return logs
