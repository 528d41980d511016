"""How full an item is kept: what a forecast adds to a policy's reorder point (docs/demand.md).

A gateway that is older knows the reorder point alone and fills up by demand and deviation.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract.events import Id

BY_SERVICE: Final = "service"
BY_MARGIN: Final = "margin"
BY_SHARE: Final = "share"

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

Ratio = Annotated[float, Field(ge=0, le=1e9)]


class Worth(BaseModel):
    """What is at stake in a unit, in lost sales of it: told so, no gateway learns what goods cost.

    wasted: one that is thrown away. held: one that is kept for a day.
    """

    model_config = _WIRE

    wasted: Ratio
    held: Ratio


class Levels(BaseModel):
    """Up to what an item is filled. order_up_to_units is S, with a delivery each cycle_days.

    by: service, what is promised of its class; margin, what a lost sale would have earned; share,
    what a lost sale is worth where a planned share of all units is to be served. worth: with the
    last two.
    """

    model_config = _WIRE

    order_up_to_units: Annotated[int, Field(ge=0, le=10**9)]
    cycle_days: Annotated[float, Field(gt=0, le=365)]
    by: Id
    worth: Worth | None = None
