"""Pins the HTTP surface: whose data is whose, and that bad input gets an answer, no fault."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract.batches import MAX_BATCH_BYTES, MAX_EVENTS_PER_BATCH
from cloud_sync.store.credentials import (
    NotEnrolled,
    enrol_gateway,
    hash_token,
    revoke_gateway,
)
from cloud_sync.store.ports import Database
from tests.fakes.http_words import BATCHES, NOW_US, batch_of, bearer, client_of, code_of
from tests.fakes.uploads import ITEM, Book, changed


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """HTTP is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


ITEM_BODY = {"gtin": ITEM, "names": {"en": "Milk"}, "zone": "refrigerated", "grams_per_unit": 1000}
POLICY_BODY = {
    "warehouse": "W1",
    "gtin": ITEM,
    "demand_units_per_day": 10,
    "demand_sd_units_per_day": 2.5,
    "reorder_point_units": 12,
    "lead_time_days": 1.0,
}
ASN_BODY = {
    "id": "ASN-1",
    "warehouse": "W1",
    "source": "@supplier",
    "status": "dispatched",
    "ordered": [{"item": ITEM, "quantity": 10}],
}
NETWORK_BODY = {"format": "forepost-network/1", "products": []}

WRITES = {
    f"/v1/items/{ITEM}": ITEM_BODY,
    f"/v1/policies/W1/{ITEM}": POLICY_BODY,
    "/v1/network": NETWORK_BODY,
    "/v1/asns/ASN-1": ASN_BODY,
}


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic abc", "bearer x y", "Bearer " + "x" * 300, "Bearer \xe9"],
)
async def test_what_is_no_token_is_unauthorised(
    http: httpx.AsyncClient, tokens: dict[str, str], header: str
) -> None:
    response = await http.get("/v1/stock", headers={"Authorization": header.encode("latin-1")})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_gateway_cannot_speak_for_another(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    book = Book(gateway="gw-C1", warehouse="C1")
    book.receive(1)
    response = await http.post(BATCHES, content=book.batch(), headers=bearer(tokens["gw-W1"]))
    assert (response.status_code, code_of(response)) == (403, "forbidden")


async def test_a_gateway_cannot_write_into_another_warehouse(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    book = Book(warehouse="C1")
    book.receive(1)
    response = await http.post(BATCHES, content=book.batch(), headers=bearer(tokens["gw-W1"]))
    assert [event["status"] for event in response.json()["events"]] == ["quarantined"]
    stock = await http.get("/v1/stock", headers=bearer(tokens["reader"]))
    assert stock.json() == {"stock": []}


async def test_changes_are_those_of_the_tokens_warehouse(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    for path, body in WRITES.items():
        assert (await http.put(path, json=body, headers=bearer(tokens["admin"]))).is_success
    seen = {}
    for gateway in ("gw-W1", "gw-C1"):
        page = (await http.get("/sync/v1/changes", headers=bearer(tokens[gateway]))).json()
        seen[gateway] = [change["kind"] for change in page["changes"]]
    assert seen == {"gw-W1": ["item", "policy", "network", "asn"], "gw-C1": ["item", "network"]}


async def test_a_fresh_gateway_begins_with_what_there_is_and_goes_on_with_changes(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    admin, gateway = bearer(tokens["admin"]), bearer(tokens["gw-W1"])
    for path, body in WRITES.items():
        assert (await http.put(path, json=body, headers=admin)).is_success
    assert (await http.delete("/v1/network", headers=admin)).is_success
    first = (await http.get("/sync/v1/snapshot?limit=2", headers=gateway)).json()
    assert [it["kind"] for it in first["changes"]] == ["item", "policy"]
    onward = {"cursor": first["next_cursor"], "mark": first["mark"]}
    rest = (await http.get("/sync/v1/changes", params=onward, headers=gateway)).json()
    assert [(it["kind"], it["deleted"]) for it in rest["changes"]] == [
        ("asn", False), ("network", True),
    ]  # fmt: skip
    whole = (await http.get("/sync/v1/snapshot", headers=gateway)).json()
    assert [it["kind"] for it in whole["changes"]] == ["item", "policy", "asn"]
    assert (whole["next_cursor"], whole["more"]) == (rest["next_cursor"], False)
    assert (await http.get("/sync/v1/snapshot", headers=admin)).status_code == 403


async def test_a_revoked_gateway_is_a_stranger(
    http: httpx.AsyncClient, database: Database, tokens: dict[str, str]
) -> None:
    second = await database.transact(
        partial(enrol_gateway, gateway="gw-W1", warehouse="W1", now_us=2)
    )
    for token in (tokens["gw-W1"], second):
        assert (await http.get("/sync/v1/changes", headers=bearer(token))).is_success
    assert await database.transact(partial(revoke_gateway, gateway="gw-W1", now_us=3)) == 2
    for token in (tokens["gw-W1"], second):
        response = await http.get("/sync/v1/changes", headers=bearer(token))
        assert response.status_code == 401
    with pytest.raises(NotEnrolled):
        await database.transact(partial(revoke_gateway, gateway="gw-W1", now_us=4))


async def test_tokens_are_kept_as_hashes(database: Database, tokens: dict[str, str]) -> None:
    rows = await database.read(lambda tx: tx.fetch("select * from credentials"))
    assert {row[0] for row in rows} == {hash_token(token) for token in tokens.values()}
    assert not any(token in str(rows) for token in tokens.values())


# ------------------------------------------------------------------ bodies


async def test_gzip_is_taken(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    headers = {**bearer(tokens["gw-W1"]), "Content-Encoding": "gzip"}
    response = await http.post(BATCHES, content=gzip.compress(batch_of(3)), headers=headers)
    assert response.json()["acknowledged_seq"] == 3


PACKED = gzip.compress(batch_of(3))
BAD_BODIES = {
    "empty": ({}, b"", 422),
    "not json": ({}, b"hello", 422),
    "deep": ({}, b'{"events":[' + b"[" * 100_000, 422),
    "other version": ({}, changed(batch_of(), contract_version=99), 422),
    "too many": ({}, changed(batch_of(), events=[{}] * (MAX_EVENTS_PER_BATCH + 1)), 413),
    "too long": ({}, b" " * (MAX_BATCH_BYTES + 1), 413),
    "announced too long": ({"Content-Length": "99999999999"}, b"{}", 413),
    "gzip bomb": ({"Content-Encoding": "gzip"}, gzip.compress(bytes(64 * 2**20)), 413),
    "not gzip": ({"Content-Encoding": "gzip"}, b"{}", 422),
    "cut gzip": ({"Content-Encoding": "gzip"}, PACKED[:-5], 422),
    "gzip and more": ({"Content-Encoding": "gzip"}, PACKED + b"x", 422),
    "wrong checksum": ({"Content-Encoding": "gzip"}, PACKED[:-8] + bytes(8), 422),
    "brotli": ({"Content-Encoding": "br"}, b"{}", 415),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_batch_is_answered_and_changes_nothing(
    http: httpx.AsyncClient, tokens: dict[str, str], name: str
) -> None:
    headers, body, status = BAD_BODIES[name]
    response = await http.post(
        BATCHES, content=body, headers={**bearer(tokens["gw-W1"]), **headers}
    )
    assert response.status_code == status, response.text
    assert code_of(response) in {"malformed", "version", "too_large", "encoding"}
    events = await http.get("/v1/events", headers=bearer(tokens["admin"]))
    assert events.json() == {"events": [], "more": False}


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        (f"/v1/items/{ITEM}", {"colour": "red"}, "colour"),
        (f"/v1/items/{ITEM}", {"grams_per_unit": "1000"}, "grams_per_unit"),
        (f"/v1/items/{ITEM}", {"grams_per_unit": 1000.0}, "grams_per_unit"),
        (f"/v1/items/{ITEM}", {"grams_per_unit": True}, "grams_per_unit"),
        (f"/v1/items/{ITEM}", {"names": {}}, "names"),
        (f"/v1/items/{ITEM}", {"gtin": "09506000134353"}, "check digit"),
        (f"/v1/items/{ITEM}", {"gtin": "09506000134369"}, "in the path"),
        (f"/v1/policies/W1/{ITEM}", {"lead_time_days": 0}, "lead_time_days"),
        (f"/v1/policies/W1/{ITEM}", {"warehouse": "W" * 60}, "in the path"),
        (f"/v1/policies/W2/{ITEM}", {}, "in the path"),
        ("/v1/network", {"format": "other"}, "format"),
        ("/v1/asns/ASN-1", {"status": "lost"}, "status"),
        ("/v1/asns/ASN-1", {"ordered": [{"item": ITEM, "quantity": 1, "x": 1}]}, "x"),
        ("/v1/asns/ASN-1", {"ordered": [{"item": ITEM, "quantity": -1}]}, "quantity"),
    ],
)
async def test_a_persons_mistake_is_named(
    http: httpx.AsyncClient,
    tokens: dict[str, str],
    path: str,
    change: dict[str, object],
    says: str,
) -> None:
    good = next(body for known, body in WRITES.items() if known[:8] == path[:8])
    response = await http.put(path, json={**good, **change}, headers=bearer(tokens["admin"]))
    assert (response.status_code, code_of(response)) == (422, "malformed")
    assert says in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"format":"forepost-network/1","x":NaN}',
        b'{"format":"forepost-network/1","x":1e999}',
        b'{"format":"forepost-network/1","x":"\\ud800"}',
        b'{"format":"a","format":"forepost-network/1"}',
        b'{"x":' + b"[" * 100_000,
        b'{"format":"forepost-network/1","x":' + b"9" * 5000 + b"}",
    ],
)
async def test_a_body_that_is_no_json_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], body: bytes
) -> None:
    response = await http.put("/v1/network", content=body, headers=bearer(tokens["admin"]))
    assert (response.status_code, code_of(response)) == (422, "malformed")


