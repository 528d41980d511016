"""What goes with the rows into a rebuilt journal: cursors, receipts, quarantine, the read model.

None of this is chained, so it is taken as it reads. A table that breaks while it is read gives
what can be had from both its ends, and a note. A read model of which a part is missing or does
not fit its checksum would be wrong without showing it: it is then folded again from the rows, and
from the cloud's feed. Where the first rows have left already, a part that reads but does not fit
is taken as it reads all the same: one wrong balance is better than a fold of half of the rows.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.contract.events import PLAN_PROPOSED
from gateway.journal.ledger_tables import FROM_THE_FIRST, SALVAGED
from gateway.journal.read_model import FEED_MARK
from gateway.journal.table_sums import complaint, wrong_tables

PROJECTOR: Final = "projector"
PLANNER: Final = "planner"
DOWNLINK: Final = "downlink"
DEMAND: Final = "demand"
DEMAND_TABLES: Final = ("demand_hour", "demand_outage", "demand_item", "demand_order")

KEPT: Final = {
    "receipt": "device, boot, seq",
    "received_range": "device, boot, first",
    "received_floor": "device, boot",
    "device_mark": "device, boot",
    "quarantine": "id",
    "cause_state": "cause, item",
    "plan": "plan_id",
    "plan_step": "plan_id, name, id",
    "demand_hour": "item, unit, day, hour",
    "demand_outage": "item, day, hour",
    "demand_item": "item",
    "demand_order": "order_id, item, unit",
    "sensor_fault": "device, kind",
    "cold_sensor": "zone, device",
    "cold_zone": "zone",
    "exposed_lot": "item, lot",
    "exposure_in": "delivery, item, lot",
    "exposure_out": "transfer, item, lot",
    "tag_present": "read_point, epc",
    "device_boot": "device, boot",
    "device_told": "device",
    "alarm_told": "name, about",
    "serial_lot": "item, serial",
}
"""Tables that are right row by row, and their keys."""
FOLDED: Final = {
    "stock": "warehouse, location, item, lot, status, unit",
    "lot": "item, lot",
    "document": "kind, key",
    "on_order": "asn, item, unit",
    "climate": "zone, device",
    "milestone": "seq",
    "flow": "kind, key",
    "stock_count": "warehouse, location, item, lot, status, unit, place",
    "stock_sweep": "warehouse, location, place",
    "correction": "event_id",
    "ledger_time": "id",
    "exception_evidence": "kind, key, event_id",
    "exception_trace": "family, key, at_us, event_id",
    "exception_end": "kind, key",
    "exception_settled": "event_id, kind, key",
    "exception_word": "word",
}
"""The read model: right only together, as of the projector's cursor."""

Values = tuple[object, ...]


@dataclass(slots=True)
class Carried:
    """What was read of the old journal besides its rows; of old numbers.

    wrong: tables that do not fit their checksum. is_from_the_first: no row that the tables were
    folded from has ever left.
    """

    epoch: str = ""
    base_seq: int = 0
    link: bytes | None = None
    feed_mark: str = ""
    cursors: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    has_all_cursors: bool = True
    wrong: frozenset[str] = frozenset()
    is_from_the_first: bool = False
    must_fold: bool = False

    @property
    def highest_cursor(self) -> int:
        """Up to where somebody was done; the feed's cursor counts other things."""
        return max((seq for name, seq in self.cursors.items() if name != DOWNLINK), default=0)


def read_old(old: sqlite3.Connection) -> Carried:
    """Identity, base and cursors, as far as they can be read."""
    carried = Carried()
    try:
        meta = {str(key): str(value) for key, value in old.execute("select key, value from meta")}
        carried.epoch = meta["epoch"]
        carried.base_seq = int(meta["base_seq"])
        carried.link = bytes.fromhex(meta["base_link"])
        carried.feed_mark = meta.get(FEED_MARK, "")
        is_first = not any(key in meta for key in (FROM_THE_FIRST, SALVAGED))
        carried.is_from_the_first = carried.base_seq == 0 and (
            is_first or meta.get(FROM_THE_FIRST) == "1"
        )
    except (sqlite3.Error, KeyError, ValueError) as error:
        carried.notes.append(f"table meta: {error!r}")
    with contextlib.suppress(
        sqlite3.Error, UnicodeDecodeError
    ):  # what cannot be read shows when it is copied
        carried.wrong = frozenset(wrong_tables(old))
    carried.notes += map(complaint, sorted(carried.wrong))
    rows, problem = _read(old, "cursor", ["consumer", "seq"], "consumer")
    if problem:
        carried.notes.append(problem)
        carried.has_all_cursors = False
    carried.cursors = {str(name): int(str(seq)) for name, seq in rows if isinstance(seq, int)}
    return carried


