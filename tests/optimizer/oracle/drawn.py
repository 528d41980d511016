"""Cases drawn at random in the format and size of unseen ones: any option on or off."""

import copy
import random

from tests.optimizer.oracle.flows import Json
from tests.optimizer.oracle.several_centres import KINDS, case_of_kind
from tests.optimizer.oracle.tiny import random_case, with_every_option

PRODUCT_OPTIONS = (
    "transit_spoilage_per_hour",
    "shelf_life_days",
    "minimum_order_kg",
    "season",
    "demand_correlation",
)
VEHICLE_OPTIONS = ("stop_cost", "cost_per_kg", "cost_per_kg_km")
OVERRIDES = ("holding_cost", "initial_freshness", "unit_cost", "lead_time_demand_quantiles")


def drawn_case(seed: int) -> Json:
    """5 to 12 warehouses, one to three central ones, one to three products.

    Vehicles are not shared: what shared ones can save is proven on smaller cases.
    """
    rng = random.Random(f"drawn {seed}")
    warehouses, centrals = rng.randint(5, 12), rng.choice([1, 1, 2, 3])
    if rng.random() < 0.5:
        kind = rng.choice(KINDS)
        case = case_of_kind(kind, seed, warehouses=warehouses, centrals=centrals)
    else:
        products = rng.randint(1, 3)
        case = random_case(seed, warehouses=warehouses, centrals=centrals, products=products)
    case["name"] = f"drawn {seed}"
    full = with_every_option(copy.deepcopy(case), seed)
    for product in full["products"]:
        for name in PRODUCT_OPTIONS:
            _keep(rng, product, name, chance=0.35)
        for name in VEHICLE_OPTIONS:
            _keep(rng, product["vehicle"], name, chance=0.4)
        del product["vehicle"]["shared_with"]
    chance = rng.choice([0.0, 1.0])
    for place in full["warehouses"]:
        for here in place["products"].values():
            for name in OVERRIDES:
                _keep(rng, here, name, chance=chance)
    _keep(rng, full, "distance_km", chance=0.6)
    return full


def _keep(rng: random.Random, entry: Json, name: str, *, chance: float) -> None:
    if rng.random() >= chance:
        entry.pop(name, None)
