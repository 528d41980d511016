"""Pins reading on both stores: pages of stock are the stock, and nobody reads beyond the scope."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.credentials import add_token, make_token, put_user
from cloud_sync.store.ports import Database, Transaction
from tests.fakes.http_words import BATCHES, NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import Book, make_line


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


@pytest.fixture
async def of_c1(database: Database) -> dict[str, str]:
    token = make_token()

    async def script(tx: Transaction) -> None:
        await put_user(tx, "cee", role="admin", scope=frozenset({"C1"}), now_us=1)
        await add_token(tx, "cee", token, 1, None)

    await database.transact(script)
    return bearer(token)


async def fill(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    """Stock at both warehouses, and a row of each that is set aside."""
    for book in (Book(), Book(gateway="gw-C1", warehouse="C1")):
        for i in range(5):
            book.record(lines=(make_line("@supplier", f"B-{i % 3}", i + 1, lot=f"L{i}"),))
        book.record(ev.TRANSFER_DISPATCHED, lines=(make_line("B-0", "@transit.T", 1, lot="L0"),))
        book.write(b'{"no":"event"}')
        sent = await http.post(BATCHES, content=book.batch(), headers=bearer(tokens[book.gateway]))
        assert sent.status_code == 200, sent.text


@pytest.mark.parametrize("query", ["", "&include_virtual=true", "&warehouse=C1"])
async def test_pages_of_stock_are_the_stock(
    http: httpx.AsyncClient, tokens: dict[str, str], query: str
) -> None:
    await fill(http, tokens)
    admin = bearer(tokens["admin"])
    whole = (await http.get(f"/v1/stock?limit=10000{query}", headers=admin)).json()
    assert "next_after" not in whole
    assert len(whole["stock"]) > 3
    for limit in (1, 3):
        rows, after = [], ""
        while True:
            page = (await http.get(f"/v1/stock?limit={limit}{query}{after}", headers=admin)).json()
            rows += page["stock"]
            if "next_after" not in page:
                break
            assert len(page["stock"]) == limit
            after = f"&after={page['next_after']}"
        assert rows == whole["stock"]


async def test_gateways_are_paged(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    admin = bearer(tokens["admin"])
    first = (await http.get("/v1/gateways?limit=1", headers=admin)).json()
    second = (await http.get(f"/v1/gateways?after={first['next_after']}", headers=admin)).json()
    names = [row["gateway"] for row in first["gateways"] + second["gateways"]]
    assert names == ["gw-C1", "gw-W1"]


async def test_nobody_reads_beyond_the_scope(
    http: httpx.AsyncClient, tokens: dict[str, str], of_c1: dict[str, str]
) -> None:
    await fill(http, tokens)
    stock = (await http.get("/v1/stock", headers=of_c1)).json()["stock"]
    assert {row["warehouse"] for row in stock} == {"C1"}
    for path, name in (("events", "events"), ("quarantine", "rows"), ("gateways", "gateways")):
        rows = (await http.get(f"/v1/{path}", headers=of_c1)).json()[name]
        assert {row["gateway"] for row in rows} == {"gw-C1"}, path
    asked = await http.get("/v1/events?gateway=gw-W1", headers=of_c1)
    assert asked.json() == {"events": [], "more": False}
    for path in ("stock?warehouse=W1", "plans?warehouse=W1", "stock?include_virtual=true"):
        assert code_of(await http.get(f"/v1/{path}", headers=of_c1)) == "forbidden", path


async def test_troubles_are_those_of_the_scope(
    http: httpx.AsyncClient, tokens: dict[str, str], of_c1: dict[str, str]
) -> None:
    await fill(http, tokens)
    forked = Book()
    forked.receive(99)
    refused = await http.post(BATCHES, content=forked.batch(), headers=bearer(tokens["gw-W1"]))
    assert code_of(refused) == "forked"
    path = "/v1/gateways/troubles"
    all_of = (await http.get(path, headers=bearer(tokens["admin"]))).json()
    assert [row["gateway"] for row in all_of["troubles"]] == ["gw-W1"]
    assert (await http.get(path, headers=of_c1)).json() == {"troubles": []}
