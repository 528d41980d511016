"""One transaction on an open connection, in SQLite's own thread.

sqlite3 takes the interpreter's lock back for every row of an `executemany`, and waits for it each
time while the event loop is busy. So rows of an `insert … values (…)` go in some at a time, as one
statement with as many brackets: same rows, same order, same errors, a fraction of the waiting.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

from gateway.ports import Statements

ROWS_AT_ONCE: Final = (64, 16, 4)
"""So many rows in a statement, the largest first; few sizes, so that all stay prepared."""
PARAMETERS_MAX: Final = 999
"""SQLite's oldest limit."""
_VALUES: Final = re.compile(r"(insert .+ values )(\(\?(?:, \?)*\))(.*)", re.DOTALL)


def run_transaction(connection: sqlite3.Connection, statements: Statements) -> None:
    """Run all statements, or none of them."""
    connection.execute("begin immediate")
    try:
        for sql, rows in statements:
            _run_for_each(connection, sql, rows)
        connection.execute("commit")
    except BaseException:
        # SQLite has rolled back by itself after some errors (disk full, I/O error).
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _run_for_each(
    connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[object]]
) -> None:
    at = 0
    for size in ROWS_AT_ONCE:
        wide = widened(sql, size) if len(rows) - at >= size else None
        while wide is not None and len(rows) - at >= size:
            connection.execute(wide, tuple(chain.from_iterable(rows[at : at + size])))
            at += size
    if at < len(rows):
        connection.executemany(sql, rows[at:])


@lru_cache(maxsize=256)
def widened(sql: str, n_rows: int) -> str | None:
    """The statement for so many rows at once; None if it cannot be put so."""
    match = _VALUES.fullmatch(sql)
    if match is None:
        return None
    head, bracket, tail = match.groups()
    if bracket.count("?") * n_rows > PARAMETERS_MAX:
        return None
    return head + ", ".join([bracket] * n_rows) + tail
