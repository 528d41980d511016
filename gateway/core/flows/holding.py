"""Goods set aside and let go again: inspection, holds on a lot, and their end."""

from __future__ import annotations

from cloud_sync.contract import events as ev
from gateway.core.flows import kinds
from gateway.core.flows.checks import beyond_the_book, line, said_of, serials, usual_flags
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import row_of
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict
from gateway.core.tasks import Movement


def inspect(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods looked at. With a condition their status changes where they stand."""
    goods, place = request.goods, movement.to_location
    flags = usual_flags(request, movement, floor)
    said = request.task.condition
    row = {**row_of(goods), "location": place, "quantity": request.quantity}
    if said is None:
        body = said_of(request, {"assertions": [row]})
        return Told(deeds=(Deed(type=movement.event_type, place=place, body=body),), flags=flags)
    after = kinds.CONDITIONS[said]
    others = [kinds.HELD, kinds.DAMAGED] if after == kinds.GOOD else [kinds.GOOD]
    if after != kinds.GOOD:
        others.append(kinds.DAMAGED if after == kinds.HELD else kinds.HELD)
    # From where most of them are: what is not there in any other status was good before.
    before = max(others, key=lambda status: floor.balance(floor.key(goods, place, status)))
    if after == kinds.GOOD and not floor.is_supervisor(request.supervisor or request.task.worker):
        return Refused("supervisor_needed", f"{goods.item} let go by nobody who may")
    deed = Deed(
        type=movement.event_type,
        place=place,
        lines=(
            line(
                goods, request.quantity, movement, serials=serials(request),
                from_status=before, to_status=after,
            ),
        ),
        body=said_of(request, {"condition": said}),
    )  # fmt: skip
    told = {} if flags else beyond_the_book(request, place, before, floor)
    return Told(
        deeds=(deed,), key=f"inspected_{said}",
        flags=("more_than_booked",) if told else flags, values={"place": place, **told},
    )  # fmt: skip


def hold(request: Request, floor: Floor) -> Verdict:
    """A lot (without one, all of the item) must not be sold from now on."""
    if not request.task.reason:
        return Refused("reason_missing", "held without a reason")
    return _lot(request, ev.LOT_HELD, "lot_is_held")


def release(request: Request, floor: Floor) -> Verdict:
    """A lot held here may be sold again; what the office holds, the office lets go."""
    goods = request.goods
    if not floor.is_supervisor(request.supervisor or request.task.worker):
        return Refused("supervisor_needed", f"{goods.item} let go by nobody who may")
    if (goods.item, goods.lot) not in floor.flows.holds:
        return Refused(
            "not_held", f"{goods.item} {goods.lot} is not held here", values={"lot": goods.lot}
        )
    return _lot(request, ev.LOT_RELEASED, "lot_is_released")


def _lot(request: Request, event_type: str, key: str) -> Told:
    goods = request.goods
    body: dict[str, object] = {"item": goods.item}
    if goods.lot:
        body["lot"] = goods.lot
    return Told(deeds=(Deed(type=event_type, body=said_of(request, body)),), key=key)
