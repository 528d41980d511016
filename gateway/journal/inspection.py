"""Looking into a journal from outside, also while a gateway writes it.

Everything here opens the file read-only: no lock is taken, nothing is checkpointed, and rows are
read in short statements, so that the writer's log can be emptied in between.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cloud_sync.contract.chain import first_link, next_link
from gateway.errors import JournalCorrupt, JournalError
from gateway.journal.connection import BUSY_MS, journal_error
from gateway.journal.durable import sync_path
from gateway.journal.proof import said_in
from gateway.journal.received import Unreceived, key_in
from gateway.journal.rows import CONSUMERS, SELECT, as_row, fits_columns
from gateway.journal.table_sums import complaint, wrong_tables
from gateway.ports import Quarantined, Row

CHUNK_ROWS: Final = 1000
PROBLEMS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose journal it is and where its rows begin."""

    gateway: str
    epoch: str
    version: int
    base_seq: int
    base_link: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a full check found. `problems` is empty for a sound journal."""

    n_rows: int
    first_seq: int
    last_seq: int
    head: bytes
    problems: tuple[str, ...]


@contextlib.contextmanager
def open_read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can do no harm. Raises JournalError in one line."""
    if not path.is_file():
        raise JournalError(f"{path}: no journal there")
    # On a read-only disk a cleanly closed WAL database opens only if declared unchanging.
    is_frozen = not os.access(path.parent, os.W_OK) and not _wal(path).exists()
    mode = "mode=ro&immutable=1" if is_frozen else "mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, isolation_level=None)
        ) as connection:
            connection.execute(f"pragma busy_timeout = {BUSY_MS}")
            yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise journal_error(error, path) from error


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def read_identity(connection: sqlite3.Connection, path: Path) -> Identity:
    """Identity and base. Raises JournalError if the file is no journal."""
    (version,) = connection.execute("pragma user_version").fetchone()
    try:
        meta = dict(connection.execute("select key, value from meta"))
    except sqlite3.OperationalError as error:
        raise JournalError(f"{path}: not a journal: {error}") from error
    try:
        return Identity(
            gateway=meta["gateway"],
            epoch=meta["epoch"],
            version=version,
            base_seq=int(meta["base_seq"]),
            base_link=bytes.fromhex(meta["base_link"]),
        )
    except (KeyError, ValueError) as error:
        raise JournalCorrupt(f"{path}: table meta: {error!r}") from error


def read_cursors(connection: sqlite3.Connection) -> dict[str, int]:
    """The cursor of every consumer that ever ran."""
    rows = connection.execute("select consumer, seq from cursor order by consumer")
    return {str(consumer): int(seq) for consumer, seq in rows}


def read_rows(
    connection: sqlite3.Connection, *, after_seq: int, limit: int | None = None
) -> Iterator[Row]:
    """Rows above `after_seq` as they lie there, unchecked."""
    n_left = limit
    while n_left is None or n_left > 0:
        n_asked = CHUNK_ROWS if n_left is None else min(CHUNK_ROWS, n_left)
        chunk = connection.execute(SELECT, (after_seq + 1, n_asked)).fetchall()
        for values in chunk:
            yield as_row(values)
        if len(chunk) < n_asked:
            return
        after_seq = chunk[-1][0]
        n_left = None if n_left is None else n_left - len(chunk)


def verify(connection: sqlite3.Connection, path: Path) -> Verdict:
    """Check every row against the chain, the cursors against the rows, SQLite's own pages.

    The chain is what counts: SQLite's check finds broken pages, but no changed content.
    """
    identity = read_identity(connection, path)
    problems: list[str] = []
    if identity.base_seq == 0 and identity.base_link != first_link(
        gateway=identity.gateway, epoch=identity.epoch
    ):
        problems.append("meta: the first link does not fit gateway and epoch")
    n_rows, seq, link = 0, identity.base_seq, identity.base_link
    unreceived = Unreceived(connection)
    try:
        for row in read_rows(connection, after_seq=seq):
            said = said_in(row.body)
            unreceived.note(key_in(said))
            if n_rows == 0 and row.seq > seq + 1:
                seq, link = _base_now(connection, path, row, problems)
            elif row.seq != seq + 1:
                problems.append(_missing(seq + 1, row.seq - 1))
            elif next_link(link, row.seq, row.body) != row.chain:
                problems.append(f"row {row.seq} does not fit its checksum")
            elif not fits_columns(row, said):
                problems.append(f"row {row.seq}: its columns are not what its bytes say")
            n_rows, seq, link = n_rows + 1, row.seq, row.chain
    except (JournalCorrupt, sqlite3.DatabaseError, UnicodeDecodeError) as error:
        problems.append(f"after row {seq}: {error}")
    with contextlib.suppress(sqlite3.DatabaseError):
        for consumer, done in read_cursors(connection).items():
            if consumer in CONSUMERS and done > seq:
                problems.append(f"{consumer} is done up to row {done}, the last row is {seq}")
    problems.extend(_table_problems(connection))
    problems.extend(_receipt_problems(unreceived))
    problems.extend(_page_problems(connection))
    return Verdict(n_rows, seq - n_rows + 1 if n_rows else seq, seq, link, tuple(problems))


