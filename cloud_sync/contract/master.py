"""Master data that the office keeps beside the documents of contract/documents.py.

Of these only `warehouse` goes down to the gateways; the others stay in the cloud. Money is whole
minor units of a currency (cents of EUR, yen of JPY), rates are basis points (1900 is 19 %).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract.documents import Day, Reason
from cloud_sync.contract.events import Gtin, Id, Lot

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

WAREHOUSE: Final = "warehouse"
SUPPLIER: Final = "supplier"
SUPPLY: Final = "supply"
PRICE: Final = "price"
VAT: Final = "vat"
RECALL: Final = "recall"
STOCKING: Final = "stocking"

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Minor = Annotated[int, Field(ge=0, le=10**12)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Warehouse(BaseModel):
    """A warehouse, keyed by its id. Everybody sees it: a gateway learns its own time zone here.

    gln: 13 digits with check digit. time_zone: an IANA name; days (expiry, certificates) begin
    and end in it. latitude, longitude: degrees, WGS 84. zones: the temperature classes it has.
    """

    model_config = _WIRE

    id: Id
    name: Name
    gln: Annotated[str, Field(pattern=r"^[0-9]{13}$")] | None = None
    country: Country
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")]
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    zones: Annotated[list[Id], Field(max_length=50)] = []


class Supplier(BaseModel):
    """A supplier, keyed by id."""

    model_config = _WIRE

    id: Id
    name: Name
    gln: Annotated[str, Field(pattern=r"^[0-9]{13}$")] | None = None
    country: Country | None = None
    currency: Currency | None = None


class Supply(BaseModel):
    """On what terms a supplier sells an item, keyed `{supplier}.{gtin}`; many of each.

    cost_minor: for one unit, net. preferred: asked first where several can deliver.
    """

    model_config = _WIRE

    supplier: Id
    gtin: Gtin
    lead_time_days: Annotated[float, Field(gt=0, le=365)]
    cost_minor: Minor
    currency: Currency
    minimum_order_units: Annotated[int, Field(ge=0, le=10**9)] = 0
    supplier_sku: Id | None = None
    preferred: bool = False


class Price(BaseModel):
    """What an item costs in a market, keyed `{market}.{gtin}`. includes_vat: as buyers see it."""

    model_config = _WIRE

    market: Id
    gtin: Gtin
    price_minor: Minor
    currency: Currency
    includes_vat: bool


Share = Annotated[int, Field(ge=100, le=9_999)]
ServiceClass = Literal["A", "B", "C"]
DEFAULT_SERVED: Final[dict[ServiceClass, int]] = {"A": 9800, "B": 9500, "C": 9000}
"""Of what is asked for, in basis points, by class: A sells most, C least."""
EVERY_WAREHOUSE: Final = "all"

Rate = Annotated[int, Field(ge=0, le=10_000)]


class RateChange(BaseModel):
    """Another VAT rate, from the beginning of a day in the country."""

    model_config = _WIRE

    from_day: Day
    rate_basis_points: Rate


class Vat(BaseModel):
    """A VAT rate as data, keyed `{country}.{category}`; items name their category.

    rate_basis_points: up to the first of the changes, which stand in the order of their days.
    """

    model_config = _WIRE

    country: Country
    category: Id
    rate_basis_points: Rate
    changes: Annotated[list[RateChange], Field(max_length=100)] = []

    def rate_on(self, day: str) -> int:
        """The rate on a day, YYYY-MM-DD."""
        rate = self.rate_basis_points
        for change in self.changes:
            if change.from_day <= day:
                rate = change.rate_basis_points
        return rate


class Stocking(BaseModel):
    """By what stock levels go, keyed by the id of a warehouse, or `all` for those without a word.

    lost_sale: what one costs. margin: what it would have earned; items without price or terms go
    by service. share: as much as it takes to serve so much of what is asked of each class,
    `served_basis_points`; items without terms go by service. service: nothing goes by worth.
    holding_basis_points_per_year: what a unit costs that lies for a year, of its purchase cost.
    """

    model_config = _WIRE

    id: Id
    lost_sale: Literal["margin", "share", "service"]
    served_basis_points: dict[ServiceClass, Share] = DEFAULT_SERVED
    holding_basis_points_per_year: Annotated[int, Field(ge=0, le=100_000)] = 2500

    def served(self) -> dict[ServiceClass, int]:
        """What is to be served of each class; the usual of those that are not named."""
        return {**DEFAULT_SERVED, **self.served_basis_points}


class Recall(BaseModel):
    """Lots of an item that nobody may sell any more, keyed by id; it becomes a hold everywhere.

    lots: an empty list recalls the item whole.
    """

    model_config = _WIRE

    id: Id
    item: Gtin
    lots: Annotated[list[Lot], Field(max_length=1000)] = []
    reason: Reason
    announced_on: Day | None = None
