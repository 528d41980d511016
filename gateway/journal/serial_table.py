"""The lots of pieces (schema/0017_serial_lot.sql): what labels said, as statements, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.inventory.instances import Instance, lots_of_serials
from gateway.journal.table_sums import Querying
from gateway.ports import Statements

KEPT_US: Final = 730 * 86_400 * 1_000_000
"""What was labelled longer ago stands on no shelf any more."""

_PUT: Final = (
    "insert into serial_lot(item, serial, lot, at_us) values (?, ?, ?, ?)"
    " on conflict do update set lot = excluded.lot, at_us = excluded.at_us"
    " where excluded.at_us >= at_us"
)
_FORGET: Final = "delete from serial_lot where at_us < ?"


def serial_statements(events: Iterable[ev.Event]) -> Statements:
    """What keeps the lots that events name; what is too old leaves with it."""
    rows = [
        (*instance, lot, event.occurred_at_us)
        for event in events
        for instance, lot in lots_of_serials(event)
    ]
    if not rows:
        return []
    newest_us = max(row[-1] for row in rows)
    return [(_PUT, rows), (_FORGET, [(max(0, newest_us - KEPT_US),)])]


async def read_lots(reader: Querying, instances: Iterable[Instance]) -> dict[Instance, str]:
    """The lots of those pieces of which one was ever named."""
    rows = await reader.query(
        "select item, serial, lot from serial_lot where (item, serial) in"
        " (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(?))",
        (json.dumps(sorted(instances)),),
    )
    return {(str(item), str(serial)): str(lot) for item, serial, lot in rows}
