"""All that is left to chance, drawn before the first day: every policy meets the same world.

Axes: day, place, SKU; place 0 is the central warehouse, where nobody buys. Days before `first`
are history that policies are shown; then come warm-up and the weeks that count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device_sim.business.scenario import GRAMS_MAX, LIFE_MAX, Business

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

HOURS_OF: Final = np.array(
    [0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 2, 5, 6, 5, 6, 8, 8, 5, 4, 4, 6, 9, 10, 9, 6, 3, 1.5, 0.5]
) / 104.2  # fmt: skip
"""The day's demand by hour: noon and evening."""
LOT_MEAN: Final = 3.0
"""Pieces that a customer of a thin SKU takes: two to four."""


@dataclass(frozen=True, slots=True)
class World:
    """One seed's world. lot_life: days that goods of an SKU can be sold, from the supplier on.

    late: deliveries [day, place, class] that take a day longer; failed: cold chain failures.
    uplift: factors of surges, [day, SKU]; told: the day from which policies know of each surge.
    """

    business: Business
    seed: int
    first: int
    class_of: Ints
    grams: Ints
    lot_life: Ints
    xy_km: Floats
    demand: Ints
    late: Flags
    failed: Flags
    surge_skus: tuple[Flags, ...]

    @property
    def n_days(self) -> int:
        """All days there are."""
        return len(self.demand)

    @property
    def counted_from(self) -> int:
        """The first day that counts."""
        return self.first + self.business.warmup_days

    def announced(self, today: int, n_ahead: int) -> Floats:
        """Factors of the surges that are known today, [day, SKU]: today + 1 and on."""
        return self._factors(today, np.arange(today + 1, today + 1 + n_ahead))

    def announced_past(self, today: int) -> Floats:
        """Factors of the surges that were announced, of all days until today."""
        return self._factors(today, np.arange(today + 1))

    def _factors(self, today: int, days: Ints) -> Floats:
        factors = np.ones((len(days), len(self.class_of)))
        for surge, skus in zip(self.business.surges, self.surge_skus, strict=True):
            begins = self.counted_from + surge.day
            if surge.announced_days < 0 or today < begins - surge.announced_days:
                continue
            is_on = (days >= begins) & (days < begins + surge.days)
            factors[np.ix_(is_on, skus)] *= surge.factor
        return factors


def draw_world(business: Business, seed: int) -> World:
    """The world of a seed; the same for the same scenario and seed."""
    goods, sales, roads, trouble = _streams(seed)
    class_of = np.repeat(np.arange(len(business.classes)), [c.skus for c in business.classes])
    n = len(class_of)
    lot_life, grams = _goods(business, goods)
    first = business.history_days
    n_days = first + business.warmup_days + 7 * business.weeks
    surge_skus = tuple(goods.random(n) < surge.share for surge in business.surges)
    uplift = np.ones((n_days, n))
    for surge, skus in zip(business.surges, surge_skus, strict=True):
        begins = first + business.warmup_days + surge.day
        uplift[begins : begins + surge.days, skus] *= surge.factor
    n_places = business.warehouses + 1
    angle = 2 * np.pi * roads.random(business.warehouses)
    far = business.radius_km * np.sqrt(roads.uniform(0.1, 1.0, business.warehouses))
    xy = np.stack([far * np.cos(angle), far * np.sin(angle)], axis=1)
    chances = np.array([c.excursions for c in business.classes])
    shape = (n_days, n_places, len(business.classes))
    return World(
        business=business,
        seed=seed,
        first=first,
        class_of=class_of,
        grams=grams,
        lot_life=lot_life,
        xy_km=np.concatenate([np.zeros((1, 2)), xy]),
        demand=_demand(business, sales, uplift),
        late=trouble.random(shape) < business.late,
        failed=trouble.random(shape) < chances,
        surge_skus=surge_skus,
    )


def draw_goods(business: Business, seed: int) -> tuple[Ints, Ints]:
    """Of a seed's world: days of life from the supplier on, and grams, by SKU."""
    return _goods(business, _streams(seed)[0])


def _goods(business: Business, rng: np.random.Generator) -> tuple[Ints, Ints]:
    classes = business.classes
    lives = [rng.integers(c.life_days[0], c.life_days[1] + 1, c.skus) for c in classes]
    n = sum(c.skus for c in classes)
    grams = np.clip(400 * np.exp(0.6 * rng.normal(size=n)), 50, GRAMS_MAX).astype(np.int64)
    return np.minimum(np.concatenate(lives), LIFE_MAX + 1).astype(np.int64), grams


def levels_of(business: Business, seed: int) -> tuple[Floats, Flags]:
    """Of a seed's world: mean units a day, [place from 1, SKU], and the SKUs that sell in lots."""
    return _levels(business, _streams(seed)[1])


def _streams(seed: int) -> list[np.random.Generator]:
    """Of goods, sales, roads and trouble."""
    return np.random.default_rng(np.random.SeedSequence([seed, 7])).spawn(4)


def _levels(business: Business, rng: np.random.Generator) -> tuple[Floats, Flags]:
    classes, sales, places = business.classes, business.sales, business.warehouses
    n_skus = [c.skus for c in classes]
    n = sum(n_skus)
    level = sales.level * np.exp(sales.spread * rng.normal(size=n))
    level *= np.repeat([c.pace for c in classes], n_skus)
    level = level * np.exp(0.3 * rng.normal(size=(places, 1)) + 0.2 * rng.normal(size=(places, n)))
    return level, rng.random(n) < sales.thin


def _demand(business: Business, rng: np.random.Generator, uplift: Floats) -> Ints:
    """Units asked for. Smooth goods are Poisson around a Gamma rate, thin ones sell in lots."""
    n_days, n = uplift.shape
    sales, places = business.sales, business.warehouses
    level, is_thin = _levels(business, rng)
    week = np.array(sales.week) * 7.0 / sum(sales.week)
    rate = level * (week[np.arange(n_days) % 7][:, None] * uplift)[:, None, :]
    if sales.omega > 0:
        busy = rng.gamma(1.0 / sales.omega, sales.omega, size=rate.shape)
    else:
        busy = np.ones_like(rate)
    smooth = rng.poisson(rate * busy)
    lots = rng.poisson(rate / LOT_MEAN) * rng.integers(2, 5, size=rate.shape)
    demand = np.zeros((n_days, places + 1, n), dtype=np.int64)
    demand[:, 1:] = np.where(is_thin, lots, smooth)
    return demand
