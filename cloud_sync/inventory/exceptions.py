"""The exceptions queue: what the events themselves say that a person must look into.

An exception is a kind and a key; its evidence is the set of events that show it. Evidence is
settled, one event at a time: by a person who says what was done and why, by an event that
corrects it, or by a sensor's recovery. A later event may also end all evidence of a kind and key
that is older than itself: a lot's release, the next count. An exception is open while any of its
evidence is neither settled nor ended. All these sets only grow and none depends on the order in
which events come, so whoever has the same events and the same resolutions has the same queue:
what was resolved stays resolved, and new evidence opens it again.

What two events show together is in inventory/traces.py. Nothing is refused or clamped because of
an exception. What only balances show (negative stock) is found in the balances and ends when they
do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.inventory.counts import count_of
from cloud_sync.inventory.findings import (
    CORRECTION_CONFLICT,
    COUNT_STALE,
    COUNT_UNCERTAIN,
    DOUBLE_DELIVERY,
    DUPLICATE_EPC,
    EXPIRY_CONFLICT,
    LATE_VARIANCE,
    NEGATIVE_STOCK,
    OVER_RECEIPT,
    RECOUNT,
    TRANSIT_OVERDUE,
    UNKNOWN_TAG,
    Finding,
)
from cloud_sync.inventory.traces import came_too_late

EXCURSION: Final = "excursion"
"""A zone was too warm or too cold for too long. key: zone, device."""
EXPOSURE: Final = "exposure"
"""A lot was held by what the climate did to it. key: item, lot."""
SENSOR_FAULT: Final = "sensor_fault"
"""A sensor is not to be believed; ends with its recovery. key: device, kind."""

Key = tuple[str, ...]
Keys = Callable[[ev.Event], Iterator[Key]]


def _goods(event: ev.Event) -> Iterator[Key]:
    """Item and lot of each line; where nothing moved, of what the body names or packs."""
    keys: set[Key] = {(line.item, line.lot or "") for line in event.lines}
    children = event.body.get("children")
    named = [event.body, *(children if isinstance(children, list | tuple) else ())]
    for each in () if keys else named:
        item, lot = (each.get("item"), each.get("lot")) if isinstance(each, Mapping) else (0, 0)
        if isinstance(item, str):
            keys.add((item, lot if isinstance(lot, str) else ""))
    yield from sorted(keys) or [(event.event_id,)]


def _item(event: ev.Event) -> Iterator[Key]:
    yield from sorted({key[:1] for key in _goods(event)})


def _document(event: ev.Event) -> Iterator[Key]:
    """The first document, which is the task's own."""
    if event.documents:
        yield event.documents[0].type, event.documents[0].id
    else:
        yield (event.event_id,)


def _document_item(event: ev.Event) -> Iterator[Key]:
    # What is packed names its box first, and then what it was packed for.
    named = sorted(event.documents, key=lambda it: it.type == "sscc")
    name = named[0].id if named else ""
    yield from sorted({(name, key[0]) for key in _goods(event)})


def _place(event: ev.Event) -> Iterator[Key]:
    yield (*next(_document(event)), event.location or "")


