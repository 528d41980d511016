"""From a reading to what it means: events for the journal and an answer for the device.

Pure: ids come from `new_id`, times from the reading and from `When`. A physical fact is never
rejected because it looks impossible: it is recorded and flagged. Refused is only what says
nothing that could be recorded: rubbish, a broken symbol, a missing place or quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cloud_sync.contract import events as ev
from cloud_sync.contract.values import value
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.flows.asking import is_announced, what_is_at, what_is_in, where_is
from gateway.core.flows.checks import lot_run_on
from gateway.core.flows.decide import decide, decide_command, decide_unit
from gateway.core.flows.floor import Floor
from gateway.core.flows.goods import Goods, Stop, amount
from gateway.core.flows.packs import pieces_in
from gateway.core.flows.sweeping import sweep
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict
from gateway.core.labels import LOGISTIC_UNIT, label_in
from gateway.core.messages import flaw_in_words, message, sentence
from gateway.core.readings import (
    COMMANDS,
    ClimateSample,
    Malformed,
    Scan,
    Stamp,
    Symbol,
    TagRead,
    TaskContext,
)
from gateway.core.sensor_faults import OUT_OF_RANGE, SensorRule, out_of_range

MAX_QUANTITY = 1_000_000
"""Units in one scan; above it a barcode was scanned into the quantity field."""


@value
class When:
    """The corrected time of a reading and how sure it is.

    today: the date in the warehouse's own time zone, YYYY-MM-DD; an expiry day is still good.
    """

    occurred_at_us: int
    clock: str
    error_us: int | None
    today: str


@value
class Outcome:
    """What one reading leaves behind.

    status: accepted | refused | flagged. result: the contract's `result` payload. set_aside:
    (kind, reason) if its raw bytes belong in quarantine, whether or not it was also recorded.
    """

    status: str
    result: Mapping[str, object]
    events: tuple[ev.Event, ...] = ()
    set_aside: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Decoder:
    """Turns readings into outcomes for one warehouse, in one language for its workers.

    labels: the house's own, as kind and pattern.
    """

    warehouse: str
    language: str
    new_id: Callable[[], str]
    sensor_rule: SensorRule = field(default_factory=SensorRule)
    labels: tuple[tuple[str, str], ...] = ()

    def malformed(self, reading: Malformed, floor: Floor) -> Outcome:
        """Rubbish: nothing to record, the bytes are kept, the device is told why."""
        key = reading.slip or "malformed"
        language = floor.language(reading.worker) or self.language
        text = message(key, language, reason=reading.reason, given=reading.given)
        return _refused(reading.stamp, key, text, kind=reading.kind, why=reading.reason)

    def climate(self, sample: ClimateSample, when: When) -> Outcome:
        """One sample of a zone's climate, as a window of one; flagged if it is impossible."""
        body: dict[str, object] = {}
        if sample.battery_pct is not None:
            body["battery_pct"] = sample.battery_pct
        if sample.humidity_centi_pct is not None:
            body["humidity_centi_pct"] = _window_of_one(sample.humidity_centi_pct)
        body["n"] = 1
        if sample.temperature_centi_c is not None:
            body["temperature_centi_c"] = _window_of_one(sample.temperature_centi_c)
        is_possible = out_of_range(sample, self.sensor_rule) is None
        flags = () if is_possible else (OUT_OF_RANGE,)
        event = self._event(
            ev.CLIMATE_SAMPLED, sample.stamp, when, zone=sample.zone, flags=flags, body=body
        )
        status = "accepted" if is_possible else "flagged"
        return Outcome(status, _result(sample.stamp, status, event.event_id), (event,))

    def scan(self, scan: Scan, floor: Floor, when: When) -> Outcome:
        """One scan in its task, against all that is known when it is decided."""
        symbol, task = scan.symbol or floor.called(scan.data), scan.task
        if (flaw := scan.symbol_error) is not None:
            reason = flaw_in_words(flaw, self._language(task, floor))
            return self._refuse(
                scan, floor, "symbol_refused", kind="symbol", why=flaw.text, reason=reason
            )
        if task is not None and task.type in COMMANDS:
            request = Request(scan.stamp.device, task, when.today)
            verdict = decide_command(request, floor, self._language(task, floor))
            return self._answer(scan.stamp, request, verdict, floor, when)
        if symbol is None or symbol.gtin is None:
            return self._no_product(scan, floor, when)
        if task is None or task.type == "lookup":
            return self._look_up(scan, symbol, floor, when)
        quantity, unit = _quantity(symbol, task)
        if not (0 if task.type == "count" else 1) <= quantity <= MAX_QUANTITY:
            why = f"quantity {quantity}"
            return self._refuse(
                scan, floor, "quantity_refused", kind="quantity", why=why, given=quantity
            )
        goods = Goods(symbol.gtin, symbol.lot or "", unit)
        if task.type != "receive":
            goods, quantity = pieces_in(goods, quantity, floor)
        request = Request(scan.stamp.device, task, when.today, symbol, goods, quantity)
        return self._answer(scan.stamp, request, decide(request, floor), floor, when)

    def sweep(
        self,
        read: TagRead,
        task: TaskContext,
        found: Mapping[str, tuple[str, ...]],
        floor: Floor,
        when: When,
    ) -> Outcome:
        """All tags of a place, read in one sweep of a count. found: serials by item."""
        request = Request(read.stamp.device, task, when.today)
        verdict: Verdict = Refused("location_missing", "a sweep of no place")
        if task.location is not None:
            verdict = sweep(request, task.location, found, floor)
        return self._answer(read.stamp, request, verdict, floor, when)

    def _answer(
        self, stamp: Stamp, request: Request, verdict: Verdict, floor: Floor, when: When
    ) -> Outcome:
        """A verdict as events for the journal and a result for the device."""
        language = self._language(request.task, floor)
        if isinstance(verdict, Refused):
            key, kind = verdict.key, verdict.kind
            text = _told(key, language, request, verdict, floor)
            return _refused(stamp, key, text, kind=kind, why=verdict.why)
        flags, deeds = verdict.flags, verdict.deeds
        main = verdict.main % len(deeds) if deeds else 0
        events = [
            self._event_of(deed, stamp, when, request, flags if i == main else ())
            for i, deed in enumerate(deeds)
        ]
        key = flags[0] if flags else verdict.key
        status = "flagged" if flags else "accepted"
        event_id = events[main].event_id if events else None
        text = _told(key, language, request, verdict, floor)
        result = _result(stamp, status, event_id, key, text)
        item = request.goods.item
        if item:
            result["item"] = {"gtin": item, "name": floor.name(item, language)}
        # With its keys in order it is encoded as it is.
        result = dict(sorted({**result, **verdict.extra}.items()))
        symbol = request.symbol
        if events and symbol is not None and item:
            events[:0] = [
                self._new_lot(stamp, symbol, gtin, when)
                for gtin in _new_lots(symbol, request.goods, floor)
            ]
        set_aside = None
        if "unknown_item" in flags and events:
            set_aside = ("item", f"unknown item {verdict.values.get('item', item)}")
        return Outcome(status, result, tuple(events), set_aside)

    def _event_of(
        self, deed: Deed, stamp: Stamp, when: When, request: Request, flags: tuple[str, ...]
    ) -> ev.Event:
        return ev.Event(
            event_id=self.new_id(),
            type=deed.type,
            version=EVENT_VERSION,
            occurred_at_us=when.occurred_at_us,
            received_at_us=stamp.received_at_us,
            warehouse=self.warehouse,
            device=device_mark(stamp, when),
            location=deed.place,
            worker=request.task.worker,
            documents=deed.documents,
            corrects=deed.corrects,
            flags=flags,
            lines=deed.lines,
            body=deed.body,
        )

    def _new_lot(self, stamp: Stamp, symbol: Symbol, gtin: str, when: When) -> ev.Event:
        body: dict[str, object] = {"item": gtin, "lot": symbol.lot}
        for name in ("expiry", "best_before", "production_date"):
            value = getattr(symbol, name)
            if value is not None:
                body[name] = value
        return self._event(ev.LOT_CREATED, stamp, when, body=body)

    def _no_product(self, scan: Scan, floor: Floor, when: When) -> Outcome:
        """A logistic unit as one, in tasks that move it; else labels are named if asked for."""
        label = label_in(scan, self.labels) or floor.label(scan.data)
        task = scan.task
        if label is None:
            is_question = task is None or task.type == "lookup"
            key = "nothing_known" if is_question else "not_a_product"
            return self._refuse(scan, floor, key, kind="symbol", why="no GTIN in it")
        if task is not None and label.kind == LOGISTIC_UNIT:
            request = Request(scan.stamp.device, task, when.today)
            verdict = decide_unit(request, label.id, floor)
            if verdict is not None:
                return self._answer(scan.stamp, request, verdict, floor, when)
        language = self._language(task, floor)
        what = message(label.kind, language, id=label.id)
        if task is not None and task.type != "lookup":
            why = f"{label.kind} {label.id}"
            return self._refuse(scan, floor, "label_not_goods", kind="label", why=why, label=what)
        result = _result(scan.stamp, "accepted", None, "label_known", what)
        result["label"] = {"kind": label.kind, "id": label.id}
        if label.kind == "location":
            result |= what_is_at(label.id, floor, language)
        elif label.kind == LOGISTIC_UNIT:
            inside = what_is_in(label.id, floor)
            if not inside and not is_announced(label.id, floor):
                told = message("unit_unknown", language, sscc=label.id)
                result |= {"message": told, "message_key": "unit_unknown"}
            result |= inside
        return Outcome("accepted", result)

    def _look_up(self, scan: Scan, symbol: Symbol, floor: Floor, when: When) -> Outcome:
        task = scan.task or TaskContext("lookup")
        goods = Goods(symbol.gtin or "", symbol.lot or "", "EA")
        request = Request(scan.stamp.device, task, when.today, symbol, goods, 1)
        language = self._language(task, floor)
        verdict = where_is(goods, floor, language, when.today, symbol.expiry)
        return self._answer(scan.stamp, request, verdict, floor, when)

    def _refuse(
        self, scan: Scan, floor: Floor, key: str, *, kind: str, why: str, **values: object
    ) -> Outcome:
        text = message(key, self._language(scan.task, floor), **values)
        return _refused(scan.stamp, key, text, kind=kind, why=why)

    def _language(self, task: TaskContext | None, floor: Floor) -> str:
        """The worker's, where the task names one who has a language of his own."""
        return floor.language(None if task is None else task.worker) or self.language

    def _event(
        self,
        event_type: str,
        stamp: Stamp,
        when: When,
        *,
        zone: str | None = None,
        flags: tuple[str, ...] = (),
        body: Mapping[str, object],
    ) -> ev.Event:
        return ev.Event(
            event_id=self.new_id(),
            type=event_type,
            version=EVENT_VERSION,
            occurred_at_us=when.occurred_at_us,
            received_at_us=stamp.received_at_us,
            warehouse=self.warehouse,
            device=device_mark(stamp, when),
            zone=zone,
            flags=flags,
            body=body,
        )


