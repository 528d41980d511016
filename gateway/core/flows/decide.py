"""One scan in its task, given to the flow it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.core.flows import (
    correcting,
    counting,
    holding,
    inbound,
    packing,
    picking,
    supervising,
)
from gateway.core.flows.checks import condition_status, moved, status_there, storing_flags
from gateway.core.flows.floor import Floor
from gateway.core.flows.verdict import Refused, Request, Verdict
from gateway.core.tasks import Movement, plan_movement

_Flow = Callable[[Request, Movement, Floor], Verdict]

_FLOWS: Final[Mapping[str, _Flow]] = {
    "receive": inbound.receive,
    "putaway": inbound.put_away,
    "move": inbound.put_away,
    "pick": picking.pick,
    "pack": packing.pack,
    "ship": packing.ship,
    "count": counting.count,
    "inspect": holding.inspect,
}
"""By task type, for those that are more than the movement of the table in core.tasks."""

_WITHOUT_MOVEMENT: Final[Mapping[str, Callable[[Request, Floor], Verdict]]] = {
    "short": picking.short,
    "unpack": packing.unpack,
    "hold": holding.hold,
    "release": holding.release,
}


def decide(request: Request, floor: Floor) -> Verdict:
    """What a scan of goods comes to."""
    task = request.task
    special = _WITHOUT_MOVEMENT.get(task.type)
    if special is not None:
        return special(request, floor)
    movement = plan_movement(task, floor.facts)
    if isinstance(movement, str):
        return Refused(movement, movement.replace("_", " "))
    if task.location is not None and floor.is_barcode(task.location):
        given = {"given": task.location}
        return Refused("location_refused", f"{task.location} is goods", "place", given)
    flow = _FLOWS.get(task.type)
    if flow is not None:
        return flow(request, movement, floor)
    if task.type == "waste":
        status = status_there(request, movement.from_location, floor)
        return moved(request, movement, floor, from_status=status)
    if task.type == "return" and task.location is not None:
        checked = storing_flags(request, task.location, floor)
        if isinstance(checked, Refused):
            return checked
        to_status = condition_status(request)
        return moved(request, movement, floor, flags=checked, to_status=to_status)
    return moved(request, movement, floor, to_status=condition_status(request))


def decide_unit(request: Request, sscc: str, floor: Floor) -> Verdict | None:
    """What a scan of an SSCC comes to; None for tasks that want goods scanned one by one."""
    if request.task.type not in {"receive", "putaway", "move", "ship"}:
        return None
    if request.task.type == "ship" and request.task.id is None:
        return Refused("document_missing", "a unit sent to nobody")
    movement = plan_movement(request.task, floor.facts)
    if isinstance(movement, str):
        return Refused(movement, movement.replace("_", " "))
    if request.task.type == "receive":
        return inbound.receive_unit(request, sscc, movement, floor)
    return packing.move_unit(request, sscc, movement, floor)


def decide_command(request: Request, floor: Floor, language: str) -> Verdict:
    """What a worker says without scanning."""
    task, facts = request.task, floor.facts
    if task.type == "exceptions":
        return supervising.look_into(request, floor, language)
    if task.type == "resolve":
        return supervising.resolve(request, floor, language)
    if task.type == "undo":
        return correcting.undo(request, floor)
    if task.type == "approve":
        return counting.approve(request, floor)
    key = task.id or ""
    if task.type == "start":
        if key in facts.orders:
            return picking.start(request, facts.orders[key], floor)
        if key in facts.counts:
            return counting.start(facts.counts[key], floor)
    elif key in facts.asns:
        return inbound.close(request, facts.asns[key], floor)
    elif task.location is not None or key in facts.counts:
        return counting.close(request, floor)
    if not key:
        return Refused("document_missing", f"{task.type} of nothing")
    return Refused(
        "cannot_begin" if task.type == "start" else "cannot_close",
        f"{task.type} of unknown {key!r}",
        values={"document": key},
    )
