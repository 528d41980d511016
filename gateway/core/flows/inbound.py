"""Goods that come in: at the door against what was announced, and then to their shelf.

over, not on it, another lot     recorded and flagged: they stand on the dock, whatever we say
damaged, or too warm             recorded with that status: nobody picks from it
short                            known when the delivery is closed, listed per lot
lost on the way (transfer)       within tolerance and with a reason it leaves transit for good;
                                 beyond it stays in transit, for somebody to look into
"""

from __future__ import annotations

from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.documents import Asn, Item
from gateway.core.flows import kinds
from gateway.core.flows.checks import (
    asked_otherwise,
    condition_status,
    line,
    moved,
    said_of,
    status_there,
    storing_flags,
)
from gateway.core.flows.deliveries import Announced, sums_of
from gateway.core.flows.floor import BESIDE_THE_SHELVES, Floor
from gateway.core.flows.goods import Sums, amounts, row_of, units_of_item
from gateway.core.flows.packs import opened
from gateway.core.flows.records import ReceiptFlow
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict, document
from gateway.core.tasks import Movement

LOTS_TOLD: Final = 3
"""Lots in one message: a screen is small."""


def receive(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods at the door, against a delivery or blind."""
    place = movement.to_location
    flags: tuple[str, ...] = ()
    if place not in BESIDE_THE_SHELVES:
        checked = storing_flags(request, place, floor)
        if isinstance(checked, Refused):
            return checked
        flags = checked
    status = condition_status(request)
    body: dict[str, object] = {}
    celsius = request.task.temperature_centi_c
    if celsius is not None:
        body["temperature_centi_c"] = celsius
        if not _is_cold_enough(floor.item(request.goods.item), celsius):
            flags = ("temperature_at_door", *flags)
            status = kinds.HELD if status == kinds.GOOD else status
    asn = floor.facts.asns.get(request.task.id or "")
    values: dict[str, object] = {"temperature": None if celsius is None else celsius / 100}
    extra: dict[str, object] = {}
    if asn is not None:
        announced = floor.deliveries.announced(asn)
        progress = _progress(request, asn, announced, floor)
        flags = (*_against(request, asn, announced, progress, floor), *flags)
        values |= progress
        if "lot_not_expected" in flags:
            values["announced"] = _lots_of(announced, request.goods.item)
        # Keys in order, as the result is encoded.
        extra["task"] = {
            "expected": progress["expected"],
            "id": asn.id,
            "received": progress["received"],
        }
    if _lacks_expiry(request, asn, floor):
        flags = (*flags, "expiry_missing")
    awaited = _awaited(request, floor)
    if awaited is not None:
        flags = (*flags, "delivery_missing")
        values["document"] = awaited
    told = moved(
        request, movement, floor, flags=flags, to_status=status, body=body, values=values,
        extra=extra,
    )  # fmt: skip
    return opened(told, request, place, floor, status=status)


def _awaited(request: Request, floor: Floor) -> str | None:
    """The open delivery that announces goods which are received for none: a slip, most likely."""
    if request.task.id is not None:
        return None
    goods, facts, closed = request.goods, floor.facts, floor.flows.receipts
    awaiting = []
    for key, asn in facts.asns.items():
        if asn.status != "dispatched" or asn.warehouse != facts.warehouse:
            continue
        lots = floor.deliveries.announced(asn).lots.get(goods.item)
        is_in_it = lots is not None and (not goods.lot or goods.lot in lots)
        if is_in_it and not (key in closed and closed[key].is_closed):
            awaiting.append(key)
    return min(awaiting, default=None)


def _lacks_expiry(request: Request, asn: Asn | None, floor: Floor) -> bool:
    """Whether nobody says until when a lot of what spoils is good: it would be picked last."""
    goods, symbol, item = request.goods, request.symbol, floor.item(request.goods.item)
    if not goods.lot or item is None or item.shelf_life_days is None:
        return False
    if symbol is not None and (symbol.expiry or symbol.best_before):
        return False
    announced = () if asn is None else asn.shipped
    return floor.expiry(goods) is None and not any(
        it.expiry for it in announced if (it.item, it.lot) == (goods.item, goods.lot)
    )


def _is_cold_enough(item: Item | None, celsius: int) -> bool:
    if item is None:
        return True
    low, high = item.receive_centi_c_min, item.receive_centi_c_max
    return (low is None or celsius >= low) and (high is None or celsius <= high)


def _lots_of(announced: Announced, item: str) -> str:
    """The lots of an item that a delivery announces, the first of them."""
    lots = sorted(lot for lot in announced.lots.get(item, ()) if lot)
    return ", ".join(lots[:LOTS_TOLD]) + ("…" if len(lots) > LOTS_TOLD else "")


def _progress(request: Request, asn: Asn, announced: Announced, floor: Floor) -> dict[str, int]:
    """Pieces, or grams, of the scanned item: announced, and come so far with this scan.

    What is asked for by weight and scanned by the piece, or the other way round, adds nothing.
    """
    receipt = floor.flows.receipts.get(asn.id)
    item, unit = request.goods.item, request.goods.unit
    came = request.quantity
    other = "EA" if unit == "g" else "g"
    if (item, unit) not in announced.units and (item, other) in announced.units:
        unit, came = other, 0
    before = 0 if receipt is None else units_of_item(receipt.received, item, unit)
    return {"expected": announced.units.get((item, unit), 0), "received": before + came}


def _against(
    request: Request, asn: Asn, announced: Announced, progress: dict[str, int], floor: Floor
) -> tuple[str, ...]:
    """What does not fit the announcement; a delivery that announces nothing fits everything."""
    flags = []
    receipt = floor.flows.receipts.get(asn.id)
    if asn.status == "received" or (receipt is not None and receipt.is_closed):
        flags.append("document_closed")
    if not announced.goods:
        return tuple(flags)
    lots = announced.lots.get(request.goods.item)
    if lots is None:
        flags.append("not_expected")
    elif lots != {""} and request.goods.lot not in lots:
        flags.append("lot_not_expected")
    else:
        goods = request.goods
        if goods not in announced.goods and goods._replace(lot="") not in announced.goods:
            flags += asked_otherwise(goods, ((it.item, it.unit) for it in announced.goods))
        elif progress["received"] > progress["expected"]:
            flags.append("over_receipt")
    return tuple(flags)


def receive_unit(request: Request, sscc: str, movement: Movement, floor: Floor) -> Verdict:
    """A whole logistic unit at the door: what the delivery says is in it has come."""
    asn = floor.facts.asns.get(request.task.id or "")
    contents = sums_of(it for it in asn.shipped if it.sscc == sscc) if asn is not None else {}
    if asn is None or not contents:
        return Refused("unit_unknown", f"no delivery names {sscc}", values={"sscc": sscc})
    if sscc in floor.flows.units:
        return Refused("unit_received", f"{sscc} has been received", values={"sscc": sscc})
    documents = (*movement.documents, *document("sscc", sscc))
    packed = Deed(
        type=ev.UNIT_PACKED,
        place=movement.to_location,
        body={
            "parent": sscc,
            "children": [{**row_of(it), "quantity": n} for it, n in sorted(contents.items())],
        },
        documents=document("sscc", sscc),
    )
    came = Deed(
        type=movement.event_type,
        place=movement.place,
        lines=tuple(line(it, n, movement) for it, n in sorted(contents.items())),
        body=said_of(request),
        documents=documents,
    )
    flags = tuple(
        dict.fromkeys(
            problem
            for it in contents
            if (problem := floor.why_unusable(it, request.today)) is not None
        )
    )
    return Told(
        deeds=(packed, came), key="unit_moved", flags=flags,
        values={"sscc": sscc, "place": movement.to_location},
    )  # fmt: skip


def put_away(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods to a place where they may stand."""
    checked = storing_flags(request, movement.to_location, floor)
    if isinstance(checked, Refused):
        return checked
    if movement.from_location == movement.to_location:
        checked = ("same_place", *checked)
    status = status_there(request, movement.from_location, floor)
    return moved(request, movement, floor, flags=checked, from_status=status)


def close(request: Request, asn: Asn, floor: Floor) -> Verdict:
    """The delivery is done: what did not come is short, or lost on its way."""
    receipt = floor.flows.receipts.get(asn.id, ReceiptFlow())
    if receipt.is_closed:
        return Refused("already_closed", f"{asn.id} is closed", values={"document": asn.id})
    expected = floor.deliveries.announced(asn).goods
    missing = _missing(expected, receipt.received)
    documents = document("asn", asn.id) + document("transfer", asn.transfer)
    closing = Deed(
        type=ev.RECEIPT_CLOSED,
        body=said_of(request, {"lines": _lines(expected, receipt)}),
        documents=documents,
    )
    values = {"document": asn.id, "missing": amounts(missing)}
    extra = {"short": [{**row_of(it), "missing": n} for it, n in sorted(missing.items())]}
    if not missing:
        return Told(deeds=(closing,), key="receipt_closed", values=values)
    if asn.transfer is None:
        return Told(deeds=(closing,), flags=("short_receipt",), values=values, extra=extra)
    if not request.task.reason:
        return Refused("reason_missing", f"{asn.id} is short by {values['missing']}")
    tolerance = asn.shrink_per_mille or 0
    shrink = {it: n for it, n in missing.items() if n * 1000 <= expected[it] * tolerance}
    deeds = (_shrunk(request, asn, asn.transfer, shrink),) if shrink else ()
    flags = ("shrink_within",) if len(shrink) == len(missing) else ("shrink_beyond",)
    return Told(deeds=(*deeds, closing), flags=flags, values=values, extra=extra)


def _missing(expected: Sums, received: Sums) -> Sums:
    """What did not come, per lot; a surplus of the same item under another lot makes up for it
    only where no lot was announced."""
    missing: Sums = {}
    for it, n in expected.items():
        came = received.get(it, 0) if it.lot else units_of_item(received, it.item, it.unit)
        if came < n:
            missing[it] = n - came
    return missing


def _shrunk(request: Request, asn: Asn, transfer: str, shrink: Sums) -> Deed:
    loss = Movement(ev.TRANSFER_RECEIVED, keys.transit(transfer), keys.ADJUSTMENT, None)
    return Deed(
        type=ev.TRANSFER_RECEIVED,
        lines=tuple(line(it, n, loss) for it, n in sorted(shrink.items())),
        body=said_of(request, {"shrink": True}),
        documents=document("asn", asn.id) + document("transfer", transfer),
    )


def _lines(expected: Sums, receipt: ReceiptFlow) -> list[dict[str, object]]:
    return [
        {
            **row_of(it),
            "expected": expected.get(it, 0),
            "received": receipt.received.get(it, 0),
            "damaged": receipt.damaged.get(it, 0),
        }
        for it in sorted(expected.keys() | receipt.received.keys())
    ]
