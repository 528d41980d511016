"""Who changed what: an entry for each change by people, programs and the console, in a chain.

An entry is written in the transaction of what it tells, as canonical JSON:
    {"actor", "kind", "at_us", "call", "request", "n_documents", "documents_hash", "documents":
     [[WAREHOUSE, KIND, KEY, VERSION, BEFORE, AFTER], …]}
kind: user, gateway or console. call: what was asked for, as METHOD and path, or the command.
request: SHA-256 of the body, so that nothing of it is here. BEFORE and AFTER: BLAKE2b-128 of the
document's content, "" where there was or is none; of many documents the first DOCUMENTS_SHOWN, and
the hash over all. What devices report is not here: each event is in a chain of its own.

    link(0)   = 32 zero bytes
    link(seq) = BLAKE2b-256(link(seq - 1) || seq as 8 bytes big-endian || body)

The database refuses to change or delete an entry. Whoever gets around that has to compute all
later links anew: `verify` finds everything else, and that too where a head was noted elsewhere
(`forepost-cloud audit verify --head`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from cloud_sync.contract.events import canonical
from cloud_sync.store.columns import blob, integer
from cloud_sync.store.ports import Database, Row, Script, T, Transaction

BEGINNING: Final = bytes(32)
DOCUMENTS_SHOWN: Final = 1000
PAGE: Final = 1000


class Document(Protocol):
    """A document as it is now. content: None if it is gone."""

    warehouse: str
    kind: str
    key: str
    version: int
    content: str | None


class AuditBroken(Exception):
    """The chain does not hold; the message says where."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does something, what, and when. request: the body's hash, as hex; "" without one."""

    actor: str
    kind: str
    call: str
    at_us: int
    request: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is kept."""

    seq: int
    body: bytes
    link: bytes


class Witness:
    """A transaction that remembers which documents it changed. Implements ports.Transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.fetch, self.insert, self.add = tx.fetch, tx.insert, tx.add
        self.execute_many = tx.execute_many
        self.changes: list[list[str | int]] = []

    def saw(self, it: Document, before: str | None) -> None:
        """Remember what became of a document, by hashes of what is and was in it."""
        hashes = _content_hash(before), _content_hash(it.content)
        self.changes.append([it.warehouse, it.kind, it.key, it.version, *hashes])


def audited(script: Script[T], deed: Deed) -> Script[T]:
    """The script, and behind it the entry that tells of it, in one transaction."""
    return partial(_run, script=script, deed=deed)


async def _run(tx: Transaction, *, script: Script[T], deed: Deed) -> T:
    witness = Witness(tx)
    found = await script(witness)
    # At the end: those who write at the same time wait for each other here, and not for long.
    await _append(tx, _body_of(deed, witness.changes))
    return found


def _body_of(deed: Deed, changes: Sequence[Sequence[str | int]]) -> bytes:
    return canonical(
        {
            "actor": deed.actor,
            "kind": deed.kind,
            "at_us": deed.at_us,
            "call": deed.call,
            "request": deed.request,
            "n_documents": len(changes),
            "documents_hash": hashlib.blake2b(canonical(changes), digest_size=16).hexdigest(),
            "documents": changes[:DOCUMENTS_SHOWN],
        }
    )


async def _append(tx: Transaction, body: bytes) -> None:
    ((last, link),) = await tx.fetch(
        "update audit_head set seq = seq + 1 where id = 1 returning seq, link"
    )
    seq = integer(last)
    following = link_of(blob(link), seq, body)
    # One trip to the database each: neither a batch of one nor a COPY of one is.
    await tx.fetch("update audit_head set link = ? where id = 1 returning id", (following,))
    await tx.fetch(
        "insert into audit_log(seq, body, link) values (?, ?, ?) returning seq",
        (seq, body, following),
    )


def link_of(before: bytes, seq: int, body: bytes) -> bytes:
    """The link of an entry behind another."""
    return hashlib.blake2b(before + seq.to_bytes(8, "big") + body, digest_size=32).digest()


def _content_hash(content: str | None) -> str:
    if content is None:
        return ""
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# ------------------------------------------------------------------ reading


async def read_head(tx: Transaction) -> tuple[int, bytes]:
    """The number and link of the last entry."""
    ((seq, link),) = await tx.fetch("select seq, link from audit_head where id = 1")
    return integer(seq), blob(link)


async def read_entries(tx: Transaction, *, after: int, limit: int) -> list[Entry]:
    """Entries behind a place, in order."""
    rows = await tx.fetch(
        "select seq, body, link from audit_log where seq > ? order by seq limit ?", (after, limit)
    )
    return [_entry(row) for row in rows]


def _entry(row: Row) -> Entry:
    seq, body, link = row
    return Entry(integer(seq), blob(body), blob(link))


async def verify(
    database: Database, *, noted: tuple[int, bytes] | None = None
) -> tuple[int, bytes]:
    """Follow the chain to its end; gives number and link of the last entry. Raises AuditBroken.

    noted: a head that was seen before, which must still be in the chain.
    """
    head = await database.read(read_head)  # first: what comes meanwhile is behind it
    seq, link = 0, BEGINNING
    is_noted_met = noted is None or noted == (0, BEGINNING)
    while seq < head[0]:
        page = await database.read(partial(read_entries, after=seq, limit=PAGE))
        if not page:
            raise AuditBroken(f"entries {seq + 1} to {head[0]} are gone from the end")
        for entry in page:
            link = _checked(entry, seq, link)
            seq = entry.seq
            is_noted_met |= noted == (seq, link)
            if seq == head[0] and link != head[1]:
                raise AuditBroken(f"entry {seq} is not the one at which the chain ended")
    if not is_noted_met and noted is not None:
        raise AuditBroken(f"the chain that was noted at entry {noted[0]} is another")
    return seq, link


def _checked(entry: Entry, seq: int, link: bytes) -> bytes:
    """The entry's link, if it follows. Raises AuditBroken."""
    if entry.seq != seq + 1:
        raise AuditBroken(f"between entries {seq} and {entry.seq} some are gone")
    expected = link_of(link, entry.seq, entry.body)
    if entry.link != expected:
        raise AuditBroken(f"entry {entry.seq} was changed, or one before it was")
    return expected


def shown(entry: Entry) -> dict[str, object]:
    """An entry for people and programs, with its number and link."""
    told: dict[str, object] = json.loads(entry.body)
    return {"seq": entry.seq, **told, "link": entry.link.hex()}
