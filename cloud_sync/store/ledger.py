"""The part of a warehouse's ledger that a batch touches: read, changed, written back.

Only what the batch can change is read: counts and sweeps from its first place on, balances where
it counts, events that its corrections name, and what moved after a count that came late. The
warehouse's row in `ledgers` is locked, so that nobody else changes any of it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cloud_sync.contract.events import parse_event
from cloud_sync.inventory.corrections import Acting, acting, target_of
from cloud_sync.inventory.counts import Scope, count_of
from cloud_sync.inventory.folding import Step, missing, step
from cloud_sync.inventory.history import items_of
from cloud_sync.inventory.ledger import Asserted, Changes, Entry, Ledger, Sweep, rows_of
from cloud_sync.inventory.places import (
    Place,
    Placed,
    is_late,
    parse_place,
    place_next,
    place_text,
)
from cloud_sync.inventory.stock import StockKey, movements
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.item_rows import time_at
from cloud_sync.store.ports import Transaction, Value, fetch_in

KEY = "warehouse, location, item, lot, status, unit"


@dataclass(frozen=True, slots=True)
class Head:
    """How far a warehouse's ledger is, places as text; "" before the first.

    last_count: the greatest place of a count or sweep. n_open: corrections of unknown events.
    """

    horizon: str
    last_count: str
    n_open: int


@dataclass(frozen=True, slots=True)
class Source:
    """Which rows were known before the batch: all of the warehouse but its journal's newest.

    position: only those received before, when the stock is folded again.
    """

    warehouse: str
    gateway: str
    epoch: str
    first_seq: int
    position: int | None = None

    def up_to(self, position: int) -> Source:
        """The same, of rows received before a position."""
        return replace(self, position=position)

    def condition(self) -> tuple[str, list[Value]]:
        """What such a row must fulfil."""
        sql = (
            "warehouse = ? and status = 'accepted'"
            " and not (gateway = ? and epoch = ? and seq >= ?)"
        )
        values: list[Value] = [self.warehouse, self.gateway, self.epoch, self.first_seq]
        if self.position is not None:
            return f"{sql} and position < ?", [*values, self.position]
        return sql, values


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch changes: balances, the entries that make them, and how far the ledger is."""

    balances: Mapping[StockKey, int]
    entries: Sequence[Entry]
    head: Head


async def fold_with_counts(
    tx: Transaction, source: Source, head: Head, batch: Sequence[Placed]
) -> Folded:
    """What a batch changes in the balances; counts, sweeps and corrections are written here."""
    related = await _related(tx, source, batch)
    changes = step(batch, related)
    ledger = await _load(tx, source.warehouse, changes)
    first = changes.first_count()
    later: list[Acting] = []
    if first is not None and place_text(first) < head.horizon:
        undone = {(each.place, each.event.event_id, each.asserts) for each in changes.undo}
        later = [
            each
            for each in await _acting_after(tx, source, first)
            if (each.place, each.event.event_id, each.asserts) not in undone
        ]
    before = _variances(ledger)
    ledger.apply(undo=changes.undo, do=changes.do, later=later)
    made = ledger.take_changes()
    entries = [*_moved(changes), *_varied(before, ledger, made)]
    await _save(tx, ledger, made)
    n_open = await _note_corrections(tx, source.warehouse, batch, related, head)
    counted = [place_text(place) for _, place in (*made.counts, *made.sweeps)]
    last_count = max([head.last_count, *counted])
    return Folded(made.balances, entries, replace(head, last_count=last_count, n_open=n_open))


def _moved(changes: Step) -> Iterator[Entry]:
    for acts, sign in ((changes.undo, -1), (changes.do, 1)):
        for each in acts:
            for key, quantity in movements(each.event):
                yield each.place, key, sign * quantity


def _variances(ledger: Ledger) -> dict[tuple[StockKey, Place], int]:
    return {(key, row.place): row.variance for key, rows in ledger.counts.items() for row in rows}


def _varied(
    before: Mapping[tuple[StockKey, Place], int], ledger: Ledger, made: Changes
) -> Iterator[Entry]:
    """By how much variances changed; a new count that found what the books said by nothing."""
    for (key, place), row in rows_of(ledger, made.counts).items():
        variance = 0 if row is None else row.variance
        yield place, key, variance - before.get((key, place), 0)


