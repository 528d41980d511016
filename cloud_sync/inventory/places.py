"""Where an event stands in the order of a warehouse's events.

    place = (at_us, gateway, epoch, device, n, seq), compared part by part

- A *live* row (what was recorded as it happened) has the time of its journal: the greatest of
  min(occurred_at_us, received_at_us) over the live rows up to it. device is "" and n is 0. So live
  rows of one journal stand in the order of their seq, whatever the box's clock does.
- A *late* row was queued by a device while away: it has a number of its device, the device's
  clock is known, and it was received more than LATE_US plus the clock's error after it occurred.
  It stands at its own occurred_at_us, rows of one moment by the device's numbers.

It is a total order for any set of rows: (gateway, epoch, seq) names a row, so no two places are
equal, and tuples of ordered parts are ordered. Comparing rows pairwise instead (seq within a
gateway, time between gateways) is not an order: with A1 and A2 of one gateway at 10 and 5 o'clock
and B of another at 7, A1 < A2 < B < A1. That is why every row gets one key.

`at_us` of a live row depends on the rows before it in its journal and on nothing else; a journal
comes in order and without gaps, so whoever has a row can tell its place.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cloud_sync.contract.events import Event

LATE_US: Final = 2_000_000
"""A scan this long on its way was held back by its device, not by the network."""


class Place(NamedTuple):
    """A row's place in the order; see the module."""

    at_us: int
    gateway: str
    epoch: str
    device: str
    n: int
    seq: int


BEGINNING: Final = Place(-1, "", "", "", 0, 0)


class Placed(NamedTuple):
    """An event at its place."""

    place: Place
    event: Event


def is_late(event: Event) -> bool:
    """True for what a device queued while it was away, and said when it was."""
    # Hardly any row is late, and none that came at once: that is asked first.
    behind_us = event.received_at_us - event.occurred_at_us
    mark = event.device
    if behind_us <= LATE_US or mark is None or mark.seq is None:
        return False
    return mark.clock in ("trusted", "skewed") and behind_us > LATE_US + (mark.error_us or 0)


def place_next(
    event: Event, *, gateway: str, epoch: str, seq: int, time_us: int
) -> tuple[Place, int]:
    """The place of a journal's next row, and the journal's time with it.

    time_us: the journal's before it; 0 at its beginning.
    """
    occurred_us, received_us = event.occurred_at_us, event.received_at_us
    if is_late(event):
        mark = event.device
        if mark is not None and mark.seq is not None:
            return Place(occurred_us, gateway, epoch, mark.id, mark.seq, seq), time_us
    at_us = min(occurred_us, received_us)
    time_us = max(time_us, at_us)
    return Place(time_us, gateway, epoch, "", 0, seq), time_us


def place_text(place: Place) -> str:
    """The place as text that sorts as the place does, byte by byte.

    The blank between the parts is smaller than anything an id may hold.
    """
    at_us, gateway, epoch, device, n, seq = place
    return f"{at_us:016d} {gateway} {epoch} {device} {n:016d} {seq:016d}"


def parse_place(text: str) -> Place:
    """The place of `place_text`."""
    at_us, gateway, epoch, device, n, seq = text.split(" ")
    return Place(int(at_us), gateway, epoch, device, int(n), int(seq))
