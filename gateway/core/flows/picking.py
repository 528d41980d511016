"""Orders off the shelves: first expired first, in walking order, confirmed by scan.

What is to be picked is allocated when somebody starts, and stays so: the allocation is an event,
so another picker is not sent for the same goods and a restart changes nothing.

    wrong item              refused, unless a supervisor answers for it: nothing has moved
    expired, held           recorded, told, and fills no line: the goods are aside, the need stays
    other lot, other bin,
    more than needed        recorded, told, counted for the order
    pieces for grams        recorded and told: no line is filled by another unit
    a case for a piece      refused: it is no item of the order, and is told what it holds
    order taken back        recorded and told, so that nobody goes on with it
    not there               `short` with a reason: the rest is allocated anew, the bin is doubted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Order
from gateway.core.flows import kinds
from gateway.core.flows.checks import asked_otherwise, moved, overridden, said_of, usual_flags
from gateway.core.flows.fefo import (
    allocate,
    consume,
    drop,
    in_walking_order,
    put_back,
    still_wanted,
)
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods, Stop, Sums, add, goods_of, row_of, stop_rows
from gateway.core.flows.records import OrderFlow
from gateway.core.flows.state import document_of
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict, document
from gateway.core.tasks import Movement


def start(request: Request, order: Order, floor: Floor) -> Verdict:
    """The pick list: what was allocated before, and what has come since of what nobody had."""
    flow = floor.flows.orders.get(order.id, OrderFlow())
    wanted = still_wanted(wanted_of(order), flow.picked)
    there = _still_there(flow.stops, order, floor)
    if not wanted:
        is_sent = all(flow.shipped.get(it, 0) >= n for it, n in flow.picked.items())
        key = "order_sent" if is_sent else "picked_all"
        return Told(key=key, values={"document": order.id}, extra=_told(order, [], {}))
    searched = replace(flow, stops=there)
    stops, n_missing = _allocate(wanted, searched, order, request.today, floor)
    # That something is missing is recorded each time it is told, or nobody else would know.
    is_news = not flow.stops or stops != list(flow.stops) or n_missing > 0
    return Told(
        deeds=(_allocated(order, stops),) if is_news else (),
        key="pick_list",
        flags=("order_short",) if n_missing else (),
        values={"document": order.id, "stops": len(stops), "missing": n_missing},
        extra=_told(order, stops, wanted) | {"stops": stop_rows(stops)},
    )


def pick(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods off the shelf for an order; nothing to compare with if it is not known here."""
    order = floor.facts.orders.get(request.task.id or "")
    if order is None:
        named = request.task.id
        is_other = named is None or floor.document_kind(named) not in {None, "order"}
        flags = ("order_missing",) if is_other else gone(named, floor)
        return moved(request, movement, floor, flags=flags)
    flow = floor.flows.orders.get(order.id, OrderFlow())
    wanted = still_wanted(wanted_of(order), flow.picked)
    flags = ("document_closed",) if order.status == "closed" else ()
    if request.goods.item not in {line.item for line in order.lines}:
        refusal = _not_in(order, request, flow.stops, floor)
        override = overridden(refusal, request, floor)
        if isinstance(override, Refused):
            return override
        flags = (*override, *flags)
    deeds: tuple[Deed, ...] = ()
    stops = flow.stops
    if not stops and wanted:
        stops, _ = _allocate(wanted, flow, order, request.today, floor)
        deeds = (_allocated(order, stops),) if stops else ()
    request = with_lot(request, movement.from_location, stops, floor)
    needed = wanted.get((request.goods.item, request.goods.unit), 0)
    if not {"wrong_item", "case_not_piece"}.intersection(flags):
        flags = (*_against(request, movement.from_location, stops, wanted), *flags)
    left = stops
    if not kinds.NOT_FOR_ORDER.intersection((*flags, *usual_flags(request, movement, floor))):
        left = consume(stops, movement.from_location, request.goods, request.quantity)
        key = request.goods.item, request.goods.unit
        wanted[key] = wanted.get(key, 0) - request.quantity
    told = moved(request, movement, floor, flags=flags, extra=_told(order, left, wanted))
    return replace(
        told,
        deeds=(*deeds, *told.deeds),
        key="accepted" if any(n > 0 for n in wanted.values()) else "picked_last",
        values={
            **told.values, **_meant(request.goods, movement.from_location, stops),
            "document": order.id, "needed": needed,
        },
    )  # fmt: skip


