"""The event: the one thing recorded at a warehouse, and its bytes.

Format: one JSON object in canonical form: keys sorted, no blanks, UTF-8, absent instead of null
or empty. An event's bytes are made once, at the gateway, and stored, chained, sent and stored
again as they are. Gateway, epoch and seq are not inside them: they are the event's place in
its journal, and the batch that carries it says them once.

Invariants
- The same event always has the same bytes, and bytes that parse re-encode to themselves.
- Quantities, temperatures, money and times are integers; floats appear in plan bodies only.
- `lines` are double entry: each moves a quantity from one place to another, so stock is
  conserved by construction. Losses end in a named virtual location.
- Unknown keys are kept in the bytes and ignored by readers; an unknown `type` passes through.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Annotated, Final, Literal, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from cloud_sync.contract import keys
from cloud_sync.contract.values import named_value

AVAILABLE: Final = "available"

Id = Annotated[str, Field(pattern=keys.ID_PATTERN)]
Location = Annotated[str, Field(pattern=keys.LOCATION_PATTERN)]
Gtin = Annotated[str, Field(pattern=keys.GTIN_PATTERN)]
Lot = Annotated[str, Field(min_length=1, max_length=64)]
Time = Annotated[int, Field(ge=0, le=2**53)]
Quantity = Annotated[int, Field(ge=-(10**12), le=10**12)]

# Only keys are worth remembering between two events: the values hardly ever come again, and
# looking them up in pydantic's cache of strings took half the time of parsing.
_WIRE = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, cache_strings="keys")


class EventRefused(ValueError):
    """Bytes that are not an event of this contract; the message names the key and the value."""


@named_value
class DeviceMark:
    """Who said it: the device, its own numbering, its own idea of time and how good that is.

    clock: trusted | skewed | unset | none. error_us: half-width of the estimate, µs.
    """

    __pydantic_config__ = _WIRE

    id: Id
    boot: Id | None = None
    seq: Annotated[int, Field(ge=0, le=2**53)] | None = None
    time: Annotated[str, Field(max_length=64)] | None = None
    clock: Literal["trusted", "skewed", "unset", "none"] = "none"
    error_us: Annotated[int, Field(ge=0)] | None = None


@named_value
class Document:
    """A business document the event belongs to: `type` is order, asn, transfer, plan …"""

    __pydantic_config__ = _WIRE

    type: Id
    id: Id


@named_value
class Line:
    """One movement of stock. unit: EA (pieces) or g (grams); quantity >= 0 in that unit.

    weight_g: what these pieces weighed, for goods that are counted in pieces and priced by
    weight (catch weight); it moves beside the quantity, in a unit of its own.
    """

    __pydantic_config__ = _WIRE

    item: Gtin
    lot: Lot | None = None
    serials: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    from_location: Location
    to_location: Location
    quantity: Quantity
    unit: Literal["EA", "g"] = "EA"
    from_status: Id = AVAILABLE
    to_status: Id = AVAILABLE
    weight_g: Quantity | None = None


@named_value
class Event:
    """One immutable fact. `body` holds what only this type has (lot data, climate, plan …).

    occurred_at_us is corrected time, µs UTC; received_at_us the gateway's wall clock at receipt.
    documents, cause and corrects tie events together; flags name what looked wrong and was
    recorded all the same.
    """

    __pydantic_config__ = _WIRE

    event_id: Annotated[str, Field(pattern=keys.UUID_PATTERN)]
    type: Annotated[str, Field(pattern=keys.EVENT_TYPE_PATTERN)]
    version: Annotated[int, Field(ge=1, le=1000)]
    occurred_at_us: Time
    received_at_us: Time
    warehouse: Id
    device: DeviceMark | None = None
    zone: Id | None = None
    location: Location | None = None
    worker: Id | None = None
    documents: tuple[Document, ...] = ()
    cause: Annotated[str, Field(pattern=keys.UUID_PATTERN)] | None = None
    corrects: Annotated[str, Field(pattern=keys.UUID_PATTERN)] | None = None
    flags: tuple[Id, ...] = ()
    lines: tuple[Line, ...] = ()
    body: Mapping[str, object] = field(default_factory=dict)


_ADAPTER: Final = TypeAdapter(Event)

_JSON: Final = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,
)


def _make_encode() -> Callable[[object], str]:
    """What `_JSON.encode` does, without making CPython's encoder anew for every value.

    That takes longer than encoding an event. Where Python has none in C, `_JSON` itself.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _JSON.encode
    marks, default, text, indent = None, _JSON.default, json.encoder.encode_basestring, None
    sort_keys, skip_keys, allow_nan = True, False, False
    chunks = make(marks, default, text, indent, ":", ",", sort_keys, skip_keys, allow_nan)
    return lambda value: "".join(chunks(value, 0))


