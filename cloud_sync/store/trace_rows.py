"""All that was recorded of a lot, a piece or a logistic unit, in the warehouses that may be seen.

What moved a lot is found by its postings (postings.py), which have every row from the first on;
what was said of it beside that, and of pieces and units, by the index of the EPCIS events, into
which others' events go as well. Both are walked from the newest back to a bound; then exactly the
rows that were found are read, by their keys.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.exposures import CarriedLot, worst_of
from cloud_sync.epcis.naming import Naming, event_uri
from cloud_sync.store.columns import blob, integer, optional_text, text
from cloud_sync.store.item_rows import read_journal_rows
from cloud_sync.store.ports import Transaction, Value, fetch_in
from cloud_sync.store.postings import unpacked

ROWS_MAX: Final = 400
_CLASSES: Final = ("epcClass", "inputEPCClass", "outputEPCClass")
_THINGS: Final = ("epc", "parentID", "inputEPC", "outputEPC")
_URI: Final = event_uri("")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is traced: a lot or a piece of an item, or a logistic unit."""

    item: str = ""
    lot: str = ""
    serial: str = ""
    sscc: str = ""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An EPCIS event of somebody else's."""

    at_us: int
    step: str
    place: str


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a lot in one place."""

    warehouse: str
    location: str
    status: str
    unit: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known. corrected: ids of events that were taken back; is_cut: there is more."""

    events: Sequence[ev.Event] = ()
    foreign: Sequence[Foreign] = ()
    corrected: frozenset[str] = frozenset()
    left: Sequence[Left] = ()
    carried: Sequence[CarriedLot] = ()
    expiry: str | None = None
    is_cut: bool = False


async def read_trace(tx: Transaction, subject: Subject, warehouses: Sequence[str] | None) -> Trace:
    """The trace of a subject. warehouses: those to look at, None for all."""
    seen = list(warehouses) if warehouses is not None else await _warehouses(tx)
    events: dict[str, ev.Event] = {}
    is_cut = False
    if subject.lot:
        for warehouse in seen:
            found, more = await _moved(tx, warehouse, subject)
            events.update((it.event_id, it) for it in found)
            is_cut = is_cut or more
    ours, foreign, more = await _told(tx, subject, seen)
    for warehouse, ids in ours.items():
        found = await _named(tx, warehouse, ids - events.keys())
        events.update((it.event_id, it) for it in found)
    corrected: set[str] = set()
    for warehouse in sorted({it.warehouse for it in events.values()}):
        pairs = await _corrections(tx, warehouse, events)
        corrected |= pairs.keys()
        found = await _named(tx, warehouse, set(pairs.values()) - events.keys())
        events.update((it.event_id, it) for it in found)
    ordered = sorted(events.values(), key=lambda it: (it.occurred_at_us, it.event_id))
    return Trace(
        ordered[-ROWS_MAX:],
        foreign,
        frozenset(corrected),
        await _left(tx, subject, seen) if subject.lot else (),
        await _carried(tx, subject, ordered) if subject.lot else (),
        await _expiry(tx, subject),
        is_cut or more or len(ordered) > ROWS_MAX,
    )


async def _warehouses(tx: Transaction) -> list[str]:
    rows = await tx.fetch("select warehouse from ledgers order by warehouse")
    return [text(it) for (it,) in rows]


async def _moved(tx: Transaction, warehouse: str, subject: Subject) -> tuple[list[ev.Event], bool]:
    rows = await tx.fetch(
        "select gateway, epoch, entries from stock_postings "
        "where warehouse = ? and item = ? and lot = ? order by day desc, batch desc limit ?",
        (warehouse, subject.item, subject.lot, ROWS_MAX + 1),
    )
    wanted: dict[tuple[str, str], dict[int, int]] = {}
    for gateway, epoch, entries in rows:
        times = wanted.setdefault((text(gateway), text(epoch)), {})
        times.update((abs(seq), 0) for _, seq, _ in unpacked(entries))
    newest = {
        journal: dict.fromkeys(sorted(times)[-ROWS_MAX:], 0) for journal, times in wanted.items()
    }
    found = await read_journal_rows(tx, warehouse, newest)
    is_cut = len(rows) > ROWS_MAX or any(len(it) > ROWS_MAX for it in wanted.values())
    return [ev.parse_event(blob(row[4])) for row in found], is_cut


