"""What a gateway does when somebody says what is to be done about an exception.

A word is done once, by the gateway in whose queue its evidence is open. Physical facts are its
warehouse's to write; a recount is a document, which the cloud makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.version import EVENT_VERSION
from cloud_sync.inventory.exceptions import (
    ACTIONS,
    ADJUST,
    CORRECT,
    COUNT_KINDS,
    HOLD,
    LOT_KINDS,
    RELEASE,
    WASTE,
    Word,
)
from cloud_sync.inventory.findings import NEGATIVE_STOCK
from cloud_sync.inventory.stock import CATCH_WEIGHT, StockKey
from gateway.core.flows.kinds import UNDOABLE
from gateway.core.flows.state import turned

REASON_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Around:
    """What is known where a word is done. balances: as of the word. corrected: events that were
    taken back already."""

    warehouse: str
    now_us: int
    balances: Mapping[StockKey, int]
    corrected: frozenset[str]
    new_id: Callable[[], str]


def deeds_of(said: Word, evidence: Iterable[ev.Event], around: Around) -> list[ev.Event]:
    """The events that do what a word names; none for what is done elsewhere.

    evidence: what of it is open here, as far as it is still in the journal.
    """
    if said.action == CORRECT:
        return [_turned(it, said, around) for it in evidence if _can_turn(it, around)]
    if said.kind in LOT_KINDS and len(said.key) == 2:
        return _about_lot(said, around)
    if said.kind in COUNT_KINDS and said.action == ADJUST:
        return _counted(said, around)
    return []


def refusal_of(said: Word) -> str | None:
    """Why nobody could do what a word says; None if it is right."""
    actions = ACTIONS.get(said.kind, ())
    if said.action not in actions:
        known = ", ".join(actions) or "nothing"
        return f"{said.kind} is resolved by {known}, not by {said.action!r}"
    if bool(said.evidence) == (said.kind == NEGATIVE_STOCK):
        return "it names no event" if not said.evidence else "no event shows negative stock"
    if (said.action == ADJUST) != (said.quantity is not None):
        return f"a quantity goes with {ADJUST}, and with nothing else"
    if not 0 < len(said.reason) <= REASON_CHARACTERS_MAX:
        return f"a reason has 1 to {REASON_CHARACTERS_MAX} characters"
    return None if keys.is_id(said.author) else f"{said.author!r} is nobody's id"


def _event(around: Around, event_type: str, **members: object) -> ev.Event:
    return ev.Event(
        event_id=around.new_id(),
        type=event_type,
        version=EVENT_VERSION,
        occurred_at_us=around.now_us,
        received_at_us=around.now_us,
        warehouse=around.warehouse,
        **members,  # type: ignore[arg-type]  # each caller names members of Event
    )


def _said(said: Word) -> dict[str, object]:
    return {"author": said.author, "reason": said.reason, "resolves": said.word}


_LOT_EVENTS: Final = {RELEASE: ev.LOT_RELEASED, HOLD: ev.LOT_HELD}


def _about_lot(said: Word, around: Around) -> list[ev.Event]:
    item, lot = said.key
    event_type = _LOT_EVENTS.get(said.action)
    if event_type is not None:
        body: dict[str, object] = {"item": item, **({"lot": lot} if lot else {}), **_said(said)}
        return [_event(around, event_type, body=body)]
    if said.action != WASTE:
        return []
    lines = tuple(
        ev.Line(
            item=item,
            lot=lot or None,
            from_location=key.location,
            to_location=keys.WASTE,
            quantity=quantity,
            unit="g" if key.unit == "g" else "EA",
            from_status=key.status,
            weight_g=around.balances.get(key._replace(unit=CATCH_WEIGHT)) or None,
        )
        for key, quantity in sorted(around.balances.items())
        if (key.item, key.lot) == (item, lot)
        and quantity > 0
        and key.unit != CATCH_WEIGHT
        and not keys.is_virtual(key.location)
    )
    return [_event(around, ev.STOCK_WASTED, lines=lines, body=_said(said))] if lines else []


def _counted(said: Word, around: Around) -> list[ev.Event]:
    key = StockKey(*said.key) if len(said.key) == len(StockKey._fields) else None
    if key is None or said.quantity is None:
        return []
    row: dict[str, object] = {
        "book": around.balances.get(key, 0),
        "item": key.item,
        "location": key.location,
        "quantity": said.quantity,
        "status": key.status,
        "unit": key.unit,
    }
    if key.lot:
        row["lot"] = key.lot
    body = {"assertions": [row], "scope": {"location": key.location}, **_said(said)}
    # Without a place in its header it belongs to no worker's count.
    return [_event(around, ev.COUNT_OBSERVED, body=body)]


def _can_turn(event: ev.Event, around: Around) -> bool:
    return event.type in UNDOABLE and event.event_id not in around.corrected


def _turned(event: ev.Event, said: Word, around: Around) -> ev.Event:
    body: dict[str, object] = {"corrects_type": event.type, **_said(said)}
    if event.body:
        body["of"] = dict(event.body)
    if event.flags:
        body["of_flags"] = list(event.flags)
    return _event(
        around,
        ev.EVENT_CORRECTED,
        location=event.location,
        documents=event.documents,
        corrects=event.event_id,
        lines=tuple(map(turned, event.lines)),
        body=body,
    )
