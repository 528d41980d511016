"""The exceptions queue as people read it: a page at a time, open or resolved, with its evidence.

The pages come in two parts. First what events show, by warehouse, kind and key. Then what only
the balances show, which nobody can resolve by a word, in the order of the balances.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from cloud_sync.inventory.exceptions import ACTIONS, key_text
from cloud_sync.inventory.findings import NEGATIVE_STOCK
from cloud_sync.store.columns import integer, text
from cloud_sync.store.exception_queue import IS_OPEN
from cloud_sync.store.ports import Row, Transaction, Value, fetch_in

EVIDENCE_MAX: Final = 20
"""Events shown of one exception, the oldest; `n_events` says how many there are."""

OPEN: Final = "open"
RESOLVED: Final = "resolved"
STATES: Final = (OPEN, RESOLVED)

_BALANCES: Final = "@stock"
"""Instead of a warehouse: a place in the second part."""

_STOCK: Final = ("warehouse", "location", "item", "lot", "status", "unit")

Entry = dict[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which exceptions to list. within: warehouses, None for all. since_us: with evidence from
    then on. after: where the page before ended."""

    within: Sequence[str] | None
    state: str
    limit: int
    kind: str | None = None
    since_us: int | None = None
    after: tuple[str, ...] = ()


async def read_exceptions(tx: Transaction, wanted: Wanted) -> tuple[list[Entry], list[str] | None]:
    """One page, and where the next one begins; None at the end."""
    found: list[Entry] = []
    if wanted.after[:1] != (_BALANCES,) and wanted.kind != NEGATIVE_STOCK:
        found = await _shown(tx, wanted)
    if len(found) <= wanted.limit and wanted.state == OPEN and wanted.since_us is None:
        found += await _standing(tx, wanted, wanted.limit + 1 - len(found))
    page = found[: wanted.limit]
    return page, _place_of(page[-1]) if len(found) > wanted.limit else None


def _place_of(entry: Entry) -> list[str]:
    key = entry["key"]
    named = key_text(key) if isinstance(key, list) else ""
    if entry["kind"] == NEGATIVE_STOCK:
        return [_BALANCES, NEGATIVE_STOCK, named]
    return [str(entry["warehouse"]), str(entry["kind"]), named]


async def _shown(tx: Transaction, wanted: Wanted) -> list[Entry]:
    where, values = _within("e.", wanted.within)
    if wanted.kind is not None:
        where, values = f"{where}e.kind = ? and ", [*values, wanted.kind]
    if wanted.since_us is not None:
        where, values = f"{where}e.at_us >= ? and ", [*values, wanted.since_us]
    if wanted.after:
        where += "(e.warehouse, e.kind, e.key) > (?, ?, ?) and "
        values = [*values, *wanted.after]
    state = IS_OPEN if wanted.state == OPEN else f"not ({IS_OPEN})"
    rows = await tx.fetch(
        "select warehouse, kind, key, event_id, at_us, detail, n_events, last_at_us from ("  # noqa: S608 -- constants only
        "select e.warehouse, e.kind, e.key, e.event_id, e.at_us, e.detail, "
        "dense_rank() over (order by e.warehouse, e.kind, e.key) as n, "
        "row_number() over (partition by e.warehouse, e.kind, e.key "
        "order by e.at_us, e.event_id) as place, "
        "count(*) over (partition by e.warehouse, e.kind, e.key) as n_events, "
        "max(e.at_us) over (partition by e.warehouse, e.kind, e.key) as last_at_us "
        f"from exception_evidence e where {where}{state}) as found "
        "where n <= ? and place <= ? order by warehouse, kind, key, place",
        [*values, wanted.limit + 1, EVIDENCE_MAX],
    )
    entries = [
        _entry(names, list(several), wanted.state)
        for names, several in groupby(rows, lambda it: it[:3])
    ]
    if wanted.state == RESOLVED:
        await _add_words(tx, entries)
    return entries


