"""Which database a name means."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from cloud_sync.store.ports import Database


@contextlib.asynccontextmanager
async def open_database(name: str) -> AsyncIterator[Database]:
    """The database of a name: a postgresql:// URL, or a path for SQLite. Raises StoreUnusable."""
    if name.startswith(("postgresql://", "postgres://")):
        from cloud_sync.store.postgres import open_postgres

        async with open_postgres(name) as postgres:
            yield postgres
    else:
        from cloud_sync.store.sqlite import open_sqlite

        async with open_sqlite(Path(name)) as sqlite:
            yield sqlite
