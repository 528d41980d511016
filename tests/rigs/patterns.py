"""Files with today's tables and nothing in them, copied instead of made anew for each test.

Twenty migrations, each one transaction that waits for the disk, cost some fifty milliseconds of
processor time; a copy costs one. Each process makes its patterns once, by the product's own way.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from cloud_sync.store.open import open_database as open_cloud
from cloud_sync.store.ports import Database
from gateway.journal.connection import FILE, open_database
from gateway.journal.migrate import migrate

_made: dict[str, bytes] = {}


async def lay_out_journal(state_dir: Path) -> None:
    """Put the tables of a journal that was not begun into a state directory with nothing in it."""
    if state_dir.is_dir() and not any(state_dir.iterdir()):
        await _copy(state_dir / FILE, _make_journal)


@contextlib.asynccontextmanager
async def opened_cloud(name: str) -> AsyncIterator[Database]:
    """The cloud's database of this name, a file or one on PostgreSQL."""
    if not name.startswith("postgresql") and not Path(name).exists():
        await _copy(Path(name), _make_cloud)
    async with open_cloud(name) as database:
        yield database


async def _copy(path: Path, make: Callable[[Path], Awaitable[None]]) -> None:
    kind = make.__name__
    if kind not in _made:
        with tempfile.TemporaryDirectory() as directory:
            pattern = Path(directory) / "pattern.db"
            await make(pattern)
            if [it.name for it in pattern.parent.iterdir()] != [pattern.name]:
                raise AssertionError(f"{pattern}: some of it is still in its log")
            _made[kind] = pattern.read_bytes()
    path.touch(0o600)
    path.write_bytes(_made[kind])


async def _make_journal(path: Path) -> None:
    async with open_database(path) as database:
        await migrate(database)


async def _make_cloud(path: Path) -> None:
    async with open_cloud(str(path)):
        pass