@pytest.mark.parametrize(
    "query",
    [
        "stock?warehouse=a/b", "stock?item=1", "stock?include_virtual=perhaps", "events?limit=0",
        "events?limit=10001", "events?after_seq=-1", "events?after_seq=99999999999999999999",
        "events?epoch=x", "events?type=A%00", "events?gateway=%00", "plans?warehouse=",
    ],
)  # fmt: skip
async def test_a_bad_query_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], query: str
) -> None:
    response = await http.get(f"/v1/{query}", headers=bearer(tokens["reader"]))
    assert (response.status_code, code_of(response)) == (422, "malformed")


async def test_unknown_paths_and_methods_answer_in_the_same_form(http: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/v2", 404), ("DELETE", "/v1/stock", 405)):
        response = await http.request(method, path)
        assert response.status_code == status
        assert code_of(response) in {"not_found", "method_not_allowed"}


async def test_an_import_is_all_or_nothing(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    headers = bearer(tokens["admin"])
    body = {"items": [ITEM_BODY], "policies": [POLICY_BODY], "network": NETWORK_BODY,
            "asns": [ASN_BODY]}  # fmt: skip
    bad = {**body, "asns": [{**ASN_BODY, "id": "a/b"}]}
    assert (await http.post("/v1/import", json=bad, headers=headers)).status_code == 422
    assert (await http.get("/v1/items", headers=headers)).json() == {"items": []}
    response = await http.post("/v1/import", json=body, headers=headers)
    assert response.json() == {"changed": 4}
    assert (await http.post("/v1/import", json=body, headers=headers)).json() == {"changed": 0}
    items = (await http.get("/v1/items", headers=headers)).json()["items"]
    assert items[0]["names"] == {"en": "Milk"}
