"""Exceptions that no event shows alone: what two of them say does not go together.

A trace is what one event says of a subject: that a serial was seen at a place, that a lot has an
expiry, that an event was wrong, that goods were counted or moved. Findings are made of the traces
of one subject. Each finding is shown by a few traces that lie within a window of each other, and
no further trace takes a finding back. So whoever looks, whenever traces of a subject come, at
those around them, has found the same in the end, whatever their order and number.

Traces stand at the time that their event claims, and never after it was received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.contract.keys import is_virtual
from cloud_sync.inventory.corrections import target_of
from cloud_sync.inventory.counts import COUNTING, STALE_US, count_of
from cloud_sync.inventory.findings import (
    CORRECTION_CONFLICT,
    COUNT_UNCERTAIN,
    DUPLICATE_EPC,
    EXPIRY_CONFLICT,
    LATE_VARIANCE,
)
from cloud_sync.inventory.instances import sightings
from cloud_sync.inventory.places import is_late
from cloud_sync.inventory.stock import StockKey, movements

TAG: Final = "tag"
"""A serial. key: item, serial. says: location, `reader` or `scan`."""
LOT: Final = "lot"
"""key: item, lot. says: expiry, "" if it has none."""
CORRECTION: Final = "correction"
"""key: warehouse, id of what is corrected."""
STOCK: Final = "stock"
"""Goods at a place. key: StockKey. says: `count`, `approval`, `move` or `late`; gateway; error of
its clock, µs; time of receipt, µs; the count's document."""

EVERYWHERE: Final = frozenset({TAG, LOT})
"""Subjects that several warehouses may speak of."""

ERROR_US_MAX: Final = 3600 * 1_000_000
APPROVED_WITHIN_US: Final = 86_400 * 1_000_000
"""An approval stands for what was counted no longer before."""
TRAVEL_US: Final = 60_000_000
"""Nothing is carried from one place of a warehouse to another in less, door to door."""
TRAVEL_BETWEEN_US: Final = 600_000_000
"""Nor from one warehouse to another in less than this."""

WINDOW_US: Final[Mapping[str, int]] = {
    TAG: TRAVEL_BETWEEN_US,
    STOCK: STALE_US + APPROVED_WITHIN_US,
}
"""How far apart traces are that show something together; without a limit where none is named."""


_TELLING: Final = COUNTING | {ev.TAG_ARRIVED, ev.LOT_CREATED, ev.COUNT_CLOSED}


class Subject(NamedTuple):
    """What traces are of."""

    family: str
    key: tuple[str, ...]


class Trace(NamedTuple):
    """What an event of a warehouse says of a subject."""

    subject: Subject
    at_us: int
    event_id: str
    warehouse: str
    says: tuple[str, ...]


class Showing(NamedTuple):
    """What a trace shows, together with others, in a warehouse's queue.

    at_us: since when: of a doubtful count no count before that is the better one. Where a trace
    shows the same several times, the last of them counts.
    """

    warehouse: str
    kind: str
    key: tuple[str, ...]
    trace: Trace
    at_us: int
    detail: str


def claimed_us(event: ev.Event) -> int:
    """When it happened, as far as anybody may believe it."""
    return min(event.occurred_at_us, event.received_at_us)


def traces_of(event: ev.Event, gateway: str, *, is_shared: bool) -> Iterable[Trace]:
    """What an event says. is_shared: other gateways move goods of this warehouse, too."""
    # Most events only move goods that nobody else moves, and say nothing.
    if event.type in _TELLING or is_shared or is_late(event):
        return _traces_of(event, gateway, is_shared=is_shared)
    return _of_serials(event) if any(line.serials for line in event.lines) else ()


def _traces_of(event: ev.Event, gateway: str, *, is_shared: bool) -> Iterator[Trace]:
    if event.type == ev.TAG_ARRIVED or event.type in COUNTING or event.lines:
        yield from _of_serials(event)
    if event.type == ev.LOT_CREATED:
        item, lot, expiry = (event.body.get(name) for name in ("item", "lot", "expiry"))
        if isinstance(item, str) and isinstance(lot, str):
            says = (expiry if isinstance(expiry, str) else "",)
            yield _trace(event, LOT, (item, lot), says)
    target = target_of(event)
    if target is not None:
        yield _trace(event, CORRECTION, (event.warehouse, target), ())
    yield from _of_stock(event, gateway, is_shared=is_shared)


def _trace(event: ev.Event, family: str, key: tuple[str, ...], says: tuple[str, ...]) -> Trace:
    subject = Subject(family, key)
    return Trace(subject, claimed_us(event), event.event_id, event.warehouse, says)


def _of_serials(event: ev.Event) -> Iterator[Trace]:
    for instance, seen in sightings(event):
        yield _trace(event, TAG, instance, (seen.location, "reader" if seen.is_tag else "scan"))


def _of_stock(event: ev.Event, gateway: str, *, is_shared: bool) -> Iterator[Trace]:
    error_us = min((event.device.error_us if event.device else None) or 0, ERROR_US_MAX)
    heard = (gateway, str(error_us), str(event.received_at_us))
    if event.lines and (is_shared or is_late(event)):
        role = "late" if is_late(event) else "move"
        moved = {key for key, quantity in movements(event) if quantity}
        for key in sorted(moved):
            if not is_virtual(key.location):
                yield _trace(event, STOCK, key, (role, *heard, ""))
    if event.type == ev.COUNT_OBSERVED and not came_too_late(event):
        for key in sorted(count_of(event).counted):
            yield _trace(event, STOCK, key, ("count", *heard, _count_named(event)))
    if event.type == ev.COUNT_CLOSED and event.body.get("outcome") == "approved":
        for key in approved_keys(event):
            yield _trace(event, STOCK, key, ("approval", *heard, _count_named(event)))


