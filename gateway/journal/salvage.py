"""A new journal, of a new epoch, out of an old file: what the chain proves, and what goes with it.

Used where a journal is damaged, where a backup is put back, and where rows had been forgotten
before there was a cloud to have them. The old file is only read. Rows keep their bytes and their
event ids, so the cloud knows those it has; they get new numbers, 1, 2, 3 …, and new links.

Invariants
- No row is taken over that the chain does not prove. What was read but is not proven goes to
  quarantine with its bytes; what could not be read is named by its old numbers.
- Cursors point behind the same rows as before.
- The new file has its name only when it is whole and synced (`gateway.journal.switch`).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cloud_sync.contract.chain import first_link, next_link
from gateway.errors import JournalError, JournalFull
from gateway.journal.carry import Carried, carry_tables, read_old
from gateway.journal.carving import carve
from gateway.journal.durable import sync_path
from gateway.journal.ledger_tables import FROM_THE_FIRST, SALVAGED
from gateway.journal.migrate import migrations, statements_of
from gateway.journal.proof import Found, columns_of, judge, said_in
from gateway.journal.read_model import FEED_MARK
from gateway.journal.received import mend
from gateway.journal.rows import INSERT, META, QUARANTINE, as_int

SALVAGE: Final = SALVAGED
SALVAGE_TOLD: Final = "salvage_told"
"""The key in `meta` that says that the salvage was journaled as an event."""
RANGES_MAX: Final = 1000
CHUNK_ROWS: Final = 1000
UNPROVEN: Final = "journal.row"
"""The kind, in quarantine, of a row that was read but not proven."""

_SELECT: Final = (
    "select seq, event_id, type, occurred_at_us, recorded_at_us, body, chain from journal"
)
_STAGE: Final = "insert into found values (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Salvage:
    """What was found. Numbers are of the old epoch.

    missing: ranges of rows that were not taken over, lowest first, RANGES_MAX at most;
    n_missing counts all. acknowledged_seq: up to there the cloud has them. kept: the directory
    beside the journal that has the old file, "" if nothing was set aside.
    """

    cause: str
    at_us: int
    old_epoch: str
    new_epoch: str
    n_rows: int
    last_seq: int
    n_missing: int
    missing: tuple[tuple[int, int], ...]
    n_unproven: int
    acknowledged_seq: int
    kept: str
    notes: tuple[str, ...] = ()

    @property
    def n_lost(self) -> int:
        """Missing rows that the cloud does not have either, as far as `missing` says."""
        first = self.acknowledged_seq + 1
        return sum(max(0, last - max(start, first) + 1) for start, last in self.missing)

    def as_json(self) -> str:
        """For `meta`."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class LastSalvage:
    """A salvage, whether it was told as an event, and whether the old file is still there."""

    found: Salvage
    is_told: bool
    is_kept: bool


def parse_salvage(text: str) -> Salvage:
    """What `as_json` wrote."""
    fields = json.loads(text)
    missing = tuple((int(first), int(last)) for first, last in fields.pop("missing"))
    return Salvage(missing=missing, notes=tuple(fields.pop("notes")), **fields)


