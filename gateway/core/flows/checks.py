"""What every flow looks at before goods move: may they be sold, do they fit where they go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.core.flows import kinds
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods
from gateway.core.flows.verdict import Deed, Refused, Request, Told
from gateway.core.tasks import Movement


def line(
    goods: Goods,
    quantity: int,
    movement: Movement,
    *,
    serials: tuple[str, ...] = (),
    from_status: str = kinds.GOOD,
    to_status: str | None = None,
) -> ev.Line:
    """Goods moved as the task says; their status stays as it was unless said otherwise."""
    return ev.Line(
        item=goods.item,
        lot=goods.lot or None,
        serials=serials,
        from_location=movement.from_location,
        to_location=movement.to_location,
        quantity=quantity,
        unit="g" if goods.unit == "g" else "EA",
        from_status=from_status,
        to_status=to_status or from_status,
    )


def serials(request: Request) -> tuple[str, ...]:
    """The serial in the symbol, if it has one."""
    symbol = request.symbol
    return (symbol.serial,) if symbol is not None and symbol.serial else ()


def condition_status(request: Request) -> str:
    """The status that the worker's word makes of goods; available where nothing was said."""
    return kinds.CONDITIONS.get(request.task.condition or "good", kinds.GOOD)


def status_there(request: Request, place: str, floor: Floor) -> str:
    """The status of the goods that a worker takes from a place: as said, or as it must be.

    Where too few good ones lie there and enough damaged or held ones, it is those.
    """
    if request.task.condition is not None:
        return condition_status(request)
    for status in (kinds.GOOD, kinds.DAMAGED, kinds.HELD):
        if floor.balance(floor.key(request.goods, place, status)) >= request.quantity:
            return status
    return kinds.GOOD


def usual_flags(request: Request, movement: Movement, floor: Floor) -> tuple[str, ...]:
    """What looks wrong in any task, most urgent first; all of it is recorded all the same."""
    flags = []
    goods, symbol = request.goods, request.symbol
    said = symbol.expiry if symbol is not None else None
    if movement.needs_usable:
        problem = floor.why_unusable(goods, request.today, said)
        if problem is not None:
            flags.append(problem)
    known = floor.expiry(goods)
    if known is not None and said is not None and said != known:
        flags.append("expiry_conflict")
    if lot_run_on(goods, floor) is not None:
        flags.append("lot_doubtful")
    if floor.item(goods.item) is None:
        flags.append("unknown_item")
    if not movement.document_is_known:
        flags.append("unknown_document")
    if _is_scanned_again(request, movement, floor):
        flags.append("serial_repeated")
    return tuple(flags)


def _is_scanned_again(request: Request, movement: Movement, floor: Floor) -> bool:
    """Whether this very piece was among the device's last scans, and done the same with.

    Pieces may bear one serial by a printer's mistake; so it is told, and not refused.
    """
    named = serials(request)
    if not named:
        return False
    way = movement.from_location, movement.to_location
    for it in floor.flows.recent.get(request.device, ()):
        event = it.event
        if event.type != movement.event_type or event.location != movement.place:
            continue
        ways = {(line.from_location, line.to_location) for line in event.lines}
        if (not ways or way in ways) and (request.goods.item, *named) in _pieces(event):
            return True
    return False


def _pieces(event: ev.Event) -> set[tuple[str, str]]:
    """Item and serial of each piece that an event names."""
    found = {(line.item, serial) for line in event.lines for serial in line.serials}
    for key in ("assertions", "children"):
        rows = event.body.get(key)
        for row in rows if isinstance(rows, list | tuple) else ():
            named = row.get("serials")
            found |= {(str(row["item"]), str(it)) for it in named or ()}
    return found


_RUN_ON: Final = re.compile(r"(?:1[1-7]\d{6}|3[07]\d{1,8}|21.+)+")
"""What stands behind a lot on labels: a date, a count, a serial."""


def lot_run_on(goods: Goods, floor: Floor) -> str | None:
    """The known lot that a new one begins with, if the rest reads like the label's next element.

    Where the separator (FNC1) behind a lot was not printed, what follows becomes a part of it.
    """
    lot = goods.lot
    if not lot or floor.knows_lot(goods.item, lot):
        return None
    for end in range(len(lot) - 3, 0, -1):
        if _RUN_ON.fullmatch(lot, end) and floor.knows_lot(goods.item, lot[:end]):
            return lot[:end]
    return None


