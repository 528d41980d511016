"""What brought a balance below zero, and keeps it there: read from the rows, for people to see.

Backwards from the balance as it stands, to the event that took the first piece which was not
there. A count ends the search: whatever it asserts is not below zero.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from cloud_sync.contract.events import Event, parse_event
from cloud_sync.inventory.counts import count_of
from cloud_sync.inventory.stock import StockKey, movements

_ROWS: Final = "select body from journal where instr(body, cast(? as blob)) order by seq desc"


def taken_below_zero(
    connection: sqlite3.Connection, key: StockKey, balance: int
) -> list[dict[str, object]]:
    """The evidence, oldest first; less than all of it where rows have left the journal."""
    found: list[dict[str, object]] = []
    for (body,) in connection.execute(_ROWS, (key.location,)):
        if balance >= 0:
            break
        event = parse_event(bytes(body))
        if _counts(event, key):
            break
        change = sum(quantity for moved, quantity in movements(event) if moved == key)
        if change:
            balance -= change
            found.append(
                {
                    "event_id": event.event_id,
                    "at_us": event.occurred_at_us,
                    "detail": f"{change:+d} {key.unit}",
                }
            )
    return found[::-1]


def add_movements(connection: sqlite3.Connection, entry: dict[str, object]) -> None:
    """Put them into an entry of `negative_of`; to be asked for: it reads rows."""
    key = entry["key"]
    if not isinstance(key, list):
        raise AssertionError(f"a balance has {key!r} as its key")
    balance = int(str(entry["detail"]).partition(" ")[0])
    evidence = taken_below_zero(connection, StockKey(*map(str, key)), balance)
    entry |= {"evidence": evidence, "n_events": len(evidence)}


def _counts(event: Event, key: StockKey) -> bool:
    count = count_of(event)
    return key in count.counted or (count.sweep is not None and count.sweep.covers(key))
