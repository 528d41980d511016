"""The exceptions queue of each warehouse: evidence out of events, resolutions out of people.

What is an exception, what settles and what ends one is said in inventory/exceptions.py and
inventory/traces.py; here it is written down. store/exception_lists.py reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.exceptions import (
    COUNT_KINDS,
    Ending,
    Word,
    endings,
    is_concerned,
    key_text,
    raised,
    settles,
    word_in,
)
from cloud_sync.inventory.findings import COUNT_UNCERTAIN, NEGATIVE_STOCK, RECOUNT
from cloud_sync.inventory.traces import Showing
from cloud_sync.store.columns import text
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.exception_traces import last_counts, note_traces
from cloud_sync.store.ports import Transaction, fetch_in

DETAIL_CHARACTERS_MAX: Final = 200

Evidence = tuple[str, str, str, str, int, str]
"""Warehouse, kind, key as text, event, its time, detail."""

_ADD: Final = (
    "insert into exception_evidence(warehouse, kind, key, event_id, at_us, detail) "
    "values (?, ?, ?, ?, ?, ?) on conflict (warehouse, kind, key, event_id) do update "
    "set at_us = excluded.at_us where excluded.at_us > exception_evidence.at_us"
)
_SETTLE: Final = (
    "insert into exception_settled"
    "(warehouse, event_id, kind, key, word, at_us, action, reason, author) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_END: Final = (
    "insert into exception_ends(warehouse, kind, key, until_us, event_id) values (?, ?, ?, ?, ?) "
    "on conflict (warehouse, kind, key) do update "
    "set until_us = excluded.until_us, event_id = excluded.event_id "
    "where (excluded.until_us, excluded.event_id) "
    "> (exception_ends.until_us, exception_ends.event_id)"
)
IS_OPEN: Final = (
    "not exists (select 1 from exception_settled s where s.warehouse = e.warehouse "
    "and s.event_id = e.event_id and (s.kind = '' or (s.kind = e.kind and s.key = e.key))) "
    "and not exists (select 1 from exception_ends x where x.warehouse = e.warehouse "
    "and x.kind = e.kind and x.key = e.key and e.at_us < x.until_us)"
)
"""Whether a piece of evidence, a row `e`, is neither settled nor ended."""


async def note_events(
    tx: Transaction, warehouse: str, gateway: str, events: Sequence[ev.Event]
) -> list[Word]:
    """Take in what accepted events of a gateway raise, settle and end; gives people's words, and
    that counts are to be made again of which nobody can be sure.

    Again does no harm. The caller holds the lock of the warehouse's ledger.
    """
    found: list[Evidence] = []
    ends: list[Ending] = []
    words: list[Word] = []
    settled: list[tuple[str, str, str, str, str, int, str, str, str]] = []
    for event in events:
        if not is_concerned(event):
            continue
        for it in raised(event):
            at_us, detail = event.occurred_at_us, printable(it.detail)
            key = key_text(it.key)
            found.append((warehouse, it.kind, key, event.event_id, at_us, detail))
        ends += endings(event)
        target, said = settles(event), word_in(event)
        if target is not None:
            action = "correct" if event.type == ev.EVENT_CORRECTED else "recovered"
            at_us = event.occurred_at_us
            settled.append((warehouse, target, "", "", event.event_id, at_us, action, "", ""))
        if said is not None:
            words.append(said)
    traces, shown = await note_traces(tx, warehouse, gateway, events)
    found += [
        (it.warehouse, it.kind, key_text(it.key), it.trace.event_id, it.at_us,
         printable(it.detail))
        for it in shown
    ]  # fmt: skip
    await add_evidence(tx, found)
    counted = {key_text(it.subject.key) for it in traces if it.says[:1] == ("count",)}
    counted |= {key for whose, kind, key, *_ in found if kind in COUNT_KINDS}
    await _end_by_counts(tx, warehouse, counted)
    await end_evidence(tx, warehouse, ends)
    await tx.execute_many(_SETTLE, sorted(settled))
    for said in words:
        await settle(tx, warehouse, said, said.evidence)
    return [*words, *await _recounts(tx, warehouse, shown)]


async def _recounts(tx: Transaction, warehouse: str, shown: Iterable[Showing]) -> list[Word]:
    """For each uncertain count that is its goods' last one, that it is to be made again.

    Nobody said so; these words settle nothing, and are the same however often they are found.
    """
    counts = {
        (it.key, it.trace.event_id)
        for it in shown
        if it.kind == COUNT_UNCERTAIN and it.warehouse == warehouse and it.trace.says[0] == "count"
    }
    last = await last_counts(tx, warehouse, sorted({key_text(key) for key, _ in counts}))
    words = (
        Word("", 0, COUNT_UNCERTAIN, key, (event_id,), RECOUNT, "", "")
        for key, event_id in sorted(counts)
        if last[key_text(key)][1] == event_id
    )
    return [it._replace(word=_name(warehouse, it, it.evidence[0])) for it in words]


async def add_evidence(tx: Transaction, found: Iterable[Evidence]) -> None:
    """Put evidence into the queue; of what is there already the later time counts."""
    await tx.execute_many(_ADD, sorted(set(found)))


async def end_evidence(tx: Transaction, warehouse: str, ends: Iterable[Ending]) -> None:
    """End all older evidence of these kinds and keys; the latest end counts."""
    rows = [(warehouse, it.kind, key_text(it.key), it.until_us, it.event_id) for it in ends]
    await tx.execute_many(_END, sorted(rows))


async def settle(tx: Transaction, warehouse: str, said: Word, evidence: Iterable[str]) -> None:
    """Keep a word on some evidence."""
    key = key_text(said.key)
    reason, author = printable(said.reason), printable(said.author)
    await tx.execute_many(
        _SETTLE,
        [
            (warehouse, event_id, said.kind, key, said.word, said.at_us, said.action, reason,
             author)
            for event_id in sorted(set(evidence))
        ],
    )  # fmt: skip


async def _end_by_counts(tx: Transaction, warehouse: str, keys_counted: Iterable[str]) -> None:
    """Let the last count of goods end what is doubtful about those before it."""
    kinds = sorted(COUNT_KINDS)
    marks = ", ".join("?" * len(kinds))
    doubtful = await fetch_in(
        tx,
        "select distinct kind, key from exception_evidence "  # noqa: S608 -- marks only
        f"where warehouse = ? and kind in ({marks}) and key in (?*)",
        sorted(keys_counted),
        before=(warehouse, *kinds),
    )
    if not doubtful:
        return
    last = await last_counts(tx, warehouse, sorted({text(key) for _, key in doubtful}))
    rows = [
        (warehouse, text(kind), text(key), *last[text(key)])
        for kind, key in doubtful
        if text(key) in last
    ]
    await tx.execute_many(_END, sorted(rows))


def printable(detail: str) -> str:
    """Text that every database takes: devices say what they like."""
    return "".join(it if it.isprintable() else "?" for it in detail[:DETAIL_CHARACTERS_MAX])


# ---------------------------------------------------------------- words of the cloud


async def resolve(tx: Transaction, warehouse: str, said: Word) -> list[str]:
    """Settle evidence; gives what of it is no evidence of this, and then settles nothing.

    Again, or by a second person, changes nothing: the first word stands. The warehouse's gateway
    is told by a document.
    """
    rows = await tx.fetch(
        f"select e.event_id, {IS_OPEN} from exception_evidence e "  # noqa: S608 -- constants only
        "where e.warehouse = ? and e.kind = ? and e.key = ?",
        (warehouse, said.kind, key_text(said.key)),
    )
    unknown = sorted(set(said.evidence) - {text(row[0]) for row in rows})
    news = sorted(set(said.evidence) & {text(event_id) for event_id, is_open in rows if is_open})
    if news and not unknown:
        # Evidence of one exception is settled here once, so this names one word and no other.
        word = _name(warehouse, said, news[0])
        said = said._replace(word=word, evidence=tuple(news))
        await put_documents(tx, [_document(warehouse, said)])
        await settle(tx, warehouse, said, news)
        await act_on(tx, warehouse, [said])
    return unknown


async def ask_to_count(tx: Transaction, warehouse: str, said: Word) -> str:
    """Have goods counted of which only the balance says that something is wrong."""
    said = said._replace(word=_name(warehouse, said, str(said.at_us)))
    await act_on(tx, warehouse, [said])
    return said.word


def _name(warehouse: str, said: Word, first: str) -> str:
    name = f"{warehouse} {said.kind} {key_text(said.key)} {first}"
    return blake2b(name.encode(), digest_size=16).hexdigest()


def _document(warehouse: str, said: Word) -> Draft:
    word = doc.Resolution(
        warehouse=warehouse,
        kind=said.kind,
        key=list(said.key),
        evidence=list(said.evidence),
        action=said.action,
        reason=said.reason,
        author=said.author,
        at_us=said.at_us,
        quantity=said.quantity,
    )
    return Draft(doc.RESOLUTION, said.word, warehouse, word.model_dump(exclude_none=True))


async def act_on(tx: Transaction, warehouse: str, words: Iterable[Word]) -> None:
    """Do what the cloud does about words: a count that was asked for is a document of its own."""
    drafts = []
    for said in words:
        place, item = _where(said) if said.action == RECOUNT else ("", "")
        if place:
            count = doc.Count(
                id=said.word,
                warehouse=warehouse,
                locations=[place],
                items=[item] if item else [],
            )
            drafts.append(Draft(doc.COUNT, count.id, warehouse, count.model_dump()))
    if drafts:
        await put_documents(tx, drafts)


def _where(said: Word) -> tuple[str, str]:
    """The place and item to count; "" where the exception names none."""
    place, item = "", ""
    if said.kind in {*COUNT_KINDS, NEGATIVE_STOCK} and len(said.key) > 2:
        place, item = said.key[1], said.key[2]
    elif said.kind == "approval_needed":
        place = said.key[-1]
    return place if keys.is_id(place) else "", item if keys.is_gtin(item) else ""
