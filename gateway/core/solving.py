"""Solves a planning job: the network plan, and the order lines cut from it.

Runs in the solver's own process (gateway.solve_job), the only place of the gateway that loads
numpy. Job and result formats: gateway.core.planning.

For every zone that ran low the network plan says from which central warehouse this warehouse is
served, in which cycle and with how much; the lines share that quantity among the zone's items.
The room of a delivery is what its vehicle has left beside the other stops of its trip, and what
the zone's shelves have left beside the stock on hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import PlanError
from optimizer import MaxSeconds, NoImprovement, OptimizerError, Plan, Problem, parse_case, solve
from optimizer.order_lines import SkuState, make_order_lines
from optimizer.plan import ProductPlan, WarehouseOrder

SETTLED_GENERATIONS: Final = 60
"""Generations without improvement after which a search is not waited for any longer."""


class _Sku(BaseModel):
    """One SKU state of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gtin: str
    zone: str
    forecast_units_per_day: float
    forecast_sd_units_per_day: float
    on_hand_units: int
    on_order_units: int
    usable_life_days: float | None
    grams_per_unit: int
    case_pack_units: int
    minimum_order_units: int
    lead_time_days: float

    def state(self) -> SkuState:
        """As the solver takes it; what does not spoil lives for ever."""
        values = self.model_dump(exclude={"lead_time_days"})
        return SkuState(**values | {"usable_life_days": self.usable_life_days or math.inf})


class _Job(BaseModel):
    """One job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: dict[str, object]
    warehouse: str
    zones: list[str]
    solver: Literal["hybrid", "matrix"]
    seed: int
    time_limit_s: float
    skus: list[_Sku]


def solve_job(job: Mapping[str, object]) -> dict[str, object]:
    """The result of a job. Raises PlanError if job or network is refused or has no plan."""
    try:
        parsed = _Job.model_validate(job)
        problem = parse_case(parsed.network)
        plan = solve(
            problem,
            solver=parsed.solver,
            seed=parsed.seed,
            stop=MaxSeconds(parsed.time_limit_s) | NoImprovement(SETTLED_GENERATIONS),
        )
    except ValidationError as error:
        problems = error.errors(include_url=False)[0]
        raise PlanError(f"job: {problems['loc']}: {problems['msg']}") from error
    except OptimizerError as error:
        raise PlanError(f"network: {error}") from error
    lines = [line for zone in parsed.zones for line in _zone_lines(parsed, problem, plan, zone)]
    return {"network_plan": plan.to_dict(), "lines": lines, "fallback": None}


def _zone_lines(job: _Job, problem: Problem, plan: Plan, zone: str) -> list[dict[str, object]]:
    product = next((product for product in plan.products if product.id == zone), None)
    orders = () if product is None else product.warehouses
    order = next((order for order in orders if order.id == job.warehouse), None)
    if product is None or order is None:
        raise PlanError(f"network: no delivery of {zone!r} to warehouse {job.warehouse!r} in it")
    skus = [sku for sku in job.skus if sku.zone == zone]
    lines = make_order_lines(
        [sku.state() for sku in skus],
        class_quantity_kg=order.quantity_kg,
        cycle_days=order.cycle_days,
        lead_time_days=max((sku.lead_time_days for sku in skus), default=0.0),
        service_z=problem.service_z,
        capacity_kg=_room_kg(problem, product, order, skus),
    )
    return [
        {
            "item": line.gtin,
            "quantity": line.units,
            "order_up_to_units": line.order_up_to_units,
            "position_units": line.position_units,
            "source": order.central,
        }
        for line in lines
    ]


def _room_kg(
    problem: Problem, product: ProductPlan, order: WarehouseOrder, skus: Sequence[_Sku]
) -> float:
    """What one delivery can take at most, in kg."""
    vehicle = next(each.vehicle for each in problem.products if each.id == product.id)
    others_kg = sum(trip.load_kg for trip in product.trips if order.id in trip.stops)
    in_vehicle_kg = vehicle.capacity_kg - max(0.0, others_kg - order.quantity_kg)
    place = next(each for each in problem.warehouses if each.id == order.id)
    on_hand_kg = sum(sku.on_hand_units * sku.grams_per_unit for sku in skus) / 1000
    in_zone_kg = place.products[product.id].storage_kg - on_hand_kg
    return max(0.0, min(in_vehicle_kg, in_zone_kg))
