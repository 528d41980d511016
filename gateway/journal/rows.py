"""What the journal writes and how it reads it back: the statements, and the checks of rows.

Pure: nothing here touches a file. The statements name every column of the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from cloud_sync.contract.chain import next_link
from cloud_sync.contract.events import canonical
from gateway.errors import JournalCorrupt
from gateway.journal.proof import columns_of
from gateway.ports import Entry, ReceiptKey, Row

INSERT: Final = (
    "insert into journal(seq, event_id, type, occurred_at_us, recorded_at_us, body, chain)"
    " values (?, ?, ?, ?, ?, ?, ?)"
)
RECEIPT: Final = (
    "insert into receipt(device, boot, seq, result, recorded_at_us) values (?, ?, ?, ?, ?)"
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
SELECT: Final = (
    "select seq, event_id, type, occurred_at_us, body, chain from journal"
    " where seq >= ? order by seq limit ?"
)
_FIND_RECEIPTS: Final = (
    "select device, boot, seq, result from receipt where (device, boot, seq) in (values {})"
)
IN_A_RANGE: Final = (
    "coalesce(seq <= (select last from received_range as range where range.device = key.device"
    " and range.boot = key.boot and range.first <= key.seq order by range.first desc limit 1), 0)"
)
"""Whether the number of a `key` is in a range of received ones: 0 or 1."""
BELOW_THE_FLOOR: Final = (
    "coalesce(seq <= (select floor from received_floor as low"
    " where low.device = key.device and low.boot = key.boot), 0)"
)
"""Whether it is so low that nobody knows any more: 0 or 1."""
_FIND_FORGOTTEN: Final = (
    "with key(device, boot, seq) as (values {}),"  # noqa: S608 -- our own words
    " known as (select device, boot, seq,"
    f" {IN_A_RANGE} as was_received, {BELOW_THE_FLOOR} as is_below from key)"
    " select device, boot, seq, was_received from known"
    " where was_received or is_below"
)
KEYS_PER_QUERY: Final = 250
"""SQLite's oldest limit on parameters is 999, three to a key."""

UPLINK: Final = "uplink"
CONSUMERS: Final = ("projector", "planner", "sensor-watch", "demand", UPLINK)
"""Whose cursors are positions in the journal; others keep their own kind of position there."""

Parts = list[tuple[str, Sequence[Sequence[object]]]]


def forgotten_result(key: ReceiptKey) -> bytes:
    """What is told again where the result itself is forgotten; it becomes "duplicate"."""
    return canonical({"boot": key.boot, "seq": key.seq, "status": "accepted", "v": 1})


def unknown_result(key: ReceiptKey) -> bytes:
    """What is told where it is not known whether the message was received: neither yes nor no.

    Its words are for whoever knows the worker's language (core.messages.in_words).
    """
    told = {"status": "refused", "message_key": "too_old"}
    return canonical({"boot": key.boot, "seq": key.seq, **told, "v": 1})


def row_statements(rows: Sequence[Row], now_us: int) -> Parts:
    """What writes journal rows."""
    values = [
        (seq, event_id, kind, occurred_at_us, now_us, body, chain)
        for seq, event_id, kind, occurred_at_us, body, chain, _ in rows
    ]
    return [(INSERT, values)] if rows else []


def entry_statements(
    entries: Sequence[Entry], highest: Mapping[tuple[str, str], int], now_us: int
) -> Parts:
    """What entries write besides journal rows. highest: the `highest_seqs` of their receipts."""
    receipts = [entry.receipt for entry in entries if entry.receipt is not None]
    set_aside = [entry.quarantined for entry in entries if entry.quarantined is not None]
    parts: Parts = [
        (RECEIPT, [(key.device, key.boot, key.seq, result, now_us) for key, result in receipts]),
        (MARK, [(*boot, seq) for boot, seq in highest.items()]),
        (QUARANTINE, [(q.device, q.received_at_us, q.kind, q.reason, q.raw) for q in set_aside]),
    ]
    return [(sql, rows) for sql, rows in parts if rows]


def n_bytes_of(entries: Sequence[Entry]) -> int:
    """The bytes of the events and of what is set aside."""
    n_bytes = 0
    for entry in entries:
        for draft in entry.drafts:
            n_bytes += len(draft.body)
        if entry.quarantined is not None:
            n_bytes += len(entry.quarantined.raw)
    return n_bytes


def highest_seqs(keys: Iterable[ReceiptKey]) -> dict[tuple[str, str], int]:
    """The highest number per (device, boot)."""
    highest: dict[tuple[str, str], int] = {}
    for device, name, seq in keys:
        boot = (device, name)
        if seq >= highest.get(boot, seq):
            highest[boot] = seq
    return highest


def find_receipts_query(keys: Sequence[ReceiptKey]) -> tuple[str, list[object]]:
    """SQL and parameters that ask for at most KEYS_PER_QUERY receipts."""
    return _asking_for(keys, _FIND_RECEIPTS)


def find_forgotten_query(keys: Sequence[ReceiptKey]) -> tuple[str, list[object]]:
    """The same, for messages that were received and whose results are forgotten."""
    return _asking_for(keys, _FIND_FORGOTTEN)


def _asking_for(keys: Sequence[ReceiptKey], sql: str) -> tuple[str, list[object]]:
    if not 0 < len(keys) <= KEYS_PER_QUERY:
        raise AssertionError(f"{len(keys)} keys in one query")
    places = ", ".join(["(?, ?, ?)"] * len(keys))
    values: list[object] = [value for key in keys for value in (key.device, key.boot, key.seq)]
    return sql.format(places), values


def as_row(values: Sequence[object]) -> Row:
    """A row from the columns of SELECT."""
    seq, event_id, kind, at, body, chain = values
    return Row(as_int(seq), str(event_id), str(kind), as_int(at), as_bytes(body), as_bytes(chain))


def checked(rows: Sequence[Row], after_seq: int, link: bytes, path: Path) -> Sequence[Row]:
    """The rows, if they follow row `after_seq` and its link. Raises JournalCorrupt."""
    for seq, row in enumerate(rows, after_seq + 1):
        if row.seq != seq:
            raise JournalCorrupt(f"{path}: row {seq} is missing before row {row.seq}{ADVICE}")
        link = next_link(link, seq, row.body)
        if link != row.chain:
            raise JournalCorrupt(f"{path}: row {seq} does not fit its checksum{ADVICE}")
    return rows


def fits_columns(row: Row, said: object) -> bool:
    """Whether the columns, which the chain does not cover, are what the bytes say.

    said: what is in them (`proof.said_in`).
    """
    columns = row.event_id, row.type, row.occurred_at_us
    return columns == columns_of(
        said, event_id=row.event_id, type_=row.type, occurred_at_us=row.occurred_at_us
    )


ADVICE: Final = "; run `forepost-gateway journal verify`"


def as_int(value: object) -> int:
    """The value, if it is what a STRICT integer column holds."""
    if not isinstance(value, int):
        raise JournalCorrupt(f"journal: {value!r} where the schema says integer{ADVICE}")
    return value


def as_int_or_none(value: object) -> int | None:
    """The same of a column that may be empty."""
    return None if value is None else as_int(value)


def as_bytes(value: object) -> bytes:
    """The value, if it is what a STRICT blob column holds."""
    if not isinstance(value, bytes):
        raise JournalCorrupt(f"journal: {value!r} where the schema says blob{ADVICE}")
    return value