_encode: Final = _make_encode()


def canonical(value: object) -> bytes:
    """The one JSON encoding of a value: sorted keys, no blanks, UTF-8, no NaN or infinity.

    Raises ValueError for NaN, infinity and lone surrogates.
    """
    plain = _plain(value)
    return _encode(value).encode() if plain is _OTHER else to_json(plain)


_INT_MAX: Final = 2**63 - 1
_OTHER: Final = object()


def _plain(value: object) -> object:
    """The value with its keys in order, if it is made of what every encoder writes alike.

    pydantic's encoder is many times as fast as Python's with sorted keys; it keeps the order it
    is given. _OTHER if it holds anything else: floats above all, which it would write otherwise.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if isinstance(value, int):
        return value if kind is int and -_INT_MAX <= value <= _INT_MAX else _OTHER
    if isinstance(value, dict):
        if kind is not dict:
            return _OTHER
        return value if _is_in_order(value) else _plain_object(value)
    if kind is list or kind is tuple:
        items = [_plain(item) for item in cast(Sequence[object], value)]
        return _OTHER if any(item is _OTHER for item in items) else items
    return _OTHER


def _is_in_order(value: dict[object, object]) -> bool:
    """Whether it is plain and its keys are in order, as those who make many see to."""
    last = ""
    for key, item in value.items():
        if type(key) is not str or key < last:
            return False
        last = key
        if type(item) is str:
            continue
        if type(item) is int:
            if not -_INT_MAX <= item <= _INT_MAX:
                return False
        elif type(item) is not dict or not _is_in_order(item):
            return False
    return True


def _plain_object(value: dict[str, object]) -> object:
    out: dict[str, object] = {}
    try:
        in_order = sorted(value)
    except TypeError:  # keys of several types
        return _OTHER
    for key in in_order:
        item = value[key]
        if type(item) is not str:
            item = _plain(item)
        if item is _OTHER or type(key) is not str:
            return _OTHER
        out[key] = item
    return out


def encode_event(event: Event) -> bytes:
    """The event's canonical bytes."""
    body = _plain(event.body)
    if body is _OTHER:
        return _encode({**_header(event), "body": event.body}).encode()
    return to_json({"body": body, **_header(event)} if body else _header(event))


def _header(event: Event) -> dict[str, object]:
    """All but the body, its keys in order."""
    out: dict[str, object] = {}
    if event.cause is not None:
        out["cause"] = event.cause
    if event.corrects is not None:
        out["corrects"] = event.corrects
    if event.device is not None:
        out["device"] = _encode_mark(event.device)
    if event.documents:
        out["documents"] = [{"id": doc.id, "type": doc.type} for doc in event.documents]
    out["event_id"] = event.event_id
    if event.flags:
        out["flags"] = event.flags
    if event.lines:
        out["lines"] = [_encode_line(line) for line in event.lines]
    if event.location is not None:
        out["location"] = event.location
    out["occurred_at_us"] = event.occurred_at_us
    out["received_at_us"] = event.received_at_us
    out["type"] = event.type
    out["version"] = event.version
    out["warehouse"] = event.warehouse
    if event.worker is not None:
        out["worker"] = event.worker
    if event.zone is not None:
        out["zone"] = event.zone
    return out


