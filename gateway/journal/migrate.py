"""Forward-only migrations: numbered SQL files, each in one transaction with its own number.

`pragma user_version` holds the number of the last file applied; SQLite rolls it back together
with the file's statements, so a kill at any moment leaves a version that is true. A database of
a newer version is refused: an older program must not guess.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from gateway.errors import JournalError
from gateway.journal.connection import Database
from gateway.journal.table_sums import is_kept

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


async def migrate(database: Database) -> None:
    """Bring the database up to date. Raises JournalError if it is newer than this program."""
    todo = migrations()
    ((version,),) = await database.query("pragma user_version")
    if not isinstance(version, int):
        raise AssertionError(f"user_version is {version!r}")
    if version > len(todo):
        raise JournalError(
            f"{database.path}: the journal has version {version}, this program knows"
            f" {len(todo)}; install the newer program again"
        )
    for number, sql in todo[version:]:
        steps = [(step, [()]) for step in statements_of(sql)]
        if await is_kept(database):
            # What a migration makes of a table is right; the sums begin anew.
            steps.append(("delete from model_sum", [()]))
        await database.transact([*steps, (f"pragma user_version = {number}", [()])])


def statements_of(sql: str) -> list[str]:
    """The single statements of a script, in order; comments alone are none."""
    statements, rest = [], ""
    for line in sql.splitlines():
        rest += line.partition("--")[0] + "\n"
        if rest.rstrip().endswith(";"):
            statements.append(rest.strip())
            rest = ""
    if rest.strip():
        raise AssertionError(f"a statement without its semicolon: {rest.strip()!r}")
    return statements
