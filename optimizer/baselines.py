"""What planners do without an optimizer: three plain rules, for comparison.

Each rule decides cycles and trips for a given procurement cycle; the procurement cycle itself
is the cheapest, which flatters the rules. Every warehouse is supplied by the nearest central
warehouse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from optimizer.decisions import Decisions, Route
from optimizer.errors import Infeasible
from optimizer.evaluation import objective_of
from optimizer.feasibility import single_trips
from optimizer.grouping import fits, ordered, routes_for
from optimizer.tables import ProductTables
from optimizer.trip_cost import drive

Rule = Callable[[ProductTables, int, Sequence[int], int], list[Route] | None]
"""(tables, central, its warehouses, its procurement cycle) to trips, or None."""


def fixed_cycle(tables: ProductTables) -> Decisions:
    """One delivery cycle for everybody: the best common one."""
    best: tuple[float, Decisions] | None = None
    for days in range(1, tables.n_cycles + 1):
        found = _best_procurement(tables, _common_cycle(days))
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    return _insist(tables, best)


def min_max(tables: ProductTables) -> Decisions:
    """(s, S) per warehouse: fill the storage each time, each warehouse for itself."""
    return _insist(tables, _best_procurement(tables, _fill_storage))


def full_truck(tables: ProductTables) -> Decisions:
    """Fill a truck along the way to the nearest warehouses left, in the fullest cycle."""
    return _insist(tables, _best_procurement(tables, _fill_trucks))


def _insist(tables: ProductTables, found: tuple[float, Decisions] | None) -> Decisions:
    if found is None:
        raise Infeasible(
            tables.product.id, "max_procurement_cycle_days", "the rule finds no feasible plan"
        )
    return found[1]


def _best_procurement(tables: ProductTables, rule: Rule) -> tuple[float, Decisions] | None:
    """The rule's plan with the cheapest procurement cycle of each central warehouse."""
    n_k = tables.n_centrals
    nearest = np.argmin(tables.distance_km[:n_k, n_k:], axis=0)
    routes: list[Route] = []
    procurement: dict[int, int] = {}
    for k in sorted(set(nearest.tolist())):
        members = np.flatnonzero(nearest == k).tolist()
        best: tuple[float, int, list[Route]] | None = None
        for days in range(1, tables.n_procurement_cycles + 1):
            trips = rule(tables, k, members, days)
            if trips is None:
                continue
            cost = objective_of(tables, Decisions(tuple(trips), {k: days}))
            if best is None or cost < best[0]:
                best = (cost, days, trips)
        if best is None:
            return None
        procurement[k] = best[1]
        routes += best[2]
    decisions = Decisions(tuple(routes), procurement)
    return objective_of(tables, decisions), decisions


def _admissible(tables: ProductTables, k: int, j: int, procurement: int) -> list[int]:
    """Cycles of a warehouse that divide the procurement cycle, rising."""
    ok = single_trips(tables)[k, j]
    return [int(c) + 1 for c in np.flatnonzero(ok) if procurement % (int(c) + 1) == 0]


def _common_cycle(days: int) -> Rule:
    def rule(tables: ProductTables, k: int, members: Sequence[int], n: int) -> list[Route] | None:
        if n % days:
            return None
        groups: dict[int, list[int]] = {}
        for j in members:
            # A warehouse too small for the common cycle is served as seldom as it allows.
            cycles = [c for c in _admissible(tables, k, j, n) if c <= days]
            if not cycles:
                return None
            groups.setdefault(cycles[-1], []).append(j)
        trips = [routes_for(tables, k, c, group) for c, group in sorted(groups.items())]
        return None if None in trips else [r for group in trips for r in group or []]

    return rule


def _fill_storage(
    tables: ProductTables, k: int, members: Sequence[int], n: int
) -> list[Route] | None:
    routes = []
    for j in members:
        cycles = _admissible(tables, k, j, n)
        if not cycles:
            return None
        routes.append(Route(k, cycles[-1], (j,)))
    return routes


def _fill_trucks(
    tables: ProductTables, k: int, members: Sequence[int], n: int
) -> list[Route] | None:
    admissible = {j: _admissible(tables, k, j, n) for j in members}
    if not all(admissible.values()):
        return None
    left, routes = sorted(members), []
    while left:
        loads = [
            (load, route)
            for days in range(1, tables.n_cycles + 1)
            if n % days == 0
            for load, route in [_one_truck(tables, k, days, left, admissible)]
            if route.stops
        ]
        if not loads:
            return None
        _, route = max(loads, key=lambda pair: (pair[0], pair[1].cycle_days))
        routes.append(ordered(tables, k, route.cycle_days, route.stops))
        left = [j for j in left if j not in route.stops]
    return routes


def _one_truck(
    tables: ProductTables,
    k: int,
    days: int,
    left: Sequence[int],
    admissible: dict[int, list[int]],
) -> tuple[float, Route]:
    """Start at the furthest warehouse that takes this cycle and go on to the nearest left."""
    n_k, distance = tables.n_centrals, tables.distance_km
    able = [j for j in left if days in admissible[j]]
    stops: list[int] = []
    here = -1
    while able:
        if here < 0:
            able.sort(key=lambda j: (-float(distance[k, n_k + j]), j))
        else:
            at = here
            able.sort(key=lambda j: (float(distance[n_k + at, n_k + j]), j))
        fitting = next((j for j in able if fits(tables, k, days, [*stops, j])), None)
        if fitting is None:
            break
        stops.append(fitting)
        able.remove(fitting)
        here = fitting
    if not stops:
        return -math.inf, Route(k, days, ())
    route = Route(k, days, tuple(stops))
    return drive(tables, route).load_kg, route
