"""Which database a name means."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from cloud_sync.store.ports import Database

QUESTION_S: Final = 20.0
"""No question of the service's takes longer; what did is a question too many."""


@contextlib.asynccontextmanager
async def open_database(name: str, *, statement_s: float = QUESTION_S) -> AsyncIterator[Database]:
    """The database of a name: a postgresql:// URL, or a path for SQLite. Raises StoreUnusable.

    statement_s: how long PostgreSQL may work on one statement.
    """
    if name.startswith(("postgresql://", "postgres://")):
        from cloud_sync.store.postgres import open_postgres

        async with open_postgres(name, statement_s=statement_s) as postgres:
            yield postgres
    else:
        from cloud_sync.store.sqlite import open_sqlite

        async with open_sqlite(Path(name)) as sqlite:
            yield sqlite
