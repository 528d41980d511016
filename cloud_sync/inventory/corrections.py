"""What is left of events once they were corrected: which of them count, and where.

An `event.corrected` names in `corrects` the event that was wrong. Its lines turn that event's
lines round and move what was right instead; its count, if it has one, stands in place of the
other's. So

- a correction acts at the place of what it corrects, not at its own: a count made in between saw
  the goods as they were
- of several corrections of one event the last in the order holds, and the others, with whatever
  corrects them, do nothing: sent twice is done once
- a correction may be corrected like any event; only the last of the chain asserts its count
- a correction whose event is not known yet, or is another warehouse's, acts at its own place,
  until that event comes

All of this is a function of the set of events. Events that correct one another in a ring say
nothing and do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.inventory.places import Place, Placed


class Acting(NamedTuple):
    """An event that counts. place: where it acts. asserts: False if its count was corrected."""

    place: Place
    event: ev.Event
    asserts: bool


def target_of(event: ev.Event) -> str | None:
    """The id of the event that this one corrects."""
    return event.corrects if event.type == ev.EVENT_CORRECTED else None


def acting(events: Iterable[Placed]) -> list[Acting]:
    """The events that count, in the order in which they act; `events` in any order, once each."""
    by_id = {placed.event.event_id: placed for placed in events}
    corrections = _by_target(by_id.values())
    if not corrections:
        return sorted([Acting(place, event, True) for place, event in by_id.values()], key=_order)
    found: list[Acting] = []
    for placed in by_id.values():
        target = _target_key(placed.event)
        is_root = target is None or (
            not _is_there(by_id, target) and _winner(corrections[target]) is placed
        )
        if is_root:
            found += _chain(placed, corrections)
    return sorted(found, key=_order)


Target = tuple[str, str]
"""Warehouse and event id: nobody corrects what happened elsewhere."""


def _target_key(event: ev.Event) -> Target | None:
    target = target_of(event)
    return None if target is None else (event.warehouse, target)


def _is_there(by_id: Mapping[str, Placed], target: Target) -> bool:
    warehouse, event_id = target
    return event_id in by_id and by_id[event_id].event.warehouse == warehouse


def _by_target(events: Iterable[Placed]) -> Mapping[Target, list[Placed]]:
    corrections: dict[Target, list[Placed]] = {}
    for placed in events:
        if placed.event.type != ev.EVENT_CORRECTED:
            continue  # by far the most
        target = _target_key(placed.event)
        if target is not None:
            corrections.setdefault(target, []).append(placed)
    return corrections


def _chain(root: Placed, corrections: Mapping[Target, list[Placed]]) -> list[Acting]:
    links = [root]
    while (key := (root.event.warehouse, links[-1].event.event_id)) in corrections:
        links.append(_winner(corrections[key]))
    return [Acting(root.place, link.event, asserts=link is links[-1]) for link in links]


def _winner(several: list[Placed]) -> Placed:
    return max(several, key=_place)


def _place(placed: Placed) -> Place:
    return placed.place


# Only the links of a chain share a place, and they come in their own order already.
_order = itemgetter(0)
