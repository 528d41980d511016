"""Order-up-to levels by what a unit is worth: lost sales against holding and waste.

One share of cycles for all items of a class treats alike what is not alike: the fast mover, of
which one more unit on the shelf serves a customer, and the slow one with ten days of life, of
which one more is thrown away. Here every unit has to earn its place. With S units in position,
demand D_C over lead time and cycle T and demand D_m over lead time and life m, the S-th unit

    serves a customer once a cycle with P(D_C ≥ S)      worth    p · P(D_C ≥ S) / T    per day
    is wasted where D_m does not reach it               costs    c · w(S)
    is held                                             costs    h

w(S), what one more unit of level wastes per day, lies between two. Of a delivery of q, what a
cycle sells, the unit of rank r has r - 1 others before it and is wasted with P(D_m < r), so one
more of level wastes (P(D_m < S) - P(D_m < S - q)) / T: too much, since those before it may be
wasted, too, and make way. P(D_m < S) / m counts a shelf once in a life: too little, since it is
never all fresh.
Halfway is within a fifth of a shelf that is played day by day as long as no more than a tenth of
what is delivered goes to waste (a test plays it).

S is the last unit that is worth more than it costs (marginal analysis, Sherbrooke 2004, Optimal
Inventory Modeling of Systems, chapter 2; of goods with a life: Nahmias 1982, Operations Research
30). p, the price of a customer who goes home without, is one for all items of a class: with it the
class serves as much as can be served for the money. `lost_price` finds the p that serves a given
share of all units asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.demand.counts import GRID, CountTable, negative_binomial
from optimizer.demand.history import Floats, Ints

PRICE_STEPS: Final = 16
LOG_PRICES: Final = (-9.0, 16.0)


@dataclass(frozen=True, slots=True)
class Stakes:
    """What is at stake in a unit, by item, money. holding: per day, with what fails per day."""

    lost: Floats
    waste: Floats
    holding: Floats

    def first(self, n: int) -> Stakes:
        """Of the first n items."""
        return Stakes(self.lost[:n], self.waste[:n], self.holding[:n])

    def only(self, items: Ints) -> Stakes:
        """Of these items."""
        return Stakes(self.lost[items], self.waste[items], self.holding[items])

    def priced(self, price: float | Floats) -> Stakes:
        """With lost units at so many times their worth."""
        return Stakes(self.lost * price, self.waste, self.holding)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Demand that meets a level, by item. of_cycle: over lead time and cycle; of_life: over lead
    time and life; life_days: inf for what keeps."""

    of_cycle: CountTable
    of_life: CountTable
    cycle_days: Floats
    life_days: Floats

    @classmethod
    def of(
        cls,
        *,
        cycle: tuple[Floats, Floats],
        life: tuple[Floats, Floats],
        cycle_days: Floats,
        life_days: Floats,
    ) -> Exposure:
        """From mean and ω of both spans, as `Forecast.over` tells them."""
        of_cycle = negative_binomial(*cycle)
        return cls(
            of_cycle=of_cycle,
            # What keeps is never looked up.
            of_life=of_cycle if np.isinf(life_days).all() else negative_binomial(*life),
            cycle_days=cycle_days,
            life_days=life_days,
        )


def at_most(table: CountTable, level: Floats) -> Floats:
    """P(demand ≤ level), by item."""
    k = np.floor((level - table.first) / table.step)
    rows = np.arange(len(table.mean))
    below: Floats = table.below[rows, np.clip(k, 0, GRID - 1).astype(np.int64)]
    return np.where(k < 0, 0.0, below)


def wasted_per_day(
    of_life: CountTable, level: Floats, *, sold: Floats, cycle_days: Floats, life_days: Floats
) -> Floats:
    """w(S): units a day that one more of level wastes; 0 for what keeps. sold: per cycle."""
    keeps = np.isinf(life_days)
    days = np.where(keeps, 1.0, np.maximum(life_days, 0.5))
    below = at_most(of_life, level - 1.0)
    lower = level - 1.0 - sold
    whole = np.floor(lower)
    low, high = at_most(of_life, whole), at_most(of_life, whole + 1.0)
    queued = (below - low - (lower - whole) * (high - low)) / cycle_days
    return np.where(keeps, 0.0, (queued + below / days) / 2.0)


