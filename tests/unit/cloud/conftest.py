"""Each store behind the port, empty and with two gateways enrolled."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database
from tests.rigs.postgres import programs_or_skip, running_postgres

GATEWAYS = {"gw-W1": "W1", "gw-C1": "C1"}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    with running_postgres(programs_or_skip()) as directory:
        yield directory


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> str:
    """The stores that there are."""
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with today's tables and nothing in them."""
    path = tmp_path_factory.mktemp("pattern") / "cloud.db"
    bring_up_to_date(str(path))
    return path


@pytest.fixture(scope="session")
def postgres_pattern(cluster: Path) -> str:
    """A database with today's tables and nothing in them."""
    bring_up_to_date(create_database(cluster, "pattern", like="template1"))
    return "pattern"


def bring_up_to_date(name: str) -> None:
    async def open_it() -> None:
        async with open_database(name):
            pass

    run_apart(open_it())


def create_database(cluster: Path, database: str, *, like: str) -> str:
    """A database like another; gives its name."""
    at = f"postgresql://forepost@/{{}}?host={quote(str(cluster), safe='')}"

    async def create() -> None:
        connection = await asyncpg.connect(at.format("postgres"))
        await connection.execute(f"create database {database} template {like}")
        await connection.close()

    run_apart(create())
    return at.format(database)


def run_apart(work: Coroutine[object, object, None]) -> None:
    """Run it on a loop of its own that leaves the tests' loop alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)


@pytest.fixture
def postgres_name(cluster: Path, postgres_pattern: str) -> str:
    """The name of a database on PostgreSQL that nobody has used."""
    return create_database(cluster, f"cloud{next(_numbers)}", like=postgres_pattern)


@pytest.fixture
def unused_database_name(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a database without a table."""
    return make_name(engine, request, tmp_path, pattern=None)


@pytest.fixture
def database_name(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a database that nobody has used."""
    return make_name(engine, request, tmp_path, pattern="postgres_pattern")


def make_name(
    engine: str, request: pytest.FixtureRequest, directory: Path, *, pattern: str | None
) -> str:
    if engine == "sqlite":
        return str(directory / "cloud.db")
    like = "template1" if pattern is None else request.getfixturevalue(pattern)
    cluster = request.getfixturevalue("cluster")
    return create_database(cluster, f"cloud{next(_numbers)}", like=like)


@pytest.fixture
async def database(database_name: str, sqlite_pattern: Path) -> AsyncIterator[Database]:
    if not database_name.startswith("postgresql") and not Path(database_name).exists():
        shutil.copy(sqlite_pattern, database_name)
    async with open_database(database_name) as it:
        yield it


@pytest.fixture
async def tokens(database: Database) -> dict[str, str]:
    """Tokens by name: the gateways', `admin` and `reader`."""
    found = {
        gateway: await database.transact(
            partial(enrol_gateway, gateway=gateway, warehouse=warehouse, now_us=1)
        )
        for gateway, warehouse in GATEWAYS.items()
    }
    for role in ("admin", "reader"):
        found[role] = await database.transact(
            partial(create_token, name=role, role=role, now_us=1)
        )
    return found
