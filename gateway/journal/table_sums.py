"""A checksum over every table beside the rows, so that no flipped bit in a balance is believed.

The rows are chained; what is folded from them is not, and it changes all the time. So each table
has a sum in `model_sum`: of a hash of each of its rows, modulo 2^128, in no order. A row that
comes adds its hash, one that goes takes its own away, and a row that was changed on the disk
takes away a hash that was never added: the sum is wrong from then on, until the table is made
anew.

Triggers of the writing connection note every row that comes or goes; before the commit the notes
move the sums, so that both are one transaction. The notes are handed to Python as one string per
table: a call per row would wait for the interpreter's lock each time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from gateway.errors import JournalCorrupt
from gateway.ports import Statements

UNWATCHED: Final = ("journal", "receipt", "device_mark", "quarantine", "meta", "model_sum")
"""Chained, or written with every message: what these would cost, each message would wait for."""
HASH_BYTES: Final = 16
_MODULUS: Final = 1 << 8 * HASH_BYTES

_MOVE: Final = (
    "update model_sum set sum = moved_sum(sum, (select cast(group_concat(line, char(10)) as blob)"
    " from changed_row where changed_row.name = model_sum.name))"
    " where name in (select name from changed_row)"
)
MOVE_SUMS: Final = ((_MOVE, ((),)), ("delete from changed_row", ((),)))
"""What ends every transaction that may have changed a watched table."""

_NOTES: Final = "create temp table changed_row(name text, line text)"
_WATCHED: Final = (
    "select kept.name, it.name from sqlite_master as kept, pragma_table_info(kept.name) as it"
    " where kept.type = 'table' and kept.name not like 'sqlite_%'"
    " and kept.name not in (select value from json_each(?)) order by kept.name, it.cid"
)
_NAMES: Final = (json.dumps(UNWATCHED),)
_IS_KEPT: Final = "select 1 from sqlite_master where type = 'table' and name = 'model_sum'"
_STORED: Final = "select name, columns from model_sum order by name"


class Querying(Protocol):
    """What is needed of the journal's database to look."""

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read."""
        ...


class Transacting(Querying, Protocol):
    """What is needed of it to write."""

    async def transact(self, statements: Statements) -> None:
        """Run all statements in one transaction."""
        ...


def moved_sum(before: bytes, notes: bytes | None) -> bytes:
    """The sum after rows have come ("+…") and gone ("-…"), a line each."""
    # A sum can be damaged, too; then it is wrong, and that is found where sums are checked.
    total = int.from_bytes(before if isinstance(before, bytes) else b"", "big")
    for line in (notes or b"").splitlines():
        row = int.from_bytes(blake2b(line[1:], digest_size=HASH_BYTES).digest(), "big")
        total += row if line[:1] == b"+" else -row
    return (total % _MODULUS).to_bytes(HASH_BYTES, "big")


def register(connection: sqlite3.Connection) -> None:
    """Make a connection able to check sums, and a writing one to keep them."""
    connection.create_function("moved_sum", 2, moved_sum, deterministic=True)
    # Without this `insert or replace` would not tell of the row that it replaces.
    connection.execute("pragma recursive_triggers = on")
    connection.execute("pragma temp_store = memory")


# ------------------------------------------------------------ keep


async def watch(database: Transacting) -> None:
    """Keep the sums from now on, on this connection; a table without a sum is given one."""
    tables = _by_table(await database.query(_WATCHED, _NAMES))
    stored = {str(name): str(columns) for name, columns in await database.query(_STORED)}
    statements: list[tuple[str, Sequence[Sequence[object]]]] = [(_NOTES, [()])]
    for name, columns in tables.items():
        statements += [(trigger, [()]) for trigger in _triggers(name, columns)]
        if stored.get(name) != ",".join(columns):
            begin = (
                "insert or replace into model_sum(name, columns, sum)"
                f" select ?, ?, {_sum_of(name, columns)}"
            )
            statements.append((begin, [(name, ",".join(columns))]))
    gone = [(name,) for name in stored if name not in tables]
    statements.append(("delete from model_sum where name = ?", gone))
    await database.transact([part for part in statements if part[1]])


def _by_table(rows: Sequence[Sequence[object]]) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = {}
    for table, column in rows:
        tables.setdefault(str(table), []).append(str(column))
    return tables


def _line(sign: str, table: str, columns: Sequence[str], row: str = "") -> str:
    """An expression for a row's bytes: no two different rows have the same. Knows no blobs."""
    values = ", ".join(f"{row}{column}" for column in columns)
    return f"'{sign}{table} ' || json_array({values})"


def _triggers(table: str, columns: Sequence[str]) -> list[str]:
    """What notes the rows of a table that come and go."""
    comes = f"('{table}', {_line('+', table, columns, 'new.')})"
    goes = f"('{table}', {_line('-', table, columns, 'old.')})"
    head = "create temp trigger"
    note = "begin insert into changed_row(name, line) values"
    return [
        f"{head} {table}_{verb}_noted after {verb} on main.{table} {note} {values}; end"
        for verb, values in (("insert", comes), ("update", f"{goes}, {comes}"), ("delete", goes))
    ]


def _sum_of(table: str, columns: Sequence[str]) -> str:
    lines = f"cast(group_concat({_line('+', table, columns)}, char(10)) as blob)"
    return f"moved_sum(zeroblob({HASH_BYTES}), (select {lines} from {table}))"  # noqa: S608


# ------------------------------------------------------------ check


async def is_kept(database: Querying) -> bool:
    """Whether this journal is of a version that has sums."""
    return bool(await database.query(_IS_KEPT))


async def refuse_wrong_tables(database: Querying, place: object) -> None:
    """Raise JournalCorrupt if a table is not what was written."""
    if not await is_kept(database):
        return
    there = _by_table(await database.query(_WATCHED, _NAMES))
    question, wrong = _question(await database.query(_STORED), there)
    if question:
        wrong += _wrong(await database.query(question))
    if wrong:
        raise JournalCorrupt(f"{place}: {', '.join(map(complaint, wrong))}")


def wrong_tables(connection: sqlite3.Connection) -> list[str]:
    """The tables that are not what was written. Raises sqlite3.Error if one cannot be read."""
    register(connection)
    if not connection.execute(_IS_KEPT).fetchall():
        return []
    there = _by_table(connection.execute(_WATCHED, _NAMES).fetchall())
    question, wrong = _question(connection.execute(_STORED).fetchall(), there)
    return wrong + (_wrong(connection.execute(question).fetchall()) if question else [])


def complaint(table: str) -> str:
    """What is said of a wrong table."""
    return f"table {table} does not fit its checksum"


def _question(
    stored: Sequence[Sequence[object]], there: Mapping[str, Sequence[str]]
) -> tuple[str, list[str]]:
    """One statement for all sums, so that its answer is of one moment; tables without a sum.

    Without any sum nothing is wrong: they begin anew after a migration and in a rebuilt file.
    """
    sums = {str(name): str(columns).split(",") for name, columns in stored}
    known = {n: names for n, names in sums.items() if set(names) <= set(there.get(n, ()))}
    wrong = sorted((sums.keys() | there.keys()) - known.keys()) if sums else []
    return (
        " union all ".join(
            f"select name, sum, {_sum_of(name, columns)} from model_sum where name = '{name}'"  # noqa: S608
            for name, columns in known.items()
        ),
        wrong,
    )


def _wrong(answer: Sequence[Sequence[object]]) -> list[str]:
    return [str(name) for name, stored, found in answer if stored != found]
