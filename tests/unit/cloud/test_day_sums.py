"""Pins what an event adds to the sums of its day: sold, returned, short, wasted, net, and who did
it; and that what is taken back leaves no trace in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from cloud_sync.contract import events as ev
from cloud_sync.demand.day_sums import Sum, additions
from cloud_sync.demand.hours import Hour
from tests.fakes.uploads import ITEM, event_id

HOUR = Hour("2026-03-01", 9)


def line(start: str, end: str, quantity: int) -> ev.Line:
    return ev.Line(item=ITEM, from_location=start, to_location=end, quantity=quantity)


def event(kind: str, *lines: ev.Line, **more: object) -> ev.Event:
    made = ev.Event(
        event_id=event_id(1), type=kind, version=1, occurred_at_us=1, received_at_us=1,
        warehouse="W1", lines=lines,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def taken_back(it: ev.Event) -> ev.Event:
    """As a worker's undo is written: the lines turned, what was said inside."""
    turned = [
        replace(each, from_location=each.to_location, to_location=each.from_location)
        for each in it.lines
    ]
    body: dict[str, object] = {"corrects_type": it.type, "of": dict(it.body)}
    return event(
        ev.EVENT_CORRECTED, *turned, body=body | {"of_flags": list(it.flags)}, corrects=it.event_id
    )


def sums(*events: ev.Event) -> dict[Sum, int]:
    found: Counter[Sum] = Counter()
    for each in events:
        for key, n in additions(each, HOUR):
            found[key] += n
    return {key: n for key, n in found.items() if n}


def test_a_sale_is_sold_and_leaves_the_warehouse() -> None:
    sale = event(ev.ORDER_DELIVERED, line("PACK", "@customer", 3))
    assert sums(sale) == {Sum("sold", ITEM, "", "EA"): 3, Sum("net", ITEM, "", "EA"): -3}


def test_a_return_takes_no_sale_back() -> None:
    back = event(ev.GOODS_RETURNED, line("@customer", "RET", 2))
    assert sums(back) == {Sum("returned", ITEM, "", "EA"): 2, Sum("net", ITEM, "", "EA"): 2}


def test_what_leaves_for_another_warehouse_is_sent_and_not_sold() -> None:
    sent = event(ev.TRANSFER_DISPATCHED, line("A-1", "@transit.TR-1", 6))
    assert sums(sent) == {Sum("sent", ITEM, "", "EA"): 6, Sum("net", ITEM, "", "EA"): -6}
    come = event(ev.TRANSFER_RECEIVED, line("@transit.TR-1", "DOCK", 6))
    assert sums(come) == {Sum("net", ITEM, "", "EA"): 6}


def test_waste_is_by_its_reason() -> None:
    waste = event(ev.STOCK_WASTED, line("A-1", "@waste", 4), body={"reason": "expired"})
    assert sums(waste)[Sum("wasted", ITEM, "expired", "EA")] == 4


def test_a_move_inside_adds_nothing() -> None:
    assert sums(event(ev.GOODS_MOVED, line("A-1", "B-1", 5))) == {}


def test_a_short_counts_only_where_nothing_was_found_elsewhere() -> None:
    body = {"item": ITEM, "missing": 2, "unit": "EA"}
    assert sums(event(ev.PICK_SHORT, body=body)) == {}
    told = event(ev.PICK_SHORT, body=body, flags=("order_short",))
    assert sums(told) == {Sum("short", ITEM, "", "EA"): 2}


def test_what_is_taken_back_leaves_nothing() -> None:
    for it in (
        event(ev.ORDER_DELIVERED, line("PACK", "@customer", 3)),
        event(ev.GOODS_RETURNED, line("@customer", "RET", 2)),
        event(ev.TRANSFER_DISPATCHED, line("A-1", "@transit.TR-1", 6)),
        event(ev.STOCK_WASTED, line("A-1", "@waste", 4), body={"reason": "expired"}),
        event(ev.PICK_SHORT, body={"item": ITEM, "missing": 2}, flags=("order_short",)),
    ):
        assert sums(it) != {}
        assert sums(it, taken_back(it)) == {}
        assert sums(it, taken_back(it), taken_back(taken_back(it))) == sums(it)


def test_a_worker_has_deeds_units_and_hours() -> None:
    pick = event(ev.GOODS_PICKED, line("A-1", "PACK", 3), line("A-2", "PACK", 1), worker="anna")
    assert sums(pick) == {
        Sum("deeds", "anna", ev.GOODS_PICKED, "n"): 1,
        Sum("hours", "anna", "09", "n"): 1,
        Sum("moved", "anna", "", "EA"): 4,
    }
