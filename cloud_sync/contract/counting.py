"""How often the goods of a warehouse are counted (docs/master-data.md).

A plan is a document of its warehouse. Gateways see it and do nothing about it: what is to be
counted comes down as counts.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract.documents import Units
from cloud_sync.contract.events import Id
from cloud_sync.contract.master import ServiceClass

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

COUNTING_PLAN: Final = "counting_plan"

Days = Annotated[int, Field(ge=1, le=3650)]


class CountingPlan(BaseModel):
    """How often what lies at a warehouse is counted, keyed by its id.

    every_days: by class, of which A sells most; items of a class that is not named are not counted
    by plan. items_per_day: of so many items a count is made, on each day on which any are due.
    within_days: in which that count is to be done. blind, recount_units, recount_per_mille: as in
    Count.
    """

    model_config = _WIRE

    warehouse: Id
    every_days: Annotated[dict[ServiceClass, Days], Field(min_length=1)]
    items_per_day: Annotated[int, Field(ge=1, le=500)] = 20
    within_days: Annotated[int, Field(ge=1, le=365)] = 3
    blind: bool = True
    recount_units: Units = 0
    recount_per_mille: Annotated[int, Field(ge=0, le=10**6)] = 0
