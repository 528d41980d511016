"""Write out a full plan file from bare decisions: cycles, suppliers, trips with their stops."""

import math
from dataclasses import dataclass
from itertools import pairwise, permutations

from tests.optimizer.oracle import flows
from tests.optimizer.oracle.flows import Flow, Json, by_id

COSTS = (
    "holding",
    "spoilage",
    "transport",
    "central_holding",
    "central_spoilage",
    "central_transport",
    "procurement",
)
STAGE1 = COSTS[:3]


@dataclass(frozen=True)
class TripChoice:
    central: str
    cycle_days: int
    stops: list[str]


@dataclass(frozen=True)
class Decisions:
    """All that is decided about one product; everything else in a plan follows from it."""

    product: str
    procurement_cycle_days: dict[str, int]
    trips: list[TripChoice]


def write_plan(case: Json, decisions: list[Decisions]) -> Json:
    products = [_write_product(case, choice) for choice in decisions]
    stage1 = math.fsum(p["costs"][key] for p in products for key in STAGE1)
    total = math.fsum(p["objective"] for p in products)
    return {
        "format": "forepost-plan/1",
        "case": case["name"],
        "solver": {
            "name": "oracle",
            "seed": 0,
            "generations": 0,
            "seconds": 0.0,
            "time_to_best_seconds": 0.0,
        },
        "objective": total,
        "stage1": stage1,
        "stage2": total - stage1,
        "lower_bound": None,
        "proven_optimal": False,
        "products": products,
    }


def shortest_order(case: Json, central: str, stops: list[str]) -> list[str]:
    """The stops in the order of the shortest closed tour, by trying every order."""

    def length(order: tuple[str, ...]) -> float:
        route = [central, *order, central]
        return math.fsum(flows.distance_km(case, a, b) for a, b in pairwise(route))

    return list(min(permutations(sorted(stops)), key=length))


def central_costs(
    case: Json, name: str, central: str, members: list[str], *, rate: float, cycle: int
) -> tuple[Flow, dict[str, float]]:
    """Flow and stage 2 cost per day of one central warehouse delivering `rate` kg per day."""
    flow = flows.central_flow(case, name, central, members, rate_kg_per_day=rate, cycle_days=cycle)
    supply = by_id(case["central_warehouses"])[central]["products"][name]
    product = by_id(case["products"])[name]
    preserve = product["preservation_cost_factor"] * product["preservation_cost"]
    price = product.get("purchase_price", product["unit_cost"])
    return flow, {
        "central_holding": (supply["holding_cost"] + preserve) * flow.kg_days / cycle,
        "central_spoilage": product["unit_cost"] * flow.spoiled_kg / cycle,
        "central_transport": supply["trip_cost"] / cycle,
        "procurement": price * flow.quantity_kg / cycle,
    }


def trip_costs(
    case: Json, name: str, choice: TripChoice, wanted: list[Flow]
) -> tuple[flows.Trip, dict[str, float]]:
    """The tour and the stage 1 cost per day of one trip; `wanted` follows the stops."""
    trip = flows.trip(
        case, name, choice.central, choice.stops, [flow.quantity_kg for flow in wanted]
    )
    costs = {"holding": 0.0, "spoilage": 0.0, "transport": trip.cost / choice.cycle_days}
    for stop, flow, loaded in zip(choice.stops, wanted, trip.loaded_kg, strict=True):
        value = flows.of(case, name, stop, "unit_cost")
        carry = flows.carry_cost_per_kg_day(case, name, stop)
        costs["holding"] += carry * flow.kg_days / choice.cycle_days
        lost = flow.spoiled_kg + loaded - flow.quantity_kg
        costs["spoilage"] += value * lost / choice.cycle_days
    return trip, costs


def _write_product(case: Json, decisions: Decisions) -> Json:
    name = decisions.product
    entry: Json = {"id": name, "objective": 0.0, "central": [], "warehouses": [], "trips": []}
    costs = dict.fromkeys(COSTS, 0.0)
    rates = dict.fromkeys(decisions.procurement_cycle_days, 0.0)
    members: dict[str, list[str]] = {k: [] for k in rates}
    for choice in decisions.trips:
        k, cycle = choice.central, choice.cycle_days
        wanted = [flows.warehouse_flow(case, name, j, cycle) for j in choice.stops]
        trip, spent = trip_costs(case, name, choice, wanted)
        for key, money in spent.items():
            costs[key] += money
        head = {"central": k, "cycle_days": cycle, "stops": list(choice.stops)}
        entry["trips"].append(head | {"load_kg": trip.load_kg, "length_km": trip.length_km})
        for stop, flow in zip(choice.stops, wanted, strict=True):
            row = {"id": stop, "central": k, "cycle_days": cycle}
            entry["warehouses"].append(row | _stock(flow))
            rates[k] += flow.quantity_kg / cycle
            members[k].append(stop)
    for k, cycle in decisions.procurement_cycle_days.items():
        flow, spent = central_costs(case, name, k, members[k], rate=rates[k], cycle=cycle)
        entry["central"].append({"id": k, "cycle_days": cycle, **_stock(flow)})
        for key, money in spent.items():
            costs[key] += money
    return entry | {"costs": costs, "objective": math.fsum(costs.values())}


def _stock(flow: Flow) -> dict[str, float]:
    return {"quantity_kg": flow.quantity_kg, "safety_stock_kg": flow.safety_stock_kg}
