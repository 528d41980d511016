"""What must hold of tags, climate, times, journals and memory after a scenario.

Pure; device_sim/stage/check.py has the checks of scans and stock, which the demo makes too.
What a fault excuses is said where it is excused, and nothing else is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from device_sim.scenario.books import (
    BusBook,
    ReaderBook,
    Sample,
    ScannerBook,
    SensorBook,
    Trouble,
    Visit,
)
from device_sim.stage.check import Check, Row, event_of, verdict
from device_sim.stage.ledger import Ledger
from device_sim.stage.memory import Life

ARRIVED: Final = "tag.arrived"
LEFT: Final = "tag.left"
SAMPLED: Final = "climate.sampled"
INSPECTED: Final = "goods.inspected"

TIME_TOLERANCE_US: Final = 15_000_000
"""How far an event's time may be from the truth: what the first message of a boot, on a bad line
and past a dead gateway, may take, because the clock's offset is learnt from it."""
SEEN_S: Final = 1.5
"""A tag that stood this long before a reader that works has been read at least twice."""
AFTER_S: Final = 6.0
"""How long a fault on a line or a gateway may be felt behind its end: the driver's back-off."""
GROWTH_SHARE: Final = 0.15
GROWTH_BYTES: Final = 6 * 2**20
"""What memory may grow by in one life and still be called flat: a share, and the caches' play."""

BEFORE_S: Final = 3.0
"""How long before its death a gateway on a busy machine may have read and not yet committed."""
BROKER_AFTER_S: Final = 30.0
"""How long a broker that lost its sessions may be without the gateway: its back-off's cap."""

LINE_FAULTS: Final = ("line", "cable_pulled", "reader_reboot")
"""What can hide a device; missing some reads cannot, that is what smoothing is for."""


def check_same_rows(journals: Mapping[str, Sequence[Row]], cloud: Sequence[Row]) -> Check:
    """What the cloud has of a journal is what the journal has, event by event, byte for byte."""
    problems = []
    for gateway, rows in journals.items():
        at_edge = {row["seq"]: row["event"] for row in rows}
        for row in cloud:
            if row.get("gateway") != gateway or row.get("seq") not in at_edge:
                continue
            if row.get("event") != at_edge[row["seq"]]:
                problems.append(f"{gateway} row {row['seq']}: differs between edge and cloud")
    return verdict("edge and cloud hold the same events", problems)


def check_times(ledgers: Sequence[Ledger], events: Sequence[Row]) -> Check:
    """Every scan's event says when it truly was, whatever the PDA's clock said."""
    true_us: dict[tuple[object, object, object], int] = {
        (ledger.device, entry.boot, entry.seq): entry.at_us
        for ledger in ledgers
        for entry in ledger.entries
        if entry.at_us is not None
    }
    problems = []
    for row in events:
        event = event_of(row)
        device = event.get("device")
        if not isinstance(device, Mapping):
            continue
        at_us = true_us.get((device.get("id"), device.get("boot"), device.get("seq")))
        if at_us is None:
            continue
        off_us = int(str(event.get("occurred_at_us"))) - at_us
        if abs(off_us) > TIME_TOLERANCE_US:
            problems.append(
                f"{device.get('id')} scan {device.get('seq')}: {off_us / 1e6:+.1f} s off"
            )
    return verdict("every scan's time is right", problems)


# ---------------------------------------------------------------- tags


def check_tags(
    books: Sequence[ReaderBook], events: Sequence[Row], troubles: Sequence[Trouble]
) -> list[Check]:
    """Each tag came and went once; a fault that touched its stay excuses as little as it must."""
    seen, left = _sightings(events, ARRIVED), _sightings(events, LEFT)
    problems: list[str] = []
    for book in books:
        for visit in book.visits:
            key = (book.device, visit.epc)
            touching = [trouble for trouble in troubles if _touches(trouble, visit, book)]
            problems += _visit_problems(visit, seen[key], left[key], touching)
    known = {(book.device, visit.epc) for book in books for visit in book.visits}
    strays = {(book.device, epc) for book in books for epc in book.strays}
    ours = {book.device for book in books}
    invented = [
        f"{device} {epc}: {'a stray' if (device, epc) in strays else 'never there'}"
        for device, epc in sorted(seen.keys() | left.keys())
        if device in ours and (device, epc) not in known
    ]
    return [
        verdict("every tag came and went as it did", problems),
        verdict("no tag was seen that was not there", invented),
    ]


def required_visits(book: ReaderBook, troubles: Sequence[Trouble]) -> int:
    """How many stays before a reader must have been seen, whatever went wrong."""
    return sum(
        not _was_hidden(visit, [each for each in troubles if _touches(each, visit, book)])
        for visit in book.visits
    )