def gone(order: str | None, floor: Floor) -> tuple[str, ...]:
    """The flag of what is done for an order that the cloud took back."""
    flow = floor.flows.orders.get(order or "")
    is_gone = flow is not None and flow.is_gone and order not in floor.facts.orders
    return ("document_closed",) if is_gone else ()


def _not_in(order: Order, request: Request, stops: Sequence[Stop], floor: Floor) -> Refused:
    """Goods that nobody asked for; whoever holds a case of what was is told to scan a piece."""
    goods, values = request.goods, dict[str, object](document=order.id)
    if stops:
        values["next"] = stops[0]
    known = floor.item(goods.item)
    inside = None if known is None else known.contains
    key = "wrong_item"
    if inside is not None and inside.item in {line.item for line in order.lines}:
        key = "case_not_piece"
        values |= {"piece": inside.item, "pieces": inside.units}
    return Refused(key, f"{goods.item} is not in {order.id}", kind="wrong_item", values=values)


def _meant(goods: Goods, place: str, stops: Sequence[Stop]) -> dict[str, object]:
    """Where the list sends the picker for this item: this lot first, then this place."""
    kin = [it for it in stops if (it.goods.item, it.goods.unit) == (goods.item, goods.unit)]
    kin.sort(key=lambda it: (it.goods != goods, it.location != place))
    if not kin:
        return {}
    return {"wanted_place": kin[0].location, "wanted_lot": kin[0].goods.lot}


def _against(
    request: Request, place: str, stops: Sequence[Stop], wanted: Mapping[tuple[str, str], int]
) -> tuple[str, ...]:
    goods = request.goods
    meant = [it for it in stops if (it.goods.item, it.goods.unit) == (goods.item, goods.unit)]
    otherwise = asked_otherwise(goods, wanted)
    if otherwise:
        return otherwise
    if request.quantity > wanted.get((goods.item, goods.unit), 0):
        return ("over_pick",)
    if meant and goods not in {stop.goods for stop in meant}:
        return ("other_lot",)
    if meant and place not in {stop.location for stop in meant if stop.goods == goods}:
        return ("other_place",)
    return ()


def short(request: Request, floor: Floor) -> Verdict:
    """Allocated goods are not there: they are looked for elsewhere, and the place is doubted."""
    task = request.task
    order = floor.facts.orders.get(task.id or "")
    if order is None:
        return Refused("document_missing", "short of no known order")
    if task.location is None:
        return Refused("location_missing", "short at no place")
    if not task.reason:
        return Refused("reason_missing", "short without a reason")
    flow = floor.flows.orders.get(order.id, OrderFlow())
    request = with_lot(request, task.location, flow.stops, floor)
    goods, place = request.goods, task.location
    there = sum(it.quantity for it in flow.stops if (it.location, it.goods) == (place, goods))
    missing = min(there, task.quantity) if task.quantity else there
    if not missing:
        return Refused(
            "nothing_to_pick", f"no {goods.item} at {place} for {order.id}",
            values={"place": place, "document": order.id},
        )  # fmt: skip
    kept = drop(flow.stops, place, goods, missing)
    searched = replace(flow, stops=kept, empty={*flow.empty, (place, goods)})
    wanted = still_wanted(wanted_of(order), flow.picked)
    stops, n_missing = _allocate(wanted, searched, order, request.today, floor)
    told_short = Deed(
        type=ev.PICK_SHORT,
        place=place,
        body=said_of(request, {**row_of(goods), "location": place, "missing": missing}),
        documents=document("order", order.id),
    )
    return Told(
        deeds=(told_short, _allocated(order, stops)),
        main=0,
        key="short_elsewhere",
        flags=("order_short",) if n_missing else (),
        values={"document": order.id, "missing": n_missing or missing, "place": place},
        extra=_told(order, stops, wanted) | {"stops": stop_rows(stops)},
    )


def relisted(event: ev.Event, today: str, floor: Floor) -> tuple[Deed, ...]:
    """The list anew, once a pick beside it is taken back: it stood for some other stop.

    One that was as the list said is put back by the fold itself.
    """
    order = floor.facts.orders.get(document_of(event, "order") or "")
    flags = kinds.BESIDE_THE_LIST.intersection(event.flags)
    if event.type != ev.GOODS_PICKED or order is None or not flags:
        return ()
    if kinds.NOT_FOR_ORDER.intersection(event.flags):
        return ()
    flow = floor.flows.orders.get(order.id, OrderFlow())
    picked: Sums = dict(flow.picked)
    for line in event.lines:
        add(picked, goods_of(line), -line.quantity)
    wanted = still_wanted(wanted_of(order), picked)
    stops = list(flow.stops)
    for line in event.lines if flags == {"over_pick"} else ():
        goods, place = goods_of(line), line.from_location
        key = goods.item, goods.unit
        listed = sum(it.quantity for it in stops if (it.goods.item, it.goods.unit) == key)
        there = floor.balance(floor.key(goods, place)) + line.quantity
        again = min(line.quantity, there, wanted.get(key, 0) - listed)
        stops = put_back(stops, place, goods, again) if again > 0 else stops
    stops, _ = _allocate(wanted, replace(flow, stops=stops, picked=picked), order, today, floor)
    return (_allocated(order, stops),)


