"""Joint plans of products that may share vehicles, by dynamic programming over sets.

A car is a central warehouse, a cycle, stops and the products on it: a trip of several
products at once. So a joint plan cuts the set of all items, an item being one product at one
warehouse, into cars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from itertools import product as every_choice

import numpy as np
from numpy.typing import NDArray

from optimizer.decisions import Decisions, Route
from optimizer.integrals import Floats
from optimizer.network import Ints
from optimizer.riders import Rider, car_cost
from optimizer.subsets import share_out
from optimizer.trip_sets import Offers, cheapest_cuts, sets_behind

MIN_COLUMNS, MAX_COLUMNS = 16, 512
"""Combinations of procurement cycles looked at."""
COLUMNS_AT_ONCE = 32
PAIRS = 20_000_000
"""Pairs of a set and a car in it, over all combinations: about a second."""
Flags = NDArray[np.bool_]
Group = tuple[int, ...]
Friends = Mapping[int, frozenset[int]]
"""Positions of products -> those that may ride along."""
IsOver = Callable[[], bool]
"""Whether the time for planning is over."""


@dataclass(frozen=True, slots=True)
class _Cars:
    """Cars there may be from one central warehouse."""

    masks: Ints
    """Sets of items served; an item is a bit, see ``_JointPlan``."""
    stops: Ints
    """Sets of warehouses."""
    riders: Flags
    """(product, car)."""
    cost: Floats
    """(cycle, car): money per day."""


class _JointPlan:
    """The cheapest plan of some products, given what cars there may be.

    A product's items are the warehouses, moved up by n bits times its slot; products of one
    slot ride together always. Exact for the procurement cycles given.
    """

    def __init__(
        self, riders: Sequence[Rider], slots: Sequence[int], cars: Sequence[_Cars], days: Ints
    ) -> None:
        self._riders, self._slots, self._cars = riders, slots, cars
        self._n = riders[0].n
        self._bits = self._n * (max(slots) + 1)
        self._days = days
        """(column, product): procurement days."""

    def solve(self, is_over: IsOver) -> list[Decisions] | None:
        """None where there is none, or no time for it."""
        n_k, size = len(self._cars), 1 << self._bits
        best, column = np.full((n_k, size), np.inf), np.zeros((n_k, size), dtype=np.int64)
        for start in range(0, len(self._days), COLUMNS_AT_ONCE):
            if is_over():
                return None
            at = np.arange(start, min(len(self._days), start + COLUMNS_AT_ONCE))
            for k in range(n_k):
                total = cheapest_cuts(self._offers(k, at), self._bits) + self._idle(k, at)
                total[0] = 0.0
                chosen = total.argmin(axis=1)
                least = total[np.arange(size), chosen]
                better = least < best[k]
                best[k, better], column[k, better] = least[better], at[chosen[better]]
        shares = share_out(list(best))
        if shares is None:
            return None
        routes: list[list[Route]] = [[] for _ in self._riders]
        procurement: list[dict[int, int]] = [{} for _ in self._riders]
        for k, mask in enumerate(shares):
            if mask:
                for p, route, days in self._runs(k, mask, int(column[k, mask])):
                    routes[p].append(route)
                    procurement[p][k] = days
        return [Decisions(tuple(r), p) for r, p in zip(routes, procurement, strict=True)]

    def _runs(self, k: int, mask: int, column: int) -> Iterator[tuple[int, Route, int]]:
        """Product, trip and procurement days of what central warehouse k does for the items."""
        offers, cars = self._offers(k, np.array([column])), self._cars[k]
        costs = self._costs(k, column)
        for served in sets_behind(offers, cheapest_cuts(offers, self._bits), mask, 0):
            car = int(np.argmin(np.where(cars.masks == served, costs.min(axis=0), np.inf)))
            cycle = int(np.argmin(costs[:, car])) + 1
            route = Route(k, cycle, self._riders[0].tours[k].order(int(cars.stops[car])))
            for p in np.flatnonzero(cars.riders[:, car]).tolist():
                yield p, route, int(self._days[column, p])

    def _costs(self, k: int, column: int) -> Floats:
        """(cycle, car): money per day with the share of stage 2; inf where cycles do not fit."""
        cars, cost = self._cars[k], self._cars[k].cost.copy()
        cycles = np.arange(1, len(cost) + 1)
        for p, rider in enumerate(self._riders):
            days, on = int(self._days[column, p]), cars.riders[p]
            price = float(rider.tables.central.rate_price[k, days - 1])
            cost += np.where(on, price * rider.rate[:, cars.stops], 0.0)
            cost[(days % cycles != 0)[:, None] & on] = np.inf
        return cost

    def _offers(self, k: int, columns: Ints) -> Offers:
        cost = np.stack([self._costs(k, int(c)).min(axis=0) for c in columns], axis=1)
        return Offers(self._cars[k].masks, cost)

    def _idle(self, k: int, columns: Ints) -> Floats:
        """(set of items, column): procurement's own cost and safety stock."""
        items = np.arange(1 << self._bits)
        total = np.zeros((len(items), len(columns)))
        for p, (rider, slot) in enumerate(zip(self._riders, self._slots, strict=True)):
            served = (items >> (slot * self._n)) & ((1 << self._n) - 1)
            central, at = rider.tables.central, self._days[columns, p] - 1
            safety = (rider.deviation[served] * rider.tables.safety_factor[k])[:, None]
            money = central.fixed[k, at] + safety * central.safety_price[k, at]
            total += np.where(served[:, None] > 0, money, 0.0)
        return total