def read_salvage(path: Path) -> Salvage:
    """What a rebuilt journal says about its making. Raises JournalError if it says nothing."""
    with _open_old(path) as connection:
        try:
            rows = connection.execute("select value from meta where key = ?", (SALVAGE,))
            ((text,),) = rows.fetchall()
        except (sqlite3.Error, ValueError) as error:
            raise JournalError(f"{path}: not a rebuilt journal: {error}") from error
    return parse_salvage(str(text))


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why, when and for whom a journal is rebuilt."""

    gateway: str
    epoch: str
    cause: str
    at_us: int
    kept: str


@dataclass(slots=True)
class _Tally:
    """What the rows add up to while they are written."""

    link: bytes
    n_rows: int = 0
    n_unproven: int = 0
    last_old: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)  # first and last old seq, unbroken

    def take(self, old_seq: int) -> None:
        self.n_rows += 1
        if self.runs and self.runs[-1][1] == old_seq - 1:
            self.runs[-1] = self.runs[-1][0], old_seq
        else:
            self.runs.append((old_seq, old_seq))


def rebuild(source: Path, target: Path, occasion: Occasion) -> Salvage:
    """Write `target` out of `source`; gives what was found. `target` must not exist.

    Raises JournalFull if the disk has no room for the second file, JournalError if it cannot
    be written; `target` is then incomplete.
    """
    try:
        with contextlib.closing(_begin(target)) as new, _open_old(source) as old:
            carried = read_old(old)
            tally = _Tally(first_link(gateway=occasion.gateway, epoch=occasion.epoch))
            carried.link = _known_base_link(carried, occasion.gateway)
            new.execute("begin")
            for judged in judge(
                _finds(old, source, new, carried),
                base_seq=carried.base_seq,
                base_link=carried.link,
            ):
                _write_row(new, judged.row, tally, occasion, is_proven=judged.is_proven)
            found = _summary(carried, tally, occasion)
            carry_tables(old, new, carried, tally.runs)
            carried.notes += mend(new)
            # Damage in the tables is known only now that they were read.
            found = _with_notes(found, carried)
            new.execute("drop table found")
            new.executemany(META, _meta(occasion, carried, found))
            new.execute("commit")
        sync_path(target)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise JournalFull(f"{target}: no room on the disk for a second journal") from error
        raise JournalError(f"{target}: not written: {error}") from error
    except OSError as error:
        raise JournalError(f"{target}: not written: {error.strerror}") from error
    return found


def _begin(target: Path) -> sqlite3.Connection:
    """An empty journal. Speed matters here, safety does not: an incomplete file is thrown away."""
    new = sqlite3.connect(target, isolation_level=None)
    new.execute("pragma journal_mode = off")
    new.execute("pragma synchronous = off")
    for number, sql in migrations():
        for statement in statements_of(sql):
            new.execute(statement)
        new.execute(f"pragma user_version = {number}")
    new.execute(
        "create table found(seq integer, event_id text, type text, occurred_at_us integer,"
        " recorded_at_us integer, body blob, chain blob)"
    )
    return new


@contextlib.contextmanager
def _open_old(source: Path) -> Iterator[sqlite3.Connection]:
    """The old file, for reading; whatever is wrong with it shows at the first statement.

    A reader may make an index for the log that it finds, but it writes no page and empties no
    log: what is set aside is what was found.
    """
    uri = f"file:{quote(str(source))}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as old:
        yield old


def _known_base_link(carried: Carried, gateway: str) -> bytes | None:
    if carried.base_seq == 0 and carried.epoch:
        return first_link(gateway=gateway, epoch=carried.epoch)
    return carried.link


def _finds(
    old: sqlite3.Connection, source: Path, new: sqlite3.Connection, carried: Carried
) -> Iterator[Found]:
    """Candidates by ascending seq: what SQLite reads, and behind damage what the pages hold."""
    seq = carried.base_seq
    try:
        for values in _scan(old, seq):
            row = as_found(values)
            if row is None or row.seq <= seq:
                raise sqlite3.DatabaseError(f"row {seq + 1} is none")
            seq = row.seq
            yield row
    except (sqlite3.Error, UnicodeDecodeError) as error:
        carried.notes.append(f"SQLite reads rows up to {seq}: {error}")
    else:
        return
    new.executemany(
        _STAGE,
        (
            (f.seq, f.event_id, f.type, f.occurred_at_us, f.recorded_at_us, f.body, f.chain)
            for f in carve(source)
            if f.seq > seq
        ),
    )
    staged = new.execute("select distinct * from found order by seq")
    while chunk := staged.fetchmany(CHUNK_ROWS):
        yield from (row for row in map(as_found, chunk) if row is not None)


def _scan(old: sqlite3.Connection, seq: int) -> Iterator[tuple[object, ...]]:
    while True:
        sql = f"{_SELECT} where seq > ? order by seq limit ?"
        n_read = 0
        for values in old.execute(sql, (seq, CHUNK_ROWS)):
            n_read += 1
            seq = as_int(values[0])
            yield values
        if n_read < CHUNK_ROWS:
            return


def as_found(values: Iterable[object]) -> Found | None:
    """The row, if every column holds what the schema says."""
    match list(values):
        case [
            int() as seq,
            str() as event_id,
            str() as type_,
            int() as occurred_at_us,
            int() as recorded_at_us,
            bytes() as body,
            bytes() as chain,
        ]:
            return Found(seq, event_id, type_, occurred_at_us, recorded_at_us, body, chain)
    return None


def _write_row(
    new: sqlite3.Connection, row: Found, tally: _Tally, occasion: Occasion, *, is_proven: bool
) -> None:
    tally.last_old = max(tally.last_old, row.seq)
    if not is_proven:
        tally.n_unproven += 1
        reason = f"row {row.seq} of the journal before is not proven by its checksum"
        new.execute(QUARANTINE, ("journal", occasion.at_us, UNPROVEN, reason, row.body))
        return
    tally.take(row.seq)
    tally.link = next_link(tally.link, tally.n_rows, row.body)
    event_id, type_, occurred_at_us = columns_of(
        said_in(row.body), event_id=row.event_id, type_=row.type, occurred_at_us=row.occurred_at_us
    )
    stamps = (occurred_at_us, row.recorded_at_us)
    new.execute(INSERT, (tally.n_rows, event_id, type_, *stamps, row.body, tally.link))


def _summary(carried: Carried, tally: _Tally, occasion: Occasion) -> Salvage:
    last = max(tally.last_old, carried.highest_cursor)
    missing: list[tuple[int, int]] = []
    seq = carried.base_seq
    for first, until in [*tally.runs, (last + 1, last)]:
        if first > seq + 1:
            missing.append((seq + 1, first - 1))
        seq = until
    return Salvage(
        cause=occasion.cause,
        at_us=occasion.at_us,
        old_epoch=carried.epoch,
        new_epoch=occasion.epoch,
        n_rows=tally.n_rows,
        last_seq=last,
        n_missing=sum(until - first + 1 for first, until in missing),
        missing=tuple(missing[:RANGES_MAX]),
        n_unproven=tally.n_unproven,
        acknowledged_seq=carried.cursors.get("uplink", 0),
        kept=occasion.kept,
    )


def _with_notes(found: Salvage, carried: Carried) -> Salvage:
    return parse_salvage(json.dumps({**asdict(found), "notes": carried.notes}))


def _meta(occasion: Occasion, carried: Carried, found: Salvage) -> list[tuple[str, str]]:
    start = first_link(gateway=occasion.gateway, epoch=occasion.epoch)
    meta = {
        "gateway": occasion.gateway,
        "epoch": occasion.epoch,
        "created_at_us": str(occasion.at_us),
        "base_seq": "0",
        "base_link": start.hex(),
        SALVAGE: found.as_json(),
        FROM_THE_FIRST: "1" if carried.is_from_the_first and not found.n_missing else "0",
    }
    if carried.feed_mark:
        meta[FEED_MARK] = carried.feed_mark
    return list(meta.items())
