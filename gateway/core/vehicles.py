"""How many vehicles a day a zone of a warehouse needs."""

from __future__ import annotations

import math


def n_vehicles(demand_kg_per_day: float, capacity_kg: float, *, slack: float = 1.0) -> int:
    """As many as a day's demand fills, at least one. slack: what rides along of what spoils."""
    if not demand_kg_per_day > 0 or not 0 < capacity_kg < math.inf:
        return 1
    return max(1, math.ceil(demand_kg_per_day * slack / capacity_kg - 1e-9))
