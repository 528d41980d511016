"""EPCIS events in the store: added once each, found through an index of what they say.

The index only narrows: whether an event is meant is always decided by the query itself, on the
event as it was written. Places (`position`) are given under a lock, so they become visible in
their order and a reader may go on from the last one seen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cloud_sync.epcis import times
from cloud_sync.epcis.facts import Facts, canonical, facts_of
from cloud_sync.epcis.index import is_kept_long, keys_of, narrowed
from cloud_sync.epcis.query import Query, Term
from cloud_sync.store.columns import integer, text
from cloud_sync.store.epcis_candidates import Window, read_chunk, spot_of
from cloud_sync.store.epcis_keys import is_keyed
from cloud_sync.store.epcis_values import note_values
from cloud_sync.store.ports import Row, Transaction, Value, fetch_in

CHUNK_ROWS: Final = 250
SLICE_EVENTS: Final = 40
"""So many events are taken apart between two statements, and so in one turn of the loop."""
EFFORT_OF_ONE: Final = 20
"""To take an event apart costs as much as to ask the index of so many others."""
EFFORT_MAX: Final = 60_000
"""Of 3000 events taken apart, or of 60 000 asked of: some half second. A page that is not full by
then ends there, with a way to go on."""
WHOLE_EFFORT_MAX: Final = 20_000 * EFFORT_OF_ONE
"""The same for an answer that there can only be as a whole."""

Json = Mapping[str, object]
Outcome = Literal["added", "repeated", "conflict"]


class QueryTooLarge(Exception):
    """More is asked for than is given at once; the message says what."""


class QueryTooComplex(Exception):
    """More would have to be looked at than is at once; the message says for what."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be kept, with an eventID. context: its document's. warehouse: '' for others'."""

    event: Json
    context: object
    warehouse: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is told: with its recordTime."""

    position: int
    event: Json
    context: object


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an answer starts and ends.

    after: the order's value and the position of the last event told. up_to: nothing newer than
    this position belongs to it. left: how many may still come, if the query limits them.
    """

    per_page: int
    up_to: int
    after: tuple[int, int] | None = None
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page; `next` is where the next one starts."""

    events: list[StoredEvent]
    next: Cut | None


async def lock_feed(tx: Transaction) -> int:
    """Wait for whoever is adding events; gives the newest position."""
    await tx.execute_many("update epcis_feed set last = last where id = ?", [(1,)])
    return await newest(tx)


async def newest(tx: Transaction) -> int:
    """The position of the newest event."""
    ((last,),) = await tx.fetch("select last from epcis_feed where id = 1")
    return integer(last)


def _identity(event: Json) -> tuple[str, int]:
    """An event and each declaration of its error have one eventID and are told apart by time."""
    error = event.get("errorDeclaration")
    declared = times.parse_time(error["declarationTime"]) if isinstance(error, Mapping) else 0
    return str(event["eventID"]), declared


async def _known(tx: Transaction, events: Sequence[NewEvent]) -> dict[tuple[str, int], Json]:
    """What is kept under the events' identities."""
    rows = await fetch_in(
        tx,
        "select event_id, declared_at_us, body from epcis_events where event_id in (?*)",
        [_identity(each.event)[0] for each in events],
    )
    return {
        (text(event_id), integer(declared)): json.loads(text(body))
        for event_id, declared, body in rows
    }


def _body(event: Json) -> Json:
    """What is kept: the recordTime is ours to say."""
    return {name: value for name, value in event.items() if name != "recordTime"}


async def has_conflict(tx: Transaction, events: Sequence[NewEvent]) -> list[bool]:
    """Whether each eventID is there, or comes before in the list, with other content."""
    known = await _known(tx, events)
    return [
        known.setdefault(_identity(each.event), _body(each.event)) != _body(each.event)
        for each in events
    ]


_EVENT_COLUMNS: Final = (
    "position", "warehouse", "event_id", "declared_at_us", "event_time_us", "record_time_us",
    "context", "body",
)  # fmt: skip


async def add_events(tx: Transaction, events: Sequence[NewEvent], now_us: int) -> list[Outcome]:
    """Keep what is new. An eventID that is there with other content is a conflict, not kept."""
    last = await lock_feed(tx)
    known = await _known(tx, events)
    outcomes: list[Outcome] = []
    for start in range(0, len(events), SLICE_EVENTS):
        rows: list[Sequence[Value]] = []
        keys: list[Sequence[Value]] = []
        values: set[tuple[str, str, str, str]] = set()
        for each in events[start : start + SLICE_EVENTS]:
            body = _body(each.event)
            identity = _identity(body)
            if identity in known:
                outcomes.append("repeated" if known[identity] == body else "conflict")
                continue
            known[identity] = body
            last += 1
            outcomes.append("added")
            rows.append(
                (last, each.warehouse, *identity, times.parse_time(body["eventTime"]), now_us,
                 _dump(each.context), _dump(body))
            )  # fmt: skip
            found = facts_of(body, record_time_us=now_us)
            for (name, value), given in _keys(body, found).items():
                keys.append((name, value, last, each.warehouse, given))
                values.add((name, given, each.warehouse, value))
        await tx.insert("epcis_events", _EVENT_COLUMNS, rows)
        await tx.insert("epcis_keys", ("name", "value", "position", "warehouse", "given"), keys)
        await note_values(tx, values)
    await tx.execute_many("update epcis_feed set last = ? where id = 1", [(last,)])
    return outcomes


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _keys(body: Json, found: Facts) -> dict[tuple[str, str], str]:
    """Names and values under which the event is found, each as the event writes it."""
    all_keys = keys_of(found)
    keys = {key: key[1] for key in all_keys if is_kept_long(key[0])}
    written = set(_texts(body))
    if any(value not in written for value in keys.values()):
        for given in sorted(written):
            for name in ("epc", "bizStep", "disposition"):
                spelled = canonical(name, given)
                for key in [key for key, value in keys.items() if value == spelled != given]:
                    keys[key] = given
    return {key: key[1] for key in all_keys} | keys


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [each for part in value.values() for each in _texts(part)]
    return [each for part in value for each in _texts(part)] if isinstance(value, list) else []


