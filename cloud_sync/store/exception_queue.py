"""The exceptions queue of each warehouse: evidence out of events, resolutions out of people.

What is an exception and what settles one is said in inventory/exceptions.py; here it is kept. An
exception is open while it has evidence that nothing settles.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import ACTIONS, is_concerned, key_text, raised, settles
from cloud_sync.inventory.findings import NEGATIVE_STOCK, RECOUNT
from cloud_sync.store.columns import integer, text
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Row, Transaction, Value

EVIDENCE_MAX: Final = 20
"""Events shown of one exception, the oldest; `n_events` says how many are open."""
STANDING_MAX: Final = 1000
DETAIL_CHARACTERS_MAX: Final = 200

_ADD: Final = (
    "insert into exception_evidence(warehouse, kind, key, event_id, at_us, detail) "
    "values (?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_SETTLE: Final = (
    "insert into exception_settled(warehouse, event_id, kind, key, at_us, action, reason, author) "
    "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_IS_OPEN: Final = (
    "not exists (select 1 from exception_settled s where s.warehouse = e.warehouse "
    "and s.event_id = e.event_id and (s.kind = '' or (s.kind = e.kind and s.key = e.key)))"
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Somebody's word on an exception, and which events it settles."""

    warehouse: str
    kind: str
    key: tuple[str, ...]
    evidence: tuple[str, ...]
    action: str
    reason: str
    author: str
    at_us: int


async def note_events(tx: Transaction, warehouse: str, events: Sequence[ev.Event]) -> None:
    """Take in what accepted events raise and settle; again does no harm."""
    evidence: list[Sequence[Value]] = []
    settled: list[Sequence[Value]] = []
    for event in events:
        if not is_concerned(event):
            continue
        evidence += [
            (
                warehouse,
                it.kind,
                key_text(it.key),
                event.event_id,
                event.occurred_at_us,
                _printable(it.detail),
            )
            for it in raised(event)
        ]
        target = settles(event)
        if target is not None:
            action = "correct" if event.type == ev.EVENT_CORRECTED else "recovered"
            settled.append(
                (warehouse, target, "", "", event.occurred_at_us, action, event.event_id, "")
            )
    if evidence:
        await tx.execute_many(_ADD, sorted(evidence, key=str))
    if settled:
        await tx.execute_many(_SETTLE, sorted(settled, key=str))


def _printable(detail: str) -> str:
    """Text that every database takes: devices say what they like."""
    return "".join(it if it.isprintable() else "?" for it in detail[:DETAIL_CHARACTERS_MAX])


async def read_queue(
    tx: Transaction,
    *,
    within: Sequence[str] | None,
    after: Sequence[str],
    limit: int,
) -> list[dict[str, object]]:
    """Open exceptions by warehouse, kind and key, each with its oldest evidence.

    after: the last warehouse, kind and key text of the page before.
    """
    where, values = "", list[Value]()
    if within is not None:
        where = f"e.warehouse in ({', '.join('?' * len(within))}) and "
        values += within
    if after:
        where += "(e.warehouse, e.kind, e.key) > (?, ?, ?) and "
        values += after
    rows = await tx.fetch(
        "select warehouse, kind, key, event_id, at_us, detail, n_events, last_at_us from ("  # noqa: S608 -- constants only
        "select e.warehouse, e.kind, e.key, e.event_id, e.at_us, e.detail, "
        "dense_rank() over (order by e.warehouse, e.kind, e.key) as n, "
        "row_number() over (partition by e.warehouse, e.kind, e.key "
        "order by e.at_us, e.event_id) as place, "
        "count(*) over (partition by e.warehouse, e.kind, e.key) as n_events, "
        "max(e.at_us) over (partition by e.warehouse, e.kind, e.key) as last_at_us "
        f"from exception_evidence e where {where}{_IS_OPEN}) as found "
        "where n <= ? and place <= ? order by warehouse, kind, key, place",
        [*values, limit, EVIDENCE_MAX],
    )
    return [_entry(names, list(several)) for names, several in groupby(rows, lambda it: it[:3])]


