"""Where a run of journal rows must be cut, so that triggers do not depend on how rows are read.

Triggers are looked for after a run of rows, not after each. A run in which the goods of each item
move one way only, onto the shelves or off them, has no moment between its ends that was worse or
better than both; so nothing is missed. Where an item turns round, the run is cut; and around every
row that does more than move goods (a count, a correction, a hold, a document), so that what that
row took away is seen by itself. Rows that concern no item cut nothing. No run has a part in two
windows of time, so that a trigger has the same window however late its run is folded.

On a working day that is one run per read: picks go out, and what else happens is rare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys

Rows = Sequence[tuple[int, ev.Event]]

ALONE: Final = frozenset(
    {
        ev.COUNT_OBSERVED,
        ev.COUNT_CLOSED,
        ev.EVENT_CORRECTED,
        ev.GOODS_INSPECTED,
        ev.GOODS_TRANSFORMED,
        ev.LOT_CREATED,
        ev.LOT_HELD,
        ev.LOT_RECALLED,
        ev.LOT_RELEASED,
        ev.PLAN_DECIDED,
        ev.PLAN_PROPOSED,
        ev.RECEIPT_CLOSED,
    }
)
"""Events that make a run of their own."""
DOCUMENTS_ALONE: Final = frozenset(
    {doc.POLICY, doc.ASN, doc.ORDER, doc.TRANSFER, doc.HOLD, doc.CERTIFICATE, doc.PLAN}
)
"""So do changes of these documents."""


def runs(rows: Rows, window_us: int) -> Iterator[Rows]:
    """The rows cut into runs, none empty, in order. window_us: 0 for no windows."""
    start, window = 0, -1
    way: dict[str, int] = {}
    for at, (_, event) in enumerate(rows):
        if _is_alone(event):
            if at > start:
                yield rows[start:at]
            yield rows[at : at + 1]
            start, way = at + 1, {}
            continue
        moves = _moves(event)
        before, window = window, event.received_at_us // window_us if window_us else -1
        if before != window and start < at:
            yield rows[start:at]
            start, way = at, {}
        if any(sign and way.get(item, sign) != sign for item, sign in moves):
            yield rows[start:at]
            start, way = at, {}
        way.update((item, sign) for item, sign in moves if sign)
    if start < len(rows):
        yield rows[start:]


def _is_alone(event: ev.Event) -> bool:
    if event.type == ev.DOCUMENT_CHANGED:
        return event.body.get("kind") in DOCUMENTS_ALONE
    return event.type in ALONE


def _moves(event: ev.Event) -> list[tuple[str, int]]:
    """Each line's item, and whether it goes onto the shelves (1), off them (-1) or neither (0)."""
    return [
        (
            line.item,
            _is_available(line.to_location, line.to_status)
            - _is_available(line.from_location, line.from_status),
        )
        for line in event.lines
    ]


def _is_available(location: str, status: str) -> bool:
    return status == ev.AVAILABLE and location != keys.PACKING and not keys.is_virtual(location)