def _within(table: str, within: Sequence[str] | None) -> tuple[str, list[Value]]:
    if within is None:
        return "", []
    return f"{table}warehouse in ({', '.join('?' * len(within))}) and ", list(within)


def _entry(names: Row, rows: list[Row], state: str) -> Entry:
    warehouse, kind, key = map(text, names)
    evidence: list[Entry] = [
        {"event_id": text(row[3]), "at_us": integer(row[4]), "detail": text(row[5])}
        for row in rows
    ]
    return {
        "warehouse": warehouse,
        "kind": kind,
        "key": json.loads(key),
        "state": state,
        "n_events": integer(rows[0][6]),
        "first_at_us": integer(rows[0][4]),
        "last_at_us": integer(rows[0][7]),
        "evidence": evidence,
        "actions": list(ACTIONS.get(kind, ())) if state == OPEN else [],
    }


_SAID: Final = ("word", "at_us", "action", "reason", "author")


async def _add_words(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Say with each piece of evidence what was said of it, the word that stands first."""
    pieces = [(entry, piece) for entry in entries for piece in _pieces(entry)]
    rows = await fetch_in(
        tx,
        f"select warehouse, event_id, kind, key, {', '.join(_SAID)} from exception_settled "  # noqa: S608 -- constants only
        "where event_id in (?*)",
        sorted({str(piece["event_id"]) for _, piece in pieces}),
    )
    ends = await fetch_in(
        tx,
        "select warehouse, kind, key, until_us, event_id from exception_ends where key in (?*)",
        sorted({_key_of(entry) for entry in entries}),
    )
    for entry, piece in pieces:
        name = (entry["warehouse"], piece["event_id"])
        own = ("", ""), (entry["kind"], _key_of(entry))
        said = [
            dict(zip(_SAID, row[4:], strict=True))
            for row in rows
            if (row[0], row[1]) == name and (row[2], row[3]) in own
        ]
        at_us = piece["at_us"]
        said += [
            {"word": row[4], "at_us": row[3], "action": "ended", "reason": "", "author": ""}
            for row in ends
            if row[:3] == (entry["warehouse"], *own[1])
            and isinstance(at_us, int)
            and at_us < integer(row[3])
        ]
        piece["said"] = sorted(said, key=lambda it: (integer(it["at_us"]), text(it["word"])))


def _pieces(entry: Entry) -> list[Entry]:
    pieces = entry["evidence"]
    return pieces if isinstance(pieces, list) else []


def _key_of(entry: Entry) -> str:
    key = entry["key"]
    return key_text(key) if isinstance(key, list) else ""


async def _standing(tx: Transaction, wanted: Wanted, limit: int) -> list[Entry]:
    """Shelves from which more went than came; it ends when the balance does."""
    if wanted.kind not in (None, NEGATIVE_STOCK):
        return []
    where, values = _within("", wanted.within)
    if wanted.after[:1] == (_BALANCES,):
        last = _balance(wanted.after[2])
        if last is None:
            return []  # not a place that any page ended with
        where += f"({', '.join(_STOCK)}) > ({', '.join('?' * len(_STOCK))}) and "
        values += last
    rows = await tx.fetch(
        f"select {', '.join(_STOCK)}, quantity from stock where {where}quantity < 0 "  # noqa: S608 -- constants only
        f"and warehouse <> '' order by {', '.join(_STOCK)} limit ?",
        [*values, limit],
    )
    return [
        {
            "warehouse": row[0],
            "kind": NEGATIVE_STOCK,
            "key": list(row[:6]),
            "state": OPEN,
            "n_events": 0,
            "evidence": [],
            "detail": f"{integer(row[6])} {text(row[5])}",
            "actions": list(ACTIONS[NEGATIVE_STOCK]),
        }
        for row in rows
    ]


def _balance(key: str) -> list[str] | None:
    """The balance that a page ended with; None for what is none."""
    try:
        parts = json.loads(key)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, list) or len(parts) != len(_STOCK):
        return None
    texts = [part for part in parts if isinstance(part, str) and part.isprintable()]
    return texts if len(texts) == len(_STOCK) else None
