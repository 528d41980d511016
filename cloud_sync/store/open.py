"""Which database a name means."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from cloud_sync.store.ports import Database


@contextlib.asynccontextmanager
async def open_database(name: str) -> AsyncIterator[Database]:
    """The database of a name: a path for SQLite. Raises StoreUnusable."""
    from cloud_sync.store.sqlite import open_sqlite

    async with open_sqlite(Path(name)) as database:
        yield database
