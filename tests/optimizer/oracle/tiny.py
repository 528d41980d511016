"""Cases small enough for pencil and paper or for trying everything."""

import random
from typing import Any

from tests.optimizer.oracle.flows import Json


def flat_case(**product: Any) -> Json:
    """One product that keeps for ever, one centre at the origin, two warehouses 3 and 4 km off.

    Nothing spoils and demand does not fade, so every number follows by hand: at warehouse A
    10 kg a day and no safety stock, at B 20 kg a day and S = 2 * 3 * sqrt(4) = 12 kg; the tour
    0-A-B-0 is 3 + 5 + 4 = 12 km.
    """
    base: Json = {
        "id": "dry",
        "zone": "ambient",
        "initial_freshness": 1.0,
        "decay_per_day": 0.0,
        "spoilage_coefficient": 0.5,
        "preservation_cost": 2.0,
        "preservation_cost_factor": 0.25,
        "holding_cost": 0.5,
        "unit_cost": 4.0,
        "purchase_price": 3.0,
        "sale_price": 9.0,
        "vehicle": {"capacity_kg": 1000, "trip_cost": 100, "cost_per_km": 2},
    }
    vehicle = {**base["vehicle"], **product.pop("vehicle", {})}
    return {
        "format": "forepost-network/1",
        "name": "flat",
        "service_z": 2.0,
        "max_cycle_days": 4,
        "max_procurement_cycle_days": 8,
        "products": [{**base, **product, "vehicle": vehicle}],
        "central_warehouses": [
            {
                "id": "K",
                "xy_km": [0, 0],
                "preservation_coefficient": 1.0,
                "products": {
                    "dry": {"supplier_lead_time_days": 9, "holding_cost": 0.1, "trip_cost": 400}
                },
            }
        ],
        "warehouses": [
            _warehouse("A", [3, 0], demand=10, deviation=0),
            _warehouse("B", [0, 4], demand=20, deviation=3),
        ],
    }


def _warehouse(name: str, xy: list[float], *, demand: float, deviation: float) -> Json:
    return {
        "id": name,
        "xy_km": xy,
        "lead_time_days": 4,
        "preservation_coefficient": 1.0,
        "products": {
            "dry": {"demand_kg_per_day": demand, "demand_sd_kg": deviation, "storage_kg": 500}
        },
    }


def random_case(seed: int, *, warehouses: int, centrals: int, products: int = 1) -> Json:
    """A case of the public format drawn from a seed; limits bind now and then."""
    rng = random.Random(seed)
    names = ["ambient", "refrigerated", "frozen"][:products]
    return {
        "format": "forepost-network/1",
        "name": f"tiny {seed}",
        "service_z": round(rng.uniform(1.0, 2.3), 3),
        "max_cycle_days": rng.choice([3, 4, 5]),
        "max_procurement_cycle_days": rng.choice([6, 8, 12]),
        "products": [_product(rng, name) for name in names],
        "central_warehouses": [_central(rng, f"K{n}", names) for n in range(1, centrals + 1)],
        "warehouses": [_place(rng, f"W{n}", names) for n in range(1, warehouses + 1)],
    }


def _xy(rng: random.Random) -> list[float]:
    return [round(rng.uniform(-15, 15), 2), round(rng.uniform(-15, 15), 2)]


def _product(rng: random.Random, name: str) -> Json:
    return {
        "id": name,
        "zone": name,
        "initial_freshness": round(rng.uniform(0.9, 1.0), 3),
        "decay_per_day": round(rng.uniform(0.001, 0.02), 5),
        "spoilage_coefficient": round(rng.uniform(0.1, 0.6), 4),
        "preservation_cost": round(rng.uniform(0.0, 1.5), 2),
        "preservation_cost_factor": round(rng.uniform(0.0, 0.02), 5),
        "holding_cost": round(rng.uniform(0.01, 0.05), 4),
        "unit_cost": round(rng.uniform(4, 25), 2),
        "purchase_price": round(rng.uniform(4, 25), 2),
        "sale_price": round(rng.uniform(26, 40), 2),
        "vehicle": {
            "capacity_kg": rng.choice([1500, 2000, 3000]),
            "trip_cost": round(rng.uniform(50, 2000), 1),
            "cost_per_km": round(rng.uniform(5, 50), 2),
        },
    }


