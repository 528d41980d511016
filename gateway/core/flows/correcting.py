"""Take my last scan back: the event stays, and another says that it was wrong."""

from __future__ import annotations

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.stock import StockKey
from gateway.core.flows.checks import overridden, said_of
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Sums, add, amount, amounts, goods_in, goods_of
from gateway.core.flows.picking import relisted
from gateway.core.flows.state import document_of, turned
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict


def undo(request: Request, floor: Floor) -> Verdict:
    """The device's last scan that moved or counted something, or closed a delivery, taken back."""
    recent = floor.flows.recent.get(request.device)
    if not recent:
        return Refused("nothing_to_undo", f"{request.device} has nothing to take back")
    event = recent[-1].event
    flags: tuple[str, ...] = ()
    moved_on = _moved_on(event, floor)
    if moved_on is not None:
        override = overridden(moved_on, request, floor)
        if isinstance(override, Refused):
            return override
        flags = override
    body: dict[str, object] = {"corrects_type": event.type}
    if event.body:
        body["of"] = dict(event.body)
    if event.flags:
        body["of_flags"] = list(event.flags)
    deed = Deed(
        type=ev.EVENT_CORRECTED,
        place=event.location,
        lines=tuple(map(turned, event.lines)),
        body=said_of(request, body),
        documents=event.documents,
        corrects=event.event_id,
    )
    listed = relisted(event, request.today, floor)
    item, quantity = _goods_of(event)
    is_closing = event.type == ev.RECEIPT_CLOSED
    return Told(
        deeds=(deed, *listed),
        main=0,
        key="reopened" if is_closing else "undone",
        flags=flags,
        values={"document": document_of(event, "asn")}
        if is_closing
        else {"item": item, "quantity": quantity, **(moved_on.values if moved_on else {})},
        extra={"undone": {"event_id": event.event_id, "type": event.type, "item": item}},
    )


def _moved_on(event: ev.Event, floor: Floor) -> Refused | None:
    """Why a movement is not taken back: its goods are where it brought them no more.

    Somebody took them on, so it did happen; or counted them away. Where the book was below zero
    before, nobody can tell.
    """
    brought: dict[StockKey, int] = {}
    for line in event.lines:
        for place, status, n in (
            (line.to_location, line.to_status, line.quantity),
            (line.from_location, line.from_status, -line.quantity),
        ):
            if not keys.is_virtual(place):
                key = floor.key(goods_of(line), place, status)
                brought[key] = brought.get(key, 0) + n
    for key, n in sorted(brought.items()):
        there = floor.balance(key)
        if 0 <= there < n:
            return Refused(
                "moved_on",
                f"{there} of {n} left of {key.item} at {key.location}",
                values={"item": key.item, "quantity": amount(n, key.unit),
                        "there": amount(there, key.unit), "place": key.location},
            )  # fmt: skip
    return None


def _goods_of(event: ev.Event) -> tuple[str, object]:
    """What the event was about, for the message."""
    if event.type == ev.GOODS_TRANSFORMED:
        return event.lines[0].item, event.lines[0].quantity
    if event.lines:
        sums: Sums = {}
        for line in event.lines:
            add(sums, goods_of(line), line.quantity)
        return event.lines[0].item, amounts(sums)
    for key in ("children", "assertions"):
        rows = event.body.get(key)
        if isinstance(rows, list | tuple) and rows:
            said = rows[0].get("added", rows[0].get("quantity", 0))
            goods = goods_in(rows[0])
            return goods.item, amounts({goods: said if isinstance(said, int) else 0})
    return "", 0
