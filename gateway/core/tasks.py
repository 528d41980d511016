"""The worker's tasks: what kind of event each makes, and between which two places.

    task      event                                 from → to
    receive   goods.received                        @supplier → location or DOCK
              transfer.received, if the ASN's       @transit.TR → location or DOCK
              goods travel under a transfer
    putaway   goods.moved                           DOCK → location
    move      goods.moved                           id (a location) → location
    pick      goods.picked                          location → PACK
    pack      unit.packed (id: the SSCC)            no movement
    ship      transfer.dispatched, for a transfer   location or PACK → @transit.TR
              order.delivered, for an order         location or PACK → @customer
    return    goods.returned                        @customer → location or DOCK
    waste     stock.wasted                          location → @waste
    count     count.observed                        an assertion, no movement
    inspect   goods.inspected                       an observation, no movement

At a pre-positioned warehouse the order leaves with the rider at the door: that is the sale.
"""

from __future__ import annotations

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.values import value
from gateway.core.facts import Facts
from gateway.core.readings import TaskContext


@value
class Movement:
    """What a task does. place: where the worker stood. moves: False for mere observations.

    needs_usable: True where an expired lot must be pointed out to the worker.
    """

    event_type: str
    from_location: str
    to_location: str
    place: str | None
    documents: tuple[ev.Document, ...] = ()
    moves: bool = True
    needs_usable: bool = False
    document_is_known: bool = True


def plan_movement(task: TaskContext, facts: Facts) -> Movement | str:
    """What the task does, or the message key of what it lacks."""
    if task.type == "receive":
        return _receive(task, facts)
    if task.type == "ship":
        return _ship(task, facts)
    if task.type == "pack":
        return _pack(task)
    if task.type == "return":
        place = task.location or keys.RECEIVING
        documents = _documents("order", task.id)
        is_to_be_sold = task.condition in (None, "good")
        return Movement(
            ev.GOODS_RETURNED, keys.CUSTOMER, place, place, documents, needs_usable=is_to_be_sold
        )
    if task.location is None:
        return "location_missing"
    return _at_location(task, task.location)


def _at_location(task: TaskContext, place: str) -> Movement | str:
    if task.type == "putaway":
        return Movement(ev.GOODS_MOVED, keys.RECEIVING, place, place)
    if task.type == "move":
        if task.id is None:
            return "location_missing"
        return Movement(ev.GOODS_MOVED, task.id, place, place)
    if task.type == "pick":
        documents = _documents("order", task.id)
        return Movement(ev.GOODS_PICKED, place, keys.PACKING, place, documents, needs_usable=True)
    if task.type == "waste":
        return Movement(ev.STOCK_WASTED, place, keys.WASTE, place)
    if task.type == "count":
        documents = _documents("count", task.id)
        return Movement(ev.COUNT_OBSERVED, place, place, place, documents, moves=False)
    if task.type == "inspect":
        return Movement(ev.GOODS_INSPECTED, place, place, place, moves=False)
    raise AssertionError(f"task type {task.type!r} is not in the table above")


def _receive(task: TaskContext, facts: Facts) -> Movement:
    place = task.location or keys.RECEIVING
    asn = facts.asns.get(task.id) if task.id is not None else None
    documents = _documents("asn", task.id)
    if asn is not None and asn.transfer is not None:
        documents += _documents("transfer", asn.transfer)
        source = keys.transit(asn.transfer)
        return Movement(ev.TRANSFER_RECEIVED, source, place, place, documents, needs_usable=True)
    return Movement(
        ev.GOODS_RECEIVED,
        keys.SUPPLIER,
        place,
        place,
        documents,
        needs_usable=True,
        document_is_known=task.id is None or asn is not None,
    )


def _ship(task: TaskContext, facts: Facts) -> Movement | str:
    if task.id is None:
        return "document_missing"
    source = task.location or keys.PACKING
    if task.id in facts.transfers:
        documents = _documents("transfer", task.id)
        target = keys.transit(task.id)
        event_type = ev.TRANSFER_DISPATCHED
    else:
        documents = _documents("order", task.id)
        target = keys.CUSTOMER
        event_type = ev.ORDER_DELIVERED
    return Movement(event_type, source, target, source, documents, needs_usable=True)


def _pack(task: TaskContext) -> Movement | str:
    if task.id is None:
        return "document_missing"
    place = task.location or keys.PACKING
    return Movement(ev.UNIT_PACKED, place, place, place, _documents("sscc", task.id), moves=False)


def _documents(kind: str, key: str | None) -> tuple[ev.Document, ...]:
    return () if key is None else (ev.Document(type=kind, id=key),)