# ------------------------------------------------------------ earlier events


async def _related(tx: Transaction, source: Source, batch: Sequence[Placed]) -> list[Placed]:
    """The earlier events that correct or are corrected with those of a batch."""
    found: dict[str, Placed] = {}
    sought: set[str] = set()
    names = {placed.event.event_id for placed in batch}
    while True:
        tree = [*batch, *found.values()]
        targets = missing(tree)
        ids = {placed.event.event_id for placed in tree} | targets
        by = await fetch_in(
            tx,
            "select event_id from corrections where warehouse = ? and corrects in (?*)",
            sorted(ids - sought),
            before=(source.warehouse,),
        )
        wanted = targets | {text(event_id) for (event_id,) in by}
        wanted -= names | found.keys() | sought
        sought |= ids
        if not wanted:
            return list(found.values())
        for placed in await named(tx, source, wanted):
            found[placed.event.event_id] = placed
        sought -= wanted  # their own corrections are still to be asked for
        sought |= wanted - found.keys()


async def named(tx: Transaction, source: Source, event_ids: Iterable[str]) -> list[Placed]:
    """Earlier events at their places."""
    condition, values = source.condition()
    rows = await fetch_in(
        tx,
        f"select gateway, epoch, seq, body from received where {condition} and event_id in (?*)",  # noqa: S608 -- our own words
        event_ids,
        before=values,
    )
    found = []
    for gateway, epoch, seq, body in rows:
        journal = source.warehouse, text(gateway), text(epoch)
        event = parse_event(blob(body))
        if is_late(event):
            place, _ = place_next(
                event, gateway=journal[1], epoch=journal[2], seq=integer(seq), time_us=0
            )
            found.append(Placed(place, event))
            continue
        time_us = await time_at(tx, journal, integer(seq), items_of(event))
        if time_us is not None:
            place = Place(time_us, journal[1], journal[2], "", 0, integer(seq))
            found.append(Placed(place, event))
            continue
        # Only rows of its time or later can have carried the journal's time beyond it.
        at_us = min(event.occurred_at_us, event.received_at_us)
        start = await tx.fetch(
            "select min(seq) from received where warehouse = ? and gateway = ? and epoch = ?"
            " and status = 'accepted' and occurred_at_us >= ?",
            (*journal, at_us),
        )
        first = min(integer(start[0][0]), integer(seq))
        found.append((await _between(tx, journal, first, integer(seq)))[-1])
    return found


async def _between(
    tx: Transaction, journal: tuple[str, str, str], first: int, last: int
) -> list[Placed]:
    """Rows at their places, right for all that lie beyond the time at which they begin.

    journal: warehouse, gateway, epoch.
    """
    rows = await tx.fetch(
        "select seq, body from received where warehouse = ? and gateway = ? and epoch = ?"
        " and status = 'accepted' and seq between ? and ? order by seq",
        (*journal, first, last),
    )
    placed, time_us = [], 0
    for seq, body in rows:
        event = parse_event(blob(body))
        place, time_us = place_next(
            event, gateway=journal[1], epoch=journal[2], seq=integer(seq), time_us=time_us
        )
        placed.append(Placed(place, event))
    return placed


async def _acting_after(tx: Transaction, source: Source, after: Place) -> list[Acting]:
    """What acts beyond a place, of the rows that were folded before."""
    condition, values = source.condition()
    journals = await tx.fetch(
        "select gateway, epoch, min(seq), max(seq) from received"  # noqa: S608 -- our own words
        f" where {condition} and occurred_at_us > ? group by gateway, epoch"
        " order by gateway, epoch",
        [*values, after.at_us],
    )
    rows: list[Placed] = []
    for gateway, epoch, first, _ in journals:
        last = await tx.fetch(
            f"select max(seq) from received where {condition} and gateway = ? and epoch = ?",  # noqa: S608 -- as above
            [*values, gateway, epoch],
        )
        journal = source.warehouse, text(gateway), text(epoch)
        rows += await _between(tx, journal, integer(first), integer(last[0][0]))
    related = await _related(tx, source, rows)
    return [each for each in acting([*related, *rows]) if each.place > after]


# ------------------------------------------------------------ the tables


