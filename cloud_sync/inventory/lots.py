"""What state a lot is in, and whether it may be used: one answer for all who ask.

`usable` is asked by picking, FEFO, planning and promising alike. The expiry day itself is still
usable, in the warehouse's own time zone.

The state of a lot is folded from lot.created, lot.held, lot.released and lot.recalled. Each of
its parts holds the last word in the order of places, so the state too is a function of the set
of events. A body names `item` and `lot`; without a lot it speaks of all lots of the item.
`lot.released` lifts the hold; a recall only where its body says `lifts: recall`.
lot.expired and lot.expiring tell people what the calendar says already and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.inventory.findings import EXPIRY_CONFLICT, Finding
from cloud_sync.inventory.places import BEGINNING, Place, Placed

LotKey = tuple[str, str]
"""Item and lot; lot "" for goods without one, and for all lots of an item in a hold."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LotState:
    """What is known of a lot. expiry: the day, YYYY-MM-DD, or None if it does not spoil.

    is_held, is_recalled: with the places of the events that said so last.
    """

    expiry: str | None = None
    is_held: bool = False
    is_recalled: bool = False
    created_at: Place | None = None
    held_at: Place = BEGINNING
    recalled_at: Place = BEGINNING


@dataclass(frozen=True, slots=True)
class Usability:
    """Whether goods may be sold, picked or promised, and if not, why not.

    reason: "" | expired | held | recalled; the gravest of them.
    """

    reason: str

    def __bool__(self) -> bool:
        return not self.reason


USABLE: Final = Usability("")


def usable(lot: LotState, on: str, *, of_all: LotState | None = None) -> Usability:
    """Whether a lot is good on a day (YYYY-MM-DD, `local_day` of a time).

    of_all: what is said of every lot of the item.
    """
    if lot.is_recalled or (of_all is not None and of_all.is_recalled):
        return Usability("recalled")
    if lot.is_held or (of_all is not None and of_all.is_held):
        return Usability("held")
    if lot.expiry is not None and lot.expiry < on:
        return Usability("expired")
    return USABLE


def local_day(at_us: int, zone: tzinfo) -> str:
    """The date at a time, on the walls of a warehouse in this zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).date().isoformat()


def days_left(lot: LotState, on: str) -> int | None:
    """Days a lot is still good, its last day included; None if it does not spoil."""
    if lot.expiry is None:
        return None
    return (date.fromisoformat(lot.expiry) - date.fromisoformat(on)).days + 1


def lot_key(event: ev.Event) -> LotKey | None:
    """Which lot an event about a lot speaks of."""
    item, lot = event.body.get("item"), event.body.get("lot")
    if not isinstance(item, str):
        return None
    return item, lot if isinstance(lot, str) else ""


def fold_lots(events: Iterable[Placed]) -> Mapping[LotKey, LotState]:
    """The states of all lots, from events in any order."""
    lots: dict[LotKey, LotState] = {}
    for place, event in events:
        key = lot_key(event)
        if key is not None and event.type in LOT_EVENTS:
            lots[key] = told(lots.get(key, LotState()), place, event)
    return lots


def told(lot: LotState, place: Place, event: ev.Event) -> LotState:
    """The state once an event about the lot is known, which need not be the newest."""
    if event.type == ev.LOT_CREATED and (lot.created_at is None or place < lot.created_at):
        return replace(lot, expiry=_expiry(event), created_at=place)
    lifts_recall = event.type == ev.LOT_RELEASED and event.body.get("lifts") == "recall"
    if (event.type == ev.LOT_RECALLED or lifts_recall) and place > lot.recalled_at:
        return replace(lot, is_recalled=not lifts_recall, recalled_at=place)
    is_hold = event.type == ev.LOT_HELD or (event.type == ev.LOT_RELEASED and not lifts_recall)
    if is_hold and place > lot.held_at:
        return replace(lot, is_held=event.type == ev.LOT_HELD, held_at=place)
    return lot


def expiry_conflicts(events: Iterable[Placed]) -> list[Finding]:
    """Lots that were given different expiries; the first in the order of places stands."""
    said: dict[LotKey, list[Placed]] = {}
    for placed in sorted(events, key=lambda each: each.place):
        key = lot_key(placed.event)
        if key is not None and placed.event.type == ev.LOT_CREATED:
            said.setdefault(key, []).append(placed)
    return [
        Finding(
            EXPIRY_CONFLICT,
            key,
            tuple(each.event.event_id for each in several),
            ", ".join(str(day) for day in dict.fromkeys(_expiry(each.event) for each in several)),
        )
        for key, several in sorted(said.items())
        if len({_expiry(each.event) for each in several}) > 1
    ]


LOT_EVENTS: Final = frozenset({ev.LOT_CREATED, ev.LOT_HELD, ev.LOT_RELEASED, ev.LOT_RECALLED})


def _expiry(event: ev.Event) -> str | None:
    expiry = event.body.get("expiry")
    return expiry if isinstance(expiry, str) else None
