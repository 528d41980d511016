"""Who is in which task and how far: a fold of the journal's events.

Two of these live in a gateway. One is folded by the projector and kept with its cursor, so that
a restarted gateway knows what it knew. The other, in Floor, runs ahead by the events that are on
their way to the disk, so that two scans in one group see each other.

Sums are signed, and a correction folds the corrected event again with the sign turned: the order
in which different devices' events come does not matter to them. What is newest wins elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.core.flows import fefo, kinds
from gateway.core.flows.goods import add, goods_in, goods_of, number, stops_in
from gateway.core.flows.records import CountFlow, DispatchFlow, OrderFlow, ReceiptFlow, Unit

RECORDS_MAX: Final = 2000
"""Records of one kind; the longest untouched leave first (orders nobody ever closed)."""
RECENT_MAX: Final = 3
"""How many of a device's last scans can be taken back, one after the other."""
AD_HOC: Final = "~"
"""Before a device's name: the count that has no document."""

R = TypeVar("R", OrderFlow, ReceiptFlow, DispatchFlow, CountFlow, Unit)
V = TypeVar("V")


@dataclass(slots=True)
class Recent:
    """An event that can be taken back. body: its canonical bytes, once anybody has them."""

    event: ev.Event
    body: bytes = field(default=b"", compare=False)

    def encoded(self) -> str:
        """The event's canonical bytes as text, made once however often it is kept."""
        if not self.body:
            self.body = ev.encode_event(self.event)
        return self.body.decode()


@dataclass(slots=True)
class Flows:
    """Records by kind. counts: by `count_key`, of the count (or AD_HOC + device) and the place.

    recent: a device's last events that can be taken back, newest last. holds: (item, lot) →
    reason. doubts: places found short, and when. ad_hoc: a device's count that has no document,
    by key.
    """

    orders: dict[str, OrderFlow] = field(default_factory=dict)
    receipts: dict[str, ReceiptFlow] = field(default_factory=dict)
    transfers: dict[str, DispatchFlow] = field(default_factory=dict)
    counts: dict[str, CountFlow] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    doubts: dict[str, int] = field(default_factory=dict)
    recent: dict[str, list[Recent]] = field(default_factory=dict)
    ad_hoc: dict[str, str] = field(default_factory=dict)
    dirty: set[tuple[str, str]] = field(default_factory=set, compare=False)
    """What has changed since somebody last asked, as (kind, key)."""

    def apply(self, event: ev.Event, body: bytes = b"") -> None:
        """Fold one event of this warehouse. body: its bytes, where they are at hand."""
        event_type = event.type
        if event_type == ev.EVENT_CORRECTED:
            self._correct(event)
            return
        handler = _HANDLERS.get(event_type)
        if handler is not None:
            handler(self, event, 1)
        if event_type in kinds.OF_WORKERS and event.device is not None:
            self._remember(event, event.device.id, body)

    def take_dirty(self) -> set[tuple[str, str]]:
        """What has changed since the last time."""
        dirty, self.dirty = self.dirty, set()
        return dirty

    def record(
        self, kind: str, records: dict[str, R], key: str, make: Callable[[int], R], at_us: int
    ) -> R:
        """The record of a key, made if it is new, marked as changed at a time."""
        self.dirty.add((kind, key))
        found = records.get(key)
        if found is None:
            self.dirty |= {(kind, gone) for gone in _make_room(records, lambda it: it.at_us)}
            found = records[key] = make(at_us)
        elif at_us > found.at_us:
            found.at_us = at_us
        return found

    def _correct(self, event: ev.Event) -> None:
        """Fold the corrected event with the sign turned; it can be taken back no more."""
        was, original_type = event.body.get("of"), str(event.body.get("corrects_type"))
        flags = event.body.get("of_flags")
        handler = _HANDLERS.get(original_type)
        if handler is not None and original_type in kinds.TAKEN_BACK:
            original = replace(
                event,
                type=original_type,
                lines=tuple(map(turned, event.lines)),
                flags=tuple(map(str, flags)) if isinstance(flags, list | tuple) else (),
                body=was if isinstance(was, Mapping) else {},
            )
            handler(self, original, -1)
        for device, events in list(self.recent.items()):
            left = [it for it in events if it.event.event_id != event.corrects]
            if len(left) < len(events):
                self.dirty.add(("recent", device))
                if left:
                    self.recent[device] = left
                else:
                    del self.recent[device]

    def _remember(self, event: ev.Event, device: str, body: bytes) -> None:
        if device in self.ad_hoc:
            is_counting = event.type in {ev.COUNT_OBSERVED, ev.COUNT_CLOSED}
            if not is_counting or event.body.get("outcome") in kinds.DONE:
                self.end_ad_hoc(device)
        if event.type not in kinds.TAKEN_BACK:
            return
        self.dirty.add(("recent", device))
        known = self.recent.get(device)
        if known is None:
            gone = _make_room(self.recent, lambda it: it[-1].event.occurred_at_us)
            self.dirty |= {("recent", each) for each in gone}
            self.recent[device] = [Recent(event, body)]
        else:
            known.append(Recent(event, body))
            del known[:-RECENT_MAX]

    def end_ad_hoc(self, device: str) -> None:
        """Who does something else has finished the count that nobody asked for."""
        key = self.ad_hoc.pop(device, None)
        if key is not None and self.counts.pop(key, None) is not None:
            self.dirty.add(("count", key))