def _window_of_one(measured: int) -> dict[str, int]:
    return {"max": measured, "mean": measured, "min": measured}


def device_mark(stamp: Stamp, when: When) -> ev.DeviceMark:
    """The stamp as the event's header keeps it."""
    clock = when.clock
    return ev.DeviceMark(
        id=stamp.device,
        boot=stamp.boot,
        seq=stamp.seq,
        time=stamp.device_time,
        clock=clock if clock in ("trusted", "skewed", "unset") else "none",  # type: ignore[arg-type]  # narrowed to the Literal just before
        error_us=when.error_us,
    )


def _told(key: str, language: str, request: Request, verdict: Verdict, floor: Floor) -> str:
    """What the worker is told; only what it has blanks for is looked up."""
    said = sentence(key, language)
    values = {name: _value(name, language, request, verdict, floor) for name in said.blanks}
    return said.filled(values).rstrip()


def _value(name: str, language: str, request: Request, verdict: Verdict, floor: Floor) -> object:
    """What goes into a blank of any message: what the flow says, else what was scanned."""
    given, goods, task = verdict.values, request.goods, request.task
    if name == "item":
        return floor.name(str(given.get("item", goods.item)), language)
    if name == "piece":
        return floor.name(str(given.get(name)), language)
    if name == "known_lot":
        return lot_run_on(goods, floor)
    if name == "next":
        return _next(given.get(name), language, floor)
    found = given.get(name, request.quantity if name == "quantity" else None)
    if isinstance(found, int) and name in _AMOUNTS:
        return amount(found, goods.unit)
    if found is not None:
        return found
    if name == "lot":
        return goods.lot
    if name == "document":
        return task.id
    if name == "place":
        return task.location
    return _expiry(request, verdict, floor) if name == "expiry" else None


