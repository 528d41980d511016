"""Tables of the journal's schema in memory, to fold rows into without touching the journal's own.

What is folded in many steps, each of which asks what the last has left, can so be put into the
journal in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from gateway.journal.migrate import migrations, statements_of
from gateway.journal.transaction import run_transaction
from gateway.ports import Statements


class Scratch:
    """All tables, empty. For one thread, whose loop each call holds up for a page of rows."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        for _, sql in migrations():
            for statement in statements_of(sql):
                self._connection.execute(statement)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    async def query(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> Sequence[Sequence[object]]:
        """All rows of a read."""
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    def transact(self, statements: Statements) -> None:
        """Run all statements in one transaction."""
        run_transaction(self._connection, statements)

    def copy_of(self, tables: Iterable[str]) -> Statements:
        """What puts these tables in the place of the journal's."""
        statements: list[tuple[str, Sequence[Sequence[object]]]] = []
        for table in tables:
            found = self._connection.execute(f"select * from {table}")  # noqa: S608 -- our names
            columns = ", ".join(str(column[0]) for column in found.description)
            marks = ", ".join("?" * len(found.description))
            insert = f"insert into {table}({columns}) values ({marks})"  # noqa: S608 -- our names
            statements += [(f"delete from {table}", [()]), (insert, found.fetchall())]  # noqa: S608
        return [part for part in statements if part[1]]
