"""Each store behind the port, empty and with two gateways enrolled."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database
from tests.rigs.lent_databases import LentDatabases
from tests.rigs.postgres import programs_or_skip, run_apart, running_postgres

GATEWAYS = {"gw-W1": "W1", "gw-C1": "C1"}


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
def lent_databases(cluster: Path) -> LentDatabases:
    return LentDatabases(cluster)


def bring_up_to_date(name: str) -> None:
    async def open_it() -> None:
        async with open_database(name):
            pass

    run_apart(open_it())


@pytest.fixture
def postgres_name(lent_databases: LentDatabases) -> Iterator[str]:
    """The name of a database on PostgreSQL with today's tables and nothing in them."""
    name = lent_databases.lend()
    yield name
    lent_databases.take_back(name)


@pytest.fixture
def unused_database_name(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a database without a table."""
    if engine == "sqlite":
        return str(tmp_path / "cloud.db")
    lent: LentDatabases = request.getfixturevalue("lent_databases")
    return lent.make(like="template1")


@pytest.fixture
def database_name(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a database that holds nothing."""
    if engine == "sqlite":
        return str(tmp_path / "cloud.db")
    name: str = request.getfixturevalue("postgres_name")
    return name


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
