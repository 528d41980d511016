"""What a gateway says of its own items when it has not heard of the cloud for long: demand and
reorder points as its own sales have them (docs/demand.md). It journals them as documents of the
kind `own_policy`, a page of its items each; they stand in place of the same numbers of the cloud's
policies until the gateway takes them back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract.documents import Units
from cloud_sync.contract.events import Gtin, Id, Time
from cloud_sync.contract.served import PerDay

OWN_POLICY: Final = "own_policy"

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


class OwnPolicy(NamedTuple):
    """Of one item, units a day and units."""

    demand_per_day: float
    demand_sd_per_day: float
    reorder_point: int


class OwnPolicyPage(BaseModel):
    """A page of items, told by columns. made_at_us: when it was forecast."""

    model_config = _WIRE

    warehouse: Id
    made_at_us: Time
    items: Annotated[list[Gtin], Field(max_length=100_000)]
    demand_per_day: list[PerDay]
    demand_sd_per_day: list[PerDay]
    reorder_point: list[Units]

    @model_validator(mode="after")
    def _is_a_table(self) -> OwnPolicyPage:
        if any(len(getattr(self, name)) != len(self.items) for name in OwnPolicy._fields):
            raise ValueError("columns: not all as long as items")
        return self

    def rows(self) -> Iterator[tuple[str, OwnPolicy]]:
        """The items one by one."""
        columns = zip(self.demand_per_day, self.demand_sd_per_day, self.reorder_point, strict=True)
        for item, row in zip(self.items, columns, strict=True):
            yield item, OwnPolicy(*row)
