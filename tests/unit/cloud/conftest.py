"""Each store behind the port, empty and with two gateways enrolled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.ports import Database
from tests.rigs.lent_databases import LentDatabases
from tests.rigs.patterns import opened_cloud
from tests.rigs.postgres import programs_or_skip, running_postgres

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
def lent_databases(cluster: Path) -> LentDatabases:
    return LentDatabases(cluster)


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
async def database(database_name: str) -> AsyncIterator[Database]:
    async with opened_cloud(database_name) as it:
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