def _entry(names: Row, rows: list[Row]) -> dict[str, object]:
    warehouse, kind, key = map(text, names)
    return {
        "warehouse": warehouse,
        "kind": kind,
        "key": json.loads(key),
        "n_events": integer(rows[0][6]),
        "first_at_us": integer(rows[0][4]),
        "last_at_us": integer(rows[0][7]),
        "evidence": [
            {"event_id": text(row[3]), "at_us": integer(row[4]), "detail": text(row[5])}
            for row in rows
        ],
        "actions": list(ACTIONS.get(kind, ())),
    }


def place_of(entry: dict[str, object]) -> list[str]:
    """Where the next page begins after an entry."""
    return [*(str(name) for name in (entry["warehouse"], entry["kind"])), _key_of(entry["key"])]


def _key_of(key: object) -> str:
    return key_text(key) if isinstance(key, list) else ""


async def read_standing(tx: Transaction, within: Sequence[str] | None) -> list[dict[str, object]]:
    """What the balances show and only they can end: shelves from which more went than came."""
    where, values = "", list[Value]()
    if within is not None:
        where = f" and warehouse in ({', '.join('?' * len(within))})"
        values += within
    names = ("warehouse", "location", "item", "lot", "status", "unit")
    rows = await tx.fetch(
        f"select {', '.join(names)}, quantity from stock where quantity < 0 "  # noqa: S608 -- constants only
        f"and warehouse <> ''{where} order by {', '.join(names)} limit ?",
        [*values, STANDING_MAX],
    )
    return [
        {
            "warehouse": row[0],
            "kind": NEGATIVE_STOCK,
            "key": list(row[:6]),
            "detail": f"{integer(row[6])} {text(row[5])}",
            "actions": [RECOUNT],
        }
        for row in rows
    ]


async def resolve(tx: Transaction, said: Resolution) -> list[str]:
    """Settle evidence; gives what of it is no evidence of this, and then settles nothing.

    Again, or by a second person, changes nothing: the first word stands. The warehouse's gateway
    is told by a document.
    """
    key = key_text(said.key)
    rows = await tx.fetch(
        f"select e.event_id, {_IS_OPEN} from exception_evidence e "  # noqa: S608 -- constants only
        "where e.warehouse = ? and e.kind = ? and e.key = ?",
        (said.warehouse, said.kind, key),
    )
    unknown = sorted(set(said.evidence) - {text(row[0]) for row in rows})
    news = sorted(set(said.evidence) & {text(event_id) for event_id, is_open in rows if is_open})
    if news and not unknown:
        await put_documents(tx, [_document(said, news)])
        await tx.execute_many(
            _SETTLE,
            [
                (said.warehouse, event_id, said.kind, key, said.at_us, said.action, said.reason,
                 said.author)
                for event_id in news
            ],
        )  # fmt: skip
    return unknown


def _document(said: Resolution, evidence: list[str]) -> Draft:
    word = doc.Resolution(
        warehouse=said.warehouse,
        kind=said.kind,
        key=list(said.key),
        evidence=evidence,
        action=said.action,
        reason=said.reason,
        author=said.author,
    )
    # Evidence of one exception is settled once, so this names one word and no other.
    name = f"{said.warehouse} {said.kind} {key_text(said.key)} {evidence[0]}"
    key = blake2b(name.encode(), digest_size=16).hexdigest()
    return Draft(doc.RESOLUTION, key, said.warehouse, word.model_dump())


async def read_resolved(
    tx: Transaction, *, within: Sequence[str] | None, limit: int
) -> list[dict[str, object]]:
    """What was settled, the newest first: by whom, how, and why."""
    where, values = "", list[Value]()
    if within is not None:
        where = f"where warehouse in ({', '.join('?' * len(within))}) "
        values += within
    names = ("warehouse", "event_id", "kind", "key", "at_us", "action", "reason", "author")
    rows = await tx.fetch(
        f"select {', '.join(names)} from exception_settled "  # noqa: S608 -- constants only
        f"{where}order by at_us desc, event_id, kind, key limit ?",
        [*values, limit],
    )
    found: list[dict[str, object]] = [dict(zip(names, row, strict=True)) for row in rows]
    for entry in found:
        entry["key"] = json.loads(text(entry["key"])) if entry["key"] else []
    return found