def _tag_class(event: ev.Event) -> Iterator[Key]:
    """The tag's trade item, or the scheme of what is none, and the day: a pallet is one line."""
    body = event.body
    named = next((it for it in (body.get("gtin"), body.get("scheme")) if isinstance(it, str)), "")
    day = datetime.fromtimestamp(event.occurred_at_us // 1_000_000, UTC).date().isoformat()
    yield named, day


FLAGS: Final[Mapping[str, Keys]] = {
    "approval_needed": _place,
    "certificate_expired": _goods,
    "document_closed": _document,
    EXPIRY_CONFLICT: _goods,
    "lot_expired": _goods,
    "lot_held": _goods,
    "lot_not_expected": _document_item,
    "lot_recalled": _goods,
    "not_expected": _document_item,
    "not_ordered": _document_item,
    "not_picked": _document_item,
    "order_short": _document,
    "over_dispatch": _document_item,
    OVER_RECEIPT: _document_item,
    "short_receipt": _document,
    "shrink_beyond": _document,
    "temperature_at_door": _document_item,
    "unknown_document": _document,
    "unknown_item": _item,
    UNKNOWN_TAG: _tag_class,
    "wrong_item": _document_item,
}
"""The flags that ask for a person, and whose they are. The kind is the flag."""

RELEASE: Final = "release"
HOLD: Final = "hold"
WASTE: Final = "waste"
ADJUST: Final = "adjust"
CORRECT: Final = "correct"
DEEDS: Final = frozenset({RELEASE, HOLD, WASTE, ADJUST, CORRECT, RECOUNT})
"""The actions that are done by saying so. Who says any other has done it, or had it done.

release, hold: the lot, at this warehouse. waste: all of the lot that lies here. adjust: the
quantity that is said is counted there. correct: what shows it is turned round. recount: somebody
is asked to count. All but the last are events that the gateway writes; that is a document of the
cloud's.
"""

_DOUBTFUL: Final = (RECOUNT, ADJUST, "accept")

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "approval_needed": ("approve", RECOUNT),
    "certificate_expired": (CORRECT, "renew_certificate"),
    CORRECTION_CONFLICT: ("accept",),
    COUNT_STALE: _DOUBTFUL,
    COUNT_UNCERTAIN: _DOUBTFUL,
    "document_closed": ("accept", CORRECT),
    DOUBLE_DELIVERY: ("accept", "collect"),
    DUPLICATE_EPC: ("inspect", "replace_tag", "accept"),
    EXCURSION: ("inspect", "repair"),
    EXPIRY_CONFLICT: (CORRECT, HOLD, "inspect"),
    EXPOSURE: ("inspect", WASTE, RELEASE),
    LATE_VARIANCE: _DOUBTFUL,
    "lot_expired": (CORRECT, WASTE, "return"),
    "lot_held": (CORRECT, RELEASE, WASTE, "return"),
    "lot_recalled": (CORRECT, WASTE, "return"),
    "lot_not_expected": ("accept", "return", CORRECT),
    NEGATIVE_STOCK: (RECOUNT,),
    "not_expected": ("accept", "return", CORRECT),
    "not_ordered": ("accept", "return", CORRECT),
    "not_picked": ("accept", CORRECT),
    "order_short": ("replenish", "cancel"),
    "over_dispatch": ("accept", "return", CORRECT),
    OVER_RECEIPT: ("accept", "return", CORRECT),
    SENSOR_FAULT: ("repair", "replace"),
    "short_receipt": ("claim", "accept"),
    "shrink_beyond": ("claim", "accept"),
    "temperature_at_door": ("inspect", "return", CORRECT),
    TRANSIT_OVERDUE: ("chase", "claim", "accept"),
    "unknown_document": ("enter_document", CORRECT),
    "unknown_item": ("enter_item", "return", CORRECT),
    UNKNOWN_TAG: ("enter_item", "remove_tag", "accept"),
    "wrong_item": (CORRECT, "return"),
}
"""What a person can do, or have done, about each kind."""

LOT_KINDS: Final = frozenset(
    {EXPIRY_CONFLICT, EXPOSURE, "lot_expired", "lot_held", "lot_recalled"}
)
"""The kinds whose key is item and lot."""
COUNT_KINDS: Final = frozenset({COUNT_STALE, COUNT_UNCERTAIN, LATE_VARIANCE})
"""The kinds whose key is that of a balance, and which its next count ends."""


def key_text(key: Iterable[str]) -> str:
    """A key as it is kept: ASCII, so that any text may be in it."""
    return json.dumps(list(key), separators=(",", ":"))


