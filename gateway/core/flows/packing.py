"""Logistic units: packed, taken apart, moved and sent as one by scanning their SSCC."""

from __future__ import annotations

from dataclasses import replace

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.core.flows.checks import (
    asked_otherwise,
    is_in_the_book,
    line,
    moved,
    overridden,
    said_of,
    serials,
    usual_flags,
    zone_refusal,
)
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods, Sums, add, amount, amounts, row_of, units_of_item
from gateway.core.flows.picking import gone, with_lot
from gateway.core.flows.records import DispatchFlow, OrderFlow, Unit
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict, document
from gateway.core.tasks import Movement


def pack(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods into a logistic unit. `sscc` names it; without, the task's id is its name."""
    task = request.task
    sscc, order = (task.sscc, task.id) if task.sscc else (task.id, None)
    if sscc is None:
        return Refused("document_missing", "packed into nothing")
    if not keys.is_sscc(sscc):
        return Refused("unit_missing", f"packed into {sscc}, which is no unit")
    unit = floor.flows.units.get(sscc, Unit())
    if order is not None and unit.order not in {None, order}:
        return Refused(
            "unit_of_another", f"{sscc} is packed for {unit.order}",
            values={"sscc": sscc, "document": unit.order},
        )  # fmt: skip
    request = _picked_lot(request, order, floor)
    flags = gone(order, floor)
    n_picked = n_packed = 0
    if order is not None and order in floor.facts.orders:
        n_picked = floor.flows.orders.get(order, OrderFlow()).picked.get(request.goods, 0)
        n_packed = _packed_for(order, request.goods, floor) + request.quantity
        if n_packed > n_picked:
            flags = ("not_picked",)
    child: dict[str, object] = {**row_of(request.goods), "quantity": request.quantity}
    if serials(request):
        child["serials"] = list(serials(request))
    deed = Deed(
        type=ev.UNIT_PACKED,
        place=movement.place,
        body=said_of(request, {"parent": sscc, "children": [child]}),
        documents=document("sscc", sscc) + document("order", order),
    )
    contents = dict(unit.contents)
    add(contents, request.goods, request.quantity)
    total = amounts(contents)
    return Told(
        deeds=(deed,), key="packed", flags=(*flags, *usual_flags(request, movement, floor)),
        values={
            "sscc": sscc, "total": total, "document": order, "picked": n_picked, "used": n_packed,
        },
    )  # fmt: skip


def unpack(request: Request, floor: Floor) -> Verdict:
    """Goods out of a logistic unit; they stay where it stands."""
    sscc = request.task.sscc or request.task.id or ""
    unit = floor.flows.units.get(sscc)
    if unit is None:
        return Refused("unit_unknown", f"{sscc} was not packed here", values={"sscc": sscc})
    goods = request.goods
    if not goods.lot:
        kin = [it for it in unit.contents if it.item == goods.item and it.unit == goods.unit]
        goods = kin[0] if len(kin) == 1 else goods
    if request.quantity > unit.contents.get(goods, 0):
        return Refused("not_in_unit", f"{goods} is not in {sscc}", values={"sscc": sscc})
    child: dict[str, object] = {**row_of(goods), "quantity": request.quantity}
    deed = Deed(
        type=ev.UNIT_UNPACKED,
        place=unit.location,
        body=said_of(request, {"parent": sscc, "children": [child]}),
        documents=document("sscc", sscc) + document("order", unit.order),
    )
    contents = dict(unit.contents)
    add(contents, goods, -request.quantity)
    values = {"sscc": sscc, "total": amounts(contents)}
    return Told(deeds=(deed,), key="packed", values=values)


def _packed_for(order: str, goods: Goods, floor: Floor) -> int:
    units = floor.flows.units.values()
    return sum(unit.contents.get(goods, 0) for unit in units if unit.order == order)


def _picked_lot(request: Request, order: str | None, floor: Floor) -> Request:
    """The lot that was picked for the order, where the symbol names none."""
    flow = floor.flows.orders.get(order or "")
    goods = request.goods
    if goods.lot or flow is None:
        return request
    kin = [it for it in flow.picked if (it.item, it.unit) == (goods.item, goods.unit)]
    kin.sort(key=lambda it: _packed_for(order or "", it, floor) >= flow.picked[it])
    return replace(request, goods=kin[0]) if kin else request


# ---------------------------------------------------------------- leaving


def ship(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods that leave under a transfer, or at the door to the customer."""
    if movement.event_type == ev.TRANSFER_DISPATCHED:
        return _dispatch(request, movement, floor)
    order = request.task.id or ""
    flags = gone(order, floor)
    values: dict[str, object] = {}
    if order in floor.facts.orders:
        request = _picked_lot(request, order, floor)
        flow = floor.flows.orders.get(order, OrderFlow())
        n_sent = flow.shipped.get(request.goods, 0) + request.quantity
        values = {"picked": flow.picked.get(request.goods, 0), "used": n_sent}
        if n_sent > flow.picked.get(request.goods, 0):
            flags = ("not_picked",)
    return moved(request, movement, floor, flags=flags, values=values)


def _dispatch(request: Request, movement: Movement, floor: Floor) -> Verdict:
    transfer = floor.facts.transfers[request.task.id or ""]
    request = with_lot(request, movement.from_location, (), floor)
    item, unit = request.goods.item, request.goods.unit
    ordered = {it.item for it in transfer.ordered}
    n_ordered = sum(it.quantity for it in transfer.ordered if (it.item, it.unit) == (item, unit))
    sent = floor.flows.transfers.get(transfer.id, DispatchFlow()).dispatched
    n_sent = units_of_item(sent, item, unit) + request.quantity
    if ordered and item not in ordered:
        flags: tuple[str, ...] = ("not_ordered",)
    else:
        flags = asked_otherwise(request.goods, ((it.item, it.unit) for it in transfer.ordered))
        if ordered and not flags and n_sent > n_ordered:
            flags = ("over_dispatch",)
    values = {"document": transfer.id, "needed": n_ordered, "used": n_sent}
    return moved(request, movement, floor, flags=flags, values=values)


# ---------------------------------------------------------------- units as one


def move_unit(request: Request, sscc: str, movement: Movement, floor: Floor) -> Verdict:
    """A logistic unit goes where the task says, and all that is in it with it."""
    unit = floor.flows.units.get(sscc)
    if unit is None:
        return Refused("unit_unknown", f"{sscc} was not packed here", values={"sscc": sscc})
    order = request.task.id
    is_order = movement.event_type == ev.ORDER_DELIVERED
    if is_order and unit.order not in {None, order}:
        return Refused(
            "unit_of_another", f"{sscc} is packed for {unit.order}",
            values={"sscc": sscc, "document": unit.order},
        )  # fmt: skip
    flags = gone(order, floor) if is_order else ()
    target = movement.to_location
    for goods in sorted(unit.contents):
        refusal = zone_refusal(request, goods.item, target, floor)
        if refusal is not None:
            override = overridden(refusal, request, floor)
            if isinstance(override, Refused):
                return override
            flags += override
        if movement.needs_usable:
            problem = floor.why_unusable(goods, request.today)
            flags += () if problem is None else (problem,)
    lacking = {} if flags else _lacking(unit, floor)
    flags += ("more_than_booked",) if lacking else ()
    return Told(
        deeds=(_unit_deed(request, sscc, unit.contents, movement, unit.location),),
        key="unit_sent" if keys.is_virtual(target) else "unit_moved",
        flags=tuple(dict.fromkeys(flags)),
        values={"sscc": sscc, "place": target, **_first(unit.contents, floor), **lacking},
        extra={"contents": [{**row_of(it), "quantity": n} for it, n in unit.contents.items()]},
    )


def _lacking(unit: Unit, floor: Floor) -> dict[str, object]:
    """What is told of a unit's goods of which the book has fewer where it stands: somebody took
    some out and said so of the place alone. Empty if it has enough."""
    for goods, n in sorted(unit.contents.items()):
        there = max(0, floor.balance(floor.key(goods, unit.location)))
        if there < n and is_in_the_book(goods, floor):
            return {
                "item": goods.item, "quantity": amount(n, goods.unit),
                "there": amount(there, goods.unit), "from_place": unit.location,
            }  # fmt: skip
    return {}


def _unit_deed(
    request: Request, sscc: str, contents: Sums, movement: Movement, stands: str
) -> Deed:
    source = stands or movement.from_location
    way = replace(movement, from_location=source)
    place = source if keys.is_virtual(movement.to_location) else movement.to_location
    return Deed(
        type=movement.event_type,
        place=place,
        lines=tuple(line(goods, n, way) for goods, n in sorted(contents.items())),
        body=said_of(request),
        documents=(*movement.documents, *document("sscc", sscc)),
    )


def _first(contents: Sums, floor: Floor) -> dict[str, object]:
    """What a message about a unit calls its goods, where it speaks of one."""
    goods = min(contents)
    return {"lot": goods.lot or None, "expiry": floor.expiry(goods)}
