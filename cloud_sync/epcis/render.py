"""Our events as EPCIS events.

One of ours is one of theirs, but for those that are nobody's business (health, plans, triggers)
and those of types this version does not know: they are not told at all. Their eventID is our
event's id, and what EPCIS has no field for stands beside it under the prefix `forepost`, so that
nothing of the goods is lost: the double entry lines with both their places, and the flags.

What a worker is called stays inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.epcis import climate
from cloud_sync.epcis.naming import PREFIX, Naming, event_uri
from cloud_sync.epcis.times import format_offset, format_time
from cloud_sync.epcis.vocabulary import CONTEXT

OUR_CONTEXT: Final = [CONTEXT, climate.CONTEXT_TERMS]

Rendered = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Action, business step and disposition of one event type."""

    action: str
    biz_step: str
    disposition: str | None = None
    alert: str | None = None


_SHAPES: Final[dict[str, _Shape]] = {
    ev.TAG_ARRIVED: _Shape("OBSERVE", "entering_exiting"),
    ev.TAG_LEFT: _Shape("OBSERVE", "entering_exiting"),
    ev.LOT_CREATED: _Shape("ADD", "creating_class_instance", "active"),
    ev.LOT_EXPIRING: _Shape("OBSERVE", "holding", "sellable_accessible"),
    ev.LOT_EXPIRED: _Shape("OBSERVE", "holding", "expired"),
    ev.LOT_RECALLED: _Shape("OBSERVE", "holding", "recalled"),
    ev.LOT_HELD: _Shape("OBSERVE", "holding", "non_sellable_other"),
    ev.LOT_RELEASED: _Shape("OBSERVE", "holding", "available"),
    ev.GOODS_RECEIVED: _Shape("OBSERVE", "receiving", "in_progress"),
    ev.GOODS_INSPECTED: _Shape("OBSERVE", "inspecting"),
    ev.GOODS_MOVED: _Shape("OBSERVE", "storing", "available"),
    ev.GOODS_PICKED: _Shape("OBSERVE", "picking"),
    ev.GOODS_SHIPPED: _Shape("OBSERVE", "shipping", "in_transit"),
    ev.TRANSFER_DISPATCHED: _Shape("OBSERVE", "shipping", "in_transit"),
    ev.TRANSFER_RECEIVED: _Shape("OBSERVE", "receiving", "in_progress"),
    ev.ORDER_DELIVERED: _Shape("DELETE", "retail_selling", "retail_sold"),
    ev.GOODS_RETURNED: _Shape("OBSERVE", "receiving", "returned"),
    ev.COUNT_OBSERVED: _Shape("OBSERVE", "cycle_counting"),
    ev.STOCK_WASTED: _Shape("DELETE", "destroying", "destroyed"),
    ev.EVENT_CORRECTED: _Shape("OBSERVE", "other"),
    ev.UNIT_PACKED: _Shape("ADD", "packing", "in_progress"),
    ev.UNIT_UNPACKED: _Shape("DELETE", "unpacking", "in_progress"),
    ev.GOODS_TRANSFORMED: _Shape("", "repackaging"),
    ev.CLIMATE_SAMPLED: _Shape("OBSERVE", "sensor_reporting"),
    ev.EXCURSION_STARTED: _Shape("OBSERVE", "sensor_reporting", None, climate.ALARM),
    ev.EXCURSION_CONTINUED: _Shape("OBSERVE", "sensor_reporting", None, climate.ALARM),
    ev.EXCURSION_ENDED: _Shape("OBSERVE", "sensor_reporting"),
    ev.SENSOR_FAULT: _Shape("OBSERVE", "sensor_reporting", None, climate.ERROR),
    ev.SENSOR_RECOVERED: _Shape("OBSERVE", "sensor_reporting"),
}
_AGGREGATIONS: Final = {ev.UNIT_PACKED, ev.UNIT_UNPACKED}
_LEAVING: Final = {ev.GOODS_SHIPPED, ev.TRANSFER_DISPATCHED, ev.ORDER_DELIVERED, ev.STOCK_WASTED}
_SENSING: Final = {kind for kind, shape in _SHAPES.items() if shape.biz_step == "sensor_reporting"}
_TRANSACTION_TYPES: Final = {"asn": "desadv", "order": "po", "return": "rma", "plan": "prodorder"}
_INSPECTED: Final = {ev.AVAILABLE: "conformant", "damaged": "damaged"}
_ILMD: Final = (
    ("lot", "cbvmda:lotNumber"),
    ("expiry", "cbvmda:itemExpirationDate"),
    ("best_before", "cbvmda:bestBeforeDate"),
    ("production_date", "cbvmda:productionDate"),
)


