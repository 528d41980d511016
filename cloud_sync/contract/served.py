"""What a central warehouse is told of the warehouses that it serves, and of its suppliers' terms.

    kind          key                     says
    served        {central}.{warehouse}   when the warehouse was last heard of
    served_stock  {central}.{warehouse}.N its stock and how it is kept, a page of its items
    terms         {central}.N             who delivers an item, and on what terms, a page of items

They are documents like all others (documents.py): resumable, at their newest version. Stock is
told in pages, so that a sale does not send two thousand items again; an item's page follows from
its GTIN alone. A page is a table told by columns: it is half as long so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract.documents import Units
from cloud_sync.contract.events import Gtin, Id, Time

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

SERVED: Final = "served"
SERVED_STOCK: Final = "served_stock"
TERMS: Final = "terms"

N_PAGES: Final = 16
"""So many pages have two thousand items in portions of a hundred and some."""

_ADDED: Final = ("order_up_to", "cycle_days")

PerDay = Annotated[float, Field(ge=0, le=1e7)]
Days = Annotated[float, Field(gt=0, le=365)]


def page_of(gtin: str) -> int:
    """The page that an item is on: by its number without the check digit, which goes in steps."""
    return int(gtin[:-1]) % N_PAGES


class ServedContact(BaseModel):
    """When a warehouse (`of`) was last heard of, by the cloud's clock.

    Of several gateways the one that is silent longest counts: its facts are missing.
    """

    model_config = _WIRE

    warehouse: Id
    of: Id
    heard_at_us: Time


class ServedItem(NamedTuple):
    """An item at a warehouse that is served, in units.

    on_hand: usable. on_order: deliveries that are expected. allocated: promised and not picked.
    planned: of plans that wait for a person's word. The rest is its policy; order_up_to with a
    delivery each cycle_days, both None where no forecast has said so.
    """

    on_hand: int
    on_order: int
    allocated: int
    planned: int
    reorder_point: int
    demand_per_day: float
    demand_sd_per_day: float
    lead_time_days: float
    order_up_to: int | None = None
    cycle_days: float | None = None


class ServedStock(BaseModel):
    """A page of the items of a warehouse (`of`), in the order of their GTINs."""

    model_config = _WIRE

    warehouse: Id
    of: Id
    items: Annotated[list[Gtin], Field(max_length=100_000)]
    on_hand: list[Annotated[int, Field(ge=-(10**9), le=10**9)]]
    on_order: list[Units]
    allocated: list[Units]
    planned: list[Units]
    reorder_point: list[Units]
    demand_per_day: list[PerDay]
    demand_sd_per_day: list[PerDay]
    lead_time_days: list[Days]
    order_up_to: list[Units | None] = []
    cycle_days: list[Days | None] = []

    @model_validator(mode="after")
    def _is_a_table(self) -> ServedStock:
        if any(len(getattr(self, name)) != len(self.items) for name in self._columns()):
            raise ValueError("columns: not all as long as items")
        return self

    def _columns(self) -> list[str]:
        """Those that are told: an older cloud knows nothing of the last two."""
        is_new = bool(self.order_up_to or self.cycle_days)
        return [it for it in ServedItem._fields if is_new or it not in _ADDED]

    def rows(self) -> Iterator[tuple[str, ServedItem]]:
        """The items one by one."""
        columns = zip(*(getattr(self, name) for name in self._columns()), strict=True)
        for item, row in zip(self.items, columns, strict=True):
            yield item, ServedItem(*row)


class SupplyTerms(NamedTuple):
    """Who delivers an item, how fast, and how many units at least."""

    supplier: str
    lead_time_days: float
    minimum_order_units: int


class TermsPage(BaseModel):
    """A page of the items that suppliers deliver to a central warehouse."""

    model_config = _WIRE

    warehouse: Id
    items: Annotated[list[Gtin], Field(max_length=100_000)]
    supplier: list[Id]
    lead_time_days: list[Days]
    minimum_order_units: list[Units]

    @model_validator(mode="after")
    def _is_a_table(self) -> TermsPage:
        if any(len(getattr(self, name)) != len(self.items) for name in SupplyTerms._fields):
            raise ValueError("columns: not all as long as items")
        return self

    def rows(self) -> Iterator[tuple[str, SupplyTerms]]:
        """The items one by one."""
        columns = zip(self.supplier, self.lead_time_days, self.minimum_order_units, strict=True)
        for item, row in zip(self.items, columns, strict=True):
            yield item, SupplyTerms(*row)
