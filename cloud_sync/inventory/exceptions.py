"""The exceptions queue: what the events themselves say that a person must look into.

An exception is a kind and a key; its evidence is the set of events that show it. Evidence is
settled, one event at a time: by a person who says what was done and why, by an event that
corrects it, or by a sensor's recovery. An exception is open while any of its evidence is not
settled. Both sets only grow and neither depends on the order in which events come, so whoever has
the same events and the same resolutions has the same queue: what was resolved stays resolved,
and new evidence opens it again.

Nothing is refused or clamped because of an exception. What only balances show (negative stock) is
found in the balances (inventory/audit.py) and ends when they do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.inventory.findings import EXPIRY_CONFLICT, OVER_RECEIPT, Finding

EXCURSION: Final = "excursion"
"""A zone was too warm or too cold for too long. key: zone, device."""
EXPOSURE: Final = "exposure"
"""A lot was held by what the climate did to it. key: item, lot."""
SENSOR_FAULT: Final = "sensor_fault"
"""A sensor is not to be believed; ends with its recovery. key: device, kind."""

Key = tuple[str, ...]
Keys = Callable[[ev.Event], Iterator[Key]]


def _goods(event: ev.Event) -> Iterator[Key]:
    """Item and lot of each line; of the body where nothing moved."""
    keys: set[Key] = {(line.item, line.lot or "") for line in event.lines}
    item, lot = event.body.get("item"), event.body.get("lot")
    if not keys and isinstance(item, str):
        keys = {(item, lot if isinstance(lot, str) else "")}
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
    name = event.documents[0].id if event.documents else ""
    yield from sorted({(name, key[0]) for key in _goods(event)})


def _place(event: ev.Event) -> Iterator[Key]:
    yield (*next(_document(event)), event.location or "")


FLAGS: Final[Mapping[str, Keys]] = {
    "approval_needed": _place,
    "certificate_expired": _goods,
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
    "wrong_item": _document_item,
}
"""The flags that ask for a person, and whose they are. The kind is the flag."""

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "approval_needed": ("approve", "recount"),
    "certificate_expired": ("correct", "hold", "renew_certificate"),
    EXCURSION: ("inspect", "hold", "waste", "release", "repair"),
    EXPIRY_CONFLICT: ("correct", "hold", "inspect"),
    EXPOSURE: ("inspect", "waste", "release"),
    "lot_expired": ("correct", "waste", "return"),
    "lot_held": ("correct", "release", "return"),
    "lot_recalled": ("correct", "waste", "return"),
    "lot_not_expected": ("accept", "return", "correct"),
    "not_expected": ("accept", "return", "correct"),
    "not_ordered": ("accept", "return", "correct"),
    "not_picked": ("accept", "correct", "recount"),
    "order_short": ("replenish", "cancel", "recount"),
    "over_dispatch": ("accept", "return", "correct"),
    OVER_RECEIPT: ("accept", "return", "correct"),
    SENSOR_FAULT: ("repair", "replace"),
    "short_receipt": ("claim", "accept", "recount"),
    "shrink_beyond": ("claim", "write_off", "recount"),
    "temperature_at_door": ("inspect", "release", "return", "waste"),
    "unknown_document": ("enter_document", "correct"),
    "unknown_item": ("enter_item", "return", "correct"),
    "wrong_item": ("correct", "return"),
}
"""What a person can have done about each kind."""


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


def settles(event: ev.Event) -> str | None:
    """The event that this one settles as evidence, of whatever it was; None if none."""
    if event.type == ev.EVENT_CORRECTED:
        return event.corrects
    return event.cause if event.type == ev.SENSOR_RECOVERED else None


CONCERNED: Final = frozenset(
    {ev.EXCURSION_STARTED, ev.LOT_HELD, ev.SENSOR_FAULT, ev.SENSOR_RECOVERED, ev.EVENT_CORRECTED}
)


def is_concerned(event: ev.Event) -> bool:
    """Whether an event can raise or settle anything: a quick look before the real one."""
    return bool(event.flags) or event.type in CONCERNED
