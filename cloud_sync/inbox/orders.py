"""What plans and movements make of expected deliveries and transfers.

A document's state is a function of what was asked for and of two sums, what was dispatched and
what was received, each a sum over events. Sums do not mind the order in which gateways report,
so neither does the state: a dispatch that is told before the plan it answers is not lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.documents import Asn, ShipmentLine, Transfer
from cloud_sync.contract.plans import PlanBody, asn_id, transfer_id

CLOSING: Final = "closing"
"""The flow that counts how often a delivery was closed by those who receive it."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS_MAX: Final = 10**9
"""More than this cannot be said in a document; the ledger still has the true sum."""


@dataclass(frozen=True, slots=True, order=True)
class FlowKey:
    """Goods under a document, as told by a gateway of `warehouse`.

    kind: transfer (what was dispatched), asn (what was received) or closing (that nothing more
    is waited for; item and unit are then empty). lot: "" if none.
    """

    warehouse: str
    kind: str
    document: str
    item: str
    lot: str
    unit: str


@dataclass(frozen=True, slots=True)
class LotFacts:
    """What the first event about a lot said. The first is the earliest, then the smaller id."""

    occurred_at_us: int
    event_id: str
    expiry: str | None


@dataclass(frozen=True, slots=True)
class Orders:
    """What a run of accepted events adds to the sums.

    reopened: deliveries of which a receipt or the closing was taken back, so that one that was
    done may not be done any more.
    """

    flows: dict[FlowKey, int] = field(default_factory=dict)
    lots: dict[tuple[str, str], LotFacts] = field(default_factory=dict)
    reopened: set[str] = field(default_factory=set)


def orders_of(events: Iterable[ev.Event]) -> Orders:
    """The combined effect of events; any grouping of them adds up to the same."""
    orders = Orders()
    for event in events:
        if event.type == ev.LOT_CREATED:
            _add_lot(orders, event)
        elif event.type == ev.TRANSFER_DISPATCHED:
            _add_flows(orders, event, "transfer")
        elif event.type in {ev.GOODS_RECEIVED, ev.TRANSFER_RECEIVED}:
            _add_flows(orders, event, "asn")
        elif event.type == ev.RECEIPT_CLOSED:
            _add_closing(orders, event, 1)
        elif event.type == ev.EVENT_CORRECTED:
            _take_back(orders, event)
    return orders


def _add_flows(orders: Orders, event: ev.Event, kind: str) -> None:
    for document in event.documents:
        if document.type != kind:
            continue
        for line in event.lines:
            if kind == "transfer" and line.to_location != keys.transit(document.id):
                continue
            key = _key(event.warehouse, kind, document.id, line)
            orders.flows[key] = orders.flows.get(key, 0) + line.quantity


def _take_back(orders: Orders, event: ev.Event) -> None:
    """A correction's lines turn those of the event round, and add what was right.

    Whether goods went out or came in under the document is told by what is corrected; which of
    the lines are turned is told by the virtual place that they lead to or from.
    """
    corrected = event.body.get("corrects_type")
    kind = "transfer" if corrected == ev.TRANSFER_DISPATCHED else "asn"
    if corrected == ev.RECEIPT_CLOSED:
        _add_closing(orders, event, -1)
    elif kind == "asn" and corrected not in {ev.GOODS_RECEIVED, ev.TRANSFER_RECEIVED}:
        return
    for document in event.documents:
        if document.type != kind:
            continue
        if kind == "asn":
            orders.reopened.add(document.id)
        for line in event.lines:
            source, target = line.from_location, line.to_location
            if kind == "transfer":
                transit = keys.transit(document.id)
                sign = (target == transit) - (source == transit)
            else:
                sign = _is_before_the_door(source) - _is_before_the_door(target)
            if sign:
                key = _key(event.warehouse, kind, document.id, line)
                orders.flows[key] = orders.flows.get(key, 0) + sign * line.quantity


def _is_before_the_door(location: str) -> bool:
    """True where goods are before they are received."""
    return location == keys.SUPPLIER or keys.is_transit(location)


def _key(warehouse: str, kind: str, document: str, line: ev.Line) -> FlowKey:
    return FlowKey(warehouse, kind, document, line.item, line.lot or "", line.unit)


def _add_closing(orders: Orders, event: ev.Event, sign: int) -> None:
    for document in event.documents:
        if document.type == "asn":
            key = FlowKey(event.warehouse, CLOSING, document.id, "", "", "")
            orders.flows[key] = orders.flows.get(key, 0) + sign


def _add_lot(orders: Orders, event: ev.Event) -> None:
    item, lot, expiry = (event.body.get(name) for name in ("item", "lot", "expiry"))
    if not isinstance(item, str) or not isinstance(lot, str) or "\0" in item + lot:
        return
    is_date = isinstance(expiry, str) and _DATE.fullmatch(expiry) is not None
    facts = LotFacts(event.occurred_at_us, event.event_id, str(expiry) if is_date else None)
    orders.lots[item, lot] = earlier(orders.lots.get((item, lot)), facts)


