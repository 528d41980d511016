"""The flows' table: what changed, as statements; all of it, as it was last committed.

Declared in schema/0009_flow.sql, written in the transaction that moves the projector's cursor.
"""

from __future__ import annotations

from gateway.core.flows.kept import kept_rows, restored
from gateway.core.flows.state import Flows
from gateway.journal.read_model import Reader
from gateway.ports import Statements

_PUT = (
    "insert into flow(kind, key, body) values (?, ?, ?)"
    " on conflict(kind, key) do update set body = excluded.body"
)
_TAKE = "delete from flow where kind = ? and key = ?"


def flow_statements(flows: Flows) -> Statements:
    """What writes all that changed since this was asked last."""
    put, taken = kept_rows(flows, flows.take_dirty())
    parts: list[tuple[str, list[tuple[str, ...]]]] = [
        (_PUT, [tuple(row) for row in put]),
        (_TAKE, [row[:2] for row in taken]),
    ]
    return [part for part in parts if part[1]]


async def load_flows(reader: Reader) -> Flows:
    """The flows as of the projector's cursor; a new object each time."""
    rows = await reader.query("select kind, key, body from flow order by kind, key")
    return restored((str(kind), str(key), str(body)) for kind, key, body in rows)