_AMOUNTS = frozenset(
    {"quantity", "counted", "expected", "received", "needed", "there", "picked", "used"}
)
"""Blanks that say how much of the goods in the worker's hand."""


def _next(stop: object, language: str, floor: Floor) -> str:
    """Where to go instead, behind a blank; nothing where the list is done."""
    if not isinstance(stop, Stop):
        return " "
    name, quantity = floor.name(stop.goods.item, language), amount(stop.quantity, stop.goods.unit)
    told = message("next_stop", language, item=name, quantity=quantity, place=stop.location)
    return f" {told}"


def _expiry(request: Request, verdict: Verdict, floor: Floor) -> str | None:
    """The day in the worker's hand; the known one where the two do not agree."""
    symbol = request.symbol
    is_conflict = isinstance(verdict, Told) and verdict.flags[:1] == ("expiry_conflict",)
    said = symbol.expiry if symbol is not None and not is_conflict else None
    return said or floor.expiry(request.goods)


def _new_lots(symbol: Symbol, goods: Goods, floor: Floor) -> list[str]:
    """The items of which the symbol's lot was never seen: what is kept of it, and its case."""
    if symbol.lot is None:
        return []
    pieces, _ = pieces_in(goods, 1, floor)
    named = dict.fromkeys((goods.item, pieces.item))
    return [gtin for gtin in named if not floor.knows_lot(gtin, symbol.lot)]


def _quantity(symbol: Symbol, task: TaskContext) -> tuple[int, str]:
    """What the worker said, else what the symbol says, else one piece."""
    if task.quantity is not None:
        return task.quantity, task.unit
    if symbol.weight_g is not None:
        return symbol.weight_g, "g"
    return (symbol.count if symbol.count is not None else 1), "EA"


def _refused(stamp: Stamp, key: str, text: str, *, kind: str, why: str) -> Outcome:
    return Outcome("refused", _result(stamp, "refused", None, key, text), set_aside=(kind, why))


def _result(
    stamp: Stamp,
    status: str,
    event_id: str | None,
    key: str | None = None,
    text: str | None = None,
) -> dict[str, object]:
    result: dict[str, object] = {}
    if stamp.boot is not None:
        result["boot"] = stamp.boot
    if event_id is not None:
        result["event_id"] = event_id
    if text is not None:
        result["message"] = text
    if key is not None:
        result["message_key"] = key
    if stamp.seq is not None:
        result["seq"] = stamp.seq
    result["status"] = status
    result["v"] = 1
    return result
