"""From a reading to what it means: events for the journal and an answer for the device.

Pure: ids come from `new_id`, times from the reading and from `When`. A physical fact is never
rejected because it looks impossible: it is recorded and flagged. Refused is only what says
nothing that could be recorded: rubbish, a broken symbol, a missing place or quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.version import EVENT_VERSION
from gateway.core.facts import Facts
from gateway.core.labels import label_in
from gateway.core.messages import message
from gateway.core.readings import ClimateSample, Malformed, Scan, Stamp, Symbol, TaskContext
from gateway.core.sensor_faults import OUT_OF_RANGE, SensorRule, out_of_range
from gateway.core.tasks import Movement, plan_movement

MAX_QUANTITY = 1_000_000
"""Units in one scan; above it a barcode was scanned into the quantity field."""


@dataclass(frozen=True, slots=True)
class When:
    """The corrected time of a reading and how sure it is.

    today: the date in the warehouse's own time zone, YYYY-MM-DD; an expiry day is still good.
    """

    occurred_at_us: int
    clock: str
    error_us: int | None
    today: str


@dataclass(frozen=True, slots=True)
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

    def malformed(self, reading: Malformed) -> Outcome:
        """Rubbish: nothing to record, the bytes are kept, the device is told why."""
        return self._refuse(
            reading.stamp,
            "malformed",
            kind=reading.kind,
            why=reading.reason,
            reason=reading.reason,
        )

    def climate(self, sample: ClimateSample, when: When) -> Outcome:
        """One sample of a zone's climate, as a window of one; flagged if it is impossible."""
        body: dict[str, object] = {"n": 1}
        for name in ("temperature_centi_c", "humidity_centi_pct"):
            value = getattr(sample, name)
            if value is not None:
                body[name] = {"min": value, "mean": value, "max": value}
        if sample.battery_pct is not None:
            body["battery_pct"] = sample.battery_pct
        is_possible = out_of_range(sample, self.sensor_rule) is None
        flags = () if is_possible else (OUT_OF_RANGE,)
        event = self._event(
            ev.CLIMATE_SAMPLED, sample.stamp, when, zone=sample.zone, flags=flags, body=body
        )
        status = "accepted" if is_possible else "flagged"
        return Outcome(status, _result(sample.stamp, status, event.event_id), (event,))

    def scan(
        self, scan: Scan, facts: Facts, when: When, fresh_lots: Set[tuple[str, str]]
    ) -> Outcome:
        """One scan in its task. fresh_lots: lots created just now, not yet among the facts."""
        if scan.symbol_error is not None:
            return self._refuse(
                scan.stamp, "symbol_refused", kind="symbol", why=scan.symbol_error,
                reason=scan.symbol_error,
            )  # fmt: skip
        symbol, task = scan.symbol, scan.task
        if symbol is None or symbol.gtin is None:
            return self._no_product(scan)
        if task is None or task.type == "lookup":
            return self._look_up(scan.stamp, symbol.gtin, facts)
        quantity, unit = _quantity(symbol, task)
        if not (0 if task.type == "count" else 1) <= quantity <= MAX_QUANTITY:
            return self._refuse(
                scan.stamp, "quantity_refused", kind="quantity", why=f"quantity {quantity}",
                quantity=quantity,
            )  # fmt: skip
        movement = plan_movement(task, facts)
        if isinstance(movement, str):
            return self._refuse(scan.stamp, movement, kind="task", why=movement.replace("_", " "))
        lot = (symbol.gtin, symbol.lot or "")
        events: tuple[ev.Event, ...] = ()
        if symbol.lot is not None and lot not in facts.lots and lot not in fresh_lots:
            events = (self._new_lot(scan.stamp, symbol, symbol.gtin, when),)
        return self._record(
            scan, symbol.gtin, movement, facts, when, events=events, quantity=quantity, unit=unit
        )

    def _record(
        self,
        scan: Scan,
        gtin: str,
        movement: Movement,
        facts: Facts,
        when: When,
        *,
        events: tuple[ev.Event, ...],
        quantity: int,
        unit: str,
    ) -> Outcome:
        symbol, task = scan.symbol, scan.task
        if symbol is None or task is None:
            raise AssertionError("only a scan with symbol and task is recorded")
        flags = _flags(symbol, gtin, movement, facts, when)
        body: dict[str, object] = {}
        lines: tuple[ev.Line, ...] = ()
        if movement.moves:
            lines = (
                ev.Line(
                    item=gtin,
                    lot=symbol.lot,
                    serials=(symbol.serial,) if symbol.serial else (),
                    from_location=movement.from_location,
                    to_location=movement.to_location,
                    quantity=quantity,
                    unit="g" if unit == "g" else "EA",
                ),
            )
        else:
            body = _assertion(gtin, symbol, movement, quantity, unit)
        if task.reason:
            body["reason"] = task.reason
        event = self._event(
            movement.event_type,
            scan.stamp,
            when,
            location=movement.place,
            worker=task.worker,
            documents=movement.documents,
            flags=flags,
            lines=lines,
            body=body,
        )
        name = _name(gtin, facts, self.language)
        status = "flagged" if flags else "accepted"
        key = flags[0] if flags else "accepted"
        known_expiry = facts.lots.get((gtin, symbol.lot or ""))
        text = message(
            key, self.language, item=name, quantity=quantity, lot=symbol.lot,
            expiry=known_expiry if key == "expiry_conflict" else symbol.expiry or known_expiry,
            document=task.id,
        )  # fmt: skip
        result = _result(scan.stamp, status, event.event_id, key, text)
        result["item"] = {"gtin": gtin, "name": name}
        set_aside = ("item", f"unknown item {gtin}") if "unknown_item" in flags else None
        return Outcome(status, result, (*events, event), set_aside)

    def _new_lot(self, stamp: Stamp, symbol: Symbol, gtin: str, when: When) -> ev.Event:
        body: dict[str, object] = {"item": gtin, "lot": symbol.lot}
        for name in ("expiry", "best_before", "production_date"):
            value = getattr(symbol, name)
            if value is not None:
                body[name] = value
        return self._event(ev.LOT_CREATED, stamp, when, body=body)

    def _no_product(self, scan: Scan) -> Outcome:
        """A label of the house's own, or a logistic unit, is named if asked for."""
        label = label_in(scan, self.labels)
        if label is None:
            return self._refuse(scan.stamp, "not_a_product", kind="symbol", why="no GTIN in it")
        what = message(label.kind, self.language, id=label.id)
        if scan.task is not None and scan.task.type != "lookup":
            return self._refuse(
                scan.stamp, "label_not_goods", kind="label", why=f"{label.kind} {label.id}",
                label=what,
            )  # fmt: skip
        result = _result(scan.stamp, "accepted", None, "label_known", what)
        result["label"] = {"kind": label.kind, "id": label.id}
        return Outcome("accepted", result)

    def _look_up(self, stamp: Stamp, gtin: str, facts: Facts) -> Outcome:
        name = _name(gtin, facts, self.language)
        key = "looked_up" if gtin in facts.items else "unknown_item"
        result = _result(stamp, "accepted", None, key, message(key, self.language, item=name))
        result["item"] = {"gtin": gtin, "name": name, "on_hand": facts.sellable.get(gtin, 0)}
        return Outcome("accepted", result)

    def _refuse(self, stamp: Stamp, key: str, *, kind: str, why: str, **values: object) -> Outcome:
        text = message(key, self.language, **values)
        return Outcome(
            "refused", _result(stamp, "refused", None, key, text), set_aside=(kind, why)
        )

    def _event(
        self,
        event_type: str,
        stamp: Stamp,
        when: When,
        *,
        zone: str | None = None,
        location: str | None = None,
        worker: str | None = None,
        documents: tuple[ev.Document, ...] = (),
        flags: tuple[str, ...] = (),
        lines: tuple[ev.Line, ...] = (),
        body: Mapping[str, object] | None = None,
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
            location=location,
            worker=worker,
            documents=documents,
            flags=flags,
            lines=lines,
            body=body or {},
        )


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


