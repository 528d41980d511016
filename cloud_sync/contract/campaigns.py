"""The document of kind `campaign`: demand that somebody announced (docs/demand.md)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract.events import Gtin, Id, Time

CAMPAIGN: Final = "campaign"


class Campaign(BaseModel):
    """Demand that somebody announced, keyed by id: `factor` times the usual, for its items.

    items: empty for all. warehouse: None for all of them. start_at_us inclusive, end_at_us
    exclusive. A factor below 1 is a holiday, or a day without deliveries.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    id: Id
    start_at_us: Time
    end_at_us: Time
    factor: Annotated[float, Field(ge=0, le=1000)]
    items: Annotated[list[Gtin], Field(max_length=5000)] = []
    warehouse: Id | None = None

    @model_validator(mode="after")
    def _lasts(self) -> Campaign:
        if self.end_at_us <= self.start_at_us:
            raise ValueError("end_at_us: a campaign ends after it starts")
        return self
