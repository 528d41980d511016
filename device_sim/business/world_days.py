"""The days of a network: deliveries, failures, sales first-expired-first-out, waste, shipments.

A day: what arrives is put away; a failed cold chain takes its share; customers buy, and what is
not there is lost; what can be sold no longer is waste; then the policy orders for the evening's
trips. Stock is counted in units by days of life left, [life, place, SKU]; the last row keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from device_sim.business.chance import Floats, Ints, World
from device_sim.business.scenario import LIFE_MAX

ROWS: Final = LIFE_MAX + 1
COSTS: Final = ("holding", "preservation", "transport", "procurement", "waste")


@dataclass(frozen=True, slots=True)
class Trip:
    """One vehicle of a class: places in driving order, and the units for each, [stop, SKU]."""

    goods_class: int
    stops: tuple[int, ...]
    units: Ints


@dataclass(frozen=True, slots=True)
class Orders:
    """What a policy orders in an evening. procure: units by SKU, from the suppliers."""

    trips: Sequence[Trip]
    procure: Ints


@dataclass(slots=True)
class Counts:
    """Sums over the days that count, by class: units asked for and sold, kg, money.

    failed_kg: of waste_kg, what failed cold chains took.
    """

    asked: Floats
    sold: Floats
    waste_kg: Floats
    failed_kg: Floats
    stock_kg_days: Floats
    n_trips: Floats
    costs: Floats
    """[cost, class], in the order of COSTS."""

    @classmethod
    def zero(cls, n_classes: int) -> Counts:
        """Nothing counted yet."""
        return cls(
            asked=np.zeros(n_classes),
            sold=np.zeros(n_classes),
            waste_kg=np.zeros(n_classes),
            failed_kg=np.zeros(n_classes),
            stock_kg_days=np.zeros(n_classes),
            n_trips=np.zeros(n_classes),
            costs=np.zeros((len(COSTS), n_classes)),
        )


@dataclass(slots=True)
class Network:
    """The state. on_way: by arrival day, what comes, already in days of life left then."""

    world: World
    stock: Ints
    on_way: dict[int, Ints]
    counts: Counts
    sold: Ints
    """[day, place, SKU]: history and what was sold since."""
    covered: Floats
    """The share of each day's demand that could be seen, same axes."""
    bought: Ints
    lost: Ints
    log: list[Orders] = field(default_factory=list)

    @classmethod
    def start(cls, world: World) -> Network:
        """Every shelf holds three days' demand, the centre six; fresh goods."""
        past = world.demand[: world.first]
        mean = past.mean(axis=0)
        mean[0] = mean.sum(axis=0)
        stock = np.zeros((ROWS, *mean.shape), dtype=np.int64)
        units = np.ceil(mean * np.where(np.arange(len(mean)) == 0, 6, 3)[:, None])
        place, sku = np.indices(mean.shape)
        stock[world.lot_life[sku] - 1, place, sku] = units
        sold = np.zeros_like(world.demand)
        sold[: world.first] = past
        return cls(
            world=world,
            stock=stock,
            on_way={},
            counts=Counts.zero(len(world.business.classes)),
            sold=sold,
            covered=np.ones(world.demand.shape),
            bought=stock.sum(axis=(0, 1)),
            lost=np.zeros(len(world.class_of), dtype=np.int64),
        )

    def play_day(self, day: int) -> None:
        """From the morning's arrivals to the evening's waste."""
        world = self.world
        arrived = self.on_way.pop(day, None)
        if arrived is not None:
            self.stock += arrived
        share = np.array([c.excursion_loss for c in world.business.classes])
        hit = (world.failed[day] * share)[:, world.class_of]
        failed = np.zeros_like(self.sold[day])
        if hit.any():
            taken = np.ceil(self.stock * hit).astype(np.int64)
            self.stock -= taken
            failed += taken.sum(axis=0)
        asked = world.demand[day]
        there = self.stock.sum(axis=0)
        sold = take_first_expired(self.stock, asked).sum(axis=0)
        self.sold[day] = sold
        self.covered[day] = self._seen_share(day, asked, there)
        waste = failed + self.stock[0]
        self.stock[:-2] = self.stock[1:-1]
        self.stock[-2] = 0
        self.lost += waste.sum(axis=0)
        if day >= world.counted_from:
            self._count(asked, sold, waste, failed)

    def _seen_share(self, day: int, asked: Ints, there: Ints) -> Floats:
        """The share of the day's demand until the last piece went: 1 where one was left.

        The k-th of n customers comes at a Beta(k, n + 1 - k) of the day: what policies are shown
        does not give away how many came after.
        """
        share = np.ones(asked.shape)
        share[there == 0] = 0.0
        is_out = (there > 0) & (asked >= there)
        rng = np.random.default_rng([self.world.seed, day])
        share[is_out] = rng.beta(there[is_out], asked[is_out] + 1 - there[is_out])
        return share

    def _count(self, asked: Ints, sold: Ints, waste: Ints, failed: Ints) -> None:
        world, counts = self.world, self.counts
        classes = world.business.classes
        kg = world.grams / 1000.0
        waste_kg = self._by_class(waste.sum(axis=0) * kg)
        stock_kg = self._by_class(self.stock.sum(axis=(0, 1)) * kg)
        counts.asked += self._by_class(asked.sum(axis=0).astype(np.float64))
        counts.sold += self._by_class(sold.sum(axis=0).astype(np.float64))
        counts.waste_kg += waste_kg
        counts.failed_kg += self._by_class(failed.sum(axis=0) * kg)
        counts.stock_kg_days += stock_kg
        counts.costs[0] += stock_kg * [c.holding for c in classes]
        counts.costs[1] += stock_kg * [c.preservation for c in classes]
        counts.costs[4] += waste_kg * [c.value for c in classes]

    def _by_class(self, of_sku: Floats) -> Floats:
        n = len(self.world.business.classes)
        sums = np.zeros(n)
        np.add.at(sums, self.world.class_of, of_sku)
        return sums

    def carry_out(self, day: int, orders: Orders) -> None:
        """Load what the centre has, drive, and tell the suppliers."""
        self.log.append(orders)
        world, is_counted = self.world, day >= self.world.counted_from
        for trip in orders.trips:
            if not trip.units.any():
                continue
            goods = world.business.classes[trip.goods_class]
            if load_kg(world, trip.units) > goods.vehicle_capacity_kg + 1e-6:
                raise AssertionError("a trip is heavier than its vehicle carries")
            for place, units in zip(trip.stops, trip.units, strict=True):
                loaded = take_first_expired(self.stock[:, 0], units)
                days = world.business.lead_days + int(world.late[day, place, trip.goods_class])
                expired = self._send(day, days, place, loaded)
                self.lost += expired
                if is_counted and expired.any():
                    waste_kg = load_kg(world, expired)
                    self.counts.waste_kg[trip.goods_class] += waste_kg
                    self.counts.costs[4, trip.goods_class] += waste_kg * goods.value
            if is_counted:
                self.counts.n_trips[trip.goods_class] += 1
                length = tour_km(world.xy_km, trip.stops)
                cost = goods.trip_cost + goods.cost_per_km * length
                self.counts.costs[2, trip.goods_class] += cost
        self._procure(day, orders.procure, is_counted)

    def _procure(self, day: int, units: Ints, is_counted: bool) -> None:
        world = self.world
        self.bought += units
        for i, goods in enumerate(world.business.classes):
            mine = np.where(world.class_of == i, units, 0)
            if not mine.any():
                continue
            days = goods.supplier_lead_days + int(world.late[day, 0, i])
            fresh = self._arrivals(day + days)
            sku = np.arange(len(mine))
            fresh[world.lot_life - 1, 0, sku] += mine
            if is_counted:
                self.counts.costs[3, i] += goods.supplier_trip_cost

    def _send(self, day: int, days: int, place: int, loaded: Ints) -> Ints:
        """Goods age on the road, too; gives what expires there."""
        arrivals = self._arrivals(day + days)
        # This evening's aging is done; the mornings between are still to come.
        aged = np.zeros_like(loaded)
        n = days - 1
        aged[: ROWS - 1 - n] = loaded[n : ROWS - 1]
        aged[-1] = loaded[-1]
        arrivals[:, place] += aged
        expired: Ints = loaded[:n].sum(axis=0)
        return expired

    def _arrivals(self, day: int) -> Ints:
        return self.on_way.setdefault(day, np.zeros_like(self.stock))

    def on_order(self) -> Ints:
        """Units on their way, [place, SKU]."""
        total = np.zeros(self.stock.shape[1:], dtype=np.int64)
        for units in self.on_way.values():
            total += units.sum(axis=0)
        return total


def take_first_expired(stock: Ints, wanted: Ints) -> Ints:
    """Take units out of `stock` [life, …], the shortest life first; gives what was taken."""
    before = np.cumsum(stock, axis=0) - stock
    taken = np.clip(wanted - before, 0, stock)
    stock -= taken
    return taken


def load_kg(world: World, units: Ints) -> float:
    """What units weigh."""
    return float((units * world.grams).sum()) / 1000.0


def tour_km(xy_km: Floats, stops: Sequence[int]) -> float:
    """The closed tour from the centre."""
    tour = xy_km[[0, *stops, 0]]
    return float(np.hypot(*np.diff(tour, axis=0).T).sum())
