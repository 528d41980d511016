"""What the cloud sends down: documents, each at its newest version, in the order of change.

`GET /sync/v1/changes?cursor=N&limit=L` answers
    {"changes":[{"cursor":C, "kind":K, "key":ID, "version":V, "deleted":false, "data":{…}}, …],
     "next_cursor":M, "mark":HASH, "more":BOOL}
A document appears once, at the place of its last change, so that reading from cursor 0 is a
complete snapshot. `deleted` marks a tombstone, whose `data` is absent. A gateway sees the
documents of its own warehouse and those of all (`kind` item, network, worker, certificate, and
a hold that names no warehouse).

Kinds: item, policy, network, asn, transfer; for the workers' flows (docs/flows.md) location,
order, count, worker, certificate, hold; for the cold chain (docs/cold-chain.md) climate;
for the exceptions queue (docs/exceptions.md) resolution; for plans (docs/planning.md) plan;
for forecasts (docs/demand.md) campaign, in campaigns.py; for nothing here counting_plan.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud_sync.contract import keys
from cloud_sync.contract.events import Gtin, Id, Lot, Time
from cloud_sync.contract.exposures import CarriedLot
from cloud_sync.contract.levels import Levels
from cloud_sync.contract.profiles import DayProfile

_WIRE = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

ITEM: Final = "item"
POLICY: Final = "policy"
NETWORK: Final = "network"
ASN: Final = "asn"
TRANSFER: Final = "transfer"
LOCATION: Final = "location"
ORDER: Final = "order"
COUNT: Final = "count"
WORKER: Final = "worker"
CERTIFICATE: Final = "certificate"
HOLD: Final = "hold"
CLIMATE: Final = "climate"
RESOLUTION: Final = "resolution"
PLAN: Final = "plan"

Units = Annotated[int, Field(ge=0, le=10**9)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Reason = Annotated[str, Field(min_length=1, max_length=200)]
Sscc = Annotated[str, Field(pattern=r"^[0-9]{18}$")]


class Contents(BaseModel):
    """What one unit of a pack level holds: `units` of the trade item inside it."""

    model_config = _WIRE

    item: Gtin
    units: Annotated[int, Field(ge=1, le=10**6)]


class Item(BaseModel):
    """A trade item, keyed by GTIN.

    zone: the temperature class and the planning product's id (ambient, refrigerated, frozen).
    grams_per_unit: net weight, g. shelf_life_days: from production, days; None: does not spoil.
    receive_centi_c_min, receive_centi_c_max: 1/100 °C; colder or warmer at the door is held.
    aliases: further SKUs of the same thing. contains: of a case or pallet, what is in it.
    vat: its category.
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
    receive_centi_c_min: Annotated[int, Field(ge=-10_000, le=10_000)] | None = None
    receive_centi_c_max: Annotated[int, Field(ge=-10_000, le=10_000)] | None = None
    aliases: Annotated[list[Id], Field(max_length=100)] = []
    contains: Contents | None = None
    vat: Id | None = None


class Policy(BaseModel):
    """How one item is kept at one warehouse, keyed `{warehouse}.{gtin}`.

    Demand in units per day; reorder_point_units is s: at or below it replenishment triggers.
    hours: of a day, as they share its demand; evenly where nothing is said. levels: up to what it
    is filled, where a forecast has said so.
    opens_cases: cases of it are opened on arrival and kept as pieces.
    """

    model_config = _WIRE

    warehouse: Id
    gtin: Gtin
    demand_units_per_day: Annotated[float, Field(ge=0, le=1e7)]
    demand_sd_units_per_day: Annotated[float, Field(ge=0, le=1e7)]
    reorder_point_units: Units
    lead_time_days: Annotated[float, Field(gt=0, le=365)]
    hours: DayProfile | None = None
    levels: Levels | None = None
    opens_cases: bool = False