def earlier(known: LotFacts | None, new: LotFacts) -> LotFacts:
    """The one that was said first."""
    if known is None:
        return new
    return min(known, new, key=lambda facts: (facts.occurred_at_us, facts.event_id))


def make_documents(plan: PlanBody) -> tuple[Transfer | None, Asn]:
    """The transfer and the expected delivery that carry out a plan, before anything has left.

    What a central warehouse is to buy has no transfer; its supplier's delivery is under way from
    the start. Raises pydantic's ValidationError if the plan's id cannot be made into theirs.
    """
    ordered = [ShipmentLine(item=line.item, quantity=line.quantity) for line in plan.lines]
    is_bought = plan.source == keys.SUPPLIER
    transfer = None
    if not is_bought:
        transfer = Transfer(
            id=transfer_id(plan.plan_id),
            source=plan.source,
            destination=plan.warehouse,
            plan=plan.plan_id,
            status="ordered",
            ordered=ordered,
        )
    asn = Asn(
        id=asn_id(plan.plan_id),
        warehouse=plan.warehouse,
        source=plan.source,
        transfer=None if transfer is None else transfer.id,
        plan=plan.plan_id,
        status="dispatched" if is_bought else "planned",
        ordered=ordered,
    )
    return transfer, asn


def shipped_lines(
    dispatched: Mapping[FlowKey, int], expiries: Mapping[tuple[str, str], str | None]
) -> list[ShipmentLine]:
    """What has left so far, per item and lot, in their order."""
    return [
        ShipmentLine(
            item=key.item,
            quantity=min(dispatched[key], _UNITS_MAX),
            unit="g" if key.unit == "g" else "EA",
            lot=key.lot or None,
            expiry=expiries.get((key.item, key.lot)),
        )
        for key in sorted(dispatched)
        if dispatched[key] > 0
    ]


def update_asn(
    asn: Asn,
    shipped: Sequence[ShipmentLine],
    received: Mapping[FlowKey, int],
    *,
    is_closed: bool = False,
    is_reopened: bool = False,
) -> Asn:
    """The delivery as it stands. shipped: what its transfer's source has told, if anything.

    A delivery that nobody of ours has sent anything of stands as its author wrote it, until all
    of it was received. is_closed: the receiver has said that nothing more will come. is_reopened:
    something that was said of its receipt was taken back, so that it is judged anew. Closed by
    the office, it waits for what was sent, and for nothing where nothing was.
    """
    if not shipped:
        status = asn.status
        if is_reopened and status == "received":
            status = "dispatched"
        is_done = (
            is_closed
            or asn.closed is not None
            or status == "received"
            or (status == "dispatched" and _covers(received, asn.shipped or asn.ordered))
        )
        return asn.model_copy(update={"status": "received" if is_done else status})
    expected = shipped if asn.closed is not None else _larger(asn.ordered, shipped)
    status = "received" if is_closed or _covers(received, expected) else "dispatched"
    return asn.model_copy(update={"status": status, "shipped": list(shipped)})


def update_transfer(
    transfer: Transfer,
    shipped: Sequence[ShipmentLine],
    received: Mapping[FlowKey, int],
    *,
    is_closed: bool = False,
) -> Transfer:
    """The transfer as it stands. is_closed: the receiver has said that nothing more will come.

    Closed by the office, it waits for what was sent, and for nothing where nothing was.
    """
    expected: Sequence[ShipmentLine] = shipped
    if transfer.closed is None:
        expected = _larger(transfer.ordered, shipped)
    if is_closed or _covers(received, expected):
        status = "received"
    else:
        status = "dispatched" if shipped else "ordered"
    return transfer.model_copy(update={"status": status, "shipped": list(shipped)})


def _larger(
    ordered: Iterable[ShipmentLine], shipped: Iterable[ShipmentLine]
) -> list[ShipmentLine]:
    """Per item and unit the larger of the two: what was asked for, or what came on top."""
    asked, sent = _totals(ordered), _totals(shipped)
    return [
        ShipmentLine(
            item=item,
            quantity=min(max(asked.get((item, unit), 0), sent.get((item, unit), 0)), _UNITS_MAX),
            unit="g" if unit == "g" else "EA",
        )
        for item, unit in sorted(asked.keys() | sent.keys())
    ]


def _totals(lines: Iterable[ShipmentLine]) -> dict[tuple[str, str], int]:
    totals: dict[tuple[str, str], int] = {}
    for line in lines:
        key = (line.item, line.unit)
        totals[key] = totals.get(key, 0) + line.quantity
    return totals


def _covers(received: Mapping[FlowKey, int], expected: Iterable[ShipmentLine]) -> bool:
    """True if of every item at least as much has come as was expected; lots do not matter."""
    came: dict[tuple[str, str], int] = {}
    for key, quantity in received.items():
        came[key.item, key.unit] = came.get((key.item, key.unit), 0) + quantity
    return all(came.get(key, 0) >= quantity for key, quantity in _totals(expected).items())
