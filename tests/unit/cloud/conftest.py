"""Each store behind the port, empty and with two gateways enrolled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database

GATEWAYS = {"gw-W1": "W1", "gw-C1": "C1"}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(str(tmp_path / "cloud.db")) as it:
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