def planned_together(
    riders: Sequence[Rider], used_days: Sequence[set[int]], is_over: IsOver
) -> list[Decisions]:
    """All of them on every car; empty where no car carries them, or time is over."""
    slots, everyone = [0] * len(riders), tuple(range(len(riders)))
    return _planned(riders, slots, [everyone], used_days, is_over)


def planned_jointly(
    riders: Sequence[Rider],
    groups: Sequence[Group],
    used_days: Sequence[set[int]],
    is_over: IsOver,
) -> list[Decisions]:
    """Every car with the riders of any of the groups; empty where time is over."""
    return _planned(riders, range(len(riders)), groups, used_days, is_over)


def _planned(
    riders: Sequence[Rider],
    slots: Sequence[int],
    groups: Sequence[Group],
    used_days: Sequence[set[int]],
    is_over: IsOver,
) -> list[Decisions]:
    cars = [_cars(riders, slots, groups, k) for k in range(riders[0].tables.n_centrals)]
    days = _columns(riders, used_days, _budget(cars[0], riders[0].n * (max(slots) + 1)))
    return _JointPlan(riders, slots, cars, days).solve(is_over) or []


def _cars(riders: Sequence[Rider], slots: Sequence[int], groups: Sequence[Group], k: int) -> _Cars:
    n, n_sets = riders[0].n, (1 << riders[0].n) - 1
    stops = np.arange(1, n_sets + 1)
    masks, costs, on = [], [], []
    for group in groups:
        lift = sum({1 << (slots[p] * n) for p in group})
        masks.append(stops * lift)
        costs.append(car_cost([riders[p] for p in group], k)[:, 1:])
        on.append(np.repeat(np.isin(np.arange(len(riders)), group)[:, None], n_sets, axis=1))
    cost = np.concatenate(costs, axis=1)
    kept = np.isfinite(cost).any(axis=0)
    return _Cars(
        masks=np.concatenate(masks)[kept],
        stops=np.tile(stops, len(groups))[kept],
        riders=np.concatenate(on, axis=1)[:, kept],
        cost=cost[:, kept],
    )


def _budget(cars: _Cars, bits: int) -> int:
    """How many combinations of procurement cycles the cars leave time for."""
    pairs = float((2.0 ** (bits - np.bitwise_count(cars.masks))).sum()) / 2
    return int(min(MAX_COLUMNS, max(MIN_COLUMNS, PAIRS // max(1.0, pairs))))


def _columns(riders: Sequence[Rider], used_days: Sequence[set[int]], budget: int) -> Ints:
    """Combinations of the likeliest procurement cycles, those in use first; (column, product)."""
    each = max(2, int(budget ** (1 / len(riders)) + 1e-9))
    likely = [
        list(dict.fromkeys([*sorted(used), *rider.likely_days]))[:each]
        for rider, used in zip(riders, used_days, strict=True)
    ]
    return np.array(list(every_choice(*likely)), dtype=np.int64)


def planned_anew(
    riders: Sequence[Rider],
    p: int,
    others: Sequence[Decisions],
    friends: Friends,
    is_over: IsOver,
) -> Decisions | None:
    """The best plan of one product where it may join the cars of the others as they run.

    others: every product's decisions, p's own among them.
    """
    rider, used = riders[p], set(others[p].procurement_days.values())
    cars = []
    for k in range(rider.tables.n_centrals):
        own = _cars([rider], [0], [(0,)], k)
        cost = own.cost.copy()
        for (cycle, stops), on in _on_the_road(others, p, k, friends).items():
            at = np.flatnonzero(own.stops == stops)
            with_me = _seated(riders, [*on, p], (k, cycle, stops), friends)
            without = _seated(riders, on, (k, cycle, stops), friends)
            if len(at) and np.isfinite(without):
                cost[cycle - 1, at] = np.minimum(cost[cycle - 1, at], with_me - without)
        cars.append(_Cars(own.masks, own.stops, own.riders, cost))
    days = _columns([rider], [used], _budget(cars[0], rider.n))
    found = _JointPlan([rider], [0], cars, days).solve(is_over)
    return found[0] if found else None


def _on_the_road(
    decisions: Sequence[Decisions], p: int, k: int, friends: Friends
) -> dict[tuple[int, int], list[int]]:
    """(cycle, set of stops) of the trips from k of p's friends: whose they are."""
    found: dict[tuple[int, int], list[int]] = {}
    for q in sorted(friends[p]):
        for route in decisions[q].routes:
            if route.central == k:
                key = route.cycle_days, sum(1 << j for j in route.stops)
                found.setdefault(key, []).append(q)
    return found


def _seated(
    riders: Sequence[Rider], on: Sequence[int], trip: tuple[int, int, int], friends: Friends
) -> float:
    """Money per day of the cheapest way to seat these products in cars.

    trip: central warehouse, cycle, set of stops.
    """
    if not on:
        return 0.0
    (k, cycle, stops), first, rest = trip, on[0], on[1:]
    best = np.inf
    for size in range(len(rest) + 1):
        for company in combinations(rest, size):
            car = (first, *company)
            if all(b in friends[a] for a, b in combinations(car, 2)):
                left = [q for q in rest if q not in company]
                money = car_cost([riders[q] for q in car], k)[cycle - 1, stops]
                best = min(best, money + _seated(riders, left, trip, friends))
    return float(best)
