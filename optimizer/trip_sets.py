"""Sets of warehouses as trips: what each costs, and the cheapest way to cut a set into trips.

Bit j of a set stands for warehouse j. The trip pool and the proof of small cases are built on
it; they differ in which sets they look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.appraisal import trip_figures
from optimizer.integrals import Floats
from optimizer.network import BLOCKED, KG, Ints, Network
from optimizer.subset_tours import HeldKarp, SubsetTours, ordered_tours
from optimizer.subsets import members_of

MATRIX = 1 << 16
"""Pairs of a set and a trip compared at once: what stays in a processor's cache."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Sets as trips of one central warehouse: money per day by (set, column)."""

    masks: Ints
    cost: Floats


class TripSets:
    """One product's sets of warehouses, and what is the same for all of them."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.members: Floats = members_of(net.n)
        variance = np.einsum("si,ij,sj->s", self.members, net.tables.covariance, self.members)
        self.deviation: Floats = np.sqrt(np.maximum(variance, 0.0))
        """Of the daily demand of each set together, kg."""

    @cached_property
    def tours(self) -> tuple[HeldKarp, ...]:
        """By central warehouse."""
        return tuple(HeldKarp(self.net, k) for k in range(self.net.n_centrals))

    @cached_property
    def load_share(self) -> Floats:
        """(set, cycle): load as a share of the vehicle; more than 1 does not fit."""
        return np.asarray(self.members @ self.net.features[KG].T / self.net.capacity_kg)

    @cached_property
    def best_orders(self) -> tuple[SubsetTours, ...] | None:
        """By central warehouse, where the load matters on the way; None: too many orders."""
        found = [ordered_tours(self.net, k) for k in range(self.net.n_centrals)]
        return tuple(one for one in found if one is not None) if None not in found else None

    def offers(self, k: int, masks: Ints, columns: Ints, *, in_best_order: bool) -> Offers:
        """Those of the sets that fit a vehicle, in their best cycle for each column.

        columns: procurement cycles in days, less one. in_best_order: where the load matters on
        the way, take ``best_orders`` (which must be known), not the shortest ones.
        """
        net = self.net.narrowed(columns + 1)
        kg = self.members[masks] @ net.features[KG].T
        masks = masks[(kg <= net.capacity_kg).any(axis=1)]
        if net.is_load_dependent and in_best_order:
            by_cycle, rate = self._best_figures(net, k, masks)
        else:
            by_cycle, rate = self._figures(net, k, masks)
        by_cycle[by_cycle >= BLOCKED] = np.inf
        price = net.tables.central.rate_price[k, columns]
        cost = np.full((len(masks), len(columns)), np.inf)
        for c in range(len(net.days)):
            at = np.flatnonzero(net.divides[columns, c])
            offer = by_cycle[c, :, None] + price[at] * rate[c, :, None]
            cost[:, at] = np.minimum(cost[:, at], offer)
        return Offers(masks, cost)

    def _figures(self, net: Network, k: int, masks: Ints) -> tuple[Floats, Floats]:
        """(cycle, set): money per day without upstream, and kg per day delivered."""
        tours = self.tours[k]
        if net.is_load_dependent:
            return trip_figures(net, [(0, k, tours.order(mask)) for mask in masks.tolist()])
        members = self.members[masks]
        features = np.matmul(net.features, members.T)
        return net.price_by_cycle(tours.length_km[masks], features), net.rate @ members.T

    def _best_figures(self, net: Network, k: int, masks: Ints) -> tuple[Floats, Floats]:
        """The same with every set in its best order for each cycle."""
        if self.best_orders is None:
            raise AssertionError("the best orders are not known")
        cycles = np.searchsorted(self.net.days, net.days)
        by_cycle = self.best_orders[k].cost[masks][:, cycles].T
        return np.ascontiguousarray(by_cycle), net.rate @ self.members[masks].T

    def with_idle_costs(self, k: int, cut: Floats, columns: Ints) -> Floats:
        """What serving each set costs with procurement's own cost and the safety stock."""
        t = self.net.tables
        safety = (self.deviation * t.safety_factor[k])[:, None]
        total = cut + t.central.fixed[k, columns] + safety * t.central.safety_price[k, columns]
        total[0] = 0.0
        return np.asarray(total)


def cheapest_cuts(offers: Offers, n: int) -> Floats:
    """(set, column): the cheapest trips that serve exactly the set.

    A set's lowest warehouse is on one of its trips; what that trip leaves has only higher ones.
    """
    best = np.full((1 << n, offers.cost.shape[1]), np.inf)
    best[0] = 0.0
    masks = offers.masks.astype(np.int32)
    lowest = masks & -masks
    for b in range(n - 1, -1, -1):
        trips = np.flatnonzero(lowest == 1 << b)
        if not len(trips):
            continue
        sets = (np.arange(1 << (n - 1 - b), dtype=np.int32) << (b + 1)) | (1 << b)
        for some in np.array_split(sets, 1 + len(sets) * len(trips) // MATRIX):
            _cut(best, offers.cost[trips], masks[trips], some)
    return best


def _cut(best: Floats, cost: Floats, masks: NDArray[np.int32], sets: NDArray[np.int32]) -> None:
    """Fill in sets of one lowest warehouse; the trips are those that hold it."""
    row, trip = np.nonzero(masks & ~sets[:, None] == 0)
    if len(row):
        total = cost[trip] + best[sets[row] ^ masks[trip]]
        start = np.flatnonzero(np.diff(row, prepend=-1))
        best[sets[row[start]]] = np.minimum.reduceat(total, start, axis=0)


def sets_behind(offers: Offers, cuts: Floats, mask: int, column: int) -> Sequence[int]:
    """The trips behind one entry of the cheapest cuts."""
    found = []
    while mask:
        fits = (offers.masks & ~mask == 0) & (offers.masks & (mask & -mask) > 0)
        trips = np.flatnonzero(fits)
        cost = offers.cost[trips, column] + cuts[mask ^ offers.masks[trips], column]
        found.append(int(offers.masks[trips[np.argmin(cost)]]))
        mask ^= found[-1]
    return found