async def _load(tx: Transaction, warehouse: str, changes: Step) -> Ledger:
    """The counts and sweeps from the first place on, and the balances where it is counted."""
    ledger = Ledger()
    acts = [*changes.undo, *changes.do]
    lowest = place_text(min(each.place for each in acts)) if acts else ""
    for row in await tx.fetch(
        f"select {KEY}, place, event_id, counted, variance, is_swept from stock_counts"  # noqa: S608 -- our own words
        " where warehouse = ? and place >= ? order by place",
        (warehouse, lowest),
    ):
        place, event_id, counted, variance, is_swept = row[6:]
        asserted = Asserted(
            parse_place(text(place)),
            text(event_id),
            integer(counted),
            integer(variance),
            bool(integer(is_swept)),
        )
        ledger.counts.setdefault(StockKey(*map(text, row[:6])), []).append(asserted)
    for row in await tx.fetch(
        "select warehouse, location, place, event_id, item, status, unit from stock_sweeps"
        " where warehouse = ? and place >= ? order by place",
        (warehouse, lowest),
    ):
        spot = text(row[0]), text(row[1])
        scope = Scope(*spot, text(row[4]), text(row[5]), text(row[6]))
        sweep = Sweep(parse_place(text(row[2])), text(row[3]), scope)
        ledger.sweeps.setdefault(spot, []).append(sweep)
    for *key, quantity in await fetch_in(
        tx,
        f"select {KEY}, quantity from stock where warehouse = ? and location in (?*)",  # noqa: S608 -- as above
        _counted_places(acts),
        before=(warehouse,),
    ):
        if quantity:
            ledger.balances[StockKey(*map(text, key))] = integer(quantity)
    return ledger


def _counted_places(acts: Iterable[Acting]) -> set[str]:
    places: set[str] = set()
    for each in acts:
        count = count_of(each.event)
        places |= {key.location for key in count.counted}
        if count.sweep is not None:
            places.add(count.sweep.location)
    return places


async def _save(tx: Transaction, ledger: Ledger, made: Changes) -> None:
    """Write counts and sweeps as they are now."""
    counts = rows_of(ledger, made.counts)
    await tx.execute_many(
        "delete from stock_counts where warehouse = ? and location = ? and item = ? and lot = ?"
        " and status = ? and unit = ? and place = ?",
        [(*key, place_text(place)) for key, place in counts],
    )
    await tx.execute_many(
        f"insert into stock_counts({KEY}, place, event_id, counted, variance, is_swept)"  # noqa: S608 -- our own words
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*key, place_text(at), row.event_id, row.counted, row.variance, int(row.is_swept))
            for (key, at), row in counts.items()
            if row is not None
        ],
    )
    await tx.execute_many(
        "delete from stock_sweeps where warehouse = ? and location = ? and place = ?",
        [(*spot, place_text(place)) for spot, place in made.sweeps],
    )
    await tx.execute_many(
        "insert into stock_sweeps(warehouse, location, place, event_id, item, status, unit)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *spot,
                place_text(it.place),
                it.event_id,
                it.scope.item,
                it.scope.status,
                it.scope.unit,
            )
            for spot, place in made.sweeps
            for it in ledger.sweeps.get(spot, ())
            if it.place == place
        ],
    )


async def _note_corrections(
    tx: Transaction,
    warehouse: str,
    batch: Sequence[Placed],
    related: Sequence[Placed],
    head: Head,
) -> int:
    """Remember what corrects what; gives how many wait for their event now."""
    names = {placed.event.event_id for placed in (*batch, *related)}
    new = [
        (warehouse, event.event_id, target, int(target not in names))
        for _, event in batch
        if (target := target_of(event)) is not None
    ]
    if not new and not head.n_open:
        return 0
    await tx.execute_many(
        "insert into corrections(warehouse, event_id, corrects, is_open) values (?, ?, ?, ?)", new
    )
    await tx.execute_many(
        "update corrections set is_open = 0 where warehouse = ? and corrects = ?",
        [(warehouse, event.event_id) for _, event in batch] if head.n_open else [],
    )
    ((n_open,),) = await tx.fetch(
        "select count(*) from corrections where warehouse = ? and is_open = 1", (warehouse,)
    )
    return integer(n_open)
