"""Solves a planning job: the network plan, and the order lines cut from it.

Runs in the solver's own process (gateway.solve_job), the only place of the gateway that loads
numpy. Job and result formats: gateway.core.planning.

For every zone that ran low the network plan says from which central warehouse this warehouse is
served, in which cycle and with how much; the lines share that quantity among the zone's items. A
central warehouse gets a proposal for procurement: what the plan has it buy for all that it serves.
The room of a delivery is what its vehicles have left beside the other stops of their trips, and
what the zone's shelves have left beside the stock on hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from cloud_sync.contract import keys
from gateway.core.solver_job import Job, Sku
from gateway.core.splitting import is_split, merged, split_network
from gateway.errors import PlanError
from optimizer import (
    Infeasible,
    MaxSeconds,
    NoImprovement,
    OptimizerError,
    Plan,
    PlanFormatError,
    Problem,
    parse_case,
    solve,
)
from optimizer.order_lines import SkuState, make_order_lines
from optimizer.plan import CentralOrder, ProductPlan, WarehouseOrder

SETTLED_GENERATIONS: Final = 60
"""Generations without improvement after which a search is not waited for any longer."""
SLACKS: Final = (1.0, 1.05, 1.1)
"""What a delivery may weigh beside the day's demand: what spoils of it, tried in this order."""
_TOLD: Final = set(SkuState.__slots__) - {"usable_life_days", "order_up_to_units"}
BINDING: Final = 0.98
"""Used so far, a limit is told as binding."""


def _state(sku: Sku, cycle_days: float) -> SkuState:
    """As the solver takes it, with a delivery each so many days; what keeps lives for ever."""
    values = sku.model_dump(include=_TOLD)
    return SkuState(
        **values,
        usable_life_days=sku.usable_life_days or math.inf,
        order_up_to_units=sku.level_units(cycle_days),
    )


def solve_job(job: Mapping[str, object]) -> dict[str, object]:
    """The result of a job. Raises PlanError if job or network is refused or has no plan."""
    try:
        parsed = Job.model_validate(job)
        problem = parse_case(parsed.network)
        plan = _solved(parsed, problem)
    except ValidationError as error:
        problems = error.errors(include_url=False)[0]
        raise PlanError(f"job: {problems['loc']}: {problems['msg']}") from error
    except OptimizerError as error:
        raise PlanError(f"network: {error}") from error
    lines = [line for zone in parsed.zones for line in _zone_lines(parsed, problem, plan, zone)]
    return {
        "network_plan": plan.to_dict(),
        "lines": lines,
        "fallback": None,
        "binding": [
            each for zone in parsed.zones for each in _binding(parsed, problem, plan, zone)
        ],
    }


def _solved(job: Job, problem: Problem) -> Plan:
    """The plan of the network, with several vehicles a day to a warehouse where one is too few.

    Raises Infeasible: what stands against the network as it is told.
    """
    stop = MaxSeconds(job.time_limit_s) | NoImprovement(SETTLED_GENERATIONS)
    try:
        return solve(
            problem,
            solver=job.solver,
            seed=job.seed,
            stop=stop,
            warm_start=_warm_start(job, problem),
        )
    except Infeasible as error:
        tried = None
        for slack in SLACKS:
            parts = split_network(job.network, slack)
            if parts is None or parts == tried:
                continue
            tried = parts
            try:
                return merged(
                    solve(parse_case(parts), solver=job.solver, seed=job.seed, stop=stop)
                )
            except (Infeasible, PlanError):
                continue
        raise error from None


def _warm_start(job: Job, problem: Problem) -> Plan | None:
    """The last plan, if it is one and of this network."""
    if job.warm_start is None:
        return None
    try:
        plan = Plan.from_dict(job.warm_start)
    except PlanFormatError:
        return None
    if is_split(plan):
        return None
    known = {order.id for product in plan.products for order in product.warehouses}
    return plan if known & {place.id for place in problem.warehouses} else None


def _binding(job: Job, problem: Problem, plan: Plan, zone: str) -> list[dict[str, object]]:
    """The limits that the zone's delivery to this warehouse has reached, and how far."""
    product = next(each for each in plan.products if each.id == zone)
    order = next((each for each in product.warehouses if each.id == job.warehouse), None)
    if order is None:
        return []
    vehicle = next(each for each in problem.products if each.id == zone).vehicle
    place = next(each for each in problem.warehouses if each.id == order.id)
    stored_kg = order.quantity_kg + order.safety_stock_kg
    trips_kg = [trip.load_kg for trip in product.trips if order.id in trip.stops]
    uses = [("vehicle", load_kg, vehicle.capacity_kg) for load_kg in trips_kg]
    uses.append(("storage", stored_kg, place.products[zone].storage_kg))
    return [
        {"zone": zone, "limit": limit, "used_kg": round(used, 3), "of_kg": room}
        for limit, used, room in uses
        if used >= BINDING * room
    ]


def _zone_lines(job: Job, problem: Problem, plan: Plan, zone: str) -> list[dict[str, object]]:
    product = next((product for product in plan.products if product.id == zone), None)
    bought = () if product is None else product.central
    purchase = next((each for each in bought if each.id == job.warehouse), None)
    if purchase is not None:
        skus = [sku for sku in job.skus if sku.zone == zone]
        owed_kg = job.owed_kg.get(zone, 0.0)
        return _lines(
            skus, purchase, problem.service_z, purchase.quantity_kg + owed_kg, keys.SUPPLIER
        )
    orders = () if product is None else product.warehouses
    order = next((order for order in orders if order.id == job.warehouse), None)
    if product is None or order is None:
        raise PlanError(f"network: no delivery of {zone!r} to warehouse {job.warehouse!r} in it")
    skus = [sku for sku in job.skus if sku.zone == zone]
    room_kg = min(_room_kg(problem, product, order, skus), order.quantity_kg)
    return _lines(skus, order, problem.service_z, room_kg, order.central)


def _lines(
    skus: Sequence[Sku],
    order: WarehouseOrder | CentralOrder,
    service_z: float,
    room_kg: float,
    source: str,
) -> list[dict[str, object]]:
    lines = make_order_lines(
        [_state(sku, order.cycle_days) for sku in skus],
        class_quantity_kg=room_kg,
        cycle_days=order.cycle_days,
        lead_time_days=max((sku.lead_time_days for sku in skus), default=0.0),
        service_z=service_z,
        capacity_kg=room_kg,
    )
    return [
        {
            "item": line.gtin,
            "quantity": line.units,
            "order_up_to_units": line.order_up_to_units,
            "position_units": line.position_units,
            "source": source,
            "limited_by": line.limited_by,
        }
        for line in lines
    ]


def _room_kg(
    problem: Problem, product: ProductPlan, order: WarehouseOrder, skus: Sequence[Sku]
) -> float:
    """What one delivery can take at most, in kg."""
    vehicle = next(each.vehicle for each in problem.products if each.id == product.id)
    loads_kg = [trip.load_kg for trip in product.trips if order.id in trip.stops]
    others_kg = max(0.0, sum(loads_kg) - order.quantity_kg)
    in_vehicle_kg = vehicle.capacity_kg * max(1, len(loads_kg)) - others_kg
    place = next(each for each in problem.warehouses if each.id == order.id)
    on_hand_kg = sum(sku.on_hand_units * sku.grams_per_unit for sku in skus) / 1000
    in_zone_kg = place.products[product.id].storage_kg - on_hand_kg
    return max(0.0, min(in_vehicle_kg, in_zone_kg))
