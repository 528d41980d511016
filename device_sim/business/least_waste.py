"""The least that must grow too old if a share of all customers is to be served.

A unit that comes to a shelf with m days of life is thrown away if no customer comes in all of
them: the units before it can only shorten its turn. So whoever does not know the future throws
away at least P(no customer in m days) of what is delivered, and per unit sold at least

    w = p / (1 - p)        p = exp(-Λ) for Λ customers expected in m days

and more where days differ: p = Π (1 + ω λ_day)^(-1/ω) where a day's rate is a Gamma variable with
variance ω. Here every place knows its rates, shelves are filled at once, goods are as fresh on
arrival as a supplier and the road allow, the best days of the week are taken, and whoever costs
most waste is served last. No policy of the simulation has any of this, so in the long run none
can waste less of what grows old; what failed cold chains take comes on top. Compare the newsvendor
with a life (Nahmias 1982, Operations Research 30).

Surges are left out: where there are any the bound is of the days without.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.business.chance import LOT_MEAN, Floats, draw_goods, levels_of
from device_sim.business.scenario import LIFE_MAX, Business

TINY: Final = 1e-12


def least_waste_kg(business: Business, seed: int, fill: float) -> float:
    """Kg per day that must grow too old where this share of all units asked for is served."""
    asked, wasted_kg_per_unit = _choices(business, seed)
    if asked.sum() <= 0:
        return 0.0
    order = np.argsort(wasted_kg_per_unit, kind="stable")
    before = np.cumsum(asked[order]) - asked[order]
    served = np.clip(fill * asked.sum() - before, 0.0, asked[order])
    return float((served * wasted_kg_per_unit[order]).sum())


def _choices(business: Business, seed: int) -> tuple[Floats, Floats]:
    """Of each SKU at each place, flat: units asked for per day, and the least waste per unit."""
    level, is_thin = levels_of(business, seed)
    lot_life, grams = draw_goods(business, seed)
    shelf_days = np.maximum(lot_life - business.lead_days, 0)
    rate = level / np.where(is_thin, LOT_MEAN, 1.0)  # customers a day
    week = np.array(business.sales.week) * 7.0 / sum(business.sales.week)
    omega = business.sales.omega
    log_none = np.zeros((7, *rate.shape))
    for day, factor in enumerate(week):
        steady = rate * factor
        varied = np.log1p(omega * steady) / omega if omega > 0 else steady
        log_none[day] = np.where(is_thin, steady, varied)
    weeks, days = np.divmod(shelf_days, 7)
    some = np.zeros_like(log_none)
    for first in range(7):
        for k in range(6):
            some[first] += np.where(k < days, log_none[(first + k) % 7], 0.0)
    # The best start of the week for those days of it that are not whole weeks.
    none = np.exp(-(weeks * log_none.sum(axis=0) + some.max(axis=0)))
    per_unit = none / np.maximum(1.0 - none, TINY)
    kept = np.where(lot_life > LIFE_MAX, 0.0, per_unit) * grams / 1000.0
    return level.ravel(), kept.ravel()
