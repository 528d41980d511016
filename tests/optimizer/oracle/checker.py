"""Recompute a plan from its case alone and list everything that is wrong with it.

``check_plan(case, plan)`` trusts nothing in the plan but its decisions: who supplies whom, the
cycles, the stops and their order. Quantities, loads, lengths, costs and the objective are
computed again and compared with what the plan claims.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product as every_choice

from tests.optimizer.oracle import flows
from tests.optimizer.oracle.flows import Flow, Json, by_id
from tests.optimizer.oracle.plan_writer import COSTS, STAGE1, TripChoice, central_costs, trip_costs

LIMIT_SLACK = 1e-9  # limits are inclusive; this much relative excess is rounding, not breach


@dataclass
class CheckReport:
    """What is wrong (nothing, for a good plan) and the objective as recomputed."""

    violations: list[str] = field(default_factory=list)
    costs: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def objective(self) -> float:
        return math.fsum(x for costs in self.costs.values() for x in costs.values())

    @property
    def stage1(self) -> float:
        return math.fsum(costs[key] for costs in self.costs.values() for key in STAGE1)

    @property
    def stage2(self) -> float:
        return math.fsum(costs[k] for costs in self.costs.values() for k in COSTS[3:])

    def refuse(self, where: str, problem: str) -> None:
        self.violations.append(f"{where}: {problem}")

    def compare(self, where: str, claimed: object, true: float, relative: float) -> None:
        if not is_number(claimed):
            self.refuse(where, f"expected the number {true}, got {claimed!r}")
        elif not math.isclose(float(str(claimed)), true, rel_tol=relative, abs_tol=1e-7):
            self.refuse(where, f"claims {claimed}, recomputed {true}")


@dataclass(frozen=True)
class Ride:
    """One trip of the plan that could be recomputed."""

    product: str
    central: str
    cycle: int
    stops: tuple[str, ...]
    trip: flows.Trip


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_plan(case: Json, plan: Json, *, relative: float = 1e-9) -> CheckReport:
    """Violations of a plan and its recomputed cost terms.

    A plan whose structure is broken (unknown ids, missing warehouses) is reported without
    costs for the product concerned: they would mean nothing.
    """
    report = CheckReport()
    if plan.get("format") != "forepost-plan/1":
        report.refuse("format", f"expected forepost-plan/1, got {plan.get('format')!r}")
    if plan.get("case") != case["name"]:
        report.refuse("case", f"expected {case['name']!r}, got {plan.get('case')!r}")
    listed = [entry.get("id") for entry in plan.get("products", [])]
    if sorted(map(str, listed)) != sorted(p["id"] for p in case["products"]):
        report.refuse("products", f"expected each product once, got {listed}")
        return report
    rides: list[Ride] = []
    for entry in plan["products"]:
        if _structure(case, entry, report):
            rides += _product(case, entry, report, relative)
    whole = len(report.costs) == len(plan["products"])
    shared = _share_vehicles(case, rides, report)
    _claimed_costs(plan, report, shared, relative)
    if whole:
        _claimed_totals(plan, report, relative)
    return report


def _structure(case: Json, entry: Json, report: CheckReport) -> bool:
    """Ids known, each warehouse planned once and on one trip, whole cycles in range."""
    before = len(report.violations)
    name = entry["id"]
    wanted = flows.served(case, name)
    planned = [w.get("id") for w in entry["warehouses"]]
    on_trips = [stop for trip in entry["trips"] for stop in trip["stops"]]
    _each_once(report, f"{name}/warehouses", planned, wanted)
    _each_once(report, f"{name}/trips", on_trips, wanted)
    suppliers = [k["id"] for k in case["central_warehouses"] if name in k["products"]]
    used = {w.get("central") for w in entry["warehouses"]}
    _each_once(report, f"{name}/central", [c.get("id") for c in entry["central"]], used)
    for central in sorted(map(str, used | {t.get("central") for t in entry["trips"]})):
        if central not in suppliers:
            report.refuse(f"{name}/central", f"{central} does not supply {name}")
    kinds = (("warehouses", "max_cycle_days"), ("central", "max_procurement_cycle_days"))
    for kind, limit in kinds:
        for row in entry[kind]:
            _cycle(report, f"{name}/{kind}/{row.get('id')}", row.get("cycle_days"), case[limit])
    return len(report.violations) == before


def _each_once(
    report: CheckReport, where: str, got: Iterable[object], wanted: Iterable[object]
) -> None:
    counted, expected = Counter(got), Counter(wanted)
    for extra, n in sorted((counted - expected).items(), key=str):
        report.refuse(where, f"{extra!r} too often or unknown ({n} too many)")
    for missing in sorted(expected - counted, key=str):
        report.refuse(where, f"{missing!r} missing")


def _cycle(report: CheckReport, where: str, cycle: object, limit: float) -> None:
    whole = isinstance(cycle, int) and not isinstance(cycle, bool)
    if not whole or not 1 <= int(str(cycle)) <= limit:
        report.refuse(where, f"cycle_days must be a whole number 1..{limit}, got {cycle!r}")


def _product(case: Json, entry: Json, report: CheckReport, relative: float) -> list[Ride]:
    name = entry["id"]
    here = {
        row["id"]: flows.warehouse_flow(case, name, row["id"], row["cycle_days"])
        for row in entry["warehouses"]
    }
    report.costs[name] = dict.fromkeys(COSTS, 0.0)
    for row in entry["warehouses"]:
        _warehouse_limits(case, name, row, here[row["id"]], report, relative=relative)
    for row in entry["central"]:
        _central(case, entry, row, here, report, relative=relative)
    return list(_trips(case, entry, here, report, relative))


def _warehouse_limits(
    case: Json, name: str, row: Json, flow: Flow, report: CheckReport, *, relative: float
) -> None:
    where = f"{name}/warehouses/{row['id']}"
    limits = by_id(case["warehouses"])[row["id"]]["products"][name]
    report.compare(f"{where}/quantity_kg", row.get("quantity_kg"), flow.quantity_kg, relative)
    safety = row.get("safety_stock_kg")
    report.compare(f"{where}/safety_stock_kg", safety, flow.safety_stock_kg, relative)
    most, peak = float(limits["storage_kg"]), flow.quantity_kg + flow.safety_stock_kg
    if peak > most * (1 + LIMIT_SLACK):
        report.refuse(where, f"{peak} kg on receipt exceed storage_kg {most}")
    shelf = by_id(case["products"])[name].get("shelf_life_days")
    if shelf and row["cycle_days"] > shelf:
        report.refuse(where, f"{row['cycle_days']} days exceed shelf_life_days {shelf}")
    least = limits.get("minimum_order_kg", by_id(case["products"])[name].get("minimum_order_kg"))
    if least and flow.quantity_kg < least * (1 - LIMIT_SLACK):
        report.refuse(where, f"{flow.quantity_kg} kg are below minimum_order_kg {least}")


def _central(
    case: Json,
    entry: Json,
    row: Json,
    here: dict[str, Flow],
    report: CheckReport,
    *,
    relative: float,
) -> None:
    name, where = entry["id"], f"{entry['id']}/central/{row['id']}"
    served = [w for w in entry["warehouses"] if w["central"] == row["id"]]
    cycle = row["cycle_days"]
    for w in served:
        if cycle % w["cycle_days"]:
            report.refuse(where, f"{cycle} days are no multiple of {w['cycle_days']} ({w['id']})")
    rate = math.fsum(here[w["id"]].quantity_kg / w["cycle_days"] for w in served)
    members = [w["id"] for w in served]
    flow, spent = central_costs(case, name, row["id"], members, rate=rate, cycle=cycle)
    report.compare(f"{where}/quantity_kg", row.get("quantity_kg"), flow.quantity_kg, relative)
    safety = row.get("safety_stock_kg")
    report.compare(f"{where}/safety_stock_kg", safety, flow.safety_stock_kg, relative)
    for key, money in spent.items():
        report.costs[name][key] += money


def _trips(
    case: Json, entry: Json, here: dict[str, Flow], report: CheckReport, relative: float
) -> Iterator[Ride]:
    name, rows = entry["id"], by_id(entry["warehouses"])
    capacity = by_id(case["products"])[name]["vehicle"]["capacity_kg"]
    for n, row in enumerate(entry["trips"]):
        where = f"{name}/trips/{n}"
        if not row["stops"]:
            report.refuse(where, "has no stops")
            continue
        for stop in row["stops"]:
            for key in ("central", "cycle_days"):
                if rows[stop][key] != row.get(key):
                    report.refuse(where, f"{key} {row.get(key)!r}, {stop} has {rows[stop][key]!r}")
        cycle = rows[row["stops"][0]]["cycle_days"]
        choice = TripChoice(row["central"], cycle, row["stops"])
        trip, spent = trip_costs(case, name, choice, [here[stop] for stop in row["stops"]])
        report.compare(f"{where}/load_kg", row.get("load_kg"), trip.load_kg, relative)
        report.compare(f"{where}/length_km", row.get("length_km"), trip.length_km, relative)
        if trip.load_kg > capacity * (1 + LIMIT_SLACK):
            report.refuse(where, f"load {trip.load_kg} kg exceeds capacity_kg {capacity}")
        for key, money in spent.items():
            report.costs[name][key] += money
        yield Ride(name, row["central"], cycle, tuple(row["stops"]), trip)


def _share_vehicles(case: Json, rides: list[Ride], report: CheckReport) -> set[str]:
    """Let rides that agree in centre, cycle and route share one vehicle where it pays.

    The fare of the shared vehicle is split by load. Gives the products concerned.
    """
    products, groups, shared = by_id(case["products"]), {}, set()
    for ride in rides:
        route = min(ride.stops, ride.stops[::-1]) if _same_both_ways(case) else ride.stops
        groups.setdefault((ride.central, ride.cycle, route), []).append(ride)
    for group in groups.values():
        alone = math.fsum(ride.trip.cost for ride in group)
        best, choice = alone, [[ride] for ride in group]
        for labels in every_choice(range(len(group)), repeat=len(group)):
            cars = [[r for r, x in zip(group, labels, strict=True) if x == y] for y in set(labels)]
            fares = [_joint_fare(case, products, car) for car in cars]
            if math.fsum(fares) < best:
                best, choice = math.fsum(fares), cars
        for car in choice:
            if len(car) > 1:
                shared |= {ride.product for ride in car}
                total = math.fsum(r.trip.load_kg for r in car)
                fare = _joint_fare(case, products, car)
                for ride in car:
                    saved = ride.trip.cost - fare * ride.trip.load_kg / total
                    report.costs[ride.product]["transport"] -= saved / ride.cycle
    return shared


def _same_both_ways(case: Json) -> bool:
    """Whether a tour driven backwards is the same tour: in length, in load and in fare."""
    for product in case["products"]:
        if product.get("transit_spoilage_per_hour") or product["vehicle"].get("cost_per_kg_km"):
            return False
    matrix = case.get("distance_km")
    return not matrix or matrix == [list(column) for column in zip(*matrix, strict=True)]


def _joint_fare(case: Json, products: dict[str, Json], car: list[Ride]) -> float:
    """What one vehicle for all these rides costs per departure; inf where it may not be."""
    if len(car) == 1:
        return car[0].trip.cost
    for ride in car:
        friends = products[ride.product]["vehicle"].get("shared_with") or []
        if any(other.product not in friends for other in car if other is not ride):
            return math.inf
    load = math.fsum(ride.trip.load_kg for ride in car)
    fares = []
    for driver in car:
        vehicle = products[driver.product]["vehicle"]
        if load <= vehicle["capacity_kg"] * (1 + LIMIT_SLACK):
            whole = _joint_load(driver, car)
            plain = {"products": [{"id": "all", "vehicle": vehicle}]}
            stops = list(driver.stops)
            fares.append(flows.trip(case | plain, "all", driver.central, stops, whole).cost)
    return min(fares, default=math.inf)


def _joint_load(driver: Ride, car: list[Ride]) -> list[float]:
    """Kilograms loaded for each stop, in the driver's order."""
    by_stop = [dict(zip(ride.stops, ride.trip.loaded_kg, strict=True)) for ride in car]
    return [math.fsum(loaded[stop] for loaded in by_stop) for stop in driver.stops]


