"""The exceptions queue's table (schema/0013_exceptions.sql): effects as statements, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from cloud_sync.inventory.exceptions import ACTIONS, key_text
from gateway.core.exceptions import ExceptionEffects
from gateway.journal.table_sums import Querying
from gateway.ports import Statements

SELECT: Final = (
    "select kind, key, event_id, at_us, detail from exception_evidence"
    " order by kind, key, at_us, event_id"
)
_ADD: Final = (
    "insert into exception_evidence(kind, key, event_id, at_us, detail) values (?, ?, ?, ?, ?)"
    " on conflict do nothing"
)
_SETTLE: Final = "delete from exception_evidence where event_id = ?"
_RESOLVE: Final = "delete from exception_evidence where kind = ? and key = ? and event_id = ?"
_COUNT: Final = "select count(*) from (select distinct kind, key from exception_evidence)"


def exception_statements(effects: ExceptionEffects) -> Statements:
    """What writes them: evidence comes before what settles it, as it does in a journal."""
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (
            _ADD,
            [
                (it.kind, key_text(it.key), it.evidence[0], at_us, it.detail)
                for it, at_us in effects.raised
            ],
        ),
        (_SETTLE, [(event_id,) for event_id in sorted(effects.settled)]),
        (
            _RESOLVE,
            [(kind, key_text(key), it) for kind, key, ids in effects.resolved for it in ids],
        ),
    ]
    return [(sql, rows) for sql, rows in parts if rows]


async def count_exceptions(reader: Querying) -> int:
    """How many exceptions are open."""
    ((n_open,),) = await reader.query(_COUNT)
    return n_open if isinstance(n_open, int) else 0


def queue_of(rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    """Open exceptions with all their evidence, from the rows of SELECT."""
    found: list[dict[str, object]] = []
    for (kind, key), several in groupby(rows, lambda row: (str(row[0]), str(row[1]))):
        evidence = [
            {"event_id": event_id, "at_us": at_us, "detail": detail}
            for _, _, event_id, at_us, detail in several
        ]
        found.append(
            {
                "kind": kind,
                "key": json.loads(key),
                "n_events": len(evidence),
                "evidence": evidence,
                "actions": list(ACTIONS.get(kind, ())),
            }
        )
    return found
