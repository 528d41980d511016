"""What a gateway says of its own items when it has not heard of the cloud for long: demand and
stock levels as its own sales have them (docs/demand.md). It journals them as documents of the
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

_ADDED: Final = ("order_up_to", "cycle_days", "levels_by")
"""Columns that pages of older gateways do not have."""

CycleDays = Annotated[float, Field(ge=0, le=365)]

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


class OwnPolicy(NamedTuple):
    """Of one item, units a day and units.

    order_up_to, cycle_days, levels_by: as in `Levels`; 0 and "" in a page that an older gateway
    has journaled, which says nothing of them.
    """

    demand_per_day: float
    demand_sd_per_day: float
    reorder_point: int
    order_up_to: int = 0
    cycle_days: float = 0.0
    levels_by: str = ""


class OwnPolicyPage(BaseModel):
    """A page of items, told by columns. made_at_us: when it was forecast."""

    model_config = _WIRE

    warehouse: Id
    made_at_us: Time
    items: Annotated[list[Gtin], Field(max_length=100_000)]
    demand_per_day: list[PerDay]
    demand_sd_per_day: list[PerDay]
    reorder_point: list[Units]
    order_up_to: list[Units] = []
    cycle_days: list[CycleDays] = []
    levels_by: list[Id] = []

    @model_validator(mode="after")
    def _is_a_table(self) -> OwnPolicyPage:
        lengths = {name: len(getattr(self, name)) for name in OwnPolicy._fields}
        if not any(lengths[name] for name in _ADDED):
            lengths = {name: n for name, n in lengths.items() if name not in _ADDED}
        if set(lengths.values()) - {len(self.items)}:
            raise ValueError("columns: not all as long as items")
        return self

    def rows(self) -> Iterator[tuple[str, OwnPolicy]]:
        """The items one by one."""
        names = [name for name in OwnPolicy._fields if name not in _ADDED or self.levels_by]
        columns = zip(*(getattr(self, name) for name in names), strict=True)
        for item, row in zip(self.items, columns, strict=True):
            yield item, OwnPolicy(*row)
