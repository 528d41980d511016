"""Exceptions at a handheld: a supervisor sees what is open, looks at one, and says what is done.

    exceptions              all that is open here, the newest first
    exceptions, an id       one, with what shows it
    resolve, an id          a supervisor's word: the action, and why (docs/exceptions.md)

An id names an exception as it stands. Where more evidence has come, or somebody else was faster,
it names nothing any more: nobody settles what he has not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import ACTIONS, ADJUST, Word, word_body
from gateway.core.exceptions import OpenException
from gateway.core.flows.asking import ROWS_MAX
from gateway.core.flows.floor import Floor
from gateway.core.flows.showing import shown_in_words
from gateway.core.flows.verdict import Deed, Refused, Request, Told, Verdict
from gateway.core.messages import message

SHOWN_MAX: Final = 20
"""Pieces of evidence in one answer."""
ADJUSTED_MAX: Final = 1_000_000_000
"""Units or grams; above it a barcode was scanned into the quantity field."""


def look_into(request: Request, floor: Floor, language: str) -> Verdict:
    """All that is open, or the one that the task names."""
    if floor.supervisor(_badge(request)) is None:
        return Refused("supervisor_needed", "exceptions are a supervisor's")
    if request.task.id is not None:
        found = _named(request.task.id, floor)
        if found is None:
            return _gone(request.task.id)
        row = {**_row(found, floor, language), **_evidence(found, language)}
        return Told(key=f"exception_{found.kind}", extra={"exceptions": [row]})
    known = _open(floor)
    newest = sorted(known, key=lambda it: (-it.last_at_us, it.kind, it.key))
    return Told(
        key="exceptions_open" if known else "exceptions_none",
        values={"n": len(known)},
        extra={
            "exceptions": [_row(it, floor, language) for it in newest[:ROWS_MAX]],
            "n_open": len(known),
        },
    )


def resolve(request: Request, floor: Floor, language: str) -> Verdict:
    """A supervisor's word on one of them; what it asks for follows from the journaled event."""
    task = request.task
    author = floor.supervisor(_badge(request))
    if author is None:
        return Refused("supervisor_needed", "an exception resolved by nobody who may")
    found = None if task.id is None else _named(task.id, floor)
    if found is None:
        return _gone(task.id or "")
    actions = ACTIONS.get(found.kind, ())
    if task.action not in actions:
        told = ", ".join(message(f"action_{it}", language) for it in actions)
        why = f"{found.kind} is not resolved by {task.action!r}"
        return Refused("action_missing", why, values={"actions": told})
    if not task.reason:
        return Refused("reason_missing", f"{found.kind} resolved without a reason")
    quantity = task.quantity if task.action == ADJUST else None
    if task.action == ADJUST and quantity is None:
        return Refused("quantity_missing", "adjusted to nothing that was said")
    if quantity is not None and not 0 <= quantity <= ADJUSTED_MAX:
        values = {"given": quantity}
        return Refused("quantity_refused", f"quantity {quantity}", "quantity", values)
    said = Word(
        word="",  # the event's id, which is not given yet
        at_us=0,
        kind=found.kind,
        key=found.key,
        evidence=tuple(it.event_id for it in found.evidence),
        action=task.action,
        reason=task.reason,
        author=author,
        quantity=quantity,
    )
    return Told(
        deeds=(Deed(type=ev.EXCEPTION_RESOLVED, body=word_body(said)),),
        key="resolved",
        values={"about": _about(found, floor, language),
                "action": message(f"action_{task.action}", language)},
    )  # fmt: skip


def _badge(request: Request) -> str | None:
    return request.task.supervisor or request.task.worker


def _gone(name: str) -> Refused:
    return Refused("exception_gone", f"{name!r} is not open as it was shown")


def _named(name: str, floor: Floor) -> OpenException | None:
    return next((it for it in _open(floor) if it.name == name), None)


def _open(floor: Floor) -> tuple[OpenException, ...]:
    return still_open(floor.open_exceptions, floor.words.values())


def _row(it: OpenException, floor: Floor, language: str) -> dict[str, object]:
    row: dict[str, object] = {
        "id": it.name,
        "kind": it.kind,
        "key": list(it.key),
        "text": message(f"exception_{it.kind}", language),
        "about": _about(it, floor, language),
        "n_events": it.n_events,
        "actions": [
            {"action": action, "text": message(f"action_{action}", language)}
            for action in ACTIONS.get(it.kind, ())
        ],
    }
    if it.n_events:
        row |= {"first_at_us": it.first_at_us, "last_at_us": it.last_at_us}
    return row


def _evidence(it: OpenException, language: str) -> Mapping[str, object]:
    newest = sorted(it.evidence, key=lambda shown: (-shown.at_us, shown.event_id))
    rows = [
        {
            "event_id": shown.event_id,
            "at_us": shown.at_us,
            "detail": shown.detail,
            "text": shown_in_words(it.kind, it.key, shown.detail, language),
        }
        for shown in newest[:SHOWN_MAX]
    ]
    return {"evidence": rows} if rows else {}


def _about(it: OpenException, floor: Floor, language: str) -> str:
    """The key in a worker's words: items by their names, empty parts left out."""
    parts = (floor.name(part, language) if floor.item(part) else part for part in it.key if part)
    return " · ".join(parts)


def still_open(known: Iterable[OpenException], words: Iterable[Word]) -> tuple[OpenException, ...]:
    """What is open once words that are on their way to the queue have got there."""
    said: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for word in words:
        said.setdefault((word.kind, tuple(word.key)), set()).update(word.evidence)
    return tuple(
        it
        for it in known
        if not it.n_events or len(said.get((it.kind, tuple(it.key)), ())) < it.n_events
    )