def _claimed_costs(plan: Json, report: CheckReport, shared: set[str], relative: float) -> None:
    for entry in plan["products"]:
        name = entry["id"]
        if name not in report.costs:
            continue
        true = report.costs[name]
        if set(entry["costs"]) != set(COSTS):
            report.refuse(f"{name}/costs", f"expected {COSTS}, got {sorted(entry['costs'])}")
            continue
        for key in COSTS:
            if key != "transport" or name not in shared:
                claimed = entry["costs"][key]
                report.compare(f"{name}/costs/{key}", claimed, true[key], relative)
        if name not in shared:
            total = math.fsum(true.values())
            report.compare(f"{name}/objective", entry.get("objective"), total, relative)


def _claimed_totals(plan: Json, report: CheckReport, relative: float) -> None:
    for key in ("objective", "stage1", "stage2"):
        report.compare(key, plan.get(key), getattr(report, key), relative)
    claimed = math.fsum(entry["objective"] for entry in plan["products"])
    report.compare("products/objective", claimed, report.objective, relative)
    bound = plan.get("lower_bound")
    if bound is not None and (not is_number(bound) or bound > report.objective * (1 + relative)):
        report.refuse("lower_bound", f"{bound!r} is no bound below {report.objective}")
    if plan.get("proven_optimal") is True and not (
        is_number(bound) and math.isclose(bound, report.objective, rel_tol=1e-9)
    ):
        report.refuse("proven_optimal", f"not shown by lower_bound {bound!r}")
    if not isinstance(plan.get("proven_optimal"), bool):
        report.refuse(
            "proven_optimal", f"expected true or false, got {plan.get('proven_optimal')}"
        )
