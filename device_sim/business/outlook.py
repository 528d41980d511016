"""What our planner makes up its mind about once a week: forecasts, a class plan, levels.

Per class, by the product's own rooms: forecasts of each place and of the network
(`optimizer.demand.forecast`), tours and their cycles (`optimizer.solve`, hybrid), the price of a
lost unit that serves what is promised, levels of the places (`optimizer.demand.balance`), how
often to buy, and the level of the whole network (`optimizer.demand.echelon`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

import numpy as np

from device_sim.business.chance import HOURS_OF, Floats, Ints
from device_sim.business.class_plan import Tour, tours_of
from device_sim.business.policies import COVERED_MIN, Seen
from device_sim.business.scenario import LIFE_MAX
from optimizer import Plan
from optimizer.demand.balance import Exposure, Stakes, balanced_levels, lost_price, waste_of_level
from optimizer.demand.counts import negative_binomial
from optimizer.demand.echelon import (
    CHANCES,
    MIDPOINTS,
    Network,
    cost_per_day,
    echelon_levels,
    places_levels,
)
from optimizer.demand.forecast import Forecast, fit
from optimizer.demand.history import History
from optimizer.demand.pooling import pooled

MONDAY: Final = date(2026, 3, 2)
HISTORY_DAYS: Final = 56
EVENINGS: Final = 3
"""Of a purchase's cycle, on which sharing out is looked at."""
WAIT_DAYS: Final = 1
"""Beyond a tour's cycle that levels last: a vehicle may wait until it is full."""
LUMP_MAX: Final = 4.0
PRIOR_DAYS: Final = 30.0
Days = TypeVar("Days", float, Floats)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A class's week. Axes: place from 0 (the network as a whole), SKU of the class.

    tours: cycle and places; flat: mean demand of the levels' spans when they were made; by_chance:
    [chance, place, SKU].
    """

    skus: Ints
    tours: list[Tour]
    forecasts: tuple[Forecast, ...]
    price: float
    buying_days: int
    span_days: Floats
    flat: Floats
    levels: Ints
    by_chance: Ints

    def raised(self, mean: Floats, levels: Ints) -> Ints:
        """Levels for a mean that has changed: its deviation grows with the root."""
        spare = levels - self.flat
        factor = np.sqrt(np.maximum(mean, 0.0) / np.maximum(self.flat, 1e-9))
        spare = spare * np.where(spare > 0, np.clip(factor, 1.0, 10.0), 1.0)
        return np.maximum(np.ceil(mean + spare - 1e-6), 0.0).astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a class's levels stand on. span: from now to a delivery's successor, by place."""

    skus: Ints
    tours: list[Tour]
    life: Floats
    cycles: Floats
    span: Floats
    exposure: Exposure
    omega: Floats
    stakes: Stakes


def outlooks(
    seen: Seen,
    plan: Plan | None,
    forecasts: Sequence[Forecast],
    *,
    service: float,
    waste_weight: float,
    dwell: Sequence[float],
) -> list[Outlook]:
    """The week of each class. service: the share of all units that is to be served.

    waste_weight: what a wasted unit costs, in times its value, whether it grew old or its cold
    chain failed. dwell: days that goods of a class lie in the central warehouse.
    """
    grounds = [
        _ground(seen, i, plan, forecasts, dwell=dwell[i], waste_weight=waste_weight)
        for i in range(len(seen.business.classes))
    ]
    price = lost_price([(it.exposure, it.stakes) for it in grounds], share=service)
    return [_outlook(seen, i, it, forecasts, price) for i, it in enumerate(grounds)]


