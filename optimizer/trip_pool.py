"""The cheapest way to serve everyone with the trips a search has met, and trips like them.

Recombination by pairs of parents misses plans whose trips are scattered over many individuals,
that differ from all of them by who supplies a whole trip, or whose loads fill their vehicles
to the last kilograms, so that no single move leads there. Here all trips are parents at once.
The candidates are

- every set of stops the search has had on one trip, and every single warehouse;
- what is one or two warehouses away from a trip of the best individuals;
- sets that fill a vehicle almost to the brim, and what they leave over;

each from every central warehouse, in every cycle, in its shortest order. Dynamic programming
over sets of warehouses puts the best of them together, with the safety stock pooled exactly.
Set partitioning over the routes of a search is an old companion of genetic routing; here sets
are few enough to do without a solver. It proves nothing: most sets are never candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.appraisal import trip_figures
from optimizer.integrals import Floats
from optimizer.network import BLOCKED, KG, Ints, Network
from optimizer.segments import StopsOf
from optimizer.subset_tours import HeldKarp
from optimizer.subsets import members_of, share_out

MAX_WAREHOUSES = 14
"""Sets of warehouses double in number with each."""
BRIM = 0.95
"""Share of the vehicle from which a set counts as filling it."""
MAX_FULL = 400
"""Sets that fill a vehicle: the fullest, where there are more."""


@dataclass(frozen=True, slots=True)
class Cover:
    """Trips that serve every warehouse once, under a procurement cycle per central warehouse."""

    setting: tuple[int, ...]
    trips: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Offers:
    """Candidate sets as trips of one central warehouse: money per day by (set, column)."""

    masks: Ints
    cost: Floats


def make_trip_pool(net: Network) -> TripPool | None:
    """An empty pool; None where there are too many sets of warehouses, or nothing to join."""
    return TripPool(net) if 1 < net.n <= MAX_WAREHOUSES else None


class TripPool:
    """One product's trips as sets of stops, bit j for warehouse j."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._bits = 1 << np.arange(net.n)
        members = members_of(net.n)
        variance = np.einsum("si,ij,sj->s", members, net.tables.covariance, members)
        self._deviation = np.sqrt(np.maximum(variance, 0.0))
        self._tours: list[HeldKarp] = []
        self._seen = set(self._bits.tolist())
        self._full = self._full_sets(members)
        self._asked: tuple[bytes, bytes] | None = None

    def see(self, trips: Iterable[StopsOf]) -> None:
        """Remember these trips."""
        self._seen.update(sum(1 << j for j in stops) for _, _, stops in trips)

    def best_cover(self, best: Iterable[StopsOf], procurement_days: Ints) -> Cover | None:
        """The cheapest plan of candidate trips; None where there is none, or none but the last.

        best: trips whose kin are candidates too. procurement_days: the procurement cycles to
        choose from, each once.
        """
        net, columns = self._net, procurement_days - 1
        masks = self._candidates(best)
        asked = (masks.tobytes(), columns.tobytes())
        if asked == self._asked:
            return None
        self._asked = asked
        if not self._tours:
            self._tours = [HeldKarp(net, k) for k in range(net.n_centrals)]
        offers = [self._offers(k, masks, columns) for k in range(net.n_centrals)]
        cuts = [cheapest_cuts(offer, net.n) for offer in offers]
        totals = [self._with_idle_costs(k, cut, columns) for k, cut in enumerate(cuts)]
        shares = share_out([total.min(axis=1) for total in totals])
        if shares is None:
            return None
        setting, trips = [0] * net.n_centrals, []
        for k, mask in enumerate(shares):
            if mask:
                column = int(np.argmin(totals[k][mask]))
                setting[k] = int(procurement_days[column])
                parts = sets_behind(offers[k], cuts[k], mask, column)
                trips += [(k, self._tours[k].order(part)) for part in parts]
        return Cover(tuple(setting), tuple(trips))

    def _candidates(self, best: Iterable[StopsOf]) -> Ints:
        kin = [np.array(sorted(self._seen), dtype=np.int64), self._full]
        one_or_two = np.unique(self._bits[:, None] | self._bits)
        for _, _, stops in best:
            kin.append(sum(1 << j for j in stops) ^ one_or_two)
        every = np.unique(np.concatenate(kin))
        return np.asarray(every[every > 0])

    def _full_sets(self, members: Floats) -> Ints:
        """Sets that fill the vehicle in some cycle, fullest first cut off, and their rest."""
        load = members @ self._net.features[KG].T / self._net.capacity_kg
        fullest = np.where(load <= 1.0, load, 0.0).max(axis=1)
        ranked = np.argsort(-fullest, kind="stable")[:MAX_FULL]
        full = ranked[fullest[ranked] >= BRIM]
        return np.concatenate([full, (1 << self._net.n) - 1 - full])

    def _with_idle_costs(self, k: int, cut: Floats, columns: Ints) -> Floats:
        """What serving each set costs with procurement's own cost and the safety stock."""
        t = self._net.tables
        safety = (self._deviation * t.safety_factor[k])[:, None]
        total = cut + t.central.fixed[k, columns] + safety * t.central.safety_price[k, columns]
        total[0] = 0.0
        return np.asarray(total)

    def _offers(self, k: int, masks: Ints, columns: Ints) -> Offers:
        """Those of the sets that fit a vehicle, in their best cycle for each column."""
        net = self._net.narrowed(columns + 1)
        kg = members_of(net.n, masks) @ net.features[KG].T
        masks = masks[(kg <= net.capacity_kg).any(axis=1)]
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
        tours = self._tours[k]
        if net.is_load_dependent:
            return trip_figures(net, [(0, k, tours.order(mask)) for mask in masks.tolist()])
        members = members_of(net.n, masks)
        features = np.einsum("sj,fcj->fcs", members, net.features)
        return net.price_by_cycle(tours.length_km[masks], features), net.rate @ members.T


def cheapest_cuts(offers: Offers, n: int) -> Floats:
    """(set, column): the cheapest trips that serve exactly the set.

    A set's lowest warehouse is on one of its trips; what that trip leaves has only higher ones.
    """
    best = np.full((1 << n, offers.cost.shape[1]), np.inf)
    best[0] = 0.0
    lowest = offers.masks & -offers.masks
    for b in range(n - 1, -1, -1):
        sets = (np.arange(1 << (n - 1 - b)) << (b + 1)) | (1 << b)
        trips = np.flatnonzero(lowest == 1 << b)
        row, column = np.nonzero(offers.masks[trips] & ~sets[:, None] == 0)
        if len(row):
            trip = trips[column]
            cost = offers.cost[trip] + best[sets[row] ^ offers.masks[trip]]
            start = np.flatnonzero(np.diff(row, prepend=-1))
            best[sets[row[start]]] = np.minimum.reduceat(cost, start, axis=0)
    return best


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
