"""What an event adds to the sums of its day, from which the reports are made.

    kind      subject  detail           unit    amount
    sold      item                      EA, g   handed over to customers, less what was corrected
    returned  item                      EA, g   came back from customers
    sent      item                      EA, g   left for other warehouses
    short     item                      EA, g   not found by a picker, nor elsewhere
    wasted    item     reason           EA, g   went to waste
    net       item                      EA, g   came to the warehouse's places, less what left them
    deeds     worker   type of event    n       events
    moved     worker                    EA, g   units that stood in them
    hours     worker   hour, 00 to 23   n       events in it: their number of rows is hours at work

A day is the warehouse's own. Sums are sums: any order and grouping of the same events gives the
same ones. A correction turns round what it corrects, so the two together say what was right;
a return is no correction, so what was sold stays sold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.demand.hours import Hour

SOLD: Final = "sold"
RETURNED: Final = "returned"
SENT: Final = "sent"
SHORT: Final = "short"
WASTED: Final = "wasted"
NET: Final = "net"
DEEDS: Final = "deeds"
MOVED: Final = "moved"
HOURS: Final = "hours"

PIECES: Final = "EA"
_EACH: Final = "n"
DETAIL_MAX: Final = 64
NOT_THERE: Final = "order_short"
"""The flag of a short for which nothing was found anywhere else."""

BY_NOBODY: Final = frozenset(
    {
        *(ev.CLIMATE_SAMPLED, ev.EXCURSION_STARTED, ev.EXCURSION_CONTINUED, ev.EXCURSION_ENDED),
        *(ev.SENSOR_FAULT, ev.SENSOR_RECOVERED, ev.DEVICE_HEALTH, ev.GATEWAY_HEALTH),
        *(ev.REPLENISHMENT_TRIGGERED, ev.PLAN_PROPOSED, ev.PLAN_DECIDED, ev.DOCUMENT_CHANGED),
        *(ev.TAG_ARRIVED, ev.TAG_LEFT, ev.EXPOSURE_CARRIED, ev.LOT_EXPIRED, ev.LOT_EXPIRING),
    }
)
"""Types that add to no sum, and that are by far the most; they need not be read."""


class Sum(NamedTuple):
    """What an amount is of."""

    kind: str
    subject: str
    detail: str
    unit: str


def additions(event: ev.Event, hour: Hour) -> Iterator[tuple[Sum, int]]:
    """What an event adds to the sums of the day of `hour`; sums may come several times."""
    yield from _of_goods(event)
    yield from _of_short(event)
    if event.worker is not None and event.type not in BY_NOBODY:
        yield Sum(DEEDS, event.worker, event.type, _EACH), 1
        yield Sum(HOURS, event.worker, f"{hour.hour:02d}", _EACH), 1
        for line in event.lines:
            yield Sum(MOVED, event.worker, "", line.unit), line.quantity


@dataclass(frozen=True, slots=True)
class _Meant:
    """What an event speaks of: of a correction, what it takes back. sign: -1 where it does."""

    kind: str
    body: Mapping[str, object]
    flags: Collection[object]
    sign: int


def _meant(event: ev.Event) -> _Meant:
    """Through corrections of corrections, each of which turns the sign round."""
    meant = _Meant(event.type, event.body, event.flags, 1)
    while meant.kind == ev.EVENT_CORRECTED:
        said = meant.body
        inner, flags = said.get("of"), said.get("of_flags")
        meant = _Meant(
            str(said.get("corrects_type", "")),
            inner if isinstance(inner, Mapping) else {},
            flags if isinstance(flags, list | tuple) else (),
            -meant.sign,
        )
    return meant


def _of_goods(event: ev.Event) -> Iterator[tuple[Sum, int]]:
    if not event.lines:
        return
    meant = _meant(event)
    is_return = meant.kind == ev.GOODS_RETURNED
    reason = meant.body.get("reason")
    why = reason[:DETAIL_MAX] if isinstance(reason, str) else ""
    for line in event.lines:
        item, unit = line.item, line.unit
        if to_customer := _into(line, keys.CUSTOMER):
            if is_return:
                yield Sum(RETURNED, item, "", unit), -to_customer
            elif to_customer > 0 or event.type == ev.EVENT_CORRECTED:
                yield Sum(SOLD, item, "", unit), to_customer
            else:
                yield Sum(RETURNED, item, "", unit), -to_customer
        on_the_way = keys.is_transit(line.to_location) - keys.is_transit(line.from_location)
        if on_the_way and meant.kind == ev.TRANSFER_DISPATCHED:
            yield Sum(SENT, item, "", unit), on_the_way * line.quantity
        if wasted := _into(line, keys.WASTE):
            yield Sum(WASTED, item, why, unit), wasted
        comes, goes = (
            not keys.is_virtual(line.to_location),
            not keys.is_virtual(line.from_location),
        )
        if comes != goes:
            yield Sum(NET, item, "", unit), line.quantity if comes else -line.quantity


def _into(line: ev.Line, place: str) -> int:
    """How much a line brings to a place; below nothing where it takes it away."""
    return line.quantity * ((line.to_location == place) - (line.from_location == place))


def _of_short(event: ev.Event) -> Iterator[tuple[Sum, int]]:
    if event.type not in (ev.PICK_SHORT, ev.EVENT_CORRECTED):
        return
    meant = _meant(event)
    if meant.kind != ev.PICK_SHORT or NOT_THERE not in meant.flags:
        return
    item, unit, missing = (meant.body.get(key) for key in ("item", "unit", "missing"))
    if isinstance(item, str) and isinstance(missing, int) and not isinstance(missing, bool):
        unit = unit if isinstance(unit, str) else PIECES
        yield Sum(SHORT, item, "", unit), meant.sign * missing