def count_key(count: str, location: str) -> str:
    """A count at a place; neither name can hold a slash."""
    return f"{count}/{location}"


def count_of(event: ev.Event) -> str | None:
    """The key of the count that an event belongs to; None if it names no place."""
    if event.location is None:
        return None
    document = document_of(event, "count")
    device = AD_HOC + (event.device.id if event.device is not None else "")
    return count_key(document or device, event.location)


def document_of(event: ev.Event, kind: str) -> str | None:
    """The id of the document of a kind that an event names."""
    for it in event.documents:
        if it.type == kind:
            return it.id
    return None


def turned(line: ev.Line) -> ev.Line:
    """A line the other way round."""
    return replace(
        line,
        from_location=line.to_location,
        to_location=line.from_location,
        from_status=line.to_status,
        to_status=line.from_status,
    )


def _make_room(records: dict[str, V], age: Callable[[V], int]) -> list[str]:
    """Let the tenth that was longest untouched go, if there are too many; gives their keys."""
    if len(records) < RECORDS_MAX:
        return []
    gone = sorted(records, key=lambda key: (age(records[key]), key))[: RECORDS_MAX // 10]
    for key in gone:
        del records[key]
    return gone


# ---------------------------------------------------------------- what each event does


def _received(flows: Flows, event: ev.Event, sign: int) -> None:
    asn = document_of(event, "asn")
    if asn is None:
        return
    receipt = flows.record("receipt", flows.receipts, asn, ReceiptFlow, event.occurred_at_us)
    for line in event.lines:
        if line.to_location == keys.ADJUSTMENT:
            continue  # the closing of a transfer that lost something: nothing came
        goods, quantity = goods_of(line), sign * line.quantity
        add(receipt.received, goods, quantity)
        if line.to_status == kinds.DAMAGED:
            add(receipt.damaged, goods, quantity)
    _move_units(flows, event, sign)


def _receipt_closed(flows: Flows, event: ev.Event, sign: int) -> None:
    asn = document_of(event, "asn")
    if asn is not None:
        at_us = event.occurred_at_us
        flows.record("receipt", flows.receipts, asn, ReceiptFlow, at_us).is_closed = sign > 0


def _moved(flows: Flows, event: ev.Event, sign: int) -> None:
    _move_units(flows, event, sign)


def _move_units(flows: Flows, event: ev.Event, sign: int) -> None:
    """An SSCC that an event names stands where its goods went; one that left is forgotten."""
    sscc = document_of(event, "sscc")
    if sscc is None or not event.lines or (sscc not in flows.units and sign > 0):
        return
    line = event.lines[0]
    place = line.to_location if sign > 0 else line.from_location
    if keys.is_virtual(place):
        del flows.units[sscc]
        flows.dirty.add(("unit", sscc))
        return
    unit = flows.record("unit", flows.units, sscc, Unit, event.occurred_at_us)
    unit.location = place
    if not unit.contents:  # it had left, and is back
        unit.order = document_of(event, "order")
        for line in event.lines:
            add(unit.contents, goods_of(line), line.quantity)


def _picked(flows: Flows, event: ev.Event, sign: int) -> None:
    order = document_of(event, "order")
    if order is None or kinds.NOT_FOR_ORDER.intersection(event.flags):
        return
    flow = flows.record("order", flows.orders, order, OrderFlow, event.occurred_at_us)
    for line in event.lines:
        goods, place = goods_of(line), line.from_location
        add(flow.picked, goods, sign * line.quantity)
        if sign > 0:
            flow.stops = fefo.consume(flow.stops, place, goods, line.quantity)
        elif not kinds.BESIDE_THE_LIST.intersection(event.flags):
            flow.stops = fefo.put_back(flow.stops, place, goods, line.quantity)
        # Else it was some other stop that it stood for; a list made anew comes with the undo.


def _allocated(flows: Flows, event: ev.Event, sign: int) -> None:
    order = document_of(event, "order")
    if order is not None:
        flow = flows.record("order", flows.orders, order, OrderFlow, event.occurred_at_us)
        flow.stops = stops_in(event.body.get("stops"))


def _document(flows: Flows, event: ev.Event, sign: int) -> None:
    if event.body.get("kind") != doc.ORDER:
        return
    key, is_gone = str(event.body.get("key")), event.body.get("deleted") is True
    if is_gone or key in flows.orders:
        at_us = event.occurred_at_us
        flows.record("order", flows.orders, key, OrderFlow, at_us).is_gone = is_gone


def _short(flows: Flows, event: ev.Event, sign: int) -> None:
    order, place = document_of(event, "order"), event.location
    if order is None or place is None:
        return
    goods = goods_in(event.body)
    flow = flows.record("order", flows.orders, order, OrderFlow, event.occurred_at_us)
    flow.stops = fefo.drop(flow.stops, place, goods, number(event.body["missing"]))
    flow.empty.add((place, goods))
    flows.doubts[place] = event.occurred_at_us
    flows.dirty.add(("doubt", place))


def _shipped(flows: Flows, event: ev.Event, sign: int) -> None:
    order = document_of(event, "order")
    if order is not None:
        flow = flows.record("order", flows.orders, order, OrderFlow, event.occurred_at_us)
        for line in event.lines:
            add(flow.shipped, goods_of(line), sign * line.quantity)
    _move_units(flows, event, sign)


def _dispatched(flows: Flows, event: ev.Event, sign: int) -> None:
    transfer = document_of(event, "transfer")
    if transfer is not None:
        at_us = event.occurred_at_us
        flow = flows.record("transfer", flows.transfers, transfer, DispatchFlow, at_us)
        for line in event.lines:
            add(flow.dispatched, goods_of(line), sign * line.quantity)
    _move_units(flows, event, sign)


def _packed(flows: Flows, event: ev.Event, sign: int) -> None:
    sscc, children = event.body.get("parent"), event.body.get("children")
    if not isinstance(sscc, str) or not isinstance(children, list | tuple):
        return  # written before units had contents
    sign = -sign if event.type == ev.UNIT_UNPACKED else sign
    unit = flows.record("unit", flows.units, sscc, Unit, event.occurred_at_us)
    unit.location = event.location or unit.location
    unit.order = document_of(event, "order") or unit.order
    for child in children:
        add(unit.contents, goods_in(child), sign * number(child["quantity"]))
    if not unit.contents:
        del flows.units[sscc]


def _counted(flows: Flows, event: ev.Event, sign: int) -> None:
    key, assertions = count_of(event), event.body.get("assertions")
    if key is None or not isinstance(assertions, list | tuple):
        return
    count = _count_record(flows, event, key)
    count.outcome = ""
    is_of_round_before = event.body.get("round") == count.round - 1
    for row in assertions:
        goods, counted = goods_in(row), number(row["quantity"])
        book, added = row.get("book"), row.get("added")
        if sign > 0:
            if isinstance(book, int) and goods not in count.counted:
                count.book[goods] = book
            count.counted[goods] = counted
        else:
            tally = count.before if is_of_round_before else count.counted
            if isinstance(added, int) and tally.get(goods, 0) > added:
                tally[goods] -= added
            elif tally.pop(goods, None) is not None and is_of_round_before:
                count.book.pop(goods, None)  # as if it had never been counted
    place = event.location or ""
    if sign > 0 and kinds.LOTS_TO_COUNT in event.flags:
        flows.doubts[place] = event.occurred_at_us
        flows.dirty.add(("doubt", place))
    elif flows.doubts.pop(place, None) is not None:
        flows.dirty.add(("doubt", place))


def _count_record(flows: Flows, event: ev.Event, key: str) -> CountFlow:
    """The record of a count at a place; a device has one count without a document at a time."""
    if document_of(event, "count") is None and event.device is not None:
        if flows.ad_hoc.get(event.device.id, key) != key:
            flows.end_ad_hoc(event.device.id)
        flows.ad_hoc[event.device.id] = key
    return flows.record("count", flows.counts, key, CountFlow, event.occurred_at_us)


def _count_closed(flows: Flows, event: ev.Event, sign: int) -> None:
    key = count_of(event)
    if key is None:
        return
    count = _count_record(flows, event, key)
    count.outcome = str(event.body.get("outcome"))
    if count.outcome in kinds.DONE:
        count.round, count.before, count.book = 1, {}, {}
    elif count.outcome in {kinds.RECOUNT, kinds.UNRESOLVED}:
        count.round, count.before = number(event.body["round"]) + 1, count.counted
    count.counted = {}


def _held(flows: Flows, event: ev.Event, sign: int) -> None:
    key = str(event.body["item"]), str(event.body.get("lot") or "")
    flows.holds[key] = str(event.body.get("reason") or "held")
    flows.dirty.add(("hold", "/".join(key)))


def _released(flows: Flows, event: ev.Event, sign: int) -> None:
    key = str(event.body["item"]), str(event.body.get("lot") or "")
    flows.holds.pop(key, None)
    flows.dirty.add(("hold", "/".join(key)))


_HANDLERS: Final[Mapping[str, Callable[[Flows, ev.Event, int], None]]] = {
    ev.GOODS_RECEIVED: _received,
    ev.TRANSFER_RECEIVED: _received,
    ev.RECEIPT_CLOSED: _receipt_closed,
    ev.GOODS_MOVED: _moved,
    ev.GOODS_PICKED: _picked,
    ev.PICK_ALLOCATED: _allocated,
    ev.PICK_SHORT: _short,
    ev.ORDER_DELIVERED: _shipped,
    ev.TRANSFER_DISPATCHED: _dispatched,
    ev.UNIT_PACKED: _packed,
    ev.UNIT_UNPACKED: _packed,
    ev.COUNT_OBSERVED: _counted,
    ev.COUNT_CLOSED: _count_closed,
    ev.LOT_HELD: _held,
    ev.LOT_RECALLED: _held,
    ev.LOT_RELEASED: _released,
    ev.DOCUMENT_CHANGED: _document,
}