def carry_tables(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    carried: Carried,
    runs: Sequence[tuple[int, int]],
) -> None:
    """Copy everything besides the rows; `runs` are the old numbers that were taken over."""
    for table, key in KEPT.items():
        _copy(old, new, table, key, carried)
    if carried.wrong & {*FOLDED, "cursor"}:
        _begin_anew_if_all_are_there(carried, runs)
    if PROJECTOR in carried.cursors and not _carry_read_model(old, new, carried, runs):
        carried.cursors[PROJECTOR] = 0
        carried.cursors.pop(DOWNLINK, None)
        carried.feed_mark = ""
    if not carried.has_all_cursors and PLANNER not in carried.cursors:
        _place_planner(new)
    if DEMAND not in carried.cursors:
        # It will count every row there is; what it has counted already must not be counted twice.
        for table in DEMAND_TABLES:
            new.execute(f"delete from {table}")  # noqa: S608 -- our own words
    for consumer, seq in carried.cursors.items():
        to_seq = seq if consumer == DOWNLINK else map_position(seq, runs)
        new.execute("insert into cursor(consumer, seq) values (?, ?)", (consumer, to_seq))


def _begin_anew_if_all_are_there(carried: Carried, runs: Sequence[tuple[int, int]]) -> None:
    """Have the tables folded again, if every row is there that they were folded from."""
    is_whole = carried.is_from_the_first and len(runs) == 1 and runs[0][0] == 1
    if not is_whole:
        carried.notes.append("rows they were made of have left: they are taken as they read")
    elif "cursor" in carried.wrong:
        carried.cursors, carried.has_all_cursors, carried.feed_mark = {}, False, ""
    else:
        carried.must_fold = True


def _place_planner(new: sqlite3.Connection) -> None:
    """Behind the last plan that is left: from the start it would plan everything once more."""
    new.execute(
        "insert into cursor(consumer, seq) select ?, coalesce(max(seq), 0) from journal"
        " where type = ?",
        (PLANNER, PLAN_PROPOSED),
    )


def _carry_read_model(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    carried: Carried,
    runs: Sequence[tuple[int, int]],
) -> bool:
    """Whether all of it is there; if not, nothing of it is."""
    is_whole = not carried.must_fold
    for table, key in FOLDED.items():
        is_whole = _copy(old, new, table, key, carried) and is_whole
    if not is_whole:
        for table in FOLDED:
            new.execute(f"delete from {table}")  # noqa: S608 -- our own names
        carried.notes.append("the read model is folded again from the rows that are left")
        return False
    _renumber_milestones(new, runs)
    return True


def _renumber_milestones(new: sqlite3.Connection, runs: Sequence[tuple[int, int]]) -> None:
    """Milestones are shown in the order of their rows; those without one come before all."""
    rows = new.execute("select seq, event_id, type, body from milestone order by seq").fetchall()
    new.execute("delete from milestone")
    last = rows[-1][0] if rows else 0
    for seq, *rest in rows:
        is_there = any(first <= seq <= until for first, until in runs)
        number = map_position(seq, runs) if is_there else seq - last - 1
        new.execute(
            "insert into milestone(seq, event_id, type, body) values (?, ?, ?, ?)",
            (number, *rest),
        )


def map_position(seq: int, runs: Sequence[tuple[int, int]]) -> int:
    """How many of the rows up to the old `seq` were taken over: the new number of that place."""
    return sum(max(0, min(seq, until) - first + 1) for first, until in runs)


def _copy(
    old: sqlite3.Connection, new: sqlite3.Connection, table: str, key: str, carried: Carried
) -> bool:
    """Whether the table was read whole. A table that the old version had not is whole."""
    have = _columns(old, table)
    columns = [name for name in _columns(new, table) if name in have]
    if not columns:
        return not have
    rows, problem = _read(old, table, columns, key)
    places = ", ".join("?" * len(columns))
    insert = f"insert or ignore into {table}({', '.join(columns)}) values ({places})"  # noqa: S608
    for row in rows:
        # A damaged page can hold values that the schema refuses; the row is then none.
        try:
            new.execute(insert, row)
        except (sqlite3.IntegrityError, UnicodeEncodeError):
            problem = problem or f"table {table}: a row that is none"
    if problem:
        carried.notes.append(problem)
    return not problem


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        return [str(row[1]) for row in connection.execute(f"pragma table_info({table})")]
    return []


def _read(
    old: sqlite3.Connection, table: str, columns: Sequence[str], key: str
) -> tuple[list[Values], str]:
    """The rows and, if it broke, how: then those before the damage and those behind it."""
    names = ", ".join(columns)
    rows, problem = _until_damage(old, f"select {names} from {table} order by {key}")  # noqa: S608
    if problem:
        backwards = ", ".join(f"{part.strip()} desc" for part in key.split(","))
        behind, _ = _until_damage(
            old,
            f"select {names} from {table} order by {backwards}",  # noqa: S608
        )
        rows = list(dict.fromkeys([*rows, *behind]))
        problem = f"table {table}: {problem}; {len(rows)} rows read"
    return rows, problem


def _until_damage(old: sqlite3.Connection, sql: str) -> tuple[list[Values], str]:
    rows: list[Values] = []
    try:
        rows.extend(_each(old, sql))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return rows, str(error)
    return rows, ""


def _each(old: sqlite3.Connection, sql: str) -> Iterator[Values]:
    yield from old.execute(sql)
