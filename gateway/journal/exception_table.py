"""The exceptions queue's tables (schema/0013_exceptions.sql, 0015_exception_words.sql): effects as
statements, and back.

Open evidence is all that the queue shows. What settled or ended some stays beside it, because the
same evidence may be found once more: a trace shows the same with every other trace around it.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from cloud_sync.inventory.exceptions import ACTIONS, Word, key_text
from cloud_sync.inventory.findings import NEGATIVE_STOCK
from cloud_sync.inventory.traces import STOCK, WINDOW_US, Subject, Trace
from gateway.core.exceptions import Evidence, ExceptionEffects, OpenException
from gateway.journal.rows import as_int
from gateway.journal.table_sums import Querying
from gateway.ports import Statements

SELECT: Final = (
    "select kind, key, event_id, at_us, detail from exception_evidence"
    " order by kind, key, at_us, event_id"
)
_HEADS: Final = (
    "select kind, key, count(*), min(at_us), max(at_us), max(event_id) from exception_evidence"
    " group by kind, key order by kind, key"
)
_EVIDENCE: Final = (
    "select event_id, at_us, detail from exception_evidence where kind = ? and key = ?"
    " order by at_us, event_id"
)
NEGATIVE: Final = (
    "select warehouse, location, item, lot, status, unit, quantity from stock"
    " where quantity < 0 and warehouse <> ''"
    " order by warehouse, location, item, lot, status, unit"
)
WORDS: Final = (
    "select word, kind, key, evidence, at_us, action, reason, author from exception_word"
    " order by at_us desc, word"
)
_ADD: Final = (
    "insert into exception_evidence(kind, key, event_id, at_us, detail)"
    " select ?1, ?2, ?3, ?4, ?5 where not exists (select 1 from exception_settled"
    " where event_id = ?3 and (kind = '' or (kind = ?1 and key = ?2)))"
    " on conflict do update set at_us = max(at_us, excluded.at_us)"
)
_NOTE_SETTLED: Final = (
    "insert into exception_settled(event_id, kind, key, at_us) values (?, ?, ?, ?)"
    " on conflict do nothing"
)
_SETTLE: Final = "delete from exception_evidence where event_id = ?"
_RESOLVE: Final = "delete from exception_evidence where kind = ? and key = ? and event_id = ?"
_NOTE_END: Final = (
    "insert into exception_end(kind, key, until_us, event_id) values (?, ?, ?, ?)"
    " on conflict do update set until_us = excluded.until_us, event_id = excluded.event_id"
    " where excluded.until_us > until_us"
)
_END: Final = (
    "delete from exception_evidence where exists (select 1 from exception_end x"
    " where x.kind = exception_evidence.kind and x.key = exception_evidence.key"
    " and exception_evidence.at_us < x.until_us)"
)
_SAY: Final = (
    "insert into exception_word(word, kind, key, evidence, at_us, action, reason, author)"
    " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_TRACE: Final = (
    "insert into exception_trace(family, key, at_us, event_id, says) values (?, ?, ?, ?, ?)"
    " on conflict do nothing"
)
_FORGET: Final = (
    # What is said of a lot, or of a mistake, stands for ever.
    (
        "delete from exception_trace indexed by exception_trace_leaves"
        " where at_us < ? and family in ('tag', 'stock')"
    ),
    "delete from exception_settled where at_us < ?",
)
TABLES: Final = (
    "exception_evidence", "exception_trace", "exception_end", "exception_settled",
    "exception_word",
)  # fmt: skip
"""All that the queue is made of."""
_COUNT: Final = "select count(*) from (select distinct kind, key from exception_evidence)"


def exception_statements(effects: ExceptionEffects) -> Statements:
    """What writes them, in any order of evidence and what settles it."""
    words = effects.resolved
    parts: list[tuple[str, list[tuple[object, ...]]]] = [
        (_NOTE_SETTLED, [(name, "", "", at) for name, at in sorted(effects.settled.items())]),
        (
            _NOTE_SETTLED,
            [(it, word.kind, key_text(word.key), word.at_us)
             for word in words for it in word.evidence],
        ),
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
            [(word.kind, key_text(word.key), it) for word in words for it in word.evidence],
        ),
        (
            _NOTE_END,
            [(it.kind, key_text(it.key), it.until_us, it.event_id) for it in effects.ends],
        ),
        (_END, [()] if effects.ends or effects.raised else []),
        (_SAY, [_word_row(word) for word in words]),
    ]  # fmt: skip
    return [(sql, rows) for sql, rows in parts if rows]


def _word_row(word: Word) -> tuple[object, ...]:
    return (
        word.word, word.kind, key_text(word.key), json.dumps(word.evidence), word.at_us,
        word.action, word.reason, word.author,
    )  # fmt: skip


def trace_statements(traces: Iterable[Trace], *, forget_us: int) -> Statements:
    """What keeps traces. forget_us: before when nothing is found together with new ones."""
    rows = sorted(
        (*_subject_row(it.subject), it.at_us, it.event_id, _json(it.says)) for it in traces
    )
    statements: list[tuple[str, Sequence[Sequence[object]]]] = [(_TRACE, rows)] if rows else []
    return [*statements, *((sql, [(forget_us,)]) for sql in _FORGET)]


def _subject_row(subject: Subject) -> tuple[str, str]:
    return subject.family, key_text(subject.key)


def _json(says: Sequence[str]) -> str:
    return json.dumps(says, separators=(",", ":"))


async def read_traces(
    reader: Querying, subjects: Iterable[Subject], warehouse: str, *, from_us: int
) -> list[Trace]:
    """What is kept of these subjects; of those that a window limits, from a time on."""
    wanted = [_subject_row(it) for it in sorted(set(subjects))]
    if not wanted:
        return []
    rows = await reader.query(
        "select family, key, at_us, event_id, says from exception_trace where (family, key) in"
        " (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(?))"
        " and (at_us >= ? or family not in (select value from json_each(?)))",
        (json.dumps(wanted), from_us, json.dumps(sorted(WINDOW_US))),
    )
    return [
        Trace(
            Subject(str(family), tuple(json.loads(str(key)))),
            as_int(at_us),
            str(event_id),
            warehouse,
            tuple(json.loads(str(says))),
        )
        for family, key, at_us, event_id, says in rows
    ]


async def read_moved(reader: Querying, subjects: Iterable[Subject]) -> set[Subject]:
    """Those of these goods at places whose moves are kept, too, and not their counts alone."""
    keys = {key_text(it.key): it for it in subjects}
    if not keys:
        return set()
    rows = await reader.query(
        "select distinct key from exception_trace where family = ?"
        " and key in (select value from json_each(?))"
        " and json_extract(says, '$[0]') in ('late', 'move')",
        (STOCK, json.dumps(sorted(keys))),
    )
    return {keys[str(key)] for (key,) in rows}


async def read_open(reader: Querying, kind: str, key: Sequence[str]) -> set[str]:
    """The open evidence of an exception."""
    rows = await reader.query(
        "select event_id from exception_evidence where kind = ? and key = ?",
        (kind, key_text(key)),
    )
    return {str(event_id) for (event_id,) in rows}


async def read_keys(reader: Querying, kinds: Iterable[str]) -> set[tuple[str, tuple[str, ...]]]:
    """Kind and key of the open exceptions of some kinds."""
    rows = await reader.query(
        "select distinct kind, key from exception_evidence where kind in"
        " (select value from json_each(?))",
        (json.dumps(sorted(kinds)),),
    )
    return {(str(kind), tuple(json.loads(str(key)))) for kind, key in rows}


async def read_queue(reader: Querying, names: Container[str]) -> tuple[OpenException, ...]:
    """All that is open; of those so named, the evidence too."""
    found = []
    for kind, key, n, first_us, last_us, newest in await reader.query(_HEADS):
        it = OpenException(
            str(kind), tuple(json.loads(str(key))), as_int(n), as_int(first_us), as_int(last_us),
            str(newest),
        )  # fmt: skip
        if it.name in names:
            rows = await reader.query(_EVIDENCE, (kind, key))
            shown = [Evidence(str(row[0]), as_int(row[1]), str(row[2])) for row in rows]
            it = replace(it, evidence=tuple(shown))
        found.append(it)
    for *parts, _ in await reader.query(NEGATIVE):
        found.append(OpenException(NEGATIVE_STOCK, tuple(map(str, parts))))
    return tuple(found)


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


def negative_of(rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    """Shelves from which more went than came, from the rows of NEGATIVE."""
    return [
        {
            "kind": NEGATIVE_STOCK,
            "key": [str(part) for part in key],
            "n_events": 0,
            "evidence": [],
            "detail": f"{quantity} {key[-1]}",
            "actions": list(ACTIONS[NEGATIVE_STOCK]),
        }
        for *key, quantity in rows
    ]


def words_of(rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    """What people said, from the rows of WORDS."""
    return [
        {
            "word": word,
            "kind": kind,
            "key": json.loads(str(key)),
            "evidence": json.loads(str(evidence)),
            "at_us": at_us,
            "action": action,
            "reason": reason,
            "author": author,
        }
        for word, kind, key, evidence, at_us, action, reason, author in rows
    ]
