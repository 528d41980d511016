"""The ledger as the gateway keeps it: balances and counts, and how far its journal's time is.

Pure. What a step needs of earlier rows is asked of the caller, who has the journal; almost no
step needs any: only corrections, and counts that are not the last word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, TypeVar

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.corrections import Acting, target_of
from cloud_sync.inventory.folding import Step
from cloud_sync.inventory.ledger import Asserted, Ledger, Spot, Sweep, rows_of
from cloud_sync.inventory.places import BEGINNING, Place, Placed, place_next
from cloud_sync.inventory.stock import StockKey

RECEIVING: frozenset[str] = frozenset({ev.GOODS_RECEIVED, ev.TRANSFER_RECEIVED})
_BRINGING: Final = RECEIVING | {ev.EVENT_CORRECTED}
_PLACE: Final = attrgetter("place")


@dataclass(slots=True)
class StockEffects:
    """What a batch changes: balances by how much, counts and sweeps as they are now.

    counts: None for one that is no more. corrections: event id → what it corrects. received:
    how much by ASN, item and unit, more or fewer.
    """

    balances: dict[StockKey, int] = field(default_factory=dict)
    counts: dict[tuple[StockKey, Place], Asserted | None] = field(default_factory=dict)
    sweeps: dict[tuple[Spot, Place], Sweep | None] = field(default_factory=dict)
    corrections: dict[str, str] = field(default_factory=dict)
    received: dict[tuple[str, str, str], int] = field(default_factory=dict)
    time_us: int = 0
    horizon: Place = BEGINNING

    def add(self, other: StockEffects) -> None:
        """Take in what a later batch changed."""
        _add_up(self.balances, other.balances)
        _add_up(self.received, other.received)
        self.counts |= other.counts
        self.sweeps |= other.sweeps
        self.corrections |= other.corrections
        self.time_us, self.horizon = other.time_us, other.horizon


@dataclass(slots=True)
class Book:
    """A gateway's ledger. Its places leave gateway and epoch away: there is one journal.

    time_us: the journal's, after the last row. horizon: the greatest place of any row.
    corrections: what corrects an event, by the id of that.
    """

    ledger: Ledger = field(default_factory=Ledger)
    time_us: int = 0
    horizon: Place = BEGINNING
    corrections: dict[str, list[str]] = field(default_factory=dict)

    def place(self, rows: Iterable[tuple[int, ev.Event]]) -> list[Placed]:
        """The places of the journal's next rows."""
        placed, self.time_us = place_rows(rows, self.time_us)
        return placed

    def is_tied(self, batch: Sequence[Placed]) -> bool:
        """True if some of these correct others or are corrected, so that earlier rows matter."""
        corrections = self.corrections
        return any(
            event.type == ev.EVENT_CORRECTED or event.event_id in corrections for _, event in batch
        )

    def needs_later(self, step: Step) -> Place | None:
        """The place after which all rows must be known to take the step; None if none need be."""
        first = step.first_count()
        return first if first is not None and first < self.horizon else None

    def take(
        self, batch: Sequence[Placed], step: Step, later: Sequence[Acting] = ()
    ) -> StockEffects:
        """Take a step, and say what it changed."""
        self.ledger.apply(undo=step.undo, do=step.do, later=later)
        changes = self.ledger.take_changes()
        self.horizon = max(self.horizon, *map(_PLACE, batch)) if batch else self.horizon
        effects = StockEffects(
            balances={key: n for key, n in changes.balances.items() if n},
            counts=dict(rows_of(self.ledger, changes.counts)),
            time_us=self.time_us,
            horizon=self.horizon,
        )
        for spot, place in changes.sweeps:
            sweeps = self.ledger.sweeps.get(spot, ())
            effects.sweeps[spot, place] = next((s for s in sweeps if s.place == place), None)
        for _, event in batch:
            if event.type != ev.EVENT_CORRECTED:
                continue
            target = target_of(event)
            if target is not None:
                effects.corrections[event.event_id] = target
                self.corrections.setdefault(target, []).append(event.event_id)
        for sign, acts in ((-1, step.undo), (1, step.do)):
            for each in acts:
                if each.event.type in _BRINGING:
                    _receive(effects.received, each.event, sign)
        return effects


def place_rows(rows: Iterable[tuple[int, ev.Event]], time_us: int) -> tuple[list[Placed], int]:
    """The places of rows in journal order, and the journal's time after them.

    time_us: before them. A smaller one than the true one changes no place beyond the true one.
    """
    placed = []
    for seq, event in rows:
        place, time_us = place_next(event, gateway="", epoch="", seq=seq, time_us=time_us)
        placed.append(Placed(place, event))
    return placed, time_us


K = TypeVar("K")


def _add_up(sums: dict[K, int], more: dict[K, int]) -> None:
    for key, quantity in more.items():
        sums[key] = sums.get(key, 0) + quantity


def _receive(received: dict[tuple[str, str, str], int], event: ev.Event, sign: int) -> None:
    """Count what came under an ASN; a correction may say that some did not."""
    for document in event.documents:
        if document.type != "asn":
            continue
        for line in event.lines:
            key = (document.id, line.item, line.unit)
            quantity = sign * line.quantity
            if event.type == ev.EVENT_CORRECTED and not keys.is_virtual(line.from_location):
                quantity = -quantity
            received[key] = received.get(key, 0) + quantity
