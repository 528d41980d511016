"""The proven optimum of a tiny case whose products share vehicles, by trying everything.

Every plan of every product (suppliers, trips, cycles; procurement cycles do not touch the
sharing and are the best ones) beside every plan of the others. For two products and up to
four warehouses, or three and up to three; fares must hang on the length and the load alone.
"""

import math
from collections.abc import Iterator
from itertools import product as every_choice

from tests.optimizer.oracle import flows
from tests.optimizer.oracle.brute_force import partitions
from tests.optimizer.oracle.checker import LIMIT_SLACK
from tests.optimizer.oracle.flows import Json, by_id
from tests.optimizer.oracle.plan_writer import (
    TripChoice,
    central_costs,
    shortest_order,
    trip_costs,
)

Ride = tuple[str, int, tuple[str, ...]]
"""Central warehouse, cycle, stops in their shortest order."""
Plan = tuple[float, frozenset[Ride]]


def least_with_sharing(case: Json) -> float:
    """Money per day of the best plan of all products together."""
    search = _Search(case)
    names = [product["id"] for product in case["products"]]
    best = math.inf
    plans = [list(search.plans(name)) for name in names]
    for choice in every_choice(*plans):
        alone = math.fsum(cost for cost, _ in choice)
        best = min(best, alone - search.saved(names, [rides for _, rides in choice]))
    return best


class _Search:
    def __init__(self, case: Json) -> None:
        self.case, self.products = case, by_id(case["products"])
        self.orders: dict[tuple[str, frozenset[str]], tuple[str, ...]] = {}
        self.flows: dict[tuple[str, str, int], flows.Flow] = {}
        self.fares: dict[tuple[tuple[str, ...], Ride], float] = {}

    def order(self, k: str, stops: list[str]) -> tuple[str, ...]:
        key = k, frozenset(stops)
        if key not in self.orders:
            self.orders[key] = tuple(shortest_order(self.case, k, stops))
        return self.orders[key]

    def flow(self, name: str, j: str, t: int) -> flows.Flow:
        if (name, j, t) not in self.flows:
            self.flows[name, j, t] = flows.warehouse_flow(self.case, name, j, t)
        return self.flows[name, j, t]

    def plans(self, name: str) -> Iterator[Plan]:
        """Every feasible plan of one product with its cost where no vehicle is shared."""
        case = self.case
        centrals = [k["id"] for k in case["central_warehouses"] if name in k["products"]]
        runs = [(k, t) for k in centrals for t in range(1, case["max_cycle_days"] + 1)]
        for groups in partitions(flows.served(case, name)):
            options = [[(k, t, self.order(k, g)) for k, t in runs] for g in groups]
            fitting = [[ride for ride in rides if self.fits(name, ride)] for rides in options]
            for rides in every_choice(*fitting):
                cost = self.cost(name, rides)
                if math.isfinite(cost):
                    yield cost, frozenset(rides)

    def fits(self, name: str, ride: Ride) -> bool:
        _, t, stops = ride
        wanted = {j: self.flow(name, j, t) for j in stops}
        for j, flow in wanted.items():
            limits = by_id(self.case["warehouses"])[j]["products"][name]
            if flow.quantity_kg + flow.safety_stock_kg > limits["storage_kg"] * (1 + LIMIT_SLACK):
                return False
        load = math.fsum(flow.quantity_kg for flow in wanted.values())
        return load <= float(self.products[name]["vehicle"]["capacity_kg"]) * (1 + LIMIT_SLACK)

    def cost(self, name: str, rides: tuple[Ride, ...]) -> float:
        total = [self.stage1(name, ride) for ride in rides]
        for k in {ride[0] for ride in rides}:
            mine = [ride for ride in rides if ride[0] == k]
            total.append(self.stage2(name, k, mine))
        return math.fsum(total)

    def stage1(self, name: str, ride: Ride) -> float:
        k, t, stops = ride
        key = (name, "alone"), ride
        if key not in self.fares:
            wanted = [self.flow(name, j, t) for j in stops]
            _, costs = trip_costs(self.case, name, TripChoice(k, t, list(stops)), wanted)
            self.fares[key] = math.fsum(costs.values())
        return self.fares[key]

    def stage2(self, name: str, k: str, rides: list[Ride]) -> float:
        """Under the best procurement cycle that is a multiple of all cycles."""
        members = sorted(j for _, _, stops in rides for j in stops)
        cycles = [t for _, t, _ in rides]
        rate = math.fsum(self.flow(name, j, t).quantity_kg / t for _, t, s in rides for j in s)
        limit = self.case["max_procurement_cycle_days"]
        return min(
            (
                self.central(name, k, tuple(members), days, rate)
                for days in range(1, limit + 1)
                if all(days % t == 0 for t in cycles)
            ),
            default=math.inf,
        )

    def central(
        self, name: str, k: str, members: tuple[str, ...], days: int, rate: float
    ) -> float:
        """Affine in the rate: two evaluations serve all of them."""
        key = (name, k, "central"), (k, days, members)
        for level in (0.0, 1.0):
            at = (*key[0], str(level)), key[1]
            if at not in self.fares:
                _, spent = central_costs(self.case, name, k, list(members), rate=level, cycle=days)
                self.fares[at] = math.fsum(spent.values())
        idle, busy = (self.fares[(*key[0], str(level)), key[1]] for level in (0.0, 1.0))
        return idle + (busy - idle) * rate

    def saved(self, names: list[str], plans: list[frozenset[Ride]]) -> float:
        """What the best seating of all rides saves per day."""
        every = {ride for rides in plans for ride in rides}
        total = 0.0
        for ride in every:
            on = [name for name, rides in zip(names, plans, strict=True) if ride in rides]
            if len(on) > 1:
                total += self.best_seating(ride, on)
        return total

    def best_seating(self, ride: Ride, on: list[str]) -> float:
        alone = math.fsum(self.fare((name,), ride) for name in on)
        least = min(
            math.fsum(self.fare(tuple(car), ride) for car in cars) for cars in partitions(on)
        )
        return (alone - least) / ride[1]

    def fare(self, car: tuple[str, ...], ride: Ride) -> float:
        """Money per departure of one vehicle for these products; inf where it may not be."""
        key = car, ride
        if key not in self.fares:
            self.fares[key] = self._fare(car, ride)
        return self.fares[key]

    def _fare(self, car: tuple[str, ...], ride: Ride) -> float:
        k, t, stops = ride
        for name in car:
            friends = self.products[name]["vehicle"].get("shared_with") or []
            if any(other not in friends for other in car if other != name):
                return math.inf
        load = [math.fsum(self.flow(name, j, t).quantity_kg for name in car) for j in stops]
        fares = [
            flows.trip(self.case, name, k, list(stops), load).cost
            for name in car
            if math.fsum(load) <= self.products[name]["vehicle"]["capacity_kg"] * (1 + LIMIT_SLACK)
        ]
        return min(fares, default=math.inf)