def _visit_problems(
    visit: Visit, n_arrived: int, n_left: int, touching: Sequence[Trouble]
) -> list[str]:
    """With faults it may be seen again after each; who came must leave whatever went wrong."""
    n_most = 1 + len(touching)
    n_least = 0 if _was_hidden(visit, touching) else 1
    problems = []
    if not n_least <= n_arrived <= n_most:
        problems.append(f"{visit.epc}: arrived {n_arrived} times, not {n_least} to {n_most}")
    if n_left != n_arrived:
        problems.append(f"{visit.epc}: arrived {n_arrived} times, left {n_left} times")
    return problems


def _was_hidden(visit: Visit, touching: Sequence[Trouble]) -> bool:
    """Whether a fault, or the short stay itself, left no time to see the tag."""
    until_s = visit.since_s if visit.until_s is None else visit.until_s
    return bool(touching) or until_s - visit.since_s < SEEN_S


def _touches(trouble: Trouble, visit: Visit, book: ReaderBook) -> bool:
    until_s = float("inf") if visit.until_s is None else visit.until_s
    if trouble.kind == "gateway_kill":
        return trouble.target == book.warehouse and trouble.touches(
            visit.since_s, until_s + GONE_S, after_s=AFTER_S
        )
    if trouble.kind == "broker_restart":
        return book.is_on_mqtt and trouble.touches(visit.since_s, until_s, after_s=BROKER_AFTER_S)
    is_ours = trouble.target == book.device and trouble.kind in LINE_FAULTS
    return is_ours and trouble.touches(visit.since_s, until_s, after_s=AFTER_S)


GONE_S: Final = 20.0
"""After this time at the latest a tag that went is said to have left."""


def missing_departures(books: Sequence[ReaderBook], events: Sequence[Row]) -> list[str]:
    """Tags that arrived and have not yet left, although all have gone."""
    seen, left = _sightings(events, ARRIVED), _sightings(events, LEFT)
    return [
        f"{book.device} {visit.epc}: has not left yet"
        for book in books
        for visit in book.visits
        if left[book.device, visit.epc] < seen[book.device, visit.epc]
    ]


