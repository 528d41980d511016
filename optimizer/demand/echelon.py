"""What a network buys: one level for all of its stock, worth what its warehouses make of it.

The central warehouse serves nobody itself. A unit there is worth what it is worth at the place
that needs it most, so a service of its own, however high, is the wrong promise: it buys twice what
the places hold already. Instead (Clark & Scarf 1960, Management Science 6; of one depot and many
places: Eppen & Schrage 1981, TIMS Studies 16, and Federgruen & Zipkin 1984, Management Science
30): whatever there is, is shared so that the chance of a shortage is the same everywhere.
With x units for all places that chance is P(x), from the places' own quantiles. The stock
position S of the network has to last from the purchase's arrival until the next one's, so

    worth of its last unit, per day  =  p / T · mean over that time of E[P(S - demand until then)]

against holding it, and against the chance that it is never sold within its life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.demand.balance import Stakes, waste_of_level, wasted_per_day
from optimizer.demand.counts import CountTable
from optimizer.demand.history import Floats, Ints

CHANCES: Final = np.geomspace(0.9, 0.001, 20)
"""Of a shortage in a cycle, falling: the grid on which places are compared."""
_STEPS: Final = CHANCES - np.append(CHANCES[1:], 0.0)
MIDPOINTS: Final = (np.arange(6) + 0.5) / 6.0
"""Probabilities at which demand until the stock is shared is looked at."""


@dataclass(frozen=True, slots=True)
class Network:
    """What the places make of the network's stock, by item.

    held: [chance, item], units in position at all places with which each has that chance of a
    shortage in its cycle of cycle_days. until: [case, item], demand until stock is shared out,
    cases equally likely. of_life: demand from now until what is bought now is too old.
    buying_days: between purchases, by item; sold: units meanwhile.
    """

    held: Ints
    cycle_days: Floats
    until: Floats
    of_life: CountTable
    life_days: Floats
    buying_days: Floats
    sold: Floats


def places_levels(of_cycle: CountTable) -> Ints:
    """Levels of places by chance of a shortage, [chance, item]."""
    levels = [of_cycle.quantile(1.0 - chance) for chance in CHANCES]
    return np.array(levels).astype(np.int64)


def shortage_chance(held: Ints, units: Floats) -> Floats:
    """P(x): the chance of a shortage where the next unit would go; units: [case, item]."""
    steps = zip(_STEPS, held, strict=True)
    found = np.zeros_like(units)
    for step, level in steps:
        found += step * (level[None, :] > units)
    return found


def shortfall(held: Ints, units: Floats) -> Floats:
    """What customers miss in a cycle with so many units shared out; units: [case, item]."""
    found = np.zeros_like(units)
    for step, level in zip(_STEPS, held, strict=True):
        found += step * np.maximum(level[None, :] - units, 0.0)
    return found


def echelon_levels(network: Network, stakes: Stakes) -> Ints:
    """The network's order-up-to levels, in whole units from 0."""
    low = np.zeros(network.held.shape[1])
    high = network.held[-1] + network.until.max(axis=0) + 1.0
    while (high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        chance = shortage_chance(network.held, middle[None, :] - 1.0 - network.until).mean(axis=0)
        gain = stakes.lost * chance / network.cycle_days
        wasted = wasted_per_day(
            network.of_life,
            middle,
            sold=network.sold,
            cycle_days=network.buying_days,
            life_days=network.life_days,
        )
        is_worth = gain > stakes.holding + stakes.waste * wasted
        low = np.where(is_worth, middle, low)
        high = np.where(is_worth, high, middle)
    return low.astype(np.int64)


def cost_per_day(network: Network, stakes: Stakes, levels: Ints) -> Floats:
    """What holding, waste and lost sales come to with these levels, by item; no purchase's trip.

    Compares cycles of purchase: what does not depend on the level is in none of them.
    """
    left = levels[None, :] - network.until
    held = np.maximum(left, 0.0).mean(axis=0)
    missed = shortfall(network.held, left).mean(axis=0) / network.cycle_days
    wasted = waste_of_level(
        network.of_life,
        levels.astype(np.float64),
        sold=network.sold,
        cycle_days=network.buying_days,
        life_days=network.life_days,
    )
    cost: Floats = stakes.holding * held + stakes.waste * wasted + stakes.lost * missed
    return cost
