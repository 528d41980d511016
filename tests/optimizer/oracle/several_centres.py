"""Cases with two or three central warehouses whose areas overlap, for the choice of suppliers.

The centres compete: they stand near enough to each other, and cost near enough the same, that
the cheapest supplier of a warehouse hangs on its neighbours, on the procurement cycles and on
the pooling of safety stock.
"""

import random

from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.tiny import random_case

KINDS = ("near", "apart", "costly", "pooled", "tight")


def case_of_kind(kind: str, seed: int, *, warehouses: int, centrals: int) -> Json:
    """near: centres side by side; apart: an area each; costly: opening a centre hardly pays;
    pooled: demand varies so much that safety stock decides; tight: few cycles fit."""
    rng = random.Random(f"{kind} {seed} {warehouses} {centrals}")
    case = random_case(rng.randrange(1 << 30), warehouses=warehouses, centrals=centrals)
    case["name"] = f"{kind} {seed}, {warehouses} warehouses, {centrals} centres"
    case["max_cycle_days"] = rng.choice([5, 7, 9])
    case["max_procurement_cycle_days"] = rng.choice([12, 18, 27])
    product = case["products"][0]
    product["vehicle"]["trip_cost"] = round(rng.uniform(100, 900), 1)
    product["decay_per_day"] = round(rng.uniform(0.001, 0.008), 5)
    spread = {"near": 2.0, "apart": 12.0}.get(kind, 6.0)
    dearest = {"costly": 40_000.0, "apart": 2_000.0}.get(kind, 8_000.0)
    base = rng.uniform(0.1, 1.0) * dearest
    for place in case["central_warehouses"]:
        place["xy_km"] = [round(rng.uniform(-spread, spread), 2) for _ in range(2)]
        supply = place["products"][product["id"]]
        supply["trip_cost"] = round(base * rng.uniform(0.8, 1.25), 1)
        supply["holding_cost"] = round(rng.uniform(0.02, 0.03), 4)
        if kind == "pooled":
            supply["supplier_lead_time_days"] = round(rng.uniform(4, 9), 2)
    for place in case["warehouses"]:
        here = place["products"][product["id"]]
        if kind == "pooled":
            here["demand_sd_kg"] = round(here["demand_kg_per_day"] * rng.uniform(0.3, 0.9), 2)
            here["storage_kg"] += 1000
        if kind == "tight":
            here["storage_kg"] = round(here["demand_kg_per_day"] * rng.uniform(1.8, 4.5), 1)
    return case
