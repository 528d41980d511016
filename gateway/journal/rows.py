"""What the journal writes and how it reads it back: statements, jobs and row checks.

Pure: nothing here touches a file. The statements name every column of schema/0001_journal.sql.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud_sync.contract.chain import next_link
from gateway.errors import JournalCorrupt
from gateway.ports import Draft, Entry, Row, Statements

INSERT: Final = (
    "insert into journal(seq, event_id, type, occurred_at_us, recorded_at_us, body, chain)"
    " values (?, ?, ?, ?, ?, ?, ?)"
)
RECEIPT: Final = (
    "insert into receipt(device, boot, seq, result) values (?, ?, ?, ?) on conflict do nothing"
)
MARK: Final = (
    "insert into device_mark(device, boot, highest) values (?, ?, ?)"
    " on conflict(device, boot) do update set highest = max(highest, excluded.highest)"
)
QUARANTINE: Final = (
    "insert into quarantine(device, received_at_us, kind, reason, raw) values (?, ?, ?, ?, ?)"
)
CURSOR: Final = (
    "insert into cursor(consumer, seq) values (?, ?)"
    " on conflict(consumer) do update set seq = excluded.seq"
)
META: Final = (
    "insert into meta(key, value) values (?, ?)"
    " on conflict(key) do update set value = excluded.value"
)
FIND_RECEIPTS: Final = (
    "select device, boot, seq, result from receipt where (device, boot, seq) in (values "
)
"""To be followed by as many "(?, ?, ?)" as there are keys, and a bracket."""


@dataclass(slots=True)
class Job:
    """One call's share of a transaction."""

    done: asyncio.Future[int]
    entries: Sequence[Entry] = ()
    drafts: Sequence[Draft] = ()
    effects: Statements = ()
    cursor: tuple[str, int] | None = None

    @property
    def weight(self) -> int:
        """How many entries and events it brings."""
        return len(self.entries) + len(self.drafts)

    def all_drafts(self) -> list[Draft]:
        """Every event it appends, in order."""
        return [draft for entry in self.entries for draft in entry.drafts] + list(self.drafts)


def side_statements(group: Sequence[Job]) -> list[tuple[str, Sequence[Sequence[object]]]]:
    """What a group writes besides journal rows; effects in the order of the jobs, cursors last."""
    entries = [entry for job in group for entry in job.entries]
    receipts = [entry.receipt for entry in entries if entry.receipt is not None]
    marks: dict[tuple[str, str], int] = {}
    for key, _ in receipts:
        boot = (key.device, key.boot)
        marks[boot] = max(key.seq, marks.get(boot, key.seq))
    set_aside = [entry.quarantined for entry in entries if entry.quarantined is not None]
    parts: list[tuple[str, Sequence[Sequence[object]]]] = [
        (RECEIPT, [(key.device, key.boot, key.seq, result) for key, result in receipts]),
        (MARK, [(*boot, highest) for boot, highest in marks.items()]),
        (QUARANTINE, [(q.device, q.received_at_us, q.kind, q.reason, q.raw) for q in set_aside]),
    ]
    for job in group:
        parts.extend(job.effects)
    parts.append((CURSOR, [job.cursor for job in group if job.cursor is not None]))
    return [(sql, rows) for sql, rows in parts if rows]


def checked(rows: Sequence[Row], after_seq: int, link: bytes, path: Path) -> Sequence[Row]:
    """The rows, if they follow `after_seq` and its link. Raises JournalCorrupt naming the seq."""
    """The rows, if they follow row `after_seq` and its link. Raises JournalCorrupt."""
    for seq, row in enumerate(rows, after_seq + 1):
        if row.seq != seq:
            raise JournalCorrupt(f"{path}: row {seq} is missing before row {row.seq}")
        link = next_link(link, seq, row.body)
        if link != row.chain:
            raise JournalCorrupt(
                f"{path}: row {seq} does not fit its checksum;"
                " run `forepost-gateway journal verify`"
            )
    return rows


def as_int(value: object) -> int:
    """The value, if it is what a STRICT integer column holds."""
    if not isinstance(value, int):
        raise JournalCorrupt(f"journal: {value!r} where the schema says integer")
    return value


def as_bytes(value: object) -> bytes:
    """The value, if it is what a STRICT blob column holds."""
    if not isinstance(value, bytes):
        raise JournalCorrupt(f"journal: {value!r} where the schema says blob")
    return value
