"""Pins that nobody sees or removes what is another warehouse's: every route of the served
description, asked for the other's names by those who may do most in their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.contract.rights import ADMIN, GATEWAY
from cloud_sync.store.credentials import create_token, put_user
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import BATCHES, NOW_US, bearer
from tests.fakes.uploads import EPOCH, ITEM, Book

MARK = "MARKOFC1"
"""In everything that is C1's, and in no question."""
FOREIGN = {"warehouse": "C1", "gateway": "gw-C1", "gtin": ITEM, "item": ITEM, "epoch": EPOCH}
KINDS = {
    doc.COUNT: {"id": "THEIRS", "warehouse": "C1", "zones": [MARK]},
    doc.LOCATION: {"warehouse": "C1", "id": "THEIRS", "zone": MARK},
    doc.HOLD: {"id": "THEIRS", "kind": "hold", "item": ITEM, "lot": MARK, "warehouse": "C1",
               "reason": MARK},
    doc.ORDER: {"id": "THEIRS", "warehouse": "C1", "order": MARK,
                "lines": [{"item": ITEM, "quantity": 1}]},
    doc.ASN: {"id": "THEIRS", "warehouse": "C1", "source": "@supplier", "status": "dispatched",
              "ordered": [{"item": ITEM, "quantity": 1, "lot": MARK}]},
    doc.TRANSFER: {"id": "THEIRS", "source": "C1", "destination": "C1", "status": "ordered",
                   "ordered": [{"item": ITEM, "quantity": 1, "lot": MARK}]},
    doc.PLAN: {"id": "THEIRS", "warehouse": "C1", "said": [], "note": MARK},
}  # fmt: skip


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """SQLite, which has no wall of its own behind ours (test_wall.py)."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def askers(database: Database, tokens: dict[str, str]) -> dict[str, str]:
    """Those of W1: its administrator, and its gateway; and C1 has goods and documents."""
    drafts = [Draft(kind, "THEIRS", "C1", content) for kind, content in KINDS.items()]
    await database.transact(partial(put_documents, drafts=drafts))
    scope = frozenset({"W1"})
    await database.transact(partial(put_user, name="ann", role=ADMIN, scope=scope, now_us=1))
    token = await database.transact(partial(create_token, name="ann", role=ADMIN, now_us=1))
    return {ADMIN: token, GATEWAY: tokens["gw-W1"]}


def filled(path: str) -> str:
    """A path with the other warehouse's names in place of its parameters."""
    return re.sub(r"\{([^}:]*)[^}]*\}", lambda it: FOREIGN.get(it[1], "THEIRS"), path)


def queries_of(operation: Mapping[str, object]) -> list[dict[str, str]]:
    """Without any, and with all the names that the route knows."""
    parameters = operation.get("parameters", [])
    assert isinstance(parameters, list)
    names = [it["name"] for it in parameters if it["in"] == "query"]
    known = {name: FOREIGN[name] for name in names if name in FOREIGN}
    return [{}, known] if known else [{}]


async def documents_of_c1(tx: Transaction) -> list[tuple[object, ...]]:
    rows = await tx.fetch(
        "select kind, key, version, is_deleted, content from documents where warehouse = 'C1' "
        "order by kind, key"
    )
    return [tuple(row) for row in rows]


@pytest.mark.slow
async def test_nothing_of_another_warehouse_is_shown_or_removed(
    database: Database, tokens: dict[str, str], askers: dict[str, str]
) -> None:
    app = make_app(database, wall_us=lambda: NOW_US)
    book = Book(gateway="gw-C1", warehouse="C1")
    for quantity in (5, 7):
        book.receive(quantity, lot=MARK)
    before = await database.read(documents_of_c1)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    shown, n_asked, n_found = [], 0, 0
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:
        sent = await http.post(BATCHES, content=book.batch(), headers=bearer(tokens["gw-C1"]))
        assert sent.status_code == 200
        owner = await http.get("/v1/stock", headers=bearer(tokens["admin"]))
        assert MARK in owner.text, "there is something to be seen"
        for path, verbs in app.openapi()["paths"].items():
            for verb in verbs.keys() & {"get", "delete"}:
                for query in queries_of(verbs[verb]):
                    for role, token in askers.items():
                        response = await http.request(
                            verb, filled(path), params=query, headers=bearer(token)
                        )
                        n_asked += 1
                        n_found += response.status_code == 200
                        if MARK in response.text:
                            shown.append((verb, path, query, role))
    assert not shown
    assert n_asked > 150
    assert n_found > 30
    assert await database.read(documents_of_c1) == before