class ShipmentLine(BaseModel):
    """Goods in a document: what was asked for, and per lot (and logistic unit) what was sent."""

    model_config = _WIRE

    item: Gtin
    quantity: Units
    unit: Literal["EA", "g"] = "EA"
    lot: Lot | None = None
    expiry: Day | None = None
    sscc: Sscc | None = None


class Asn(BaseModel):
    """An expected delivery (advance shipping notice) at `warehouse`, keyed by id.

    source: a warehouse, or @supplier. transfer: the transfer it travels under, if any; the
    goods then come out of that transfer's transit location. `ordered` is what was asked for,
    `shipped` what the source has sent so far, per lot. status: planned (nothing has left) |
    dispatched | received. A supplier's ASN is `dispatched` from the start.
    closed: why the office waits for nothing more; the receiver's own closing needs no such word.
    shrink_per_mille: how much of a transfer may be missing at its closing, per item and lot, with
    a reason; what is missing beyond it stays in transit and is an exception. None: nothing.
    exposures: what its lots have suffered before they come (docs/cold-chain.md). left_us: when
    the first of it left, told beside them.
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
    shrink_per_mille: Annotated[int, Field(ge=0, le=1000)] | None = None
    closed: Reason | None = None
    exposures: list[CarriedLot] | None = None
    left_us: Time | None = None


class Transfer(BaseModel):
    """The order to send goods from `source` to `destination`, seen by the source's gateway.

    closed: why the office lets nothing more be sent.
    """

    model_config = _WIRE

    id: Id
    source: Id
    destination: Id
    plan: Id | None = None
    status: Literal["ordered", "dispatched", "received"]
    ordered: list[ShipmentLine]
    shipped: list[ShipmentLine] = []
    closed: Reason | None = None


class Location(BaseModel):
    """A place at a warehouse, keyed `{warehouse}.{id}`: a bin on the shelves, the dock, a bench.

    zone: the temperature class it keeps, as in Item.zone. walk: its place on the way through the
    warehouse, ascending; bins are picked and counted in this order. is_pickable: orders are
    filled from it.
    """

    model_config = _WIRE

    warehouse: Id
    id: Id
    zone: Id
    walk: Annotated[int, Field(ge=0, le=10**9)] = 0
    aisle: Id | None = None
    is_pickable: bool = True


class OrderLine(BaseModel):
    """Goods a customer asked for; which lots they come from is decided at the warehouse (FEFO)."""

    model_config = _WIRE

    item: Gtin
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    unit: Literal["EA", "g"] = "EA"


class Order(BaseModel):
    """What one warehouse is to send for a customer's order, keyed by id.

    order: the customer's order this is (a part of); an order that two warehouses fill is two
    documents with ids of their own. ship_by_us: the later, the later it is picked. A document
    that is cancelled or given to another warehouse becomes a tombstone.
    """

    model_config = _WIRE

    id: Id
    warehouse: Id
    order: Id | None = None
    status: Literal["open", "closed"] = "open"
    ship_by_us: Time | None = None
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=1000)]


class Count(BaseModel):
    """A cycle count to be done, keyed by id. Its scope is all that its lists have in common.

    locations, zones, items: an empty list stands for all. blind: nobody is shown the book.
    recount_units, recount_per_mille: a difference above both asks for a second count; one that
    stays asks for a supervisor. status: open | closed (the cloud takes it back).
    """

    model_config = _WIRE

    id: Id
    warehouse: Id
    status: Literal["open", "closed"] = "open"
    locations: list[Id] = []
    zones: list[Id] = []
    items: list[Gtin] = []
    due_at_us: Time | None = None
    blind: bool = True
    recount_units: Units = 0
    recount_per_mille: Annotated[int, Field(ge=0, le=10**6)] = 0


class Worker(BaseModel):
    """Somebody who works with a device, keyed by id; no name, which no device needs to know.

    badge: the text of the badge that is scanned, None where the id itself is on it. warehouses:
    empty for all of them.
    """

    model_config = _WIRE

    id: Id
    roles: list[Literal["picker", "counter", "supervisor"]]
    badge: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    warehouses: list[Id] = []
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")] | None = None


class Certificate(BaseModel):
    """A paper without which an item may not be sold, keyed by id. valid_until: its last day.

    supplier: whose paper it is, if it is not the item's own; items are what it is good for.
    """

    model_config = _WIRE

    id: Id
    type: Id
    items: Annotated[list[Gtin], Field(min_length=1)]
    valid_until: Day
    supplier: Id | None = None


class Hold(BaseModel):
    """Goods that must not be sold or sent, keyed by id, until the document becomes a tombstone.

    lot: None for all lots of the item. warehouse: None for all of them.
    """

    model_config = _WIRE

    id: Id
    kind: Literal["hold", "recall"]
    item: Gtin
    lot: Lot | None = None
    warehouse: Id | None = None
    reason: Reason


class Allowed(BaseModel):
    """How much exposure a lot may have before something follows; None: any.

    above_s, below_s: time beyond the limits, over all excursions. degree_minutes: °C above the
    upper limit times minutes.
    """

    model_config = _WIRE

    above_s: Annotated[int, Field(ge=1, le=10**9)] | None = None
    below_s: Annotated[int, Field(ge=1, le=10**9)] | None = None
    degree_minutes: Annotated[int, Field(ge=1, le=10**9)] | None = None


class Climate(BaseModel):
    """What a zone of a warehouse must keep, keyed `{warehouse}.{zone}`; temperatures in 1/100 °C.

    zone: as its sensors name it. The lots that stand at locations of this zone, and at
    `locations`, are in it. Beyond a limit for duration_s it is an excursion; it ends on
    recover_readings in a row that are further inside than the hysteresis; while it lasts it is
    told of every tell_every_s. hold, waste: the exposure from which a lot is held, and proposed
    for waste.
    """

    model_config = _WIRE

    warehouse: Id
    zone: Id
    low_centi_c: Annotated[int, Field(ge=-27_315, le=100_000)] | None = None
    high_centi_c: Annotated[int, Field(ge=-27_315, le=100_000)] | None = None
    duration_s: Annotated[int, Field(ge=0, le=10**6)]
    hysteresis_centi_c: Annotated[int, Field(ge=0, le=10_000)]
    recover_readings: Annotated[int, Field(ge=1, le=1000)] = 3
    tell_every_s: Annotated[int, Field(ge=1, le=86_400)] = 900
    locations: Annotated[list[Id], Field(max_length=1000)] = []
    hold: Allowed | None = None
    waste: Allowed | None = None

    @model_validator(mode="after")
    def _has_a_good_range(self) -> Climate:
        low, high = self.low_centi_c, self.high_centi_c
        if low is None and high is None:
            raise ValueError("low_centi_c, high_centi_c: one limit at least")
        if low is not None and high is not None and high - low < 2 * self.hysteresis_centi_c:
            raise ValueError("hysteresis_centi_c: no reading can be good")
        return self


class Resolution(BaseModel):
    """Somebody's word on an exception of a warehouse, for the events in `evidence`.

    at_us: when it was said. quantity: what there is, where that is the word.
    """

    model_config = _WIRE

    warehouse: Id
    kind: Id
    key: Annotated[list[str], Field(min_length=1, max_length=10)]
    evidence: Annotated[list[str], Field(min_length=1, max_length=1000)]
    action: Id
    reason: Reason
    author: Id
    at_us: Time = 0
    quantity: Units | None = None


class PlanSaid(BaseModel):
    """One word on a plan. id: names the word, so that both sides count it once."""

    model_config = _WIRE

    id: Annotated[str, Field(pattern=keys.UUID_PATTERN)]
    decision: Literal["approved", "rejected"]
    at_us: Time
    author: Id
    reason: Reason


class PlanWord(BaseModel):
    """What people said of a plan in the cloud, keyed by the plan's id, for its warehouse."""

    model_config = _WIRE

    id: Id
    warehouse: Id
    said: Annotated[list[PlanSaid], Field(max_length=100)]


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
