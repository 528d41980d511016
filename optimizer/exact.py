"""The proven optimum of small cases, by dynamic programming over sets of warehouses.

For a product and a central warehouse: the shortest tour of every set of warehouses (Held and
Karp), hence the cheapest trip to every set for every procurement cycle, hence the cheapest
cut of every set into trips, hence the cheapest procurement cycle. Several central warehouses
share the warehouses out by one more pass over sets, with the safety stock pooled exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.decisions import Decisions, Route
from optimizer.errors import Infeasible, OptimizerError
from optimizer.integrals import Floats
from optimizer.network import BLOCKED, Network, make_network
from optimizer.subset_tours import SubsetTours, ordered_tours, shortest_tours
from optimizer.subsets import Submasks, members_of, share_out
from optimizer.tables import ProductTables

MAX_WAREHOUSES = 14


class TooLarge(OptimizerError):
    """A case is beyond what enumeration can prove in reasonable time."""


def solve_exactly(tables: ProductTables) -> Decisions:
    """The optimal decisions of one product. Raises TooLarge or Infeasible."""
    if tables.n_warehouses > MAX_WAREHOUSES:
        raise TooLarge(
            f"{tables.product.id}: {tables.n_warehouses} warehouses are more than the "
            f"{MAX_WAREHOUSES} the exact solver can enumerate; use the hybrid solver"
        )
    if not tables.n_warehouses:
        return Decisions((), {})
    net = make_network(tables)
    subsets = Submasks()
    options = [_CentralOptions(net, k, subsets) for k in range(net.n_centrals)]
    shares = share_out([option.best for option in options])
    if shares is None:
        raise Infeasible(
            tables.product.id,
            "max_procurement_cycle_days",
            "no common multiples of admissible cycles for the central warehouses",
        )
    routes: list[Route] = []
    procurement: dict[int, int] = {}
    for k, mask in enumerate(shares):
        if mask:
            procurement[k], trips = options[k].plan(mask)
            routes += trips
    return Decisions(tuple(routes), procurement).canonical()


def _tours(net: Network, k: int) -> SubsetTours:
    """Raises TooLarge."""
    tours = ordered_tours(net, k) if net.is_load_dependent else shortest_tours(net, k)
    if tours is None:
        raise TooLarge(
            f"{net.tables.product.id}: the load matters on the way, and {net.n} warehouses have "
            "more orders of stops than the exact solver can enumerate; use the hybrid solver"
        )
    return tours


@dataclass(frozen=True, slots=True)
class _Trips:
    """Of every set as one trip: money per day by cycle without upstream, and kg per day."""

    cost: Floats
    rate: Floats


class _CentralOptions:
    """What one central warehouse can do for every set of warehouses."""

    def __init__(self, net: Network, k: int, subsets: Submasks) -> None:
        self._net, self._k, self._subsets = net, k, subsets
        self._tours = _tours(net, k)
        self._trips = self._trip_tables()
        self._trip_cost = self._by_procurement()
        self._cut = self._cuts()
        t, sets = net.tables, members_of(net.n)
        variance = np.einsum("si,ij,sj->s", sets, t.covariance, sets)
        safety = t.safety_factor[k] * np.sqrt(np.maximum(variance, 0.0))
        self._total = self._cut + t.central.fixed[k] + safety[:, None] * t.central.safety_price[k]
        self._total[0] = 0.0
        self.best = self._total.min(axis=1)

    def _trip_tables(self) -> _Trips:
        net, sets = self._net, members_of(self._net.n)
        rate = sets @ net.rate.T
        cost = np.full((len(sets), len(net.days)), np.inf)
        cost[1:] = self._tours.cost[1:]
        cost[cost >= BLOCKED] = np.inf
        return _Trips(cost, rate)

    def _by_procurement(self) -> Floats:
        """(set, procurement cycle): cheapest trip to the set, its share of stage 2 included."""
        net, price = self._net, self._net.tables.central.rate_price[self._k]
        found = np.full((len(self._trips.cost), len(price)), np.inf)
        for c in range(len(net.days)):
            columns = np.flatnonzero(net.divides[:, c])
            offer = self._trips.cost[:, c, None] + price[columns] * self._trips.rate[:, c, None]
            found[:, columns] = np.minimum(found[:, columns], offer)
        return found

    def _cuts(self) -> Floats:
        """(set, procurement cycle): cheapest cut of the set into trips."""
        best = np.full_like(self._trip_cost, np.inf)
        best[0] = 0.0
        for mask in range(1, len(best)):
            parts = self._subsets.with_lowest(mask)
            best[mask] = (self._trip_cost[parts] + best[mask ^ parts]).min(axis=0)
        return best

    def plan(self, mask: int) -> tuple[int, list[Route]]:
        """Procurement cycle and trips of the cheapest plan for a set."""
        net, column = self._net, int(np.argmin(self._total[mask]))
        price = net.tables.central.rate_price[self._k, column]
        routes = []
        while mask:
            parts = self._subsets.with_lowest(mask)
            cut = self._trip_cost[parts, column] + self._cut[mask ^ parts, column]
            part = int(parts[np.argmin(cut)])
            cost = self._trips.cost[part] + price * self._trips.rate[part]
            best = int(np.argmin(np.where(net.divides[column], cost, np.inf)))
            stops = self._tours.order(part, best)
            routes.append(Route(self._k, int(net.days[best]), stops))
            mask ^= part
        return column + 1, routes