async def find_events(
    tx: Transaction, query: Query, cut: Cut, *, warehouses: Sequence[str] | None
) -> Found:
    """The next page of events that a query means. Raises QueryTooLarge, QueryTooComplex.

    warehouses: those the caller may see, beside what belongs to none; None: all.
    """
    if query.order_by not in (None, "eventTime", "recordTime"):
        return await _find_sorted(tx, query, cut, warehouses)
    wanted = cut.per_page if cut.left is None else min(cut.per_page, cut.left)
    ceiling = query.count_max
    n_needed = wanted if ceiling is None else max(wanted, ceiling)
    matched: list[StoredEvent] = []
    places: list[tuple[int, int]] = []
    window = Window(warehouses, cut.up_to)
    after, effort, is_end = cut.after, 0, False
    effort_max = EFFORT_MAX if ceiling is None else WHOLE_EFFORT_MAX
    terms = await _narrowed(tx, query)
    limit = min(CHUNK_ROWS, n_needed + 1)
    while not is_end and len(matched) <= n_needed and effort < effort_max:
        chunk = await read_chunk(tx, query, window, after=after, limit=limit, terms=terms)
        is_end, limit = chunk.is_end, CHUNK_ROWS
        effort += chunk.n_looked + len(chunk.rows) * EFFORT_OF_ONE
        for n, row in enumerate(chunk.rows, 1):
            if n % SLICE_EVENTS == 0:
                await asyncio.sleep(0)
            after = spot_of(row, query)
            stored = _stored(row)
            if query.matches(facts_of(stored.event, record_time_us=integer(row[2]))):
                matched.append(stored)
                places.append(after)
                if len(matched) > n_needed:
                    break
        else:
            after = chunk.after
    if ceiling is not None and len(matched) > ceiling:
        raise QueryTooLarge(f"more than maxEventCount, {ceiling}, events match")
    if ceiling is not None and not is_end:
        raise QueryTooComplex("too many events would have to be looked at to say how many match")
    told = matched[:wanted]
    left = None if cut.left is None else cut.left - len(told)
    is_more = len(matched) > wanted or not is_end
    if not is_more or left == 0:
        return Found(told, None)
    place = places[wanted - 1] if len(matched) > wanted else after
    return Found(told, Cut(cut.per_page, cut.up_to, place, left))


async def _narrowed(tx: Transaction, query: Query) -> list[Term]:
    """What the keys tell of a query; those that older events may not have only if all have."""
    terms = narrowed(query, is_complete=True)
    is_complete = terms == narrowed(query, is_complete=False) or await is_keyed(tx)
    return terms if is_complete else narrowed(query, is_complete=False)


async def _find_sorted(
    tx: Transaction, query: Query, cut: Cut, warehouses: Sequence[str] | None
) -> Found:
    """All that match, ordered by a field of somebody's own; the place is a number of events."""
    name = query.order_by or ""
    matched: list[tuple[str, float, StoredEvent]] = []
    window = Window(warehouses, cut.up_to)
    after: tuple[int, int] | None = None
    effort = 0
    terms = await _narrowed(tx, query)
    while effort < WHOLE_EFFORT_MAX:
        chunk = await read_chunk(tx, query, window, after=after, limit=CHUNK_ROWS, terms=terms)
        effort += chunk.n_looked + len(chunk.rows) * EFFORT_OF_ONE
        after = chunk.after
        for n, row in enumerate(chunk.rows, 1):
            if n % SLICE_EVENTS == 0:
                await asyncio.sleep(0)
            stored = _stored(row)
            known = facts_of(stored.event, record_time_us=integer(row[2]))
            if query.matches(known):
                value = next(iter(known.get(name, ())), "")
                is_text = isinstance(value, str)
                matched.append((str(value) if is_text else "", 0 if is_text else value, stored))  # type: ignore[arg-type]  # told apart just before
        if chunk.is_end:
            break
    else:
        raise QueryTooComplex(f"too many events to be ordered by {name}")
    if query.count_max is not None and len(matched) > query.count_max:
        raise QueryTooLarge(f"more than maxEventCount, {query.count_max}, events match")
    matched.sort(key=lambda each: each[:2], reverse=query.is_descending)
    told = [each[2] for each in matched][: query.count_limit]
    start = cut.after[1] if cut.after else 0
    end = start + cut.per_page
    is_more = end < len(told)
    return Found(told[start:end], Cut(cut.per_page, cut.up_to, (0, end)) if is_more else None)


def _stored(row: Row) -> StoredEvent:
    position, _, record_time_us, context, body = row
    event = {**json.loads(text(body)), "recordTime": times.format_time(integer(record_time_us))}
    return StoredEvent(integer(position), event, json.loads(text(context)))


async def read_event(
    tx: Transaction, event_id: str, *, warehouses: Sequence[str] | None
) -> list[StoredEvent]:
    """An event and the declarations of its error, the event first."""
    rows = await tx.fetch(
        "select position, event_time_us, record_time_us, context, body, warehouse "
        "from epcis_events where event_id = ? order by declared_at_us, position",
        (event_id,),
    )
    return [_stored(row[:5]) for row in rows if warehouses is None or row[5] in ("", *warehouses)]
