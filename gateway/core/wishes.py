"""What a person at the gateway may ask of planning, as it lies in the wish's file: JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from cloud_sync.contract.documents import Reason
from cloud_sync.contract.events import Gtin, Id

_CLOSED = ConfigDict(strict=True, extra="forbid", frozen=True)


class PlanNow(BaseModel):
    """Plan without waiting for a cause. item: None for everything."""

    model_config = _CLOSED

    wish: Literal["now"] = "now"
    author: Id
    item: Gtin | None = None


class Decide(BaseModel):
    """A word on a plan that waits for one."""

    model_config = _CLOSED

    wish: Literal["decide"] = "decide"
    author: Id
    plan: Id
    decision: Literal["approved", "rejected"]
    reason: Reason


_WISH: TypeAdapter[PlanNow | Decide] = TypeAdapter(
    Annotated[PlanNow | Decide, Field(discriminator="wish")]
)


def parse_wish(raw: bytes) -> PlanNow | Decide:
    """The wish in a file. Raises pydantic's ValidationError."""
    return _WISH.validate_json(raw)
