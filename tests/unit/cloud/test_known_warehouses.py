"""Pins that work is only written down for warehouses that there are: no gateway would see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM

ORDERED = [{"item": ITEM, "quantity": 24}]
ASN = {
    "id": "ASN-1", "warehouse": "NEW", "source": "@supplier", "status": "dispatched",
    "ordered": ORDERED,
}  # fmt: skip
COUNT = {"id": "CC-1", "warehouse": "NEW"}
NEW = {"id": "NEW", "name": "Spandau", "country": "DE", "time_zone": "Europe/Berlin"}
COMING = {"id": "T-1", "source": "W1", "destination": "NEW", "ordered": ORDERED}
GOING = {"id": "T-1", "source": "NEW", "destination": "W1", "ordered": ORDERED}
WORK = [("asns/ASN-1", ASN), ("counts/CC-1", COUNT), ("transfers/T-1", COMING),
        ("transfers/T-1", GOING)]  # fmt: skip


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


@pytest.fixture
def admin(tokens: dict[str, str]) -> dict[str, str]:
    return bearer(tokens["admin"])


@pytest.mark.parametrize(("path", "body"), WORK)
async def test_work_for_a_warehouse_that_nobody_knows_is_refused(
    http: httpx.AsyncClient, admin: dict[str, str], path: str, body: dict[str, object]
) -> None:
    answer = await http.put(f"/v1/{path}", json=body, headers=admin)
    assert (answer.status_code, code_of(answer)) == (422, "malformed")
    assert "there is no warehouse NEW" in answer.text
    assert (await http.get(f"/v1/{path}", headers=admin)).status_code == 404


async def test_an_import_may_bring_its_warehouse_along(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    parts = {"asns": [ASN], "counts": [COUNT], "transfers": [COMING]}
    refused = await http.post("/v1/import", json=parts, headers=admin)
    assert (refused.status_code, code_of(refused)) == (422, "malformed")
    answer = await http.post("/v1/import", json={**parts, "warehouses": [NEW]}, headers=admin)
    assert answer.status_code == 200, answer.text


async def test_a_warehouse_with_a_gateway_needs_no_paper(
    http: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await http.put("/v1/asns/ASN-1", json={**ASN, "warehouse": "W1"}, headers=admin)
    assert answer.status_code == 200, answer.text
