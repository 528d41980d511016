"""Pins users and tokens on both stores: roles, scopes, ends, and that secrets are told once."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from cloud_sync.store.credentials import (
    NotEnrolled,
    create_token,
    enrol_gateway,
    find_credential,
    hash_token,
)
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database
from cloud_sync.store.schema_files import read_schema, statements_of
from cloud_sync.store.sqlite import SCHEMA
from tests.fakes.http_words import NOW_US, Wall, bearer, client_of, code_of

DAY_US = 86_400_000_000


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def http(database: Database, wall: Wall) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, wall) as it:
        yield it


async def new_token(
    http: httpx.AsyncClient, admin: str, name: str, role: str, warehouses: list[str] | None
) -> dict[str, object]:
    user = {"role": role, "warehouses": warehouses}
    made = await http.put(f"/v1/users/{name}", json=user, headers=bearer(admin))
    assert made.status_code == 200, made.text
    response = await http.post(
        f"/v1/users/{name}/tokens",
        json={"expires_in_days": 1},
        headers=bearer(admin) | {"Idempotency-Key": str(uuid.uuid4())},
    )
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


async def test_a_token_ends_at_its_time(
    http: httpx.AsyncClient, tokens: dict[str, str], wall: Wall
) -> None:
    made = await new_token(http, tokens["admin"], "ann", "planner", None)
    mine = bearer(str(made["token"]))
    wall.now_us = NOW_US + DAY_US - 1
    assert (await http.get("/v1/stock", headers=mine)).status_code == 200
    wall.now_us = NOW_US + DAY_US
    assert (await http.get("/v1/stock", headers=mine)).status_code == 401


async def test_a_refusal_that_is_kept_holds_no_token(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    headers = bearer(tokens["admin"]) | {"Idempotency-Key": "k"}
    for _ in range(2):
        response = await http.post(
            "/v1/users/nobody/tokens", json={"expires_in_days": 1}, headers=headers
        )
        assert (response.status_code, code_of(response)) == (404, "not_found")


async def test_a_token_can_be_ended_alone(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    admin = bearer(tokens["admin"])
    first = await new_token(http, tokens["admin"], "ann", "planner", None)
    second = await new_token(http, tokens["admin"], "ann", "planner", None)
    path = f"/v1/tokens/{first['token_id']}"
    assert (await http.delete(path, headers=admin)).json() == {"changed": 1}
    assert (await http.delete(path, headers=admin)).json() == {"changed": 0}
    for made, status in ((first, 401), (second, 200)):
        response = await http.get("/v1/stock", headers=bearer(str(made["token"])))
        assert response.status_code == status
    listed = (await http.get("/v1/tokens?name=ann", headers=admin)).json()["tokens"]
    revoked = {row["token_id"]: row["revoked_at_us"] for row in listed}
    assert revoked == {first["token_id"]: NOW_US, second["token_id"]: None}


async def test_a_role_that_is_changed_changes_the_tokens_at_once(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    made = await new_token(http, tokens["admin"], "ann", "admin", None)
    mine = bearer(str(made["token"]))
    assert (await http.get("/v1/users", headers=mine)).status_code == 200
    await new_token(http, tokens["admin"], "ann", "read-only", None)
    assert (await http.get("/v1/users", headers=mine)).status_code == 403
    assert (await http.delete("/v1/users/ann", headers=mine)).status_code == 403
    gone = await http.delete("/v1/users/ann", headers=bearer(tokens["admin"]))
    assert gone.json() == {"changed": 1}
    assert (await http.get("/v1/stock", headers=mine)).status_code == 401
    again = await http.delete("/v1/users/ann", headers=bearer(tokens["admin"]))
    assert code_of(again) == "not_found"


async def test_a_user_who_comes_back_does_not_get_the_former_tokens(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    made = await new_token(http, tokens["admin"], "ann", "admin", None)
    await http.delete("/v1/users/ann", headers=bearer(tokens["admin"]))
    await new_token(http, tokens["admin"], "ann", "admin", None)
    response = await http.get("/v1/stock", headers=bearer(str(made["token"])))
    assert response.status_code == 401


async def test_a_token_is_told_once_and_kept_as_a_hash(
    http: httpx.AsyncClient, tokens: dict[str, str], database: Database
) -> None:
    admin = bearer(tokens["admin"]) | {"Idempotency-Key": "t1"}
    await new_token(http, tokens["admin"], "ann", "picker", ["W1"])
    body = {"expires_in_days": 3}
    first = (await http.post("/v1/users/ann/tokens", json=body, headers=admin)).json()
    again = (await http.post("/v1/users/ann/tokens", json=body, headers=admin)).json()
    assert again == {key: value for key, value in first.items() if key != "token"}
    found = await database.read(partial(find_credential, token=first["token"], now_us=NOW_US))
    assert found is not None
    assert (found.name, found.role, found.scope) == ("ann", "picker", frozenset({"W1"}))
    for table in ("credentials", "users", "idempotency"):
        rows = await database.read(lambda tx, table=table: tx.fetch(f"select * from {table}"))
        assert first["token"] not in str(rows)


async def test_an_administrator_of_one_warehouse_makes_no_users(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    made = await new_token(http, tokens["admin"], "ann", "admin", ["W1"])
    mine = bearer(str(made["token"])) | {"Idempotency-Key": "k"}
    user = {"role": "admin", "warehouses": None}
    for method, path, body in (
        ("PUT", "/v1/users/ann", user),
        ("POST", "/v1/users/admin/tokens", {"expires_in_days": 1}),
        ("DELETE", "/v1/users/admin", None),
        ("DELETE", f"/v1/tokens/{made['token_id']}", None),
    ):
        response = await http.request(method, path, json=body, headers=mine)
        assert (response.status_code, code_of(response)) == (403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [
        {"role": "gateway", "warehouses": None},
        {"role": "boss", "warehouses": None},
        {"role": "admin", "warehouses": []},
        {"role": "admin", "warehouses": ["a/b"]},
        {"role": "admin"},
        {"role": "admin", "warehouses": None, "x": 1},
    ],
)
async def test_what_is_no_user_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], body: dict[str, object]
) -> None:
    response = await http.put("/v1/users/ann", json=body, headers=bearer(tokens["admin"]))
    assert (response.status_code, code_of(response)) == (422, "malformed")


async def test_lists_of_users_and_tokens_are_paged(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    admin = bearer(tokens["admin"])
    for i in range(5):
        await new_token(http, tokens["admin"], f"u{i}", "picker", ["W1"])
    for name, key in (("users", "name"), ("tokens", "token_id")):
        whole = (await http.get(f"/v1/{name}", headers=admin)).json()
        assert "next_after" not in whole
        pieces: list[dict[str, object]] = []
        after = ""
        while True:
            page = (await http.get(f"/v1/{name}?limit=2{after}", headers=admin)).json()
            pieces += page[name]
            if "next_after" not in page:
                break
            after = f"&after={page['next_after']}"
        assert pieces == whole[name]
        assert [row[key] for row in pieces] == sorted(str(row[key]) for row in pieces)


@pytest.mark.parametrize("after", ["x", "W10=", "eyJhIjoxfQ==", "WyJhIiwiYiJd", "%00", "WzFd"])
async def test_a_foreign_place_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], after: str
) -> None:
    response = await http.get(f"/v1/users?after={after}", headers=bearer(tokens["admin"]))
    assert (response.status_code, code_of(response)) == (422, "malformed")


async def test_a_name_has_one_role(database: Database, tokens: dict[str, str]) -> None:
    with pytest.raises(NotEnrolled, match="is there already"):
        await database.transact(partial(create_token, name="reader", role="admin", now_us=2))


async def test_former_tokens_keep_their_rights_and_no_more(tmp_path: Path) -> None:
    """The migration: admin and reader become users; who was both does not become admin twice."""
    path = tmp_path / "cloud.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for number, script in enumerate(read_schema(SCHEMA)[:3], 1):
        for statement in statements_of(script):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {number}")
    rows = [("fp_a", "ann", "admin", None), ("fp_b", "bob", "reader", None),
            ("fp_c", "ann", "reader", None), ("fp_d", "gw-W1", "gateway", "W1"),
            ("fp_e", "ann", "gateway", "W2"), ("fp_f", "cid", "reader", 7)]  # fmt: skip
    for token, name, role, extra in rows:
        warehouse, revoked = (extra, None) if isinstance(extra, str) else (None, extra)
        connection.execute(
            "insert into credentials values (?, ?, ?, ?, 5, ?)",
            (hash_token(token), name, role, warehouse, revoked),
        )
    connection.close()
    async with open_database(str(path)) as database:
        found = {
            token: await database.read(partial(find_credential, token=token, now_us=NOW_US))
            for token, *_ in rows
        }
        # A gateway that was there goes on, and gets further tokens.
        await database.transact(partial(enrol_gateway, gateway="gw-W1", warehouse="W1", now_us=6))
    roles = {token: it and (it.role, it.warehouse, it.scope) for token, it in found.items()}
    assert roles == {
        "fp_a": ("admin", None, None),
        "fp_b": ("read-only", None, None),
        "fp_c": ("read-only", None, None),
        "fp_d": ("gateway", "W1", frozenset({"W1"})),
        "fp_e": ("gateway", "W2", frozenset({"W2"})),
        "fp_f": None,
    }
