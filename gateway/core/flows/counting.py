"""Cycle counts: what is there is asserted scan by scan, and compared when a place is closed.

    scan without a quantity    one more piece: the tally so far is asserted
    scan with a quantity       that many, however many were counted before
    close                      what is in the book and was not scanned is asserted as zero
    difference too large       a second count; one that stays waits for a supervisor

A count blocks nobody, and a recount or an approval changes no balance: each scan asserts what
was counted at its place in the order. Nobody who counts blind is told what the book says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Count
from gateway.core.flows import kinds
from gateway.core.flows.checks import said_of, serials, usual_flags
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods, goods_in, row_of
from gateway.core.flows.records import CountFlow
from gateway.core.flows.state import AD_HOC, count_key
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict, document
from gateway.core.tasks import Movement


def start(count: Count, floor: Floor) -> Told:
    """Where to count, in walking order, leaving out what is done."""
    places = open_places(count, floor)
    stops = [{"location": place, "round": n_round} for place, n_round in places]
    return Told(
        key="count_list" if stops else "count_done",
        values={"document": count.id, "stops": len(stops)},
        extra={"task": {"id": count.id, "left": len(stops)}, "stops": stops},
    )


def open_places(count: Count, floor: Floor) -> list[tuple[str, int]]:
    """The places of a count that are not done, with the round that is due, in walking order."""
    found = []
    for place in sorted(places_of(count, floor), key=lambda it: (floor.walk(it), it)):
        flow = floor.flows.counts.get(count_key(count.id, place), CountFlow())
        if flow.outcome not in kinds.DONE and flow.outcome != kinds.UNRESOLVED:
            found.append((place, flow.round))
    return found


def places_of(count: Count, floor: Floor) -> set[str]:
    """The places in a count's scope."""
    places = set(count.locations)
    known = floor.facts.locations
    if not places and count.items:
        places = {key.location for gtin in count.items for key, _ in floor.stock_of(gtin)}
    elif not places:
        places = set(known)
    if count.zones:
        places = {it for it in places if it in known and known[it].zone in count.zones}
    return places


def count(request: Request, movement: Movement, floor: Floor) -> Verdict:
    """Goods seen at a place."""
    place = movement.to_location
    asked = floor.facts.counts.get(request.task.id or "")
    key = count_key(request.task.id or AD_HOC + request.device, place)
    flow = floor.flows.counts.get(key, CountFlow())
    goods = _only_lot(request.goods, place, floor)
    row: dict[str, object] = {
        **row_of(goods), "location": place, "quantity": request.quantity,
        "book": book_of(goods, place, flow, floor),
    }  # fmt: skip
    if request.task.quantity is None:
        row["quantity"] = flow.counted.get(goods, 0) + request.quantity
        row["added"] = request.quantity
    if serials(request):
        row["serials"] = list(serials(request))
    is_outside = asked is not None and not _is_in_scope(goods, place, asked, floor)
    flags = ("not_in_count",) if is_outside else ()
    if asked is None and floor.document_kind(request.task.id or "") is not None:
        flags = ("unknown_document",)
    deed = observed(request, asked, place, flow.round, [row])
    extra: dict[str, object] = {"counted": row["quantity"], "round": flow.round}
    if asked is not None and not asked.blind:
        extra["book"] = row["book"]
    return Told(
        deeds=(deed,), key="counted", flags=(*flags, *usual_flags(request, movement, floor)),
        values={"counted": row["quantity"], "place": place}, extra=extra,
    )  # fmt: skip


def _is_in_scope(goods: Goods, place: str, asked: Count, floor: Floor) -> bool:
    # An item to be counted belongs to its count wherever it turns up.
    return goods.item in asked.items if asked.items else place in places_of(asked, floor)


def _only_lot(goods: Goods, place: str, floor: Floor) -> Goods:
    """The lot that lies there, where the symbol names none and there is one."""
    if goods.lot:
        return goods
    kin = [it for it, _ in book_at(place, (), floor) if it[:1] == goods[:1] and it[2] == goods[2]]
    return kin[0] if len(kin) == 1 else goods


def book_of(goods: Goods, place: str, flow: CountFlow, floor: Floor) -> int:
    """What would be there if nobody had counted: an earlier round's assertion does not hide it."""
    if goods in flow.counted:
        return flow.book.get(goods, 0)
    balance = floor.balance(floor.key(goods, place))
    if flow.round == 1:
        return balance
    return flow.book.get(goods, 0) + balance - flow.before.get(goods, 0)


def book_at(place: str, items: Iterable[str], floor: Floor) -> list[tuple[Goods, int]]:
    """Good goods that the book has at a place, of some items or (none named) of all."""
    scope = set(items)
    return [
        (Goods(key.item, key.lot, key.unit), n)
        for key, n in floor.stock_at(place)
        if key.status == kinds.GOOD and (not scope or key.item in scope)
    ]


def observed(
    request: Request,
    asked: Count | None,
    place: str,
    n_round: int,
    rows: list[dict[str, object]],
    *,
    is_exhaustive: bool = False,
    loose: Sequence[Mapping[str, object]] = (),
) -> Deed:
    """What was counted at a place. loose: pieces that were seen, and no lot says of which."""
    return Deed(
        type=ev.COUNT_OBSERVED,
        place=place,
        body=said_of(
            request,
            {
                "assertions": rows,
                "scope": {"location": place},
                "round": n_round,
                "blind": asked is None or asked.blind,
                "exhaustive": is_exhaustive,
                **({"loose": list(loose)} if loose else {}),
            },
        ),
        documents=document("count", request.task.id),
    )


