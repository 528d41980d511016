"""Take my last scan back: the event stays, and another says that it was wrong."""

from __future__ import annotations

from cloud_sync.contract import events as ev
from gateway.core.flows.checks import said_of
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Sums, add, amounts, goods_in, goods_of
from gateway.core.flows.picking import relisted
from gateway.core.flows.state import document_of, turned
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict


def undo(request: Request, floor: Floor) -> Verdict:
    """The device's last scan that moved or counted something, or closed a delivery, taken back."""
    recent = floor.flows.recent.get(request.device)
    if not recent:
        return Refused("nothing_to_undo", f"{request.device} has nothing to take back")
    event = recent[-1].event
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
        values={"document": document_of(event, "asn")}
        if is_closing
        else {"item": item, "quantity": quantity},
        extra={"undone": {"event_id": event.event_id, "type": event.type, "item": item}},
    )


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
