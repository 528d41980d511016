"""A planning job, as it crosses to the solver's process: one JSON object.

The planning products of the network are the temperature zones; an item's `zone` names its
product. All items of a zone that is to be planned are in it, because they share the trip.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

_CLOSED = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sku(BaseModel):
    """One SKU at the warehouse. on_hand_units: usable, less what is allocated and what will
    expire unsold; so it may be negative. usable_life_days: None for what does not spoil.

    order_up_to_units: S with a delivery each cycle_days, None where it follows from demand and
    deviation. levels_by: what found it, as in contract/levels.
    """

    model_config = _CLOSED

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
    reorder_point_units: int = 0
    order_up_to_units: int | None = None
    cycle_days: float = 0.0
    levels_by: str | None = None

    def level_units(self, cycle_days: float) -> int | None:
        """S with a delivery each so many days, None where nobody has said one.

        What is sold between two deliveries is more or less; what stands against chance stays. It
        is above the reorder point wherever that was so, or who is low would order nothing.
        """
        if self.order_up_to_units is None:
            return None
        change = math.ceil(self.forecast_units_per_day * (cycle_days - self.cycle_days) - 1e-9)
        least = min(self.order_up_to_units, self.reorder_point_units + 1)
        return max(self.order_up_to_units + change, least)


class Job(BaseModel):
    """One job. network: forepost-network/1. warm_start: the last forepost-plan/1, if any.

    owed_kg: by zone, what the warehouses that a central one serves need by now; it is bought on
    top of what the network's plan buys for a cycle.
    """

    model_config = _CLOSED

    network: dict[str, object]
    warehouse: str
    zones: list[str]
    solver: Literal["hybrid", "matrix"]
    seed: int
    time_limit_s: float
    skus: list[Sku]
    warm_start: dict[str, object] | None = None
    owed_kg: dict[str, float] = {}