def _ground(
    seen: Seen,
    i: int,
    plan: Plan | None,
    forecasts: Sequence[Forecast],
    *,
    dwell: float,
    waste_weight: float,
) -> _Ground:
    goods = seen.business.classes[i]
    skus = seen.skus_of(i)
    tours = tours_of(plan, i, len(forecasts) - 1)
    kg = seen.grams[skus] / 1000.0
    mine = [it.part(skus) for it in forecasts]
    cycles = np.ones(len(forecasts))
    for each, stops in tours:
        # A vehicle may wait for a while until it is full: levels last that long, too.
        rates = [float(_over(mine[p], 7.0)[0] @ kg) / 7.0 for p in stops]
        filled = goods.vehicle_capacity_kg / max(sum(rates), 1e-9)
        cycles[list(stops)] = min(max(filled, each), each + WAIT_DAYS)
    ride = seen.business.lead_days
    life = np.where(seen.lot_life[skus] > LIFE_MAX, np.inf, seen.lot_life[skus] * 1.0)
    fails = (seen.failed[:, :, i].sum()) / (seen.failed[:, :, i].size + PRIOR_DAYS)
    waste_cost = waste_weight * goods.value
    held = goods.holding + goods.preservation + fails * goods.excursion_loss * waste_cost
    places = range(1, len(forecasts))
    n, many = len(skus), len(places)
    span = ride - 1 + cycles
    cycle = [_over(mine[p], span[p], late=seen.business.late) for p in places]
    at_place = np.maximum(life - ride - dwell, 1.0)
    days = np.where(np.isinf(at_place), span[1], at_place + ride - 1)
    lives = [_over(mine[p], days) for p in places]
    exposure = Exposure.of(
        cycle=_stacked(cycle),
        life=_stacked(lives),
        cycle_days=np.repeat(cycles[1:], n),
        life_days=np.tile(at_place, many),
    )
    # What is too old when it arrives serves nobody.
    can_be_sold = (life - ride >= 1.0).astype(np.float64)
    stakes = Stakes(
        lost=np.tile(can_be_sold, many),
        waste=np.tile(waste_cost * kg, many),
        holding=np.tile(held * kg, many),
    )
    omega = np.array([it[1] for it in lives]).mean(axis=0)
    return _Ground(skus, tours, life, cycles, span, exposure, omega, stakes)


def _outlook(
    seen: Seen, i: int, ground: _Ground, forecasts: Sequence[Forecast], price: float
) -> Outlook:
    skus, span = ground.skus, ground.span
    n, many = len(skus), len(forecasts) - 1
    stakes = ground.stakes.priced(price)
    levels = balanced_levels(ground.exposure, stakes).reshape(many, n)
    chances = places_levels(ground.exposure.of_cycle).reshape(len(CHANCES), many, n)
    chances = np.minimum(chances, levels)
    usual = float(ground.cycles[1:].mean())
    every, bought = _purchases(seen, i, ground, forecasts[0], chances, price=price)
    span[0] = (
        seen.business.classes[i].supplier_lead_days + every + seen.business.lead_days - 1 + usual
    )
    flat = np.array([_over(forecasts[p].part(skus), span[p])[0] for p in range(len(forecasts))])
    return Outlook(
        skus=skus,
        tours=ground.tours,
        forecasts=tuple(forecasts),
        price=price,
        buying_days=every,
        span_days=span,
        flat=flat,
        levels=np.concatenate([bought[None, :], levels]),
        by_chance=np.concatenate(
            [np.zeros((len(CHANCES), 1, n), dtype=np.int64), chances], axis=1
        ),
    )


def _purchases(
    seen: Seen, i: int, ground: _Ground, whole: Forecast, chances: Ints, *, price: float
) -> tuple[int, Ints]:
    """How often to buy, and up to which levels: what costs least.

    All cycles are looked at together, as one long list of items.
    """
    goods, skus = seen.business.classes[i], ground.skus
    n, lead, many = len(skus), goods.supplier_lead_days, seen.business.max_procurement_days
    every = np.arange(1.0, many + 1.0)
    each = np.repeat(every, n)
    mine = whole.part(skus)
    tiled = whole.part(np.tile(skus, many))
    life = np.tile(ground.life, many)
    to_its_end = np.where(np.isinf(ground.life), 1.0, ground.life + lead - 1)
    of_life = negative_binomial(*_over(mine, to_its_end))
    evenings = lead + (each - 1.0) * np.linspace(0.0, 1.0, EVENINGS)[:, None]
    tables = [negative_binomial(*_over(tiled, days)) for days in evenings]
    network = Network(
        held=np.tile(chances.sum(axis=1), many),
        cycle_days=np.full(n * many, ground.cycles[1:].mean()),
        until=np.array([table.quantile(chance) for table in tables for chance in MIDPOINTS]),
        of_life=of_life.part(np.tile(np.arange(n), many)),
        life_days=life,
        buying_days=each,
        sold=_over(tiled, each)[0],
    )
    stakes = ground.stakes.priced(price).only(np.tile(np.arange(n), many))
    levels = echelon_levels(network, stakes)
    cost = cost_per_day(network, stakes, levels)
    cost += stakes.waste * _wasted_at_places(ground, tiled, each, chances[-1])
    best = int(np.argmin(cost.reshape(many, n).sum(axis=1) + goods.supplier_trip_cost / every))
    return best + 1, levels.reshape(many, n)[best]


