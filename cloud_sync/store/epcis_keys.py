"""Keys that events of an older version have not: given to them later, a few at a time.

`epcis_feed.keyed` is how far that has come, `to_key` the last position that needs it. Until the
one has reached the other, queries do without the keys that follow from others (epcis/index.py).
"""

from __future__ import annotations

import json
from typing import Final

from cloud_sync.epcis.facts import facts_of
from cloud_sync.epcis.index import is_kept_long, keys_of
from cloud_sync.store.columns import integer, text
from cloud_sync.store.ports import Transaction

EVENTS_AT_ONCE: Final = 40
"""About 10 ms of the event loop."""


async def is_keyed(tx: Transaction) -> bool:
    """True if every event has all of its keys."""
    ((keyed, to_key),) = await tx.fetch("select keyed, to_key from epcis_feed where id = 1")
    return integer(keyed) >= integer(to_key)


async def key_older(tx: Transaction) -> bool:
    """Give the next older events the keys that they lack; False if there are none."""
    ((keyed, to_key),) = await tx.fetch("select keyed, to_key from epcis_feed where id = 1")
    if integer(keyed) >= integer(to_key):
        return False
    rows = await tx.fetch(
        "select position, warehouse, record_time_us, body from epcis_events "
        "where position > ? and position <= ? order by position limit ?",
        (keyed, to_key, EVENTS_AT_ONCE),
    )
    await tx.execute_many(
        "insert into epcis_keys(name, value, position, warehouse, given) values (?, ?, ?, ?, ?) "
        "on conflict do nothing",
        [
            (name, value, position, warehouse, value)
            for position, warehouse, record_time_us, body in rows
            for name, value in sorted(
                keys_of(facts_of(json.loads(text(body)), record_time_us=integer(record_time_us)))
            )
            if not is_kept_long(name)
        ],
    )
    reached = rows[-1][0] if len(rows) == EVENTS_AT_ONCE else to_key
    await tx.execute_many(
        "update epcis_feed set keyed = ? where id = 1 and keyed = ?", [(reached, keyed)]
    )
    return True