def wanted_of(order: Order) -> dict[tuple[str, str], int]:
    """Units asked for by (item, unit)."""
    wanted: dict[tuple[str, str], int] = {}
    for line in order.lines:
        key = line.item, line.unit
        wanted[key] = wanted.get(key, 0) + line.quantity
    return wanted


def with_lot(request: Request, place: str, stops: Sequence[Stop], floor: Floor) -> Request:
    """The request with the lot that its symbol does not name: an EAN on the piece has none.

    It is the lot that was to be picked there, or the only one that lies there.
    """
    goods = request.goods
    if goods.lot:
        return request
    here = [stop.goods for stop in stops if stop.location == place]
    kin = [it for it in here if (it.item, it.unit) == (goods.item, goods.unit)]
    if not kin:
        kin = [
            Goods(key.item, key.lot, key.unit)
            for key, _ in floor.stock_of(goods.item)
            if (key.location, key.status, key.unit) == (place, kinds.GOOD, goods.unit)
        ]
        kin = kin if len(kin) == 1 else []
    return replace(request, goods=kin[0]) if kin else request


def _allocate(
    wanted: dict[tuple[str, str], int], flow: OrderFlow, order: Order, today: str, floor: Floor
) -> tuple[list[Stop], int]:
    """All stops of the order, those it has and new ones for the rest; and what nobody has.

    A stop whose lot was held or recalled, or expired, since it was allocated is one no more.
    """
    stops = [it for it in flow.stops if floor.why_unusable(it.goods, today) is None]
    taken = floor.allocated(but=order.id)
    for stop in stops:
        key = stop.location, stop.goods
        taken[key] = taken.get(key, 0) + stop.quantity
    n_missing = 0
    for (item, unit), n in wanted.items():
        has = sum(it.quantity for it in stops if (it.goods.item, it.goods.unit) == (item, unit))
        found, missing = allocate(
            n - has, floor.candidates(item, unit, today, taken=taken, without=flow.empty)
        )
        stops = _joined(stops, found)
        n_missing += missing
    return in_walking_order(stops, floor.walk, floor.expiry), n_missing


def _still_there(stops: Sequence[Stop], order: Order, floor: Floor) -> list[Stop]:
    """The stops of an order, as far as the book still has their goods beside what others get.

    What was wasted, moved or counted away since it was allocated is looked for elsewhere.
    """
    taken, left = floor.allocated(but=order.id), []
    for stop in stops:
        free = floor.balance(floor.key(stop.goods, stop.location))
        free -= taken.get((stop.location, stop.goods), 0)
        if free > 0:
            left.append(stop._replace(quantity=min(stop.quantity, free)))
    return left


def _joined(stops: Sequence[Stop], more: Sequence[Stop]) -> list[Stop]:
    """Stops at one place for the same goods are one stop."""
    sums = {(stop.location, stop.goods): stop.quantity for stop in stops}
    for stop in more:
        key = stop.location, stop.goods
        sums[key] = sums.get(key, 0) + stop.quantity
    return [Stop(location, goods, n) for (location, goods), n in sums.items()]


def _allocated(order: Order, stops: Sequence[Stop]) -> Deed:
    return Deed(
        type=ev.PICK_ALLOCATED,
        body={"stops": stop_rows(stops)},
        documents=document("order", order.id),
    )


def _told(
    order: Order, stops: Sequence[Stop], wanted: Mapping[tuple[str, str], int]
) -> dict[str, object]:
    """What is still to be picked: pieces, and apart from them grams of what is weighed."""
    task: dict[str, object] = {"id": order.id, "left": _units(wanted, "EA")}
    if any(line.unit == "g" for line in order.lines):
        task["left_g"] = _units(wanted, "g")
    if stops:
        task["next"] = stop_rows(stops[:1])[0]
    return {"task": task}


def _units(wanted: Mapping[tuple[str, str], int], unit: str) -> int:
    return sum(n for (_, its), n in wanted.items() if its == unit and n > 0)