def _wasted_at_places(ground: _Ground, tiled: Forecast, every: Floats, levels: Ints) -> Floats:
    """Units per day that go to waste at all places if goods lie at the centre between purchases.

    By the typical place: the longer between two purchases, the older all goods are on arrival.
    """
    many = len(levels)
    times = len(every) // len(ground.skus)
    life = np.maximum(np.tile(ground.life, times) - 1.0 - dwell_days(every), 1.0)
    mean, _ = _over(tiled, np.where(np.isinf(life), 1.0, life))
    cycle = np.full(len(every), ground.cycles[1:].mean())
    sold, _ = _over(tiled, cycle)
    wasted: Floats = many * waste_of_level(
        negative_binomial(mean / many, np.tile(ground.omega, times)),
        np.tile(levels.mean(axis=0), times),
        sold=sold / many,
        cycle_days=cycle,
        life_days=life,
    )
    return wasted


def dwell_days(buying_days: Days) -> Days:
    """How long goods lie in the central warehouse, as a rule."""
    return 1.0 + buying_days / 2.0


def _over(forecast: Forecast, days: Floats | float, *, late: float = 0.0) -> tuple[Floats, Floats]:
    """Mean and ω of demand over days from tomorrow on. late: chance of a day more."""
    n = len(forecast.items)
    every = np.zeros(n) + days
    demand = forecast.over(
        start_hours=0.0,
        days=every,
        uplift=np.ones((n, int(np.ceil(every.max(initial=0.0))) + 1)),
        length_sd_days=np.full(n, np.sqrt(late * (1.0 - late))),
    )
    return demand.mean, demand.omega


def _stacked(spans: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([it[0] for it in spans]), np.concatenate([it[1] for it in spans])


def forecasts_of(seen: Seen) -> list[Forecast]:
    """Of each place, leaning on each other; of place 0 what the whole network sells."""
    days = slice(max(0, seen.day + 1 - HISTORY_DAYS), seen.day + 1)
    sold, covered = seen.sold[days, 1:], seen.covered[days, 1:]
    whole = (sold / np.maximum(covered, COVERED_MIN)).sum(axis=1).T
    n, many = len(seen.class_of), sold.shape[1]
    past = seen.past[days].T
    # Places are fitted as one long list of items: methods are judged on all of them together.
    rows = (many * n, sold.shape[0])
    listed = _fitted(
        sold.transpose(1, 2, 0).reshape(rows).astype(np.float64),
        covered.transpose(1, 2, 0).reshape(rows),
        np.tile(past, (many, 1)),
        n_day=days.start,
        span_days=seen.business.lead_days + 3,
    )
    network = _fitted(
        whole, np.ones_like(whole), past, n_day=days.start, span_days=seen.business.lead_days + 3
    )
    places = [listed.part(slice(p * n, (p + 1) * n)) for p in range(many)]
    return [network, *pooled(places, network, seen.class_of)]


def _fitted(
    units: Floats, covered: Floats, past: Floats, *, n_day: int, span_days: int
) -> Forecast:
    n, sums = len(units), units.sum(axis=1)
    squares = np.divide((units**2).sum(axis=1), sums, where=sums > 0, out=np.ones(n))
    history = History(
        items=tuple(f"{row:06d}" for row in range(n)),
        first_day=MONDAY + timedelta(days=n_day),
        units=np.ascontiguousarray(units),
        covered=np.ascontiguousarray(covered),
        profile=np.tile(HOURS_OF, (n, 1)),
        lump=np.clip(squares, 1.0, LUMP_MAX),
    )
    return fit(history, span_days=np.full(n, span_days, dtype=np.int64), uplift=past)


def sums_ahead(forecast: Forecast, factors: Floats, *, gone: int) -> Floats:
    """Expected units from today on, [SKU, whole days]; factors: [day, SKU], of coming days.

    gone: days since the forecast was made.
    """
    all_days = np.concatenate([np.ones((gone, factors.shape[1])), factors])
    means = forecast.means(all_days.T)[:, gone:]
    return np.concatenate([np.zeros((len(means), 1)), np.cumsum(means, axis=1)], axis=1)


def until(sums: Floats, days: float) -> Floats:
    """Units until so many days from now, by `sums_ahead`."""
    last = min(int(days), sums.shape[1] - 2)
    found: Floats = sums[:, last] + (days - last) * (sums[:, last + 1] - sums[:, last])
    return found
