"""What the cloud sends down: documents, each at its newest version, in the order of change.

`GET /sync/v1/changes?cursor=N&limit=L` answers
    {"changes":[{"cursor":C, "kind":K, "key":ID, "version":V, "deleted":false, "data":{…}}, …],
     "next_cursor":M, "mark":HASH, "more":BOOL}
A document appears once, at the place of its last change, so that reading from cursor 0 is a
complete snapshot. `deleted` marks a tombstone, whose `data` is absent. A gateway sees the
documents of its own warehouse and those of all (`kind` item, network).

Kinds: item, policy, network, asn, transfer. Each kind has its model below.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract import keys
from cloud_sync.contract.events import Gtin, Id, Lot, Time

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

ITEM: Final = "item"
POLICY: Final = "policy"
NETWORK: Final = "network"
ASN: Final = "asn"
TRANSFER: Final = "transfer"

Units = Annotated[int, Field(ge=0, le=10**9)]


class Item(BaseModel):
    """A trade item, keyed by GTIN.

    zone: the temperature class and the planning product's id (ambient, refrigerated, frozen).
    grams_per_unit: net weight, g. shelf_life_days: from production, days; None: does not spoil.
    """

    model_config = _WIRE

    gtin: Gtin
    sku: Id | None = None
    names: Annotated[dict[str, Annotated[str, Field(max_length=200)]], Field(min_length=1)]
    zone: Id
    grams_per_unit: Annotated[int, Field(ge=1, le=10**7)]
    case_pack_units: Annotated[int, Field(ge=1, le=10**5)] = 1
    minimum_order_units: Units = 0
    shelf_life_days: Annotated[int, Field(ge=1, le=10_000)] | None = None


class Policy(BaseModel):
    """How one item is kept at one warehouse, keyed `{warehouse}.{gtin}`.

    Demand in units per day; reorder_point_units is s: at or below it replenishment triggers.
    """

    model_config = _WIRE

    warehouse: Id
    gtin: Gtin
    demand_units_per_day: Annotated[float, Field(ge=0, le=1e7)]
    demand_sd_units_per_day: Annotated[float, Field(ge=0, le=1e7)]
    reorder_point_units: Units
    lead_time_days: Annotated[float, Field(gt=0, le=365)]


class ShipmentLine(BaseModel):
    """Goods in a document: what was asked for, and per lot what was sent."""

    model_config = _WIRE

    item: Gtin
    quantity: Units
    unit: Literal["EA", "g"] = "EA"
    lot: Lot | None = None
    expiry: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None


class Asn(BaseModel):
    """An expected delivery (advance shipping notice) at `warehouse`, keyed by id.

    source: a warehouse, or @supplier. transfer: the transfer it travels under, if any; the
    goods then come out of that transfer's transit location. `ordered` is what was asked for,
    `shipped` what the source has sent so far, per lot. status: planned (nothing has left) |
    dispatched | received. A supplier's ASN is `dispatched` from the start.
    """

    model_config = _WIRE

    id: Id
    warehouse: Id
    source: Annotated[str, Field(pattern=keys.LOCATION_PATTERN)]
    transfer: Id | None = None
    plan: Id | None = None
    status: Literal["planned", "dispatched", "received"]
    expected_at_us: Time | None = None
    ordered: list[ShipmentLine]
    shipped: list[ShipmentLine] = []


class Transfer(BaseModel):
    """The order to send goods from `source` to `destination`, seen by the source's gateway."""

    model_config = _WIRE

    id: Id
    source: Id
    destination: Id
    plan: Id | None = None
    status: Literal["ordered", "dispatched", "received"]
    ordered: list[ShipmentLine]
    shipped: list[ShipmentLine] = []


class Change(BaseModel):
    """One entry of the feed."""

    model_config = _WIRE

    cursor: Annotated[int, Field(ge=1)]
    kind: Id
    key: Id
    version: Annotated[int, Field(ge=1)]
    deleted: bool = False
    data: dict[str, object] | None = None


class ChangePage(BaseModel):
    """One page of the feed; ask again with `next_cursor` and `mark` while `more`.

    mark: tells this feed from one that was lost when the cloud was restored from a backup.
    """

    model_config = _WIRE

    changes: list[Change]
    next_cursor: int
    mark: str | None = None
    more: bool
