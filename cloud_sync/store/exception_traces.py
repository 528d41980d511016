"""Traces of events (inventory/traces.py): kept, and looked at together with those around them.

Who adds a trace of what several warehouses speak of locks its subject first, so that of two who
add at one time the second sees what the first has added. All others are under the lock of their
warehouse's ledger, which whoever takes a batch holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import key_text
from cloud_sync.inventory.traces import (
    ERROR_US_MAX,
    EVERYWHERE,
    STOCK,
    WINDOW_US,
    Showing,
    Subject,
    Trace,
    shown_by,
    traces_of,
)
from cloud_sync.store.columns import integer, text
from cloud_sync.store.ports import Transaction, Value, fetch_in

MOVES: Final = "move"
"""The family under which mere movements are kept: many, and only looked for around a count."""

_ADD: Final = (
    "insert into exception_traces(warehouse, family, key, at_us, event_id, says) "
    "values (?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_TIME_MAX: Final = 2**62


async def note_traces(
    tx: Transaction, warehouse: str, gateway: str, events: Sequence[ev.Event]
) -> tuple[list[Trace], set[Showing]]:
    """Keep what accepted events say of their subjects; gives that, and what it shows."""
    others = await tx.fetch(
        "select 1 from gateways where warehouse = ? and gateway <> ? limit 1",
        (warehouse, gateway),
    )
    traces = [
        trace for event in events for trace in traces_of(event, gateway, is_shared=bool(others))
    ]
    if not traces:
        return [], set()
    subjects = sorted({it.subject for it in traces if it.subject.family in EVERYWHERE})
    if subjects:
        await tx.add(
            "exception_subjects",
            ("family", "key"),
            "n",
            [(family, key_text(key), 1) for family, key in subjects],
        )
    await tx.execute_many(_ADD, sorted({_row(it) for it in traces}))
    return traces, shown_by([*traces, *await _around(tx, warehouse, traces)])


def _row(trace: Trace) -> tuple[str, str, str, int, str, str]:
    says = json.dumps(trace.says, separators=(",", ":"))
    family, key = trace.subject
    kept = MOVES if trace.says[:1] == ("move",) else family
    return trace.warehouse, kept, key_text(key), trace.at_us, trace.event_id, says


async def _around(tx: Transaction, warehouse: str, traces: Sequence[Trace]) -> list[Trace]:
    """The traces of the same subjects that may show something together with these."""
    found: list[Trace] = []
    for family in sorted({it.subject.family for it in traces}):
        several = [it for it in traces if it.subject.family == family]
        within = None if family in EVERYWHERE else warehouse
        found += await _read(tx, family, several, within, WINDOW_US.get(family, _TIME_MAX))
        if family == STOCK:
            counts = [it for it in several if it.says[0] == "count"]
            found += await _read(tx, MOVES, counts, within, 2 * ERROR_US_MAX)
    return found


async def _read(
    tx: Transaction, kept: str, traces: Sequence[Trace], warehouse: str | None, window_us: int
) -> list[Trace]:
    if not traces:
        return []
    times = [it.at_us for it in traces]
    condition, values = "family = ? and at_us between ? and ?", list[Value]()
    values = [kept, max(0, min(times) - window_us), min(_TIME_MAX, max(times) + window_us)]
    if warehouse is not None:
        condition, values = f"warehouse = ? and {condition}", [warehouse, *values]
    rows = await fetch_in(
        tx,
        "select warehouse, key, at_us, event_id, says from exception_traces "  # noqa: S608 -- constants only
        f"where {condition} and key in (?*)",
        sorted({key_text(it.subject.key) for it in traces}),
        before=values,
    )
    family = STOCK if kept == MOVES else kept
    return [
        Trace(
            Subject(family, tuple(json.loads(text(key)))),
            integer(at_us),
            text(event_id),
            text(whose),
            tuple(json.loads(text(says))),
        )
        for whose, key, at_us, event_id, says in rows
    ]


async def last_counts(
    tx: Transaction, warehouse: str, keys: Iterable[str]
) -> dict[str, tuple[int, str]]:
    """By key the time and event of its last count that asserted something."""
    rows = await fetch_in(
        tx,
        "select key, at_us, event_id, says from exception_traces "
        "where warehouse = ? and family = ? and key in (?*)",
        keys,
        before=(warehouse, STOCK),
    )
    last: dict[str, tuple[int, str]] = {}
    for key, at_us, event_id, says in rows:
        if json.loads(text(says))[0] == "count":
            found = integer(at_us), text(event_id)
            last[text(key)] = max(found, last.get(text(key), found))
    return last
