"""Large cases of the planner's file format, drawn from a kind, a size and a seed.

The figures (demands, storage, fares, decay) lie in the ranges of the public cases; what a kind
varies is where the warehouses stand, how many central ones there are and what a vehicle holds:

    rings       as in the public cases: any direction, 3 to 22 km from the central warehouse
    uniform     evenly over a square
    clustered   in seven towns of different size
    belt        all between 14 and 20 km off, around an empty middle
    far         a distant central warehouse: 45 km from the middle of the square
    small-vans  as rings; vehicles hold a few stops, four products, demands of few large places
    two, three  evenly over a square, with two or three central warehouses

    python benchmarks/large_cases.py KIND SIZE SEED > case.json
"""

from __future__ import annotations

import json
import math
import random
import sys
from typing import Any

Json = dict[str, Any]
KINDS = ("rings", "uniform", "clustered", "belt", "far", "small-vans", "two", "three")
HALF_SQUARE_KM = 20.0
TOWNS = 7


def make_case(kind: str, n_warehouses: int, seed: int) -> Json:
    """A case of one of the KINDS. The same arguments give the same case everywhere."""
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    rng = random.Random(f"{kind}/{n_warehouses}/{seed}")
    zones = ["ambient", "refrigerated", "frozen"]
    names = [*zones, "chilled"] if kind == "small-vans" else zones
    n_centrals = {"two": 2, "three": 3}.get(kind, 1)
    max_cycle_days = rng.randint(5, 9)
    places = _places(rng, kind, n_warehouses)
    return {
        "format": "forepost-network/1",
        "name": f"{kind} {n_warehouses}, seed {seed}",
        "service_z": rng.choice([1.645, 2.054]),
        "max_cycle_days": max_cycle_days,
        "max_procurement_cycle_days": rng.choice([12, 15, 18]),
        "products": [_product(rng, name, kind) for name in names],
        "central_warehouses": [
            _central(rng, f"K{n + 1}", xy, names)
            for n, xy in enumerate(_centres(rng, kind, n_centrals))
        ],
        "warehouses": [
            _warehouse(rng, f"W{n + 1}", xy, names, kind) for n, xy in enumerate(places)
        ],
    }


def _polar(rng: random.Random, low_km: float, high_km: float) -> list[float]:
    radius, angle = rng.uniform(low_km, high_km), rng.uniform(0.0, 2.0 * math.pi)
    return [radius * math.cos(angle), radius * math.sin(angle)]


def _in_square(rng: random.Random, half_km: float) -> list[float]:
    return [rng.uniform(-half_km, half_km), rng.uniform(-half_km, half_km)]


def _places(rng: random.Random, kind: str, n: int) -> list[list[float]]:
    if kind in ("rings", "small-vans"):
        return [_polar(rng, 3.0, 22.0) for _ in range(n)]
    if kind == "belt":
        return [_polar(rng, 14.0, 20.0) for _ in range(n)]
    if kind != "clustered":
        return [_in_square(rng, HALF_SQUARE_KM) for _ in range(n)]
    towns = [(_in_square(rng, HALF_SQUARE_KM), rng.uniform(0.8, 3.0)) for _ in range(TOWNS)]
    chosen = rng.choices(towns, weights=[rng.uniform(1.0, 4.0) for _ in towns], k=n)
    return [[rng.gauss(c, spread) for c in middle] for middle, spread in chosen]


def _centres(rng: random.Random, kind: str, n: int) -> list[list[float]]:
    if kind == "far":
        return [[45.0, 0.0]]
    if n == 1:
        return [[0.0, 0.0]]
    return [_in_square(rng, 0.7 * HALF_SQUARE_KM) for _ in range(n)]


def _product(rng: random.Random, name: str, kind: str) -> Json:
    low, high = {
        "ambient": (5.0, 11.0),
        "refrigerated": (5.5, 12.5),
        "frozen": (25.0, 36.0),
        "chilled": (6.0, 14.0),
    }[name]
    decay = {"ambient": (0.0035, 0.009), "frozen": (0.007, 0.0155)}.get(name, (0.008, 0.0145))
    value = rng.uniform(low, high)
    vans = (900.0, 1200.0, 1500.0) if kind == "small-vans" else (1800.0, 2400.0, 3000.0, 3600.0)
    preserved = {"ambient": 0.3, "frozen": 1.2}.get(name, 0.8)
    return {
        "id": name,
        "zone": name,
        "initial_freshness": round(rng.uniform(0.93, 0.995), 3),
        "decay_per_day": round(rng.uniform(*decay), 5),
        "spoilage_coefficient": round(rng.uniform(0.16, 0.7), 5),
        "preservation_cost": preserved,
        "preservation_cost_factor": round(rng.uniform(0.005, 0.02), 5),
        "holding_cost": round(rng.uniform(0.016, 0.04), 5),
        "unit_cost": round(value, 5),
        "purchase_price": round(value * rng.uniform(0.72, 1.0), 4),
        "sale_price": round(1.5 * value, 3),
        "vehicle": {
            "capacity_kg": rng.choice(vans),
            "trip_cost": round(rng.uniform(450.0, 2300.0), 1),
            "cost_per_km": round(rng.uniform(9.0, 50.0), 2),
        },
    }


def _central(rng: random.Random, name: str, xy: list[float], products: list[str]) -> Json:
    trip = {"ambient": (23_000, 58_000), "frozen": (1_100, 6_500)}
    return {
        "id": name,
        "xy_km": [round(c, 2) for c in xy],
        "preservation_coefficient": round(rng.uniform(2.2, 3.7), 2),
        "products": {
            product: {
                "supplier_lead_time_days": round(rng.uniform(0.5, 2.9), 2),
                "holding_cost": round(rng.uniform(0.013, 0.055), 4),
                "trip_cost": round(rng.uniform(*trip.get(product, (8_800, 30_000))), 1),
            }
            for product in products
        },
    }


def _warehouse(
    rng: random.Random, name: str, xy: list[float], products: list[str], kind: str
) -> Json:
    demands = {}
    for product in products:
        demand = rng.uniform(40.0, 450.0)
        if kind == "small-vans":  # few large places, many small ones
            demand = min(450.0, 40.0 * rng.paretovariate(1.3))
        demands[product] = {
            "demand_kg_per_day": round(demand, 1),
            "demand_sd_kg": round(demand * rng.uniform(0.05, 0.3), 2),
            "storage_kg": float(round(demand * rng.uniform(3.0, 9.0))),
        }
    return {
        "id": name,
        "xy_km": [round(c, 2) for c in xy],
        "lead_time_days": round(rng.uniform(0.1, 1.0), 2),
        "preservation_coefficient": round(rng.uniform(1.0, 3.0), 2),
        "products": demands,
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 3 or arguments[0] not in KINDS:
        print(__doc__)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    kind, size, seed = arguments
    json.dump(make_case(kind, int(size), int(seed)), sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