def raised(event: ev.Event) -> Iterator[Finding]:
    """The exceptions that an event is evidence of."""
    for flag in dict.fromkeys(event.flags):
        keys = FLAGS.get(flag)
        if keys is not None:
            for key in keys(event):
                yield Finding(flag, key, (event.event_id,), event.type)
    if event.type == ev.EXCURSION_STARTED:
        device = event.device.id if event.device is not None else ""
        sides = event.body.get("sides")
        detail = " and ".join(map(str, sides)) if isinstance(sides, list | tuple) else ""
        yield Finding(EXCURSION, (event.zone or "", device), (event.event_id,), detail)
    elif event.type == ev.LOT_HELD and event.body.get("reason") == EXPOSURE:
        verdict = str(event.body.get("verdict") or "")
        for key in _goods(event):
            yield Finding(EXPOSURE, key, (event.event_id,), verdict, verdict)
    elif event.type == ev.SENSOR_FAULT:
        device = event.device.id if event.device is not None else ""
        kind, reason = event.body.get("kind"), event.body.get("reason")
        yield Finding(SENSOR_FAULT, (device, str(kind)), (event.event_id,), str(reason))
    elif event.type == ev.COUNT_OBSERVED and came_too_late(event):
        for counted in sorted(count_of(event).counted):
            yield Finding(COUNT_STALE, counted, (event.event_id,), "counted too long ago", RECOUNT)


def settles(event: ev.Event) -> str | None:
    """The event that this one settles as evidence, of whatever it was; None if none."""
    if event.type == ev.EVENT_CORRECTED:
        return event.corrects
    return event.cause if event.type == ev.SENSOR_RECOVERED else None


class Ending(NamedTuple):
    """All evidence of a kind and key that is older than a time is ended by an event."""

    kind: str
    key: Key
    until_us: int
    event_id: str


def endings(event: ev.Event) -> Iterator[Ending]:
    """What an event ends."""
    if event.type == ev.LOT_RELEASED:
        lifts_recall = event.body.get("lifts") == "recall"
        for kind in ("lot_recalled",) if lifts_recall else (EXPOSURE, "lot_held"):
            for key in _goods(event):
                yield Ending(kind, key, event.occurred_at_us, event.event_id)
    elif event.type == ev.COUNT_CLOSED and event.body.get("outcome") in ("approved", "matched"):
        for key in _place(event):
            yield Ending("approval_needed", key, event.occurred_at_us, event.event_id)


class Word(NamedTuple):
    """What a person said of an exception, for the events in `evidence`.

    word: names it, the same at gateway and cloud. Of several words on one event the first in the
    order of (at_us, word) stands; the others are kept. quantity: what is there, for `adjust`.
    """

    word: str
    at_us: int
    kind: str
    key: Key
    evidence: tuple[str, ...]
    action: str
    reason: str
    author: str
    quantity: int | None = None


def word_in(event: ev.Event) -> Word | None:
    """What a person said at a gateway; None if the event's body does not say it properly."""
    if event.type != ev.EXCEPTION_RESOLVED:
        return None
    body = event.body
    key, evidence = _texts(body.get("key")), _texts(body.get("evidence"))
    kind, action, reason, author = (
        body.get(name) for name in ("kind", "action", "reason", "author")
    )
    if not (isinstance(kind, str) and isinstance(action, str) and key):
        return None
    quantity = body.get("quantity")
    return Word(
        event.event_id,
        event.occurred_at_us,
        kind,
        key,
        evidence,
        action,
        str(reason or ""),
        str(author or ""),
        quantity if isinstance(quantity, int) else None,
    )


def word_body(said: Word) -> dict[str, object]:
    """The body of the event that carries a word."""
    body: dict[str, object] = {
        "action": said.action,
        "author": said.author,
        "evidence": list(said.evidence),
        "key": list(said.key),
        "kind": said.kind,
        "reason": said.reason,
    }
    return body if said.quantity is None else {**body, "quantity": said.quantity}


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(it, str) for it in value):
        return ()
    return tuple(map(str, value))


CONCERNED: Final = frozenset(
    {
        ev.EXCURSION_STARTED,
        ev.LOT_HELD,
        ev.LOT_RELEASED,
        ev.SENSOR_FAULT,
        ev.SENSOR_RECOVERED,
        ev.EVENT_CORRECTED,
        ev.EXCEPTION_RESOLVED,
        ev.COUNT_CLOSED,
        ev.COUNT_OBSERVED,
    }
)


def is_concerned(event: ev.Event) -> bool:
    """Whether an event can raise or settle anything: a quick look before the real one."""
    return bool(event.flags) or event.type in CONCERNED