async def _told(
    tx: Transaction, subject: Subject, warehouses: Sequence[str]
) -> tuple[dict[str, set[str]], list[Foreign], bool]:
    """Ids of our events by warehouse, and others' events, from the index of the EPCIS events."""
    naming = Naming()
    names: Sequence[str] = _THINGS
    uri = naming.unit(subject.sscc)
    if subject.lot:
        names, uri = _CLASSES, naming.lot(subject.item, subject.lot)
    elif subject.serial:
        uri = naming.piece(subject.item, subject.serial)
    marks = ",".join("?" * len(names))
    parameters: list[Value] = [*names, uri]
    rows = await fetch_in(
        tx,
        "select e.position, e.warehouse, e.event_id, e.event_time_us, e.body "  # noqa: S608 -- marks only
        "from epcis_keys k join epcis_events e on e.position = k.position "
        f"where k.name in ({marks}) and k.value = ? and e.declared_at_us = 0 "
        f"and k.warehouse in (?*) order by k.position desc limit {ROWS_MAX + 1}",
        ["", *warehouses],
        before=parameters,
    )
    ours: dict[str, set[str]] = {}
    foreign: list[Foreign] = []
    for _, warehouse, event_id, at_us, body in rows[:ROWS_MAX]:
        if warehouse:
            ours.setdefault(text(warehouse), set()).add(text(event_id).removeprefix(_URI))
        else:
            foreign.append(_foreign(integer(at_us), json.loads(text(body))))
    return ours, sorted(foreign, key=lambda it: it.at_us), len(rows) > ROWS_MAX


def _foreign(at_us: int, body: Mapping[str, object]) -> Foreign:
    place = body.get("bizLocation") or body.get("readPoint")
    where = str(place.get("id", "")) if isinstance(place, dict) else ""
    return Foreign(at_us, str(body.get("bizStep", "")), where)


async def _named(tx: Transaction, warehouse: str, ids: Collection[str]) -> list[ev.Event]:
    rows = await fetch_in(
        tx,
        "select body from received where status = 'accepted' and warehouse = ? "
        "and event_id in (?*)",
        ids,
        before=(warehouse,),
    )
    return [ev.parse_event(blob(body)) for (body,) in rows]


async def _corrections(tx: Transaction, warehouse: str, ids: Iterable[str]) -> dict[str, str]:
    """By what was corrected the id of the correction."""
    rows = await fetch_in(
        tx,
        "select corrects, event_id from corrections where warehouse = ? and corrects in (?*)",
        ids,
        before=(warehouse,),
    )
    return {text(target): text(event_id) for target, event_id in rows}


async def _left(tx: Transaction, subject: Subject, warehouses: Sequence[str]) -> list[Left]:
    rows = await fetch_in(
        tx,
        "select warehouse, location, status, unit, quantity from stock where item = ? and lot = ? "
        "and quantity <> 0 and unit <> 'g.catch' and warehouse in (?*)",
        warehouses,
        before=(subject.item, subject.lot),
    )
    found = [
        Left(text(warehouse), text(location), text(status), text(unit), integer(quantity))
        for warehouse, location, status, unit, quantity in rows
    ]
    return sorted(found, key=lambda it: (it.warehouse, it.location, it.status))


async def _carried(
    tx: Transaction, subject: Subject, events: Iterable[ev.Event]
) -> list[CarriedLot]:
    """What was told of the lot under the transfers that it went with."""
    told = []
    for warehouse, document in sorted(
        {
            (event.warehouse, it.id)
            for event in events
            if event.type == ev.TRANSFER_DISPATCHED
            for it in event.documents
            if it.type == "transfer"
        }
    ):
        rows = await tx.fetch(
            "select above_us, below_us, heat_centi_c_us, verdict from exposures "
            "where warehouse = ? and document = ? and item = ? and lot = ?",
            (warehouse, document, subject.item, subject.lot),
        )
        for above, below, heat, verdict in rows:
            said = {"item": subject.item, "lot": subject.lot, "above_us": above,
                    "below_us": below, "heat_centi_c_us": heat, "verdict": verdict}  # fmt: skip
            told.append(CarriedLot.model_validate(said))
    return worst_of(told)


async def _expiry(tx: Transaction, subject: Subject) -> str | None:
    if not subject.lot:
        return None
    rows = await tx.fetch(
        "select expiry from lots where item = ? and lot = ?", (subject.item, subject.lot)
    )
    return optional_text(rows[0][0]) if rows else None