def _sightings(events: Sequence[Row], event_type: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for row in events:
        event = event_of(row)
        if event.get("type") == event_type:
            found[_device(event), str(_body(event).get("epc"))] += 1
    return found


# ---------------------------------------------------------------- climate


def check_samples(
    books: Sequence[SensorBook],
    events: Sequence[Row],
    troubles: Sequence[Trouble],
    *,
    since_s: float,
    until_s: float,
) -> Check:
    """Every sample an MQTT sensor sent in that time is there once, with the value it sent.

    Only a killed broker excuses a missing one: it forgets what it took, and whom it was for.
    """
    rows = [event_of(row) for row in events if event_of(row).get("type") == SAMPLED]
    problems: list[str] = []
    for book in books:
        own = [event for event in rows if _mark(event)[:2] == (book.device, book.boot)]
        found = Counter(_mark(event)[2] for event in own)
        for event in own:
            seq = _mark(event)[2]
            if seq not in book.sent:
                problems.append(f"{book.device} sample {seq}: was never sent")
            elif _centi_c(event) != round(book.sent[seq].temperature_c * 100):
                problems.append(f"{book.device} sample {seq}: says {_centi_c(event)}")
        problems += [f"{book.device} sample {s}: {n} times" for s, n in found.items() if n > 1]
        required = required_samples(book, troubles, since_s=since_s, until_s=until_s)
        problems += [f"{book.device} sample {seq}: missing" for seq in required if not found[seq]]
    return verdict("every climate sample is there once, with its value", problems)


def required_samples(
    book: SensorBook, troubles: Sequence[Trouble], *, since_s: float, until_s: float
) -> list[int]:
    """The numbers of the samples that must be there."""
    kills = [trouble for trouble in troubles if trouble.kind == "broker_restart"]
    return [
        seq
        for seq, sample in book.sent.items()
        if since_s <= sample.at_s < until_s
        and not any(
            kill.touches(sample.at_s, sample.at_s + 1.0, after_s=BROKER_AFTER_S) for kill in kills
        )
    ]


def check_bus(
    books: Sequence[BusBook], events: Sequence[Row], troubles: Sequence[Trouble], until_s: float
) -> Check:
    """What the units of a bus answered is there, value by value, and nothing else.

    An answer may be missing if its line was bad, the cable out or the gateway dead.
    """
    rows = [event_of(row) for row in events if event_of(row).get("type") == SAMPLED]
    problems: list[str] = []
    for book in books:
        for address in book.units:
            name = f"{book.device}.{address}"
            values = (_centi_c(event) for event in rows if _device(event) == name)
            found = Counter(value for value in values if value is not None)
            said = Counter(round(each.temperature_c * 100) for each in book.said.get(address, []))
            must = Counter(
                round(sample.temperature_c * 100)
                for sample in required_answers(book, address, troubles, until_s)
            )
            problems += [
                f"{name} {value / 100:.1f} °C: there {n} times, said {said[value]}"
                for value, n in (found - said).items()
            ]
            problems += [
                f"{name} {value / 100:.1f} °C: said {n} times, there {found[value]}"
                for value, n in must.items()
                if found[value] < n
            ]
    return verdict("the bus was understood, answer by answer", problems)


def required_answers(
    book: BusBook, address: int, troubles: Sequence[Trouble], until_s: float
) -> list[Sample]:
    """The answers of a unit that must be there."""
    return [
        sample
        for sample in book.said.get(address, [])
        if sample.at_s < until_s and not _is_hit(book, sample.at_s, troubles)
    ]


def _is_hit(book: BusBook | ScannerBook, at_s: float, troubles: Iterable[Trouble]) -> bool:
    return any(
        trouble.touches(at_s, at_s + BEFORE_S, after_s=AFTER_S)
        for trouble in troubles
        if (trouble.target == book.device and trouble.kind in LINE_FAULTS)
        or (trouble.kind == "gateway_kill" and trouble.target == book.warehouse)
    )


def check_belts(
    books: Sequence[ScannerBook], events: Sequence[Row], troubles: Sequence[Trouble]
) -> Check:
    """Everything that passed a fixed scanner was inspected once, and nothing else was.

    A scanner keeps nothing: what passes while its line is bad or nobody listens is not seen.
    """
    problems: list[str] = []
    for book in books:
        found: Counter[str] = Counter()
        for event in map(event_of, events):
            if event.get("type") == INSPECTED and _device(event) == book.device:
                found[_inspected_lot(event)] += 1
        problems += [
            f"{book.device} {lot}: inspected {n} times"
            for lot, n in found.items()
            if n > 1 or (lot not in book.passed and not _is_bad_line(book, troubles))
        ]
        problems += [
            f"{book.device} {lot}: not inspected"
            for lot in required_lots(book, troubles)
            if not found[lot]
        ]
    return verdict("everything that passed a fixed scanner was inspected once", problems)


def required_lots(book: ScannerBook, troubles: Sequence[Trouble]) -> list[str]:
    """What passed a fixed scanner and must have been inspected."""
    return [lot for lot, at_s in book.passed.items() if not _is_hit(book, at_s, troubles)]


def _is_bad_line(book: ScannerBook, troubles: Iterable[Trouble]) -> bool:
    """A line without checksum that garbles what it carries can make one lot of another."""
    return any(each.kind == "line" and each.target == book.device for each in troubles)


def _inspected_lot(event: Row) -> str:
    assertions = _body(event).get("assertions")
    first = assertions[0] if isinstance(assertions, list) and assertions else {}
    return str(first.get("lot")) if isinstance(first, Mapping) else ""


# ---------------------------------------------------------------- health and memory


def check_health(
    expected: Mapping[str, Sequence[str]],
    devices: Mapping[str, Sequence[Row]],
    troubles: Sequence[Trouble],
) -> Check:
    """In the end every device is online in its gateway's eyes. expected: names by warehouse.

    Of two devices of one name the last to go took its good name with it: that one is left out.
    """
    clashed = {trouble.target for trouble in troubles if trouble.kind == "id_clash"}
    problems = []
    for warehouse, names in expected.items():
        states = {row.get("name"): row.get("state") for row in devices.get(warehouse, ())}
        problems += [
            f"{name}: {states.get(name, 'unknown')}"
            for name in names
            if name not in clashed and states.get(name) != "online"
        ]
    return verdict("every device is online in the end", problems)


def check_memory(lives: Mapping[str, Sequence[Life]]) -> Check:
    """No gateway's memory grew in any of its lives by more than play."""
    problems = []
    for gateway, each in lives.items():
        for life in each:
            limit = life.start_bytes * (1 + GROWTH_SHARE) + GROWTH_BYTES
            if life.end_bytes > limit:
                problems.append(
                    f"{gateway} ({life.pid}): {life.start_bytes / 2**20:.1f} MB grew to"
                    f" {life.end_bytes / 2**20:.1f} MB in {life.seconds:.0f} s"
                )
        if not each:
            problems.append(f"{gateway}: lived too short to be measured")
    return verdict("the gateways' memory is flat", problems)


def _mark(event: Row) -> tuple[str, str, int]:
    device = event.get("device")
    if not isinstance(device, Mapping):
        return "", "", 0
    seq = device.get("seq")
    return str(device.get("id")), str(device.get("boot")), seq if isinstance(seq, int) else 0


def _device(event: Row) -> str:
    return _mark(event)[0]


def _body(event: Row) -> Row:
    body = event.get("body")
    return body if isinstance(body, Mapping) else {}


def _centi_c(event: Row) -> int | None:
    window = _body(event).get("temperature_centi_c")
    value = window.get("mean") if isinstance(window, Mapping) else None
    return value if isinstance(value, int) else None
