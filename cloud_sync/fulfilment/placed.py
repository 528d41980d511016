"""A customer's order as a platform places it: what people and programs write, strictly."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract import keys
from cloud_sync.contract.events import Gtin, Id, Time
from cloud_sync.fulfilment.orders import SHIP_WITHIN_US
from cloud_sync.fulfilment.places import Coordinates
from cloud_sync.fulfilment.promise import Goods

ORDER_ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,56}$"
"""Without dots, so that `{order}.{n}` is always a parcel and never another order."""

LINES_MAX: Final = 200

CLOSED: Final = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

Amount = Annotated[int, Field(ge=1, le=10**9)]
Metres = Annotated[int, Field(ge=0, le=40_100_000)]


class GoodsLine(BaseModel):
    """Goods, so much of them."""

    model_config = CLOSED

    item: Gtin
    quantity: Amount
    unit: Literal["EA", "g"] = "EA"

    @model_validator(mode="after")
    def _has_check_digit(self) -> GoodsLine:
        if not keys.is_gtin(self.item):
            raise ValueError(f"item: the check digit of {self.item} is wrong")
        return self


class PricedLine(GoodsLine):
    """Goods at a price; what is left out is filled in from the master data when it is placed.

    price_minor: for one of the unit, in minor units of the currency. includes_vat: as buyers see
    it. vat_basis_points: the rate, in hundredths of a percent.
    """

    price_minor: Annotated[int, Field(ge=0, le=10**12)] | None = None
    includes_vat: bool | None = None
    vat_basis_points: Annotated[int, Field(ge=0, le=10_000)] | None = None


class Place(BaseModel):
    """A customer's place, in degrees (WGS 84)."""

    model_config = CLOSED

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]

    @property
    def coordinates(self) -> Coordinates:
        """The same, to measure from."""
        return Coordinates(self.latitude, self.longitude)


class CustomerOrder(BaseModel):
    """An order. place, or distances_m by warehouse, says how far the customer is.

    promised_at_us: when the customer has the goods, and up to when they have to be good; its
    ship-by time where it is absent. partial: send what there is, or nothing until all is there.
    reservation: one made before, whose goods the order takes over.
    """

    model_config = CLOSED

    id: Annotated[str, Field(pattern=ORDER_ID_PATTERN)]
    platform: Id
    market: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    ordered_at_us: Annotated[int, Field(ge=0, le=2**53 - SHIP_WITHIN_US)]
    promised_at_us: Time | None = None
    lines: Annotated[list[PricedLine], Field(min_length=1, max_length=LINES_MAX)]
    place: Place | None = None
    distances_m: Annotated[dict[Id, Metres], Field(min_length=1, max_length=1000)] | None = None
    partial: bool = True
    reservation: Id | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> CustomerOrder:
        if (self.place is None) == (self.distances_m is None):
            raise ValueError("place, distances_m: one of the two")
        one_line_each(self.lines)
        return self

    @property
    def ship_by_us(self) -> int:
        """When it has to have left."""
        return self.ordered_at_us + SHIP_WITHIN_US

    @property
    def good_until_us(self) -> int:
        """Until when the goods have to be good."""
        return self.ship_by_us if self.promised_at_us is None else self.promised_at_us

    @property
    def wanted(self) -> dict[Goods, int]:
        """What was asked for."""
        return wanted_of(self.lines)


def one_line_each(lines: list[PricedLine] | list[GoodsLine]) -> None:
    """Raises ValueError where goods are named twice."""
    seen = [(line.item, line.unit) for line in lines]
    for item, unit in seen:
        if seen.count((item, unit)) > 1:
            raise ValueError(f"lines: {item} in {unit} is named twice")


def wanted_of(lines: list[PricedLine] | list[GoodsLine]) -> dict[Goods, int]:
    """Lines as amounts by goods."""
    return {Goods(line.item, line.unit): line.quantity for line in lines}


def parcel_id(order_id: str, number: int) -> str:
    """The id of the n-th parcel of an order."""
    return f"{order_id}.{number}"
