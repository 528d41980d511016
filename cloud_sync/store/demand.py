"""The demand of a warehouse, read from all that its gateways sent. Reads whole journals, as
stock_history.py does: minutes for millions of events, for a program that runs at night."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.demand.book import DemandBook
from cloud_sync.demand.shelf import turns
from cloud_sync.inventory.corrections import acting
from cloud_sync.inventory.places import Placed, place_next
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.documents import read_documents
from cloud_sync.store.ports import Transaction
from cloud_sync.store.usable_lots import read_whereabouts

PAGE_ROWS: Final = 2000

_TELLING: Final = frozenset({ev.PICK_SHORT, ev.DOCUMENT_CHANGED, ev.COUNT_OBSERVED,
                             ev.EVENT_CORRECTED, ev.LOT_CREATED, ev.LOT_HELD, ev.LOT_RELEASED,
                             ev.LOT_RECALLED})  # fmt: skip
"""Of events that move nothing, those that tell of demand or of what can be sold."""


async def read_demand(tx: Transaction, warehouse: str, *, now_us: int) -> DemandBook:
    """The demand book of a warehouse, from its first event on, on its own calendar."""
    place = (await read_whereabouts(tx)).get(warehouse)
    zone = zone_of(None if place is None else place.time_zone)
    acts = acting(await _telling_events(tx, warehouse))
    book = DemandBook(zone, counts_transfers=await _is_central(tx, warehouse))
    book.take(do=acts)
    for turn in turns(acts, warehouse=warehouse, zone=zone, until_us=now_us):
        book.note_usable(turn.item, is_usable=turn.is_usable, at_us=turn.at_us)
    return book


def zone_of(time_zone: str | None) -> tzinfo:
    """A warehouse's time zone; UTC where it is not known."""
    try:
        return ZoneInfo(time_zone) if time_zone else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


async def _telling_events(tx: Transaction, warehouse: str) -> list[Placed]:
    """The events that matter here, at their places."""
    found: list[Placed] = []
    times: dict[tuple[str, str], int] = {}
    last = 0
    while rows := await tx.fetch(
        "select position, gateway, epoch, seq, body from received"
        " where warehouse = ? and status = 'accepted' and position > ? order by position limit ?",
        (warehouse, last, PAGE_ROWS),
    ):
        for _, gateway, epoch, seq, body in rows:
            event = ev.parse_event(blob(body))
            journal = text(gateway), text(epoch)
            # Every row moves its journal's time on, whether it tells us anything or not.
            place, times[journal] = place_next(
                event,
                gateway=journal[0],
                epoch=journal[1],
                seq=integer(seq),
                time_us=times.get(journal, 0),
            )
            if event.lines or event.type in _TELLING:
                found.append(Placed(place, event))
        last = integer(rows[-1][0])
    return found


async def _is_central(tx: Transaction, warehouse: str) -> bool:
    """Whether a planning network has it as a central warehouse."""
    for network in await read_documents(tx, doc.NETWORK):
        centrals = network.get("central_warehouses")
        if isinstance(centrals, list) and any(
            isinstance(it, dict) and it.get("id") == warehouse for it in centrals
        ):
            return True
    return False
