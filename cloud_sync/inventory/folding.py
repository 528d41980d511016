"""Events into a ledger: all at once, or a few more at a time with the same result.

`rebuild` is the definition: balances are a function of the set of rows. `step` says what a batch
of rows changes in a ledger that has some already; whatever the order, the grouping and the
repeats in which rows come, a ledger that takes steps ends as `rebuild` makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from cloud_sync.contract.events import Event
from cloud_sync.inventory.corrections import Acting, acting, target_of
from cloud_sync.inventory.counts import COUNTING, NOTHING, count_of
from cloud_sync.inventory.ledger import Ledger
from cloud_sync.inventory.places import Place, Placed, place_next

_ROW = itemgetter(0, 1, 2)


class LedgerRow(NamedTuple):
    """An event where it lies. known_us: when whoever asks had it, for as-known-at.

    time_us: the journal's at the row, for rows that come without those before them; 0 if late.
    """

    gateway: str
    epoch: str
    seq: int
    event: Event
    known_us: int = 0
    time_us: int = 0


class Step(NamedTuple):
    """What a batch changes: events that no longer count as they did, and those that do now."""

    undo: list[Acting]
    do: list[Acting]

    def first_count(self) -> Place | None:
        """The place of the first count to be made; None if there is none."""
        return next(
            (
                each.place
                for each in self.do
                if each.asserts
                and each.event.type in COUNTING
                and count_of(each.event) is not NOTHING
            ),
            None,
        )


def placed_events(rows: Iterable[LedgerRow]) -> list[Placed]:
    """Every event once, at its place; of a row that was carried into a newer journal the first."""
    placed: dict[str, Placed] = {}
    journal: tuple[str, str] | None = None
    time_us = 0
    for gateway, epoch, seq, event, _, known_time_us in sorted(rows, key=_ROW):
        if (gateway, epoch) != journal:
            journal, time_us = (gateway, epoch), 0
        time_us = max(time_us, known_time_us)
        place, time_us = place_next(event, gateway=gateway, epoch=epoch, seq=seq, time_us=time_us)
        if event.event_id not in placed:
            placed[event.event_id] = Placed(place, event)
    return list(placed.values())


def rebuild(rows: Iterable[LedgerRow]) -> Ledger:
    """The ledger of a set of rows, whatever order they are in and however often they repeat."""
    ledger = Ledger()
    ledger.apply(do=acting(placed_events(rows)))
    ledger.take_changes()
    return ledger


def step(batch: Sequence[Placed], related: Iterable[Placed] = ()) -> Step:
    """What new events change. related: all earlier ones that correct or are corrected with them.

    `missing` and the corrections of what is known tell which those are.
    """
    earlier = list(related)
    before, after = acting(earlier), acting([*earlier, *batch])
    if not before:
        return Step([], after)
    kept = {_identity(each) for each in after}
    had = {_identity(each) for each in before}
    return Step(
        [each for each in before if _identity(each) not in kept],
        [each for each in after if _identity(each) not in had],
    )


def missing(known: Iterable[Placed]) -> set[str]:
    """The ids of events that are corrected by these and not among them."""
    targets = {placed.event.event_id: target_of(placed.event) for placed in known}
    return {target for target in targets.values() if target is not None} - targets.keys()


def _identity(each: Acting) -> tuple[Place, str, bool]:
    return each.place, each.event.event_id, each.asserts