def render_event(event: ev.Event, naming: Naming, *, offset_min: int) -> Rendered | None:
    """An event of ours as one of EPCIS; None where there is none for it.

    offset_min: of the warehouse's clock from UTC at that moment, minutes.
    """
    shape = _SHAPES.get(event.type)
    if shape is None:
        return None
    out: Rendered = {
        "eventID": event_uri(event.event_id),
        "type": "ObjectEvent",
        "eventTime": format_time(event.occurred_at_us),
        "eventTimeZoneOffset": format_offset(offset_min),
        "bizStep": shape.biz_step,
    }
    if shape.action:
        out["action"] = shape.action
    disposition = _disposition(event, shape)
    if disposition:
        out["disposition"] = disposition
    _put_places(out, event, naming)
    _put_documents(out, event, naming)
    if not _put_goods(out, event, naming, shape):
        return None
    out[f"{PREFIX}:type"] = event.type
    if event.lines:
        out[f"{PREFIX}:lines"] = [_line(line, event.warehouse, naming) for line in event.lines]
    if event.flags:
        out[f"{PREFIX}:flags"] = list(event.flags)
    if event.cause is not None:
        out[f"{PREFIX}:cause"] = event_uri(event.cause)
    if event.corrects is not None:
        out[f"{PREFIX}:corrects"] = event_uri(event.corrects)
    reason = event.body.get("reason")
    if isinstance(reason, str) and reason:
        out[f"{PREFIX}:reason"] = reason
    return out


def declare_error(original: Rendered, correction: ev.Event) -> Rendered:
    """The original once more, declared wrong by an event that corrects it."""
    told = correction.body.get("error_reason")
    reason = told if told in ("did_not_occur", "incorrect_data") else "incorrect_data"
    return {
        **original,
        "errorDeclaration": {
            "declarationTime": format_time(correction.occurred_at_us),
            "reason": reason,
            "correctiveEventIDs": [event_uri(correction.event_id)],
        },
    }


def _disposition(event: ev.Event, shape: _Shape) -> str | None:
    statuses = {line.to_status for line in event.lines}
    if event.type == ev.GOODS_INSPECTED:
        status = event.body.get("status") if not statuses else min(statuses)
        if len(statuses) > 1:
            return None
        return _INSPECTED.get(str(status), "non_conformant")
    if event.type == ev.GOODS_MOVED and statuses - {ev.AVAILABLE}:
        return "non_sellable_other"
    return shape.disposition


def _put_places(out: Rendered, event: ev.Event, naming: Naming) -> None:
    """readPoint is where it was seen; bizLocation where the goods are from then on."""
    warehouse = event.warehouse
    came_from = sorted({line.from_location for line in event.lines})
    went_to = sorted({line.to_location for line in event.lines})
    seen_at = event.location or _text(event.body, "read_point") or event.zone
    if seen_at is None:
        physical = [place for place in (*went_to, *came_from) if not keys.is_virtual(place)]
        seen_at = physical[0] if len(set(physical)) == 1 else None
    out["readPoint"] = {"id": naming.place(warehouse, seen_at)}
    if event.type not in _LEAVING:
        stays = [place for place in went_to if not keys.is_virtual(place)]
        settled = stays[0] if len(stays) == 1 else None
        out["bizLocation"] = {"id": naming.place(warehouse, settled)}
    is_move = bool(event.lines) and came_from != went_to
    if is_move and event.type != ev.GOODS_TRANSFORMED:
        out["sourceList"] = [
            {"type": "location", "source": naming.place(warehouse, place)} for place in came_from
        ]
        out["destinationList"] = [
            {"type": "location", "destination": naming.place(warehouse, place)}
            for place in went_to
        ]


def _put_documents(out: Rendered, event: ev.Event, naming: Naming) -> None:
    transactions = []
    for document in event.documents:
        if document.type == "sscc":
            continue
        uri = naming.document(document.type, document.id)
        kind = _TRANSACTION_TYPES.get(document.type)
        transactions.append(
            {"type": kind, "bizTransaction": uri} if kind else {"bizTransaction": uri}
        )
    if transactions:
        out["bizTransactionList"] = transactions


