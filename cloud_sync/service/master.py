"""What people write: the documents of the contract, with nothing unknown in them.

A gateway ignores what it does not know, because it may be older than the cloud; a person who
writes a key that does not exist has made a mistake and is told so.
"""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.contract import levels as stock
from cloud_sync.contract import master as own
from cloud_sync.contract.counting import CountingPlan
from cloud_sync.contract.events import Id, Lot, Time

CLOSED = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

NETWORK_KEY: Final = "network"
LINES_MAX: Final = 20_000


class Written(BaseModel):
    """What people write. Identities are checked as far as text can be."""

    model_config = CLOSED

    @model_validator(mode="after")
    def _is_sound(self) -> Written:
        for name in ("gtin", "item"):
            gtin = getattr(self, name, None)
            if isinstance(gtin, str) and not keys.is_gtin(gtin):
                raise ValueError(f"{name}: the check digit of {gtin} is wrong")
        gln = getattr(self, "gln", None)
        if isinstance(gln, str) and keys.gtin_check_digit(gln[:12]) != gln[12]:
            raise ValueError(f"gln: the check digit of {gln} is wrong")
        return self


class ContentsBody(doc.Contents, Written):
    """What a pack level holds."""


class ItemBody(doc.Item, Written):
    """A trade item."""

    contains: ContentsBody | None = None

    @model_validator(mode="after")
    def _holds_others(self) -> ItemBody:
        if self.contains is not None and self.contains.item == self.gtin:
            raise ValueError("contains: a pack cannot hold itself")
        return self


class WorthBody(stock.Worth, Written):
    """What is at stake in a unit."""


class LevelsBody(stock.Levels, Written):
    """Up to what an item is filled."""

    worth: WorthBody | None = None


class PolicyBody(doc.Policy, Written):
    """How an item is kept at a warehouse."""

    levels: LevelsBody | None = None


class StockingBody(own.Stocking, Written):
    """By what stock levels go."""


class LineBody(doc.ShipmentLine, Written):
    """Goods in a delivery."""


Lines = Annotated[list[LineBody], Field(max_length=LINES_MAX)]


class AsnBody(doc.Asn, Written):
    """An expected delivery."""

    ordered: Lines  # type: ignore[assignment]  # narrower on the way in, the same on the way out
    shipped: Lines = []  # type: ignore[assignment]  # as above


class TransferBody(Written):
    """Goods to be sent from one of our warehouses to another.

    What has become of it, and the expected delivery at the other end, follow from the goods.
    """

    id: Id
    source: Id
    destination: Id
    ordered: Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX)]
    expected_at_us: Time | None = None
    shrink_per_mille: Annotated[int, Field(ge=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _goes_elsewhere(self) -> TransferBody:
        if self.source == self.destination:
            raise ValueError("destination: the goods are there already")
        return self


class ClosingBody(Written):
    """Why the office waits for nothing more."""

    reason: doc.Reason


class WarehouseBody(own.Warehouse, Written):
    """A warehouse."""

    @model_validator(mode="after")
    def _has_a_time(self) -> WarehouseBody:
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time_zone: {self.time_zone} is not known") from error
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude: latitude and longitude go together")
        return self


class LocationBody(doc.Location, Written):
    """A place at a warehouse."""


class AllowedBody(doc.Allowed, Written):
    """How much exposure a lot may have."""


class ClimateBody(doc.Climate, Written):
    """What a zone of a warehouse must keep."""

    hold: AllowedBody | None = None
    waste: AllowedBody | None = None


class SupplierBody(own.Supplier, Written):
    """A supplier."""


class SupplyBody(own.Supply, Written):
    """On what terms a supplier sells an item."""


class PriceBody(own.Price, Written):
    """What an item costs in a market."""


class VatBody(own.Vat, Written):
    """A VAT rate."""

    @model_validator(mode="after")
    def _has_days(self) -> VatBody:
        for change in self.changes:
            _check_day("changes", change.from_day)
        days = [change.from_day for change in self.changes]
        if days != sorted(set(days)):
            raise ValueError("changes: each on a day of its own, the earliest first")
        return self


class CountBody(doc.Count, Written):
    """A cycle count to be done."""


class CountingPlanBody(CountingPlan, Written):
    """How often what lies at a warehouse is counted."""


class WorkerBody(doc.Worker, Written):
    """Somebody who works with a device."""


class HoldBody(doc.Hold, Written):
    """Goods that must not be sold or sent. A recall is written as one and makes its own holds."""

    kind: Literal["hold"]
    lot: Lot | None = None


class RecallBody(own.Recall, Written):
    """Lots that nobody may sell any more."""

    @model_validator(mode="after")
    def _has_days(self) -> RecallBody:
        _check_day("announced_on", self.announced_on)
        return self


class CertificateBody(doc.Certificate, Written):
    """A paper without which an item may not be sold."""

    @model_validator(mode="after")
    def _has_days(self) -> CertificateBody:
        _check_day("valid_until", self.valid_until)
        for gtin in self.items:
            if not keys.is_gtin(gtin):
                raise ValueError(f"items: the check digit of {gtin} is wrong")
        return self


class NetworkBody(BaseModel):
    """A planning network; what is inside is the planner's to judge."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)

    format: Literal["forepost-network/1"]


def _check_day(name: str, day: str | None) -> None:
    if day is None:
        return
    try:
        datetime.date.fromisoformat(day)
    except ValueError as error:
        raise ValueError(f"{name}: {day} is not in the calendar") from error
