"""The class plan: a week's forecasts as the solver wants them, and the tours of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np

from device_sim.business.chance import Floats
from device_sim.business.policies import MEMORY_DAYS, Seen
from device_sim.business.scenario import LIFE_MAX
from optimizer import Infeasible, MaxGenerations, NoImprovement, Plan, parse_case, solve
from optimizer.demand.forecast import Forecast

SHORT_LIVED: Final = 0.1
CONVOY_ROOM: Final = 1.2
Tour = tuple[int, tuple[int, ...]]
"""Days between two trips, and the places in driving order."""


def tours_of(plan: Plan | None, i: int, n_places: int) -> list[Tour]:
    """Cycle and places of each trip of a class; without a plan every place is driven to daily."""
    if plan is None:
        return [(1, (place,)) for place in range(1, n_places + 1)]
    trips = plan.products[i].trips
    return [(t.cycle_days, tuple(int(stop[1:]) for stop in t.stops)) for t in trips]


def class_plan(
    seen: Seen, forecasts: Sequence[Forecast], *, service: float, seed: int, before: Plan | None
) -> Plan | None:
    """By the hybrid solver, warm from the last one; None where the network has no plan.

    Rooms may be too small for what is promised: the first plan then promises nothing, since its
    levels are not gone by, and its tours are better than none. A campaign may ask for more than
    rooms hold, too: the first plan is one of usual days.
    """
    ahead = seen.ahead[:7]
    if before is None and (ahead > 1.0).any():
        ahead = np.ones_like(ahead)
    stop = MaxGenerations(40) | NoImprovement(12)
    promises = (service,) if before is not None else (service, 0.5)
    for promise in promises:
        case = parse_case(_case(seen, forecasts, ahead, promise))
        try:
            return solve(case, seed=seed, stop=stop, warm_start=before)
        except Infeasible:
            continue
    return before


def _case(
    seen: Seen, forecasts: Sequence[Forecast], ahead: Floats, service: float
) -> dict[str, object]:
    business = seen.business
    places: list[dict[str, object]] = []
    heaviest = np.zeros(len(business.classes))
    for place, forecast in enumerate(forecasts[1:], start=1):
        week = forecast.means(ahead.T).mean(axis=1)
        kg = np.bincount(seen.class_of, weights=week * seen.grams / 1000.0)
        heaviest = np.maximum(heaviest, kg)
        spread = seen.sold[-MEMORY_DAYS:, place] * (seen.grams / 1000.0)
        sd = [float(spread[:, seen.class_of == i].sum(axis=1).std()) for i in range(len(kg))]
        places.append({
            "id": f"W{place}",
            "xy_km": seen.xy_km[place].tolist(),
            "lead_time_days": business.lead_days,
            "preservation_coefficient": 0.0,
            "products": {
                goods.id: {
                    "demand_kg_per_day": float(kg[i]),
                    "demand_sd_kg": sd[i],
                    "storage_kg": goods.storage_kg,
                }
                for i, goods in enumerate(business.classes)
            },
        })  # fmt: skip
    return {
        "format": "forepost-network/1",
        "name": business.name,
        "service_z": max(0.0, NormalDist().inv_cdf(service)),
        "max_cycle_days": business.max_cycle_days,
        "max_procurement_cycle_days": business.max_procurement_days,
        "products": [_product(seen, i, heaviest[i]) for i in range(len(heaviest))],
        "central_warehouses": [{
            "id": "CENTRE",
            "xy_km": [0.0, 0.0],
            "preservation_coefficient": 0.0,
            "products": {
                goods.id: {
                    "supplier_lead_time_days": goods.supplier_lead_days,
                    "holding_cost": goods.holding,
                    "trip_cost": goods.supplier_trip_cost,
                }
                for goods in business.classes
            },
        }],
        "warehouses": places,
    }  # fmt: skip


def _product(seen: Seen, i: int, heaviest_kg: float) -> dict[str, object]:
    """heaviest_kg: what the largest place sells in a day."""
    goods = seen.business.classes[i]
    # A place that sells more than a vehicle carries is visited by a convoy.
    convoy = max(1, int(np.ceil(CONVOY_ROOM * heaviest_kg / goods.vehicle_capacity_kg)))
    # A tenth of the goods lives no longer than this. The class spoils by M(T) = κ a T² / 2, half
    # of it within that life, at a decay so slow that it takes next to no demand away.
    life = float(np.quantile(seen.lot_life[seen.class_of == i], SHORT_LIVED))
    keeps = life > LIFE_MAX
    return {
        "id": goods.id,
        "initial_freshness": 1.0,
        "decay_per_day": 0.0 if keeps else 0.05 / life,
        "spoilage_coefficient": 0.0 if keeps else 1.0 / (0.05 * life),
        "preservation_cost": 1.0,
        "preservation_cost_factor": goods.preservation,
        "holding_cost": goods.holding,
        "unit_cost": goods.value,
        "shelf_life_days": max(1.0, life),
        "vehicle": {
            "capacity_kg": goods.vehicle_capacity_kg * convoy,
            "trip_cost": goods.trip_cost * convoy,
            "cost_per_km": goods.cost_per_km * convoy,
        },
    }
