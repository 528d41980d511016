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

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from optimizer.network import Ints, Network
from optimizer.segments import StopsOf
from optimizer.subsets import share_out
from optimizer.trip_sets import TripSets, cheapest_cuts, sets_behind

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


def make_trip_pool(net: Network) -> TripPool | None:
    """An empty pool; None where there are too many sets of warehouses, or none at all."""
    return TripPool(net) if 0 < net.n <= MAX_WAREHOUSES else None


class TripPool:
    """One product's trips as sets of stops, bit j for warehouse j."""

    def __init__(self, net: Network) -> None:
        self.sets = TripSets(net)
        self._net = net
        self._bits = 1 << np.arange(net.n)
        self._seen = set(self._bits.tolist())
        self._full = self._full_sets()
        self._asked: tuple[bytes, bytes] | None = None

    def see(self, trips: Iterable[StopsOf]) -> None:
        """Remember these trips."""
        self._seen.update(sum(1 << j for j in stops) for _, _, stops in trips)

    def best_cover(self, best: Iterable[StopsOf], procurement_days: Ints) -> Cover | None:
        """The cheapest plan of candidate trips; None where there is none, or none but the last.

        best: trips whose kin are candidates too. procurement_days: the procurement cycles to
        choose from, each once.
        """
        net, sets, columns = self._net, self.sets, procurement_days - 1
        masks = self._candidates(best)
        asked = (masks.tobytes(), columns.tobytes())
        if asked == self._asked:
            return None
        self._asked = asked
        centrals = range(net.n_centrals)
        offers = [sets.offers(k, masks, columns, in_best_order=False) for k in centrals]
        cuts = [cheapest_cuts(offer, net.n) for offer in offers]
        totals = [sets.with_idle_costs(k, cut, columns) for k, cut in enumerate(cuts)]
        shares = share_out([total.min(axis=1) for total in totals])
        if shares is None:
            return None
        setting, trips = [0] * net.n_centrals, []
        for k, mask in enumerate(shares):
            if mask:
                column = int(np.argmin(totals[k][mask]))
                setting[k] = int(procurement_days[column])
                parts = sets_behind(offers[k], cuts[k], mask, column)
                trips += [(k, sets.tours[k].order(part)) for part in parts]
        return Cover(tuple(setting), tuple(trips))

    def _candidates(self, best: Iterable[StopsOf]) -> Ints:
        kin = [np.array(sorted(self._seen), dtype=np.int64), self._full]
        one_or_two = np.unique(self._bits[:, None] | self._bits)
        for _, _, stops in best:
            kin.append(sum(1 << j for j in stops) ^ one_or_two)
        every = np.unique(np.concatenate(kin))
        return np.asarray(every[every > 0])

    def _full_sets(self) -> Ints:
        """Sets that fill the vehicle in some cycle, fullest first cut off, and their rest."""
        load = self.sets.load_share
        fullest = np.where(load <= 1.0, load, 0.0).max(axis=1)
        ranked = np.argsort(-fullest, kind="stable")[:MAX_FULL]
        full = ranked[fullest[ranked] >= BRIM]
        return np.concatenate([full, (1 << self._net.n) - 1 - full])
