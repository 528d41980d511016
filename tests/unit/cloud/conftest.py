"""Each store behind the port, empty and with two gateways enrolled."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database
from tests.rigs.postgres import find_programs, running_postgres

GATEWAYS = {"gw-W1": "W1", "gw-C1": "C1"}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    programs = find_programs()
    if programs is None:
        missing = "PostgreSQL is not installed (scripts/debian-packages installs it)"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    with running_postgres(programs) as directory:
        yield directory


async def _make_database(cluster: Path) -> str:
    host = quote(str(cluster), safe="")
    database = f"cloud{next(_numbers)}"
    connection = await asyncpg.connect(f"postgresql://forepost@/postgres?host={host}")
    await connection.execute(f"create database {database}")
    await connection.close()
    return f"postgresql://forepost@/{database}?host={host}"


@pytest.fixture
async def postgres_name(cluster: Path) -> str:
    """The name of a database on PostgreSQL that nobody has used."""
    return await _make_database(cluster)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def database_name(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a database that nobody has used."""
    if request.param == "sqlite":
        return str(tmp_path / "cloud.db")
    return await _make_database(request.getfixturevalue("cluster"))


@pytest.fixture
async def database(database_name: str) -> AsyncIterator[Database]:
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
