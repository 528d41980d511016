"""Our own events told as EPCIS, from the rows that gateways sent, each exactly once.

It reads every journal by a cursor of its own, which moves in the transaction that adds the
events. A correction declares the event it corrects wrong, whichever of the two comes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud_sync.contract import events as ev
from cloud_sync.epcis.naming import PREFIX, Naming, Place, event_uri
from cloud_sync.epcis.render import OUR_CONTEXT, Rendered, declare_error, render_event
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.epcis_events import NewEvent, add_events, lock_feed
from cloud_sync.store.ports import Transaction, fetch_in

ROWS_AT_ONCE: Final = 40
"""So many are rendered in one go, about 20 ms of the event loop."""
BUSY_US: Final = 3_000_000
_WAREHOUSE: Final = "warehouse"
"""The kind of the documents that know a warehouse's GLN and time zone."""

_BEHIND: Final = (
    "select epochs.warehouse, epochs.gateway, epochs.epoch, coalesce(epcis_cursors.seq, 0) "
    "from epochs left join epcis_cursors on epcis_cursors.warehouse = epochs.warehouse "
    "and epcis_cursors.gateway = epochs.gateway and epcis_cursors.epoch = epochs.epoch "
    "where epochs.seq > coalesce(epcis_cursors.seq, 0) "
    "order by epochs.gateway, epochs.started_at_us limit 1"
)


async def is_behind(tx: Transaction) -> bool:
    """True if some row has not been told."""
    return bool(await tx.fetch(_BEHIND))


async def is_busy(tx: Transaction, now_us: int, *, n_rows: int = 1) -> bool:
    """True while gateways are sending: whoever can wait then leaves the database to them.

    n_rows: how many must have come within BUSY_US.
    """
    rows = await tx.fetch(
        "select received_at_us from received order by position desc limit 1 offset ?",
        (n_rows - 1,),
    )
    return bool(rows) and integer(rows[0][0]) > now_us - BUSY_US


async def project_rows(tx: Transaction, now_us: int) -> int:
    """Tell the next rows of one journal; gives how many were read, 0 when all are told."""
    await lock_feed(tx)
    behind = await tx.fetch(_BEHIND)
    if not behind:
        return 0
    *journal, told = behind[0]
    rows = await tx.fetch(
        "select seq, status, body from received "
        "where warehouse = ? and gateway = ? and epoch = ? and seq > ? order by seq limit ?",
        (*journal, told, ROWS_AT_ONCE),
    )
    events = [
        ev.parse_event(blob(body))
        for _, status, body in rows
        if text(status) == "accepted" and body is not None
    ]
    naming = Naming(places=await _places(tx))
    rendered = {
        event.event_id: found
        for event in events
        if (found := render_event(event, naming, offset_min=_offset_min(naming, event)))
    }
    fresh = [
        NewEvent(rendered[event.event_id], OUR_CONTEXT, event.warehouse)
        for event in events
        if event.event_id in rendered
    ]
    fresh += await _errors(tx, events, rendered)
    await add_events(tx, fresh, now_us)
    last = integer(rows[-1][0])
    await tx.execute_many(
        "insert into epcis_cursors(warehouse, gateway, epoch, seq) values (?, ?, ?, ?) "
        "on conflict (warehouse, gateway, epoch) do update set seq = excluded.seq",
        [(*journal, last)],
    )
    return len(rows)


async def _errors(
    tx: Transaction, events: Sequence[ev.Event], rendered: Mapping[str, Rendered]
) -> list[NewEvent]:
    """Declarations of error: of corrections among the rows, and of what was corrected before."""
    corrections = [(event, event.corrects) for event in events if event.corrects is not None]
    originals = {event_uri(key): found for key, found in rendered.items()}
    missing = [event_uri(key) for _, key in corrections if event_uri(key) not in originals]
    for (body,) in await fetch_in(
        tx,
        "select body from epcis_events where declared_at_us = 0 and event_id in (?*)",
        missing,
    ):
        found = json.loads(text(body))
        originals[found["eventID"]] = found
    # Those that came before what they correct: the events of this step may be what they meant.
    waiting = await _corrections_of(tx, [event.event_id for event in events])
    seen = {event.event_id for event, _ in corrections}
    pairs = [*corrections, *((each, key) for each, key in waiting if each.event_id not in seen)]
    return [
        NewEvent(declare_error(original, event), OUR_CONTEXT, event.warehouse)
        for event, key in pairs
        if (original := originals.get(event_uri(key))) is not None
    ]


async def _corrections_of(tx: Transaction, event_ids: Sequence[str]) -> list[tuple[ev.Event, str]]:
    rows = await fetch_in(
        tx,
        "select received.body from epcis_keys join epcis_events "
        "on epcis_events.position = epcis_keys.position "
        "and epcis_events.warehouse = epcis_keys.warehouse "
        "join received on received.warehouse = epcis_events.warehouse "
        "and received.event_id = substr(epcis_events.event_id, 10) "
        "and received.status = 'accepted' "
        "where epcis_keys.name = ? and epcis_keys.value in (?*)",
        [event_uri(key) for key in event_ids],
        before=(f"{PREFIX}:corrects",),
    )
    found = [ev.parse_event(blob(body)) for (body,) in rows]
    return [(event, event.corrects) for event in found if event.corrects is not None]


async def _places(tx: Transaction) -> dict[str, Place]:
    rows = await tx.fetch(
        "select key, content from documents where kind = ? and is_deleted = 0", (_WAREHOUSE,)
    )
    places = {}
    for key, content in rows:
        known = json.loads(text(content))
        places[text(key)] = Place(gln=known.get("gln"), time_zone=known.get("time_zone"))
    return places


def _offset_min(naming: Naming, event: ev.Event) -> int:
    """Minutes between the warehouse's clock and UTC at the event; UTC where that is not known."""
    place = naming.places.get(event.warehouse)
    if place is None or place.time_zone is None:
        return 0
    try:
        zone = ZoneInfo(place.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return 0
    at = datetime.fromtimestamp(min(event.occurred_at_us, 253_402_300_799_000_000) / 1e6, UTC)
    offset = at.astimezone(zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)
