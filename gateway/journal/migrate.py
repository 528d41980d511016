"""Forward-only migrations: numbered SQL files, each in one transaction with its own number.

`pragma user_version` holds the number of the last file applied; SQLite rolls it back together
with the file's statements, so a kill at any moment leaves a version that is true. A database of
a newer version is refused: an older program must not guess.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import aiosqlite

from gateway.errors import JournalError

SCHEMA: Final = files("gateway.journal") / "schema"


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) of every file in `schema/`, ascending and without gaps."""
    found = sorted(
        (int(file.name.partition("_")[0]), file.read_text(encoding="utf-8"))
        for file in SCHEMA.iterdir()
        if file.name.endswith(".sql")
    )
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise AssertionError(f"schema files are not numbered 1, 2, 3 …: {[n for n, _ in found]}")
    return found


async def version_of(connection: aiosqlite.Connection) -> int:
    """The number of the last migration this database has seen; 0 for a new one."""
    async with connection.execute("pragma user_version") as rows:
        row = await rows.fetchone()
    return int(row[0]) if row is not None else 0


async def migrate(connection: aiosqlite.Connection, path: object) -> None:
    """Bring the database up to date. Raises JournalError if it is newer than this program."""
    todo = migrations()
    version = await version_of(connection)
    if version > len(todo):
        raise JournalError(
            f"{path}: the journal has version {version}, this program knows {len(todo)}; "
            "install the newer program again"
        )
    for number, sql in todo[version:]:
        await connection.executescript(
            f"begin immediate;\n{sql}\npragma user_version = {number};\ncommit;"
        )
