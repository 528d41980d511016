"""What state a lot is in, and whether it may be used: one answer for all who ask.

`usable` is asked by picking, FEFO, planning and promising alike, at the edge and in the cloud. The
expiry day itself is still usable, in the warehouse's own time zone, and so is the last day of a
certificate. `Bans` are what else stands against goods: holds, recalls and papers that ran out.

The state of a lot is folded from lot.created, lot.held, lot.released and lot.recalled. Each of
its parts holds the last word in the order of places, so the state too is a function of the set
of events. A body names `item` and `lot`; without a lot it speaks of all lots of the item.
`lot.released` lifts the hold; a recall only where its body says `lifts: recall`.
lot.expired and lot.expiring tell people what the calendar says already and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Certificate, Hold
from cloud_sync.contract.values import value
from cloud_sync.inventory.places import BEGINNING, Place, Placed

LotKey = tuple[str, str]
"""Item and lot; lot "" for goods without one, and for all lots of an item in a hold."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@value
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

    reason: "" | expired | held | recalled | uncertified; the gravest of them.
    """

    reason: str

    def __bool__(self) -> bool:
        return not self.reason


USABLE: Final = Usability("")


def usable(
    lot: LotState, on: str, *, of_all: LotState | None = None, certified_until: str | None = None
) -> Usability:
    """Whether a lot is good on a day (YYYY-MM-DD, `local_day` of a time).

    of_all: what is said of every lot of the item. certified_until: the last day on which the
    item's papers are good; None where it needs none.
    """
    if lot.is_recalled or (of_all is not None and of_all.is_recalled):
        return Usability("recalled")
    if lot.is_held or (of_all is not None and of_all.is_held):
        return Usability("held")
    if lot.expiry is not None and lot.expiry < on:
        return Usability("expired")
    if certified_until is not None and certified_until < on:
        return Usability("uncertified")
    return USABLE


@dataclass(frozen=True, slots=True)
class Bans:
    """What stands against goods besides their expiry.

    held, recalled: (item, lot, warehouse), with "" for all lots and for all warehouses.
    certified_until: by item, the last day on which all papers it needs are good.
    """

    held: frozenset[tuple[str, str, str]] = frozenset()
    recalled: frozenset[tuple[str, str, str]] = frozenset()
    certified_until: Mapping[str, str] = field(default_factory=dict)

    def usable(
        self, warehouse: str, key: LotKey, *, expiry: str | None, on: str, is_held: bool = False
    ) -> Usability:
        """Whether a lot may be used at a warehouse on a day. is_held: what else holds it there."""
        if not (is_held or self.held or self.recalled or self.certified_until):
            # Asked for every scan, and mostly nothing stands against anything.
            return USABLE if expiry is None or expiry >= on else usable(LotState(expiry), on)
        lot = LotState(
            expiry,
            is_held=is_held or _names(self.held, warehouse, key),
            is_recalled=_names(self.recalled, warehouse, key),
        )
        return usable(lot, on, certified_until=self.certified_until.get(key[0]))


def make_bans(
    holds: Iterable[Hold],
    papers: Iterable[Certificate],
    *,
    held: Iterable[tuple[str, str, str]] = (),
    recalled: Iterable[tuple[str, str, str]] = (),
) -> Bans:
    """The bans that documents make, and those that events have made, which are given beside."""
    told: dict[str, set[tuple[str, str, str]]] = {"hold": set(held), "recall": set(recalled)}
    for it in holds:
        told[it.kind].add((it.item, it.lot or "", it.warehouse or ""))
    return Bans(frozenset(told["hold"]), frozenset(told["recall"]), certified_until(papers))


def certified_until(papers: Iterable[Certificate]) -> dict[str, str]:
    """By item the last day on which it may be sold.

    Of papers of one type the last one counts, whether it is the item's own or a supplier's; an
    item needs one of each type that names it.
    """
    last_days: dict[str, str] = {}
    for (item, _), paper in decisive_papers(papers).items():
        last_days[item] = min(paper.valid_until, last_days.get(item, paper.valid_until))
    return last_days


def decisive_papers(papers: Iterable[Certificate]) -> dict[tuple[str, str], Certificate]:
    """By item and type the paper that is good longest; of equals the first by its id."""
    found: dict[tuple[str, str], Certificate] = {}
    for paper in sorted(papers, key=lambda it: it.id):
        for item in paper.items:
            known = found.get((item, paper.type))
            if known is None or known.valid_until < paper.valid_until:
                found[item, paper.type] = paper
    return found


def _names(bans: frozenset[tuple[str, str, str]], warehouse: str, key: LotKey) -> bool:
    if not bans:
        return False
    item, lot = key
    return any((item, which, where) in bans for which in (lot, "") for where in (warehouse, ""))


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


LOT_EVENTS: Final = frozenset({ev.LOT_CREATED, ev.LOT_HELD, ev.LOT_RELEASED, ev.LOT_RECALLED})


def _expiry(event: ev.Event) -> str | None:
    expiry = event.body.get("expiry")
    return expiry if isinstance(expiry, str) else None