def came_too_late(event: ev.Event) -> bool:
    """True for a count that its device held back for so long that it asserts nothing."""
    return is_late(event) and event.received_at_us - event.occurred_at_us > STALE_US


def _count_named(event: ev.Event) -> str:
    return next((it.id for it in event.documents if it.type == "count"), "")


def approved_keys(event: ev.Event) -> list[StockKey]:
    """The goods whose difference was approved by a closing."""
    location, rows = event.body.get("location"), event.body.get("differences")
    found = set()
    for row in rows if isinstance(rows, list | tuple) else ():
        item, lot, unit = (row.get(name) for name in ("item", "lot", "unit"))
        if isinstance(item, str) and isinstance(location, str) and isinstance(unit, str):
            lot = lot if isinstance(lot, str) else ""
            found.add(StockKey(event.warehouse, location, item, lot, ev.AVAILABLE, unit))
    return sorted(found)


# ---------------------------------------------------------------- findings


def shown_by(traces: Iterable[Trace]) -> set[Showing]:
    """What traces of any subjects show."""
    by_subject: dict[Subject, list[Trace]] = {}
    for trace in set(traces):
        by_subject.setdefault(trace.subject, []).append(trace)
    return {
        showing
        for subject, several in by_subject.items()
        if len(several) > 1
        for showing in _FINDERS[subject.family](several)
    }


Finder = Callable[[Sequence[Trace]], Iterator[Showing]]


def _copied(traces: Sequence[Trace]) -> Iterator[Showing]:
    in_order = sorted(traces, key=lambda it: it.at_us)
    for number, one in enumerate(in_order, 1):
        for other in islice(in_order, number, None):
            if other.at_us - one.at_us >= TRAVEL_BETWEEN_US:
                break  # and so are all behind it
            if _is_impossible(one, other):
                yield from _told(DUPLICATE_EPC, one.subject.key, (one, other))


def _is_impossible(one: Trace, other: Trace) -> bool:
    """True if nothing can have been at both. A reader's door may be anywhere near a bin."""
    apart_us = abs(other.at_us - one.at_us)
    if one.warehouse != other.warehouse:
        return apart_us < TRAVEL_BETWEEN_US
    if one.event_id == other.event_id or {one.says[1], other.says[1]} != {"reader"}:
        return False
    return one.says[0] != other.says[0] and apart_us < TRAVEL_US


def _two_expiries(traces: Sequence[Trace]) -> Iterator[Showing]:
    if len({trace.says[0] for trace in traces}) > 1:
        yield from _told(EXPIRY_CONFLICT, traces[0].subject.key, traces)


def _corrected_twice(traces: Sequence[Trace]) -> Iterator[Showing]:
    yield from _told(CORRECTION_CONFLICT, traces[0].subject.key, traces)


def _doubtful_counts(traces: Sequence[Trace]) -> Iterator[Showing]:
    key = traces[0].subject.key
    counts = [it for it in traces if it.says[0] == "count"]
    approvals = [it for it in traces if it.says[0] == "approval"]
    for moved in traces if counts else ():
        if moved.says[0] not in ("move", "late"):
            continue
        for count in counts:
            if moved.says[1] == count.says[1]:
                continue
            if abs(moved.at_us - count.at_us) <= int(moved.says[2]) + int(count.says[2]):
                yield from _told(COUNT_UNCERTAIN, key, (count, moved))
        for approval in approvals if moved.says[0] == "late" else ():
            if _is_overtaken(approval, moved, counts):
                yield from _told(LATE_VARIANCE, key, (approval, moved))


def _is_overtaken(approval: Trace, moved: Trace, counts: Iterable[Trace]) -> bool:
    """True if the movement lies before a count that was approved when nobody knew of it."""
    if int(moved.says[3]) <= int(approval.says[3]):
        return False
    return any(
        moved.at_us < count.at_us <= approval.at_us
        and count.at_us - moved.at_us <= STALE_US
        and approval.at_us - count.at_us <= APPROVED_WITHIN_US
        and (count.says[1], count.says[4]) == (approval.says[1], approval.says[4])
        for count in counts
    )


def _told(kind: str, key: tuple[str, ...], traces: Sequence[Trace]) -> Iterator[Showing]:
    """Each trace as evidence, in the queue of each warehouse that it is about."""
    last_us = max(trace.at_us for trace in traces)
    for warehouse in {trace.warehouse for trace in traces}:
        for trace in traces:
            at_us = last_us if trace.subject.family == STOCK else trace.at_us
            yield Showing(warehouse, kind, key, trace, at_us, _detail(trace))


def _detail(trace: Trace) -> str:
    if trace.subject.family == TAG:
        return f"{trace.warehouse} {trace.says[0]}"
    if trace.subject.family == LOT:
        return trace.says[0] or "no expiry"
    return _SAID[trace.says[0]] if trace.says else "corrected"


_SAID: Final = {
    "approval": "the count was approved",
    "count": "counted",
    "late": "moved, and told late",
    "move": "moved by another gateway",
}

_FINDERS: Final[Mapping[str, Finder]] = {
    TAG: _copied,
    LOT: _two_expiries,
    CORRECTION: _corrected_twice,
    STOCK: _doubtful_counts,
}