def first_problem(path: Path) -> str | None:
    """What `verify` complains about first; None for a sound journal."""
    try:
        with open_read_only(path) as connection:
            problems = verify(connection, path).problems
    except JournalCorrupt as error:
        return str(error)
    return problems[0] if problems else None


def _base_now(
    connection: sqlite3.Connection, path: Path, row: Row, problems: list[str]
) -> tuple[int, bytes]:
    """Where rows begin, asked again: the gateway may have pruned since we looked."""
    now = read_identity(connection, path)
    if row.seq != now.base_seq + 1:
        problems.append(_missing(now.base_seq + 1, row.seq - 1))
    elif next_link(now.base_link, row.seq, row.body) != row.chain:
        problems.append(f"row {row.seq} does not fit its checksum")
    return row.seq - 1, now.base_link


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _table_problems(connection: sqlite3.Connection) -> list[str]:
    try:
        return [complaint(table) for table in wrong_tables(connection)]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return [f"the tables' checksums: {error}"]


def _receipt_problems(unreceived: Unreceived) -> list[str]:
    try:
        return list(islice(unreceived.problems(), PROBLEMS_MAX))
    except (JournalCorrupt, sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return [f"the receipts: {error}"]


def _page_problems(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [
            str(text) for (text,) in connection.execute(f"pragma quick_check({PROBLEMS_MAX})")
        ]
    except sqlite3.DatabaseError as error:
        return [f"SQLite: {error}"]
    return [] if found == ["ok"] else [f"SQLite: {line}" for line in found]


def summary(connection: sqlite3.Connection, path: Path) -> Mapping[str, object]:
    """What `inspect` shows."""
    identity = read_identity(connection, path)
    n_rows, last_seq, oldest_us, newest_us = connection.execute(
        "select count(*), max(seq), min(recorded_at_us), max(recorded_at_us) from journal"
    ).fetchone()
    last_seq = identity.base_seq if last_seq is None else last_seq
    wal = _wal(path)
    return {
        "gateway": identity.gateway,
        "epoch": identity.epoch,
        "version": identity.version,
        "base_seq": identity.base_seq,
        "last_seq": last_seq,
        "rows": n_rows,
        "bytes": path.stat().st_size + (wal.stat().st_size if wal.exists() else 0),
        "oldest_us": oldest_us,
        "newest_us": newest_us,
        "cursors": read_cursors(connection),
        "types": _counts(
            connection, "select type, count(*) from journal group by type order by type"
        ),
        "receipts": _counts(
            connection, "select device, count(*) from receipt group by device order by device"
        ),
        "quarantine": _counts(
            connection, "select kind, count(*) from quarantine group by kind order by kind"
        ),
    }


def _counts(connection: sqlite3.Connection, sql: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in connection.execute(sql)}


def read_quarantine(
    connection: sqlite3.Connection, *, after_id: int, limit: int
) -> list[tuple[int, Quarantined]]:
    """Messages that were set aside, by id."""
    rows = connection.execute(
        "select id, device, received_at_us, kind, reason, raw from quarantine"
        " where id > ? order by id limit ?",
        (after_id, limit),
    )
    return [
        (id_, Quarantined(device, at, kind, reason, raw))
        for id_, device, at, kind, reason, raw in rows
    ]


def back_up(connection: sqlite3.Connection, target: Path) -> Verdict:
    """Copy the journal as of now, check the copy, and only then give it its name.

    Raises JournalError if `target` exists or cannot be written, JournalCorrupt if the copy is
    not sound; the name then stays free.
    """
    if target.exists():
        raise JournalError(f"{target}: exists already")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        connection.execute("vacuum into ?", (str(part),))
        with open_read_only(part) as copy:
            verdict = verify(copy, part)
        if verdict.problems:
            raise JournalCorrupt(f"{part}: the copy is not sound: {verdict.problems[0]}")
        sync_path(part)
        part.rename(target)
        sync_path(target.parent)
    except OSError as error:
        raise JournalError(f"{target}: not written: {error.strerror}") from error
    return verdict