def _central(rng: random.Random, name: str, products: list[str]) -> Json:
    return {
        "id": name,
        "xy_km": _xy(rng),
        "preservation_coefficient": round(rng.uniform(1, 3), 2),
        "products": {
            product: {
                "supplier_lead_time_days": round(rng.uniform(0.3, 3), 2),
                "holding_cost": round(rng.uniform(0.01, 0.05), 4),
                "trip_cost": round(rng.uniform(200, 30000), 1),
            }
            for product in products
        },
    }


def _place(rng: random.Random, name: str, products: list[str]) -> Json:
    return {
        "id": name,
        "xy_km": _xy(rng),
        "lead_time_days": round(rng.uniform(0.1, 1), 2),
        "preservation_coefficient": round(rng.uniform(1, 2.5), 2),
        "products": {
            product: {
                "demand_kg_per_day": round(rng.uniform(80, 450), 1),
                "demand_sd_kg": round(rng.uniform(5, 60), 2),
                "storage_kg": round(rng.uniform(700, 2500), 1),
            }
            for product in products
        },
    }


def with_every_option(case: Json, seed: int) -> Json:
    """The case with every optional field set somewhere; vehicles shared where there are two."""
    rng = random.Random(seed)
    n = len(case["warehouses"])
    names = [product["id"] for product in case["products"]]
    for product in case["products"]:
        product["transit_spoilage_per_hour"] = round(rng.uniform(0, 0.03), 4)
        product["shelf_life_days"] = rng.choice([2.5, 4, 9])
        product["minimum_order_kg"] = rng.choice([0, 60, 90])
        product["season"] = [round(rng.uniform(0.7, 1.3), 2) for _ in range(7)]
        product["demand_correlation"] = _correlation(rng, n)
        product["vehicle"] |= {
            "speed_km_per_hour": rng.choice([20, 35]),
            "stop_cost": round(rng.uniform(0, 40), 1),
            "cost_per_kg": round(rng.uniform(0, 0.2), 3),
            "cost_per_kg_km": round(rng.uniform(0, 0.01), 4),
            "shared_with": [other for other in names if other != product["id"]],
        }
    case["service_level"] = round(rng.uniform(0.6, 0.99), 2)
    for place in case["warehouses"]:
        for here in place["products"].values():
            if rng.random() < 0.4:
                here["holding_cost"] = round(rng.uniform(0.01, 0.1), 3)
                here["initial_freshness"] = round(rng.uniform(0.85, 1), 3)
                here["unit_cost"] = round(rng.uniform(3, 20), 2)
            if rng.random() < 0.4:
                mean = here["demand_kg_per_day"] * place["lead_time_days"]
                here["lead_time_demand_quantiles"] = [
                    [p, round(mean * factor, 2)]
                    for p, factor in ((0.1, 0.6), (0.5, 1.0), (0.9, 1.4), (1.0, 1.9))
                ]
    if rng.random() < 0.5:
        size = n + len(case["central_warehouses"])
        case["distance_km"] = [
            [0 if a == b else round(rng.uniform(2, 25), 1) for b in range(size)]
            for a in range(size)
        ]
    return case


def _correlation(rng: random.Random, n: int) -> list[list[float]]:
    """A correlation matrix with one common factor: 1 on the diagonal, products beside it."""
    load = [rng.uniform(-0.5, 0.9) for _ in range(n)]
    return [[1.0 if a == b else load[a] * load[b] for b in range(n)] for a in range(n)]