def zeros(
    place: str, items: Iterable[str], seen: set[Goods], flow: CountFlow, floor: Floor
) -> list[dict[str, object]]:
    """What the book has at a place, or the round before had there, and nobody found there."""
    expected = {goods for goods, _ in book_at(place, items, floor)} | flow.before.keys()
    return [
        {
            **row_of(goods), "location": place, "quantity": 0,
            "book": book_of(goods, place, flow, floor),
        }
        for goods in sorted(expected - seen)
    ]  # fmt: skip


# ---------------------------------------------------------------- closing


def close(request: Request, floor: Floor) -> Verdict:
    """A place is counted through."""
    task, place = request.task, request.task.location
    if place is None:
        return Refused("location_missing", "a count closed at no place")
    asked = floor.facts.counts.get(task.id or "")
    known = floor.flows.counts.get(count_key(task.id or AD_HOC + request.device, place))
    flow = known or CountFlow()
    if flow.outcome in kinds.DONE:
        return Refused("already_closed", f"{place} is counted", values={"document": place})
    if known is None and not _is_in_it(place, task.id, asked, floor):
        # What is empty is closed so; but not for a count that does not want this place: that is
        # a slip, and would count away whatever is there.
        return Refused("nothing_counted", f"{place} closed, uncounted", values={"place": place})
    gone = zeros(place, asked.items if asked else (), set(flow.counted), flow, floor)
    deeds = (observed(request, asked, place, flow.round, gone),) if gone else ()
    differences = [
        {**row_of(goods), "counted": n, "book": flow.book.get(goods, 0)}
        for goods, n in sorted(flow.counted.items())
        if n != flow.book.get(goods, 0)
    ] + [
        {**row_of(goods_in(row)), "counted": 0, "book": row["book"]} for row in gone if row["book"]
    ]
    is_large = any(_is_large(row, asked) for row in differences)
    outcome = kinds.MATCHED
    if is_large and flow.round == 1:
        outcome = kinds.RECOUNT
    elif is_large:
        is_supervised = floor.is_supervisor(request.supervisor)
        outcome = kinds.APPROVED if is_supervised else kinds.UNRESOLVED
    key, flags = _TOLD[outcome]
    extra: dict[str, object] = {"outcome": outcome}
    if outcome != kinds.RECOUNT or (asked is not None and not asked.blind):
        extra["differences"] = differences
    return Told(
        deeds=(*deeds, _closing(request, place, flow.round, outcome, differences)),
        key=key, flags=flags, values={"place": place, "n": len(differences)}, extra=extra,
    )  # fmt: skip


def _is_in_it(place: str, document: str | None, asked: Count | None, floor: Floor) -> bool:
    """Whether a place is one of the count; of one that nobody asked for, every place is."""
    return document is None or (asked is not None and place in places_of(asked, floor))


def approve(request: Request, floor: Floor) -> Verdict:
    """A supervisor stands for a difference that a second count did not clear up."""
    task, place = request.task, request.task.location
    if place is None:
        return Refused("location_missing", "an approval of no place")
    if not floor.is_supervisor(task.supervisor or task.worker):
        return Refused("supervisor_needed", "approved by nobody who may")
    flow = floor.flows.counts.get(count_key(task.id or AD_HOC + request.device, place))
    if flow is None or flow.outcome != kinds.UNRESOLVED:
        return Refused("nothing_to_approve", f"{place} waits for nobody", values={"place": place})
    differences = [
        {**row_of(goods), "counted": flow.before.get(goods, 0), "book": flow.book.get(goods, 0)}
        for goods in sorted(flow.before.keys() | flow.book.keys())
        if flow.before.get(goods, 0) != flow.book.get(goods, 0)
    ]
    closing = _closing(request, place, flow.round - 1, kinds.APPROVED, differences)
    return Told(deeds=(closing,), key="count_approved", values={"place": place})


def _is_large(row: Mapping[str, object], asked: Count | None) -> bool:
    """A difference above both limits; a count without a document has none."""
    counted, book = row["counted"], row["book"]
    if not isinstance(counted, int) or not isinstance(book, int):
        raise AssertionError(f"a difference without numbers: {row}")
    difference = abs(counted - book)
    if asked is None:
        return difference > 0
    is_above = difference * 1000 > asked.recount_per_mille * max(1, abs(book))
    return difference > asked.recount_units and is_above


def _closing(
    request: Request, place: str, n_round: int, outcome: str, rows: list[dict[str, object]]
) -> Deed:
    return Deed(
        type=ev.COUNT_CLOSED,
        place=place,
        body=said_of(
            request,
            {"location": place, "round": n_round, "outcome": outcome, "differences": rows},
        ),
        documents=document("count", request.task.id),
    )


_TOLD: Mapping[str, tuple[str, tuple[str, ...]]] = {
    kinds.MATCHED: ("count_matched", ()),
    kinds.APPROVED: ("count_approved", ()),
    kinds.RECOUNT: ("count_matched", ("recount_needed",)),
    kinds.UNRESOLVED: ("count_matched", ("approval_needed",)),
}
