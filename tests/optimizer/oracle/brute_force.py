"""The proven optimum of a tiny case by trying everything: no search, no bound, no cleverness.

Every supply choice, every grouping of warehouses into trips, every order of stops, every cycle,
every procurement cycle. For up to 5 warehouses; products are independent of each other, so
cases with shared vehicles are refused.
"""

import math
from collections.abc import Iterator
from itertools import permutations, product

from tests.optimizer.oracle import flows
from tests.optimizer.oracle.checker import LIMIT_SLACK
from tests.optimizer.oracle.flows import Flow, Json, by_id
from tests.optimizer.oracle.plan_writer import (
    Decisions,
    TripChoice,
    central_costs,
    trip_costs,
    write_plan,
)

Trips = list[tuple[int, list[str]]]  # (cycle in days, stops in order)
MAX_WAREHOUSES = 5


class NoPlan(Exception):
    """No assignment of cycles, trips and suppliers keeps every limit."""


def best_plan(case: Json) -> Json:
    """The cheapest plan in the plan format, proven by enumeration. Raises NoPlan."""
    if len(case["warehouses"]) > MAX_WAREHOUSES:
        raise ValueError(f"{len(case['warehouses'])} warehouses are too many to try everything")
    if any(p["vehicle"].get("shared_with") for p in case["products"]):
        raise ValueError("shared vehicles couple the products")
    plan = write_plan(case, [_Search(case, p["id"]).best() for p in case["products"]])
    plan["solver"]["name"] = "brute-force"
    return plan | {"lower_bound": plan["objective"], "proven_optimal": True}


def partitions(items: list[str]) -> Iterator[list[list[str]]]:
    """Every way to split the items into non-empty groups."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for split in partitions(rest):
        yield [[first], *split]
        for n, group in enumerate(split):
            yield [*split[:n], [first, *group], *split[n + 1 :]]


def _members(chosen: dict[str, str]) -> dict[str, frozenset[str]]:
    """Supplier -> the warehouses it supplies."""
    return {k: frozenset(j for j in chosen if chosen[j] == k) for k in chosen.values()}


class _Search:
    """One product: its tables of single trips, then every combination of them."""

    def __init__(self, case: Json, name: str) -> None:
        self.case, self.name = case, name
        self.product = by_id(case["products"])[name]
        self.wanted = flows.served(case, name)
        self.centrals = [k["id"] for k in case["central_warehouses"] if name in k["products"]]
        shelf = self.product.get("shelf_life_days") or math.inf
        self.cycles = [t for t in range(1, case["max_cycle_days"] + 1) if t <= shelf]
        self.flows = {
            (j, t): flows.warehouse_flow(case, name, j, t)
            for j in self.wanted
            for t in self.cycles
        }
        self.trips: dict[tuple[str, frozenset[str], int], tuple[float, list[str]]] = {}
        self.choices: dict[tuple[str, frozenset[str]], tuple[float, int, Trips] | None] = {}

    def best(self) -> Decisions:
        found: tuple[float, dict[str, str]] | None = None
        for suppliers in product(self.centrals, repeat=len(self.wanted)):
            chosen = dict(zip(self.wanted, suppliers, strict=True))
            options = [self.central_choice(k, m) for k, m in _members(chosen).items()]
            total = math.fsum(option[0] if option else math.inf for option in options)
            if math.isfinite(total) and (found is None or total < found[0]):
                found = (total, chosen)
        if found is None:
            raise NoPlan(f"{self.name}: no feasible plan")
        cycles, trips = {}, []
        for k, members in sorted(_members(found[1]).items()):
            option = self.central_choice(k, members)
            if option is None:
                raise AssertionError(f"{self.name}: {k} was chosen and cannot supply")
            cycles[k] = option[1]
            trips += [TripChoice(k, t, stops) for t, stops in option[2]]
        return Decisions(self.name, cycles, trips)

    def central_choice(self, k: str, members: frozenset[str]) -> tuple[float, int, Trips] | None:
        """Cheapest procurement cycle and trips of one central warehouse for these members."""
        key = (k, members)
        if key not in self.choices:
            best: tuple[float, int, Trips] | None = None
            for t_k in range(1, self.case["max_procurement_cycle_days"] + 1):
                option = self.for_procurement_cycle(k, sorted(members), t_k)
                if option and (best is None or option[0] < best[0]):
                    best = (option[0], t_k, option[1])
            self.choices[key] = best
        return self.choices[key]

    def for_procurement_cycle(
        self, k: str, members: list[str], t_k: int
    ) -> tuple[float, Trips] | None:
        """Q_ik is affine in the delivery rate: a fixed part, and a price per kg and day."""
        idle, busy = (
            math.fsum(
                central_costs(self.case, self.name, k, members, rate=rate, cycle=t_k)[1].values()
            )
            for rate in (0.0, 1.0)
        )
        cycles = [t for t in self.cycles if t_k % t == 0]
        best: tuple[float, Trips] | None = None
        for groups in partitions(members):
            total, trips = idle, []
            for group in groups:
                options = []
                for t in cycles:
                    cost, order = self.cheapest_trip(k, frozenset(group), t)
                    rate = math.fsum(self.flows[j, t].quantity_kg for j in group) / t
                    options.append((cost + (busy - idle) * rate, t, order))
                cost, t, order = min(options, default=(math.inf, 0, []))
                total += cost
                trips.append((t, order))
            if math.isfinite(total) and (best is None or total < best[0]):
                best = (total, trips)
        return best

    def cheapest_trip(self, k: str, group: frozenset[str], t: int) -> tuple[float, list[str]]:
        """Stage 1 cost per day of one trip in its best order; inf where a limit is broken."""
        key = (k, group, t)
        if key not in self.trips:
            orders = [list(order) for order in permutations(sorted(group))]
            self.trips[key] = min((self.trip_cost(k, order, t), order) for order in orders)
        return self.trips[key]

    def trip_cost(self, k: str, order: list[str], t: int) -> float:
        wanted = [self.flows[j, t] for j in order]
        trip, costs = trip_costs(self.case, self.name, TripChoice(k, t, order), wanted)
        fits = trip.load_kg <= self.product["vehicle"]["capacity_kg"] * (1 + LIMIT_SLACK)
        kept = fits and all(map(self.within_limits, order, wanted))
        return math.fsum(costs.values()) if kept else math.inf

    def within_limits(self, j: str, flow: Flow) -> bool:
        limits = by_id(self.case["warehouses"])[j]["products"][self.name]
        least = limits.get("minimum_order_kg", self.product.get("minimum_order_kg")) or 0.0
        peak = flow.quantity_kg + flow.safety_stock_kg
        fits = peak <= limits["storage_kg"] * (1 + LIMIT_SLACK)
        return fits and flow.quantity_kg >= least * (1 - LIMIT_SLACK)