def moved(
    request: Request,
    movement: Movement,
    floor: Floor,
    *,
    flags: tuple[str, ...] = (),
    from_status: str = kinds.GOOD,
    to_status: str | None = None,
    body: Mapping[str, object] | None = None,
    values: Mapping[str, object] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Told:
    """The goods in the worker's hand moved, with the usual flags behind the flow's own.

    What may not be sold stands before everything else: it is what the worker must hear.
    """
    usual = usual_flags(request, movement, floor)
    # What may not be sold comes first among the usual ones, and is one at most.
    n_urgent = 1 if usual and usual[0] in kinds.NOT_FOR_ORDER else 0
    goods = request.goods
    known: dict[str, object] = dict(values or {})
    if not flags and not usual:
        told = beyond_the_book(request, movement.from_location, from_status, floor)
        flags = ("more_than_booked",) if told else ()
        known |= told
    deed = Deed(
        type=movement.event_type,
        place=movement.place,
        lines=(
            line(
                goods, request.quantity, movement, serials=serials(request),
                from_status=from_status, to_status=to_status,
            ),
        ),
        body=said_of(request, body),
        documents=movement.documents,
    )  # fmt: skip
    return Told(
        deeds=(deed,),
        flags=(*usual[:n_urgent], *flags, *usual[n_urgent:]),
        values=known,
        extra=extra or {},
    )


def beyond_the_book(
    request: Request, place: str, status: str, floor: Floor
) -> Mapping[str, object]:
    """What is told of goods of which the book has fewer at a place; empty where it has enough."""
    there = floor.balance(floor.key(request.goods, place, status))
    if there >= request.quantity or keys.is_virtual(place):
        return {}
    if not is_in_the_book(request.goods, floor):
        return {}
    return {"there": max(0, there), "from_place": place}


def asked_otherwise(goods: Goods, asked: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The flag of goods counted where they are asked for by weight, or the other way round.

    asked: items with the unit they are asked for in. Pieces and grams are never compared.
    """
    units = {unit for item, unit in asked if item == goods.item}
    if not units or goods.unit in units:
        return ()
    return ("asked_by_weight" if "g" in units else "asked_by_piece",)


def is_in_the_book(goods: Goods, floor: Floor) -> bool:
    """Whether these goods are here at all; of what the book never saw it cannot know better."""
    return any(n > 0 and key.lot == goods.lot for key, n in floor.stock_of(goods.item))


def said_of(request: Request, body: Mapping[str, object] | None = None) -> dict[str, object]:
    """An event's body with what the worker gave as a reason, and who answers for it."""
    said = dict(body or {})
    if request.task.reason:
        said["reason"] = request.task.reason
    if request.task.supervisor:
        said["supervisor"] = request.task.supervisor
    return said


def zone_refusal(request: Request, item: str, place: str, floor: Floor) -> Refused | None:
    """Why an item must not stand at a place: its zone keeps another temperature.

    None if it fits, and where either zone is not known.
    """
    known, location = floor.item(item), floor.location(place)
    if known is None or location is None or known.zone == location.zone:
        return None
    return Refused(
        "wrong_zone",
        f"{item} of zone {known.zone} at {place} of zone {location.zone}",
        kind="zone",
        values={
            "item": item,
            "zone": known.zone,
            "place_zone": location.zone,
            "place": place,
        },
    )


def overridden(refusal: Refused, request: Request, floor: Floor) -> tuple[str, ...] | Refused:
    """The flag that stands for a refusal a supervisor answers for; else the refusal."""
    if floor.is_supervisor(request.supervisor):
        return (refusal.key,)
    return refusal


def storing_flags(request: Request, place: str, floor: Floor) -> tuple[str, ...] | Refused:
    """What looks wrong about putting the goods at a place, or why they must not stand there."""
    flags: tuple[str, ...] = ()
    if floor.facts.locations and floor.location(place) is None:
        flags = ("unknown_location",)
    refusal = zone_refusal(request, request.goods.item, place, floor)
    if refusal is None:
        return flags
    override = overridden(refusal, request, floor)
    return override if isinstance(override, Refused) else (*override, *flags)
