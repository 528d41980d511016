"""What there is to do: one list for all PDAs, from the documents and from how far each task is.

Order of the list: receive, ship, pick, put away, count; the most urgent of each first. What is
finished here leaves the list at once, however long the cloud takes to hear of it.
"""

from __future__ import annotations

from typing import Final

from cloud_sync.contract import keys
from cloud_sync.contract.documents import Asn, Count, Order, ShipmentLine, Transfer
from gateway.core.flows.counting import open_places
from gateway.core.flows.fefo import still_wanted
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import goods_rows, stop_rows
from gateway.core.flows.picking import wanted_of
from gateway.core.flows.records import DispatchFlow, OrderFlow, ReceiptFlow

MAX_TASKS: Final = 200
ROWS_MAX: Final = 200
"""Lines shown of what stands on the dock; scanning works for the rest as well."""
NO_HURRY: Final = 2**53

Task = dict[str, object]


def open_tasks(floor: Floor) -> list[Task]:
    """What workers of this warehouse can do now."""
    facts = floor.facts
    here = facts.warehouse
    tasks = [
        *_receiving(floor),
        *(
            _ship_task(it, floor)
            for _, it in sorted(facts.transfers.items())
            if it.source == here and it.status != "received"
        ),
        *_picking(floor),
        *_put_away(floor),
        *_counting(floor),
    ]
    return tasks[:MAX_TASKS]


def _receiving(floor: Floor) -> list[Task]:
    tasks = []
    for key, asn in sorted(floor.facts.asns.items()):
        receipt = floor.flows.receipts.get(key, ReceiptFlow())
        is_due = asn.status == "dispatched" and not receipt.is_closed
        if asn.warehouse == floor.facts.warehouse and is_due:
            tasks.append(_receive_task(asn, receipt))
    return tasks


def _receive_task(asn: Asn, receipt: ReceiptFlow) -> Task:
    goods = asn.shipped or asn.ordered
    task: Task = {
        "type": "receive",
        "id": asn.id,
        "source": asn.source,
        "lines": [_line(line) for line in goods],
    }
    return task | ({"received": goods_rows(receipt.received)} if receipt.received else {})


def _ship_task(transfer: Transfer, floor: Floor) -> Task:
    sent = floor.flows.transfers.get(transfer.id, DispatchFlow()).dispatched
    task: Task = {
        "type": "ship",
        "id": transfer.id,
        "destination": transfer.destination,
        "lines": [_line(line) for line in transfer.ordered],
        "shipped": [_line(line) for line in transfer.shipped],
    }
    return task | ({"sent": goods_rows(sent)} if sent else {})


def _picking(floor: Floor) -> list[Task]:
    due = [
        order
        for order in floor.facts.orders.values()
        if order.warehouse == floor.facts.warehouse and order.status == "open"
    ]
    due.sort(key=lambda it: (NO_HURRY if it.ship_by_us is None else it.ship_by_us, it.id))
    tasks = [_pick_task(order, floor) for order in due[:MAX_TASKS]]
    return [task for task in tasks if task is not None]


def _pick_task(order: Order, floor: Floor) -> Task | None:
    """An order with what is left of it; one that is all picked is to be packed and sent."""
    flow = floor.flows.orders.get(order.id, OrderFlow())
    wanted = wanted_of(order)
    task: Task = {"type": "pick", "id": order.id}
    if order.ship_by_us is not None:
        task["ship_by_us"] = order.ship_by_us
    if not still_wanted(wanted, flow.picked):
        left = {it: n - flow.shipped.get(it, 0) for it, n in flow.picked.items()}
        left = {it: n for it, n in left.items() if n > 0}
        return task | {"type": "ship", "lines": goods_rows(left)} if left else None
    task["lines"] = [line.model_dump() for line in order.lines]
    if flow.stops:
        task["stops"] = stop_rows(flow.stops)
    if flow.picked:
        task["picked"] = goods_rows(flow.picked)
    return task


def _put_away(floor: Floor) -> list[Task]:
    """What stands on the dock and belongs on a shelf, with the zone it belongs in."""
    rows = []
    for key, n in floor.stock_at(keys.RECEIVING)[:ROWS_MAX]:
        item = floor.item(key.item)
        row: dict[str, object] = {
            "item": key.item, "quantity": n, "unit": key.unit, "status": key.status
        }  # fmt: skip
        if key.lot:
            row["lot"] = key.lot
        if item is not None:
            row["zone"] = item.zone
        rows.append(row)
    return [{"type": "putaway", "location": keys.RECEIVING, "lines": rows}] if rows else []


def _counting(floor: Floor) -> list[Task]:
    due = [
        count
        for count in floor.facts.counts.values()
        if count.warehouse == floor.facts.warehouse and count.status == "open"
    ]
    due.sort(key=lambda it: (NO_HURRY if it.due_at_us is None else it.due_at_us, it.id))
    tasks = [_count_task(count, floor) for count in due[:MAX_TASKS]]
    doubted = [
        {"type": "count", "blind": True, "stops": [{"location": place, "round": 1}]}
        for place in sorted(floor.flows.doubts)
    ]
    return [task for task in tasks if task["stops"]] + doubted


def _count_task(count: Count, floor: Floor) -> Task:
    stops = [{"location": place, "round": n} for place, n in open_places(count, floor)]
    task: Task = {"type": "count", "id": count.id, "blind": count.blind, "stops": stops}
    if count.items:
        task["items"] = list(count.items)
    return task


def _line(line: ShipmentLine) -> Task:
    return line.model_dump(exclude_none=True)