def _encode_mark(mark: DeviceMark) -> dict[str, object]:
    """Its keys in order."""
    out: dict[str, object] = {}
    if mark.boot is not None:
        out["boot"] = mark.boot
    out["clock"] = mark.clock
    if mark.error_us is not None:
        out["error_us"] = mark.error_us
    out["id"] = mark.id
    if mark.seq is not None:
        out["seq"] = mark.seq
    if mark.time is not None:
        out["time"] = mark.time
    return out


def _encode_line(line: Line) -> dict[str, object]:
    """Its keys in order."""
    out: dict[str, object] = {"from_location": line.from_location}
    if line.from_status != AVAILABLE:
        out["from_status"] = line.from_status
    out["item"] = line.item
    if line.lot is not None:
        out["lot"] = line.lot
    out["quantity"] = line.quantity
    if line.serials:
        out["serials"] = line.serials
    out["to_location"] = line.to_location
    if line.to_status != AVAILABLE:
        out["to_status"] = line.to_status
    out["unit"] = line.unit
    if line.weight_g is not None:
        out["weight_g"] = line.weight_g
    return out


def parse_event(raw: bytes) -> Event:
    """The event in its bytes. Raises EventRefused naming the first key that is wrong."""
    try:
        return _ADAPTER.validate_json(raw)
    except ValidationError as error:
        raise EventRefused(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in problem["loc"]) or "event"
    got = repr(problem["input"])
    return f"{path}: {problem['msg']}, got {got if len(got) <= 80 else got[:77] + '...'}"


# The types this version writes. Readers treat anything else as opaque.
LOT_CREATED: Final = "lot.created"
LOT_EXPIRING: Final = "lot.expiring"
LOT_EXPIRED: Final = "lot.expired"
LOT_RECALLED: Final = "lot.recalled"
LOT_HELD: Final = "lot.held"
LOT_RELEASED: Final = "lot.released"
TAG_ARRIVED: Final = "tag.arrived"
TAG_LEFT: Final = "tag.left"
GOODS_RECEIVED: Final = "goods.received"
GOODS_INSPECTED: Final = "goods.inspected"
GOODS_MOVED: Final = "goods.moved"
GOODS_PICKED: Final = "goods.picked"
GOODS_SHIPPED: Final = "goods.shipped"
GOODS_RETURNED: Final = "goods.returned"
GOODS_TRANSFORMED: Final = "goods.transformed"
UNIT_PACKED: Final = "unit.packed"
UNIT_UNPACKED: Final = "unit.unpacked"
TRANSFER_DISPATCHED: Final = "transfer.dispatched"
TRANSFER_RECEIVED: Final = "transfer.received"
ORDER_DELIVERED: Final = "order.delivered"
RECEIPT_CLOSED: Final = "receipt.closed"
PICK_ALLOCATED: Final = "pick.allocated"
PICK_SHORT: Final = "pick.short"
COUNT_OBSERVED: Final = "count.observed"
COUNT_CLOSED: Final = "count.closed"
STOCK_WASTED: Final = "stock.wasted"
EVENT_CORRECTED: Final = "event.corrected"
CLIMATE_SAMPLED: Final = "climate.sampled"
EXCURSION_STARTED: Final = "climate.excursion.started"
EXCURSION_CONTINUED: Final = "climate.excursion.continued"
EXCURSION_ENDED: Final = "climate.excursion.ended"
EXPOSURE_CARRIED: Final = "exposure.carried"
SENSOR_FAULT: Final = "sensor.fault"
SENSOR_RECOVERED: Final = "sensor.recovered"
EXCEPTION_RESOLVED: Final = "exception.resolved"
DEVICE_HEALTH: Final = "device.health"
GATEWAY_HEALTH: Final = "gateway.health"
REPLENISHMENT_TRIGGERED: Final = "replenishment.triggered"
PLAN_PROPOSED: Final = "plan.proposed"
PLAN_DECIDED: Final = "plan.decided"
DOCUMENT_CHANGED: Final = "document.changed"