def waste_of_level(
    of_life: CountTable, level: Floats, *, sold: Floats, cycle_days: Floats, life_days: Floats
) -> Floats:
    """Units wasted per day at a level: the sum of `wasted_per_day` up to it."""
    keeps = np.isinf(life_days)
    days = np.where(keeps, 1.0, np.maximum(life_days, 0.5))
    unsold = _unsold(of_life, level)
    queued = (unsold - _unsold(of_life, level - sold)) / cycle_days
    return np.where(keeps, 0.0, (queued + unsold / days) / 2.0)


def balanced_levels(exposure: Exposure, stakes: Stakes) -> Ints:
    """The highest level whose last unit is worth more than it costs, in whole units from 0."""
    low = np.zeros(len(stakes.lost))
    top = exposure.of_cycle.first + exposure.of_cycle.step * GRID
    high = np.ceil(np.where(exposure.of_cycle.mean > 0, top, 0.0)) + 1.0
    while (high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        served = 1.0 - at_most(exposure.of_cycle, middle - 1.0)
        gain = stakes.lost * served / exposure.cycle_days
        wasted = wasted_per_day(
            exposure.of_life,
            middle,
            sold=exposure.of_cycle.mean,
            cycle_days=exposure.cycle_days,
            life_days=exposure.life_days,
        )
        cost = stakes.holding + stakes.waste * wasted
        is_worth = gain > cost
        low = np.where(is_worth, middle, low)
        high = np.where(is_worth, high, middle)
    return low.astype(np.int64)


def lost_price(parts: Sequence[tuple[Exposure, Stakes]], *, share: float) -> float:
    """The price of a lost unit with which the balanced levels serve this share of all units.

    parts: classes of items; `Stakes.lost` is taken as relative worth (ones: all customers alike),
    and units count by it in the share: a gram of what is kept by weight is less than a piece.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share: expected one between 0 and 1, got {share}")
    asked = math.fsum(
        float((at_stake.lost * it.of_cycle.mean / it.cycle_days).sum()) for it, at_stake in parts
    )
    shorts = [_shorts(exposure.of_cycle) for exposure, _ in parts]
    low, high = LOG_PRICES
    for _ in range(PRICE_STEPS):
        middle = (low + high) / 2.0
        lost = 0.0
        for (exposure, stakes), short in zip(parts, shorts, strict=True):
            levels = balanced_levels(exposure, stakes.priced(math.exp(middle)))
            lost += _lost_per_day(exposure, short, levels, stakes.lost)
        if lost > (1.0 - share) * asked:
            low = middle
        else:
            high = middle
    return math.exp(high)


def _shorts(table: CountTable) -> Floats:
    """E[(demand - level)+] at first + k step, [item, k], k from 0 to GRID."""
    above = 1.0 - table.below
    served = table.first[:, None] + np.cumsum(above, axis=1) * table.step[:, None]
    start = table.first[:, None]
    served = np.concatenate([start, served], axis=1)
    found: Floats = np.maximum(table.mean[:, None] - served, 0.0)
    return found


def _lost_per_day(exposure: Exposure, short: Floats, levels: Ints, worth: Floats) -> float:
    table = exposure.of_cycle
    k = np.clip(np.floor((levels - table.first) / table.step), 0, GRID).astype(np.int64)
    told = short[np.arange(len(levels)), k]
    lost = np.where(levels >= table.first, told, table.mean - levels)
    return float((worth * lost / exposure.cycle_days).sum())


def _unsold(table: CountTable, level: Floats) -> Floats:
    """E[(level - demand)+], by item."""
    units = np.maximum(level, 0.0)
    left: Floats = np.maximum(units - table.mean + table.expected_short(units), 0.0)
    return left