def _flags(
    symbol: Symbol, gtin: str, movement: Movement, facts: Facts, when: When
) -> tuple[str, ...]:
    """What looks wrong, most urgent first; all of it is recorded all the same."""
    flags = []
    known = facts.lots.get((gtin, symbol.lot or ""))
    expiry = symbol.expiry or known
    if movement.needs_usable and expiry is not None and expiry < when.today:
        flags.append("lot_expired")
    if known is not None and symbol.expiry is not None and symbol.expiry != known:
        flags.append("expiry_conflict")
    if gtin not in facts.items:
        flags.append("unknown_item")
    if not movement.document_is_known:
        flags.append("unknown_document")
    return tuple(flags)


def _assertion(
    gtin: str, symbol: Symbol, movement: Movement, quantity: int, unit: str
) -> dict[str, object]:
    place = movement.place or keys.UNKNOWN
    assertion: dict[str, object] = {
        "item": gtin, "location": place, "quantity": quantity, "unit": unit
    }  # fmt: skip
    if symbol.lot is not None:
        assertion["lot"] = symbol.lot
    return {"assertions": [assertion]}


def _quantity(symbol: Symbol, task: TaskContext) -> tuple[int, str]:
    """What the worker said, else what the symbol says, else one piece."""
    if task.quantity is not None:
        return task.quantity, task.unit
    if symbol.weight_g is not None:
        return symbol.weight_g, "g"
    return (symbol.count if symbol.count is not None else 1), "EA"


def _name(gtin: str, facts: Facts, language: str) -> str:
    item = facts.items.get(gtin)
    if item is None:
        return gtin
    return item.names.get(language) or next(iter(item.names.values()))


def _result(
    stamp: Stamp,
    status: str,
    event_id: str | None,
    key: str | None = None,
    text: str | None = None,
) -> dict[str, object]:
    named = {
        "boot": stamp.boot,
        "seq": stamp.seq,
        "event_id": event_id,
        "message_key": key,
        "message": text,
    }
    known = {name: value for name, value in named.items() if value is not None}
    return {"v": 1, "status": status, **known}
