"""The database as the cloud needs it: SQL in, rows out, one transaction at a time.

The statements are the common part of SQLite and PostgreSQL, with `?` for each parameter; what
differs (the schema, placeholders, locks, which errors pass) is behind this port. A script may
be run again if the database asks for it, so it does nothing but talk to its transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

Value = int | str | bytes | float | None
Parameters = Sequence[Value]
Row = Sequence[Value]


class StoreError(Exception):
    """The database cannot do it now; nothing of the transaction was kept. Try again later."""


class StoreUnusable(StoreError):
    """The database cannot be used at all: not ours, too new, or damaged."""


class TookTooLong(StoreError):
    """The database had no answer within the time that a question may take."""


class ValueRefused(StoreError):
    """A value is none that the database can hold: NUL in a text, a number beyond 64 bits, a key
    too long for an index. It will be so at every try; nothing of the transaction was kept."""


class Transaction(Protocol):
    """One transaction."""

    async def fetch(self, sql: str, parameters: Parameters = ()) -> Sequence[Row]:
        """All rows of a query."""
        ...

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Parameters]) -> None:
        """New rows of a table, in the fastest way the database has."""
        ...

    async def add(
        self, table: str, keys: Sequence[str], amount: str, rows: Sequence[Parameters]
    ) -> None:
        """Add amounts to what is held under their keys, which begins at nothing.

        rows: the text keys, then the integer amount; no keys twice.
        """
        ...

    async def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """One statement, once per row of parameters."""
        ...


Script = Callable[[Transaction], Awaitable[T]]


class Database(Protocol):
    """A database that is open and of the right version."""

    async def transact(self, script: Script[T]) -> T:
        """Run a script that writes; a cancel waits for its end. Raises StoreError.

        Scripts may run side by side: one that reads in order to write first locks a row that
        all such scripts lock, by an update that leaves it as it is. A script whose new row was
        there already is run again: who hardly ever meets one need not ask first.
        """
        ...

    async def read(self, script: Script[T]) -> T:
        """Run a script that only reads, on one consistent state. Raises StoreError."""
        ...

    async def read_once(self, script: Script[T]) -> T:
        """The same for a script that asks one question, which sees one state by itself: without
        a beginning and an end that would be waited for. A second question is an AssertionError.
        """
        ...


async def fetch_in(
    tx: Transaction, sql: str, keys: Iterable[Value], *, before: Parameters = ()
) -> list[Row]:
    """All rows of a query with `in (?*)` in it, asked in groups of a few hundred keys.

    before: the parameters that come before the keys. Several `?*` all stand for the same keys.
    """
    found: list[Row] = []
    wanted = sorted(set(keys), key=str)
    for start in range(0, len(wanted), _GROUP):
        group = wanted[start : start + _GROUP]
        # Padded to few lengths, so that the statement is prepared for those and not for each; to
        # plan for 250 keys where one is asked for takes longer than to find it.
        n = next(length for length in _LENGTHS if length >= len(group))
        padded = group + group[-1:] * (n - len(group))
        marks = ",".join("?" * n)
        times = sql.count("?*")
        found += await tx.fetch(sql.replace("?*", marks), (*before, *padded * times))
    return found


_GROUP = 250
_LENGTHS = (1, 4, 16, 64, _GROUP)