def _put_goods(out: Rendered, event: ev.Event, naming: Naming, shape: _Shape) -> bool:
    """What the event is about; False if that is nothing EPCIS could name."""
    if event.type in (ev.TAG_ARRIVED, ev.TAG_LEFT):
        out["epcList"] = [naming.tag(event.body)]
        return True
    if event.type == ev.GOODS_TRANSFORMED:
        return _put_transformation(out, event, naming)
    pieces, quantities = _goods(event, naming)
    if event.type in _AGGREGATIONS:
        out["type"] = "AggregationEvent"
        out["parentID"] = naming.unit(_unit(event))
        if pieces:
            out["childEPCs"] = pieces
        if quantities:
            out["childQuantityList"] = quantities
        return bool(pieces or quantities) or event.type == ev.UNIT_UNPACKED
    if pieces:
        out["epcList"] = pieces
    if quantities:
        out["quantityList"] = quantities
    if event.type in _SENSING:
        out["sensorElementList"] = climate.sensor_elements(event, naming, shape.alert)
        return True
    if event.type == ev.LOT_CREATED:
        ilmd = {standard: event.body[name] for name, standard in _ILMD if _text(event.body, name)}
        if ilmd:
            out["ilmd"] = ilmd
    if event.type == ev.COUNT_OBSERVED:
        out[f"{PREFIX}:counted"] = event.body.get("assertions")
    return bool(pieces or quantities)


def _put_transformation(out: Rendered, event: ev.Event, naming: Naming) -> bool:
    """Lines that leave the shelves went in, lines that come to them came out."""
    used = [line for line in event.lines if keys.is_virtual(line.to_location)]
    made = [line for line in event.lines if keys.is_virtual(line.from_location)]
    if not used or not made:
        return False
    out["type"] = "TransformationEvent"
    for side, lines in (("input", used), ("output", made)):
        pieces, quantities = _of_lines(lines, naming)
        if pieces:
            out[f"{side}EPCList"] = pieces
        if quantities:
            out[f"{side}QuantityList"] = quantities
    return True


def _unit(event: ev.Event) -> str:
    named = [document.id for document in event.documents if document.type == "sscc"]
    return _text(event.body, "sscc") or (named[0] if named else event.event_id)


Goods = tuple[list[str], list[Rendered]]


def _goods(event: ev.Event, naming: Naming) -> Goods:
    """Pieces and quantities an event names: by its lines, or by what its body asserts."""
    if event.lines:
        return _of_lines(event.lines, naming)
    found: list[object] = []
    for name in ("assertions", "contents", "lots"):
        entries = event.body.get(name)
        found += entries if isinstance(entries, list | tuple) else []
    if not found and _text(event.body, "item"):
        found = [event.body]
    amounts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for entry in found:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("item"), str):
            continue
        lot, amount = entry.get("lot"), entry.get("quantity")
        name = naming.lot(entry["item"], lot if isinstance(lot, str) and lot else None)
        counted = amount if isinstance(amount, int) and not isinstance(amount, bool) else 0
        amounts[name, "g" if entry.get("unit") == "g" else "EA"] += counted
    return [], _quantities(amounts)


def _of_lines(lines: tuple[ev.Line, ...] | list[ev.Line], naming: Naming) -> Goods:
    pieces: dict[str, None] = {}
    amounts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        pieces.update((naming.piece(line.item, serial), None) for serial in line.serials)
        is_told = line.unit == "EA" and 0 < line.quantity <= len(line.serials)
        if not is_told:
            n_named = len(line.serials) if line.unit == "EA" else 0
            amounts[naming.lot(line.item, line.lot), line.unit] += line.quantity - n_named
    return list(pieces), _quantities(amounts)


def _quantities(amounts: Mapping[tuple[str, str], int]) -> list[Rendered]:
    """Amounts as EPCIS has them: positive; where there are none, the class alone is named."""
    told: list[Rendered] = []
    for (name, unit), amount in amounts.items():
        quantity: Rendered = {"epcClass": name}
        if amount > 0:
            quantity["quantity"] = amount
            if unit == "g":
                quantity["uom"] = "GRM"
        told.append(quantity)
    return told


def _line(line: ev.Line, warehouse: str, naming: Naming) -> Rendered:
    out: Rendered = {
        f"{PREFIX}:goods": naming.lot(line.item, line.lot),
        f"{PREFIX}:from": naming.place(warehouse, line.from_location),
        f"{PREFIX}:to": naming.place(warehouse, line.to_location),
        f"{PREFIX}:quantity": line.quantity,
        f"{PREFIX}:unit": line.unit,
        f"{PREFIX}:fromStatus": line.from_status,
        f"{PREFIX}:toStatus": line.to_status,
    }
    if line.weight_g is not None:
        out[f"{PREFIX}:weightGrams"] = line.weight_g
    if line.serials:
        out[f"{PREFIX}:pieces"] = [naming.piece(line.item, serial) for serial in line.serials]
    return out


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None
