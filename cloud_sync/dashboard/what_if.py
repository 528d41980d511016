"""What if demand, preservation or a vehicle were another: the case changed, solved, compared.

Both the network as it is and the changed one are solved by the same solver with the same seed, so
that what differs in the answers is what was changed. The solver runs in a process of its own with
a time limit (cloud_sync.jobs), one question at a time: the service keeps answering meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.dashboard.network_plan import COST_TERMS, NetworkPlan, read_plan
from cloud_sync.jobs.runner import JobFailed, run_job

SEARCH_S: Final = 5
"""Of each of the two, so that both are answered within the time that a request has."""
ANSWER_S: Final = 60.0
"""For starting Python on a busy machine, beside the search."""
SOLVER: Final = (
    "-m", "optimizer", "solve", "-", "--json", "--quiet", "--seed", "1",
    "--time-limit", str(SEARCH_S), "--no-improvement", "60",
)  # fmt: skip

EVERY: Final = "*"

Percent = Annotated[float, Field(gt=-100, le=1000)]
Solver = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
"""Gives the plan of a case. Raises WhatIfFailed."""


class WhatIfFailed(Exception):
    """There is no answer; the message says why in one line."""


class Change(BaseModel):
    """What is to be another, in per cent of what it is; nothing changed is 0.

    warehouse: whose demand, `*` for all; zone: whose goods, vehicle and preservation, `*` for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    warehouse: Annotated[str, Field(max_length=64)] = EVERY
    zone: Annotated[str, Field(max_length=64)] = EVERY
    demand_percent: Percent = 0.0
    preservation_percent: Percent = 0.0
    capacity_percent: Percent = 0.0
    trip_cost_percent: Percent = 0.0
    cost_per_km_percent: Percent = 0.0

    @property
    def is_nothing(self) -> bool:
        """Whether all stays as it is."""
        return not any(getattr(self, name) for name in PERCENTS)


PERCENTS: Final = tuple(it for it in Change.model_fields if it.endswith("_percent"))

_VEHICLE: Final[dict[str, str]] = {
    "capacity_percent": "capacity_kg",
    "trip_cost_percent": "trip_cost",
    "cost_per_km_percent": "cost_per_km",
}


def changed_case(case: Mapping[str, object], change: Change) -> dict[str, object]:
    """The case with the change in it; the one that was given stays as it is."""
    changed: dict[str, object] = json.loads(json.dumps(dict(case)))
    for product in _objects(changed.get("products")):
        if change.zone not in (EVERY, product.get("id")):
            continue
        _scale(product, "preservation_cost", change.preservation_percent)
        vehicle = product.get("vehicle")
        if isinstance(vehicle, dict):
            for name, key in _VEHICLE.items():
                _scale(vehicle, key, getattr(change, name))
    for place in _objects(changed.get("warehouses")):
        demands = place.get("products")
        if change.warehouse not in (EVERY, place.get("id")) or not isinstance(demands, dict):
            continue
        for zone, demand in demands.items():
            if change.zone in (EVERY, zone) and isinstance(demand, dict):
                # The same goods sell more or less: their spread grows as their mean does.
                _scale(demand, "demand_kg_per_day", change.demand_percent)
                _scale(demand, "demand_sd_kg", change.demand_percent)
    return changed


def _objects(value: object) -> list[dict[str, object]]:
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []


def _scale(holder: dict[str, object], key: str, percent: float) -> None:
    value = holder.get(key)
    if percent and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = value * (100.0 + percent) / 100.0


async def solve_case(case: Mapping[str, object]) -> Mapping[str, object]:
    """The plan of a case, by a process of its own. Raises WhatIfFailed."""
    try:
        return await run_job(SOLVER, case, limit_s=ANSWER_S)
    except JobFailed as error:
        raise WhatIfFailed(str(error).removeprefix("forepost-optimizer: ")) from error


Side = Literal["better", "worse", "same"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of the comparison: a cost, money a day; or a figure of the plan.

    side: for whom pays, where more is worse; kept apart from the number's sign, for the eye.
    """

    name: str
    before: float
    after: float

    @property
    def by(self) -> float:
        return self.after - self.before

    @property
    def side(self) -> Side:
        if abs(self.by) < 0.005:
            return "same"
        return "worse" if self.by > 0 else "better"


@dataclass(frozen=True, slots=True)
class CycleChange:
    """What a warehouse gets of a zone, before and after: days between, kg each time, by whom."""

    zone: str
    warehouse: str
    cycles: tuple[int | None, int | None]
    kg: tuple[float | None, float | None]
    central: tuple[str, str]

    @property
    def is_another(self) -> bool:
        return self.cycles[0] != self.cycles[1] or self.central[0] != self.central[1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two plans side by side. costs: the controllable sum first, then each term."""

    before: NetworkPlan
    after: NetworkPlan
    costs: tuple[Difference, ...]
    figures: tuple[Difference, ...]
    cycles: tuple[CycleChange, ...]


def compare(before: NetworkPlan, after: NetworkPlan) -> Comparison:
    """What is another, and by how much."""
    costs = [Difference("controllable", before.controllable, after.controllable)]
    costs += [Difference(it, before.cost(it), after.cost(it)) for it in COST_TERMS]
    figures = (
        Difference("trips_per_day", _trips_per_day(before), _trips_per_day(after)),
        Difference("km_per_day", _km_per_day(before), _km_per_day(after)),
    )
    return Comparison(before, after, tuple(costs), figures, tuple(_cycles(before, after)))


def _trips_per_day(plan: NetworkPlan) -> float:
    return sum(1 / trip.cycle_days for it in plan.products for trip in it.trips if trip.cycle_days)


def _km_per_day(plan: NetworkPlan) -> float:
    return sum(
        trip.length_km / trip.cycle_days
        for it in plan.products
        for trip in it.trips
        if trip.cycle_days
    )


def _cycles(before: NetworkPlan, after: NetworkPlan) -> list[CycleChange]:
    old = {(p.id, it.id): it for p in before.products for it in p.warehouses}
    new = {(p.id, it.id): it for p in after.products for it in p.warehouses}
    found = []
    for zone, warehouse in dict.fromkeys([*old, *new]):
        was, now = old.get((zone, warehouse)), new.get((zone, warehouse))
        found.append(
            CycleChange(
                zone,
                warehouse,
                (was.cycle_days if was else None, now.cycle_days if now else None),
                (was.quantity_kg if was else None, now.quantity_kg if now else None),
                (was.central if was else "", now.central if now else ""),
            )
        )
    return found


async def ask(
    case: Mapping[str, object], change: Change, *, solver: Solver = solve_case
) -> Comparison:
    """The network as it is and changed, one after the other: two at once would only share the
    machine's cores with everybody else. Raises WhatIfFailed."""
    before = read_plan(await solver(case))
    after = read_plan(await solver(changed_case(case, change)))
    if before is None or after is None:
        raise WhatIfFailed("the solver's answer is no plan")
    return compare(before, after)
