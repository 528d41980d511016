"""Pins the audit log on both stores: every change by people, boxes and the console is in it, with
no secret; nobody edits it; and whatever is edited, deleted or put in nevertheless is found."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from cloud_sync.contract.documents import ITEM
from cloud_sync.store.audit import (
    AuditBroken,
    Deed,
    Entry,
    audited,
    link_of,
    read_entries,
    read_head,
    shown,
    verify,
)
from cloud_sync.store.documents import Draft, put_documents
from cloud_sync.store.ports import Database, StoreError, Transaction
from gateway.services.box_key import make_box_key
from tests.fakes.http_words import Wall, bearer, client_of

GTIN = "09506000134352"
OTHER = "09501101530003"
ITEM_BODY = {"gtin": GTIN, "names": {"en": "Milk"}, "zone": "chilled", "grams_per_unit": 1000}
ENTRIES = 40


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, Wall()) as it:
        yield it


async def entries_of(database: Database) -> list[dict[str, object]]:
    found = await database.read(partial(read_entries, after=0, limit=1000))
    return [shown(entry) for entry in found]


async def test_a_change_is_told_with_who_what_and_the_documents_before_and_after(
    database: Database, http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    admin = bearer(tokens["admin"])
    for body in (ITEM_BODY, ITEM_BODY | {"zone": "frozen"}):
        assert (await http.put(f"/v1/items/{GTIN}", json=body, headers=admin)).status_code == 200
    assert (await http.delete(f"/v1/items/{GTIN}", headers=admin)).status_code == 200
    made, changed, gone = await entries_of(database)
    assert [it["call"] for it in (made, changed, gone)] == [
        f"PUT /v1/items/{GTIN}", f"PUT /v1/items/{GTIN}", f"DELETE /v1/items/{GTIN}",
    ]  # fmt: skip
    assert {(it["actor"], it["kind"]) for it in (made, changed, gone)} == {("admin", "user")}
    (first,), (second,), (third,) = (it["documents"] for it in (made, changed, gone))  # type: ignore[misc]  # lists of one
    assert first[:5] == ["", ITEM, GTIN, 1, ""]
    assert second[:5] == ["", ITEM, GTIN, 2, first[5]]
    assert third[:5] == ["", ITEM, GTIN, 3, second[5]]
    assert third[5] == ""
    assert len({first[5], second[5]}) == 2
    assert (await verify(database))[0] == 3


async def test_what_was_refused_or_answered_again_is_no_change(
    database: Database, http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    body = {"role": "picker", "warehouses": ["W1"]}
    once = {"Idempotency-Key": "one"}
    assert (
        await http.put("/v1/users/ann", json=body, headers=bearer(tokens["reader"]))
    ).status_code == 403
    for _ in range(2):
        answer = await http.put("/v1/users/ann", json=body, headers=bearer(tokens["admin"]) | once)
        assert answer.status_code == 200
    (it,) = await entries_of(database)
    assert it["call"] == "PUT /v1/users/ann"


async def test_no_secret_is_in_it(
    database: Database, http: httpx.AsyncClient, tokens: dict[str, str], tmp_path: Path
) -> None:
    admin = bearer(tokens["admin"]) | {"Idempotency-Key": "k"}
    hook = {"url": "https://hooks.example/x", "kinds": ["item"], "secret": "s3cr3t-" * 5}
    await http.put("/v1/webhooks/erp", json=hook, headers=admin)
    invited = await http.post(
        "/v1/gateways/gw-N1/invitations",
        json={"warehouse": "N1"}, headers=admin | {"Idempotency-Key": "i"},
    )  # fmt: skip
    code = str(invited.json()["code"])
    key = make_box_key(tmp_path / "key")
    box = {"code": code, "box_key": key.public}
    enrolled = (await http.post("/sync/v1/enrol", json=box)).json()
    renewal = key.sign_renewal("gw-N1", 5).model_dump()
    renewed = (await http.post("/sync/v1/renew", json=renewal)).json()
    token = await http.post(
        "/v1/users/admin/tokens",
        json={"expires_in_days": 1}, headers=admin | {"Idempotency-Key": "t"},
    )  # fmt: skip
    secrets = [
        hook["secret"], code, code.replace("-", ""), enrolled["token"], renewed["token"],
        token.json()["token"], tokens["admin"], renewal["signature"],
    ]  # fmt: skip
    told = await entries_of(database)
    assert [it["call"] for it in told] == [
        "PUT /v1/webhooks/erp", "POST /v1/gateways/gw-N1/invitations", "POST /sync/v1/enrol",
        "POST /sync/v1/renew", "POST /v1/users/admin/tokens",
    ]  # fmt: skip
    text = json.dumps(told)
    assert not [it for it in secrets if str(it) in text]


async def test_what_fails_leaves_neither_change_nor_entry(database: Database) -> None:
    async def fail(tx: Transaction) -> None:
        await put_documents(tx, [Draft(ITEM, GTIN, "", ITEM_BODY)])
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await database.transact(audited(fail, Deed("ann", "user", "x", 1)))
    assert await database.read(read_head) == (0, bytes(32))
    assert await database.read(partial(put_documents_of, kind=ITEM)) == 0


async def put_documents_of(tx: Transaction, *, kind: str) -> int:
    return len(await tx.fetch("select 1 from documents where kind = ?", (kind,)))


async def test_many_documents_are_counted_and_hashed_as_one(database: Database) -> None:
    drafts = [Draft("count", f"C{i}", "W1", {"id": i}) for i in range(1200)]
    deed = Deed("ann", "user", "POST /v1/import", 1)
    await database.transact(audited(partial(put_documents, drafts=drafts), deed))
    (it,) = await entries_of(database)
    assert it["n_documents"] == 1200
    assert len(it["documents"]) == 1000  # type: ignore[arg-type]  # a list


@contextlib.asynccontextmanager
async def as_owner(name: str) -> AsyncIterator[Owner]:
    owner = Owner(name)
    await owner.open()
    try:
        yield owner
    finally:
        await owner.close()


class Owner:
    """Somebody with the database's own password, who takes the table's guard away."""

    def __init__(self, name: str) -> None:
        self._name, self._is_postgres = name, name.startswith("postgresql")

    async def open(self) -> None:
        if self._is_postgres:
            self._pg = await asyncpg.connect(self._name)
            await self._pg.execute("set session_replication_role = replica")
        else:
            self._lite = sqlite3.connect(self._name, isolation_level=None)
            self._kept = [
                row[0] for row in self._lite.execute(
                    "select sql from sqlite_master where type = 'trigger' "
                    "and tbl_name = 'audit_log'"
                )
            ]  # fmt: skip
            for operation in ("update", "delete"):
                self._lite.execute(f"drop trigger audit_log_no_{operation}")

    async def do(self, sql: str, *values: object) -> None:
        if self._is_postgres:
            marks = iter(range(1, 9))
            await self._pg.execute(
                "".join(f"${next(marks)}" if c == "?" else c for c in sql), *values
            )
        else:
            self._lite.execute(sql, values)

    async def close(self) -> None:
        if self._is_postgres:
            await self._pg.close()
        else:
            for sql in self._kept:
                self._lite.execute(sql)
            self._lite.close()


async def fill(database: Database) -> list[Entry]:
    for i in range(ENTRIES):

        async def nothing(tx: Transaction) -> None:
            return None

        await database.transact(audited(nothing, Deed(f"u{i}", "user", "PUT /x", i)))
    return await database.read(partial(read_entries, after=0, limit=ENTRIES + 1))


async def test_every_edit_deletion_and_insertion_is_found(
    database: Database, database_name: str
) -> None:
    entries = await fill(database)
    head = await verify(database)
    assert head == (ENTRIES, entries[-1].link)
    async with as_owner(database_name) as owner:
        for it in entries:
            place = (it.seq,)
            await owner.do("update audit_log set body = ? where seq = ?", it.body + b" ", it.seq)
            await assert_broken(database)
            await owner.do("update audit_log set body = ? where seq = ?", it.body, it.seq)
            await owner.do("update audit_log set link = ? where seq = ?", bytes(32), it.seq)
            await assert_broken(database)
            await owner.do("delete from audit_log where seq = ?", *place)
            await assert_broken(database)
            await owner.do(
                "insert into audit_log(seq, body, link) values (?, ?, ?)",
                it.seq, it.body, it.link,
            )  # fmt: skip
            assert await verify(database) == head
        # Put between two, all behind it moved on by one, without new links.
        for it in reversed(entries[20:]):
            await owner.do("update audit_log set seq = seq + 1 where seq = ?", it.seq)
        await owner.do(
            "insert into audit_log(seq, body, link) values (?, ?, ?)",
            21, b"{}", link_of(entries[19].link, 21, b"{}"),
        )  # fmt: skip
        await assert_broken(database)


async def assert_broken(database: Database) -> None:
    with pytest.raises(AuditBroken):
        await verify(database)


async def test_a_chain_that_was_computed_anew_is_found_by_a_head_that_was_noted(
    database: Database, database_name: str
) -> None:
    entries = await fill(database)
    noted = (30, entries[29].link)
    assert await verify(database, noted=noted) == (ENTRIES, entries[-1].link)
    link = entries[9].link
    async with as_owner(database_name) as owner:
        for it in entries[10:]:
            body = it.body.replace(b"u10", b"eve")
            link = link_of(link, it.seq, body)
            await owner.do(
                "update audit_log set body = ?, link = ? where seq = ?", body, link, it.seq
            )
        await owner.do("update audit_head set link = ?", link)
    assert await verify(database) == (ENTRIES, link)
    with pytest.raises(AuditBroken, match="noted at entry 30"):
        await verify(database, noted=noted)


@pytest.mark.parametrize(
    "sql", ["update audit_log set body = ?", "delete from audit_log where body <> ?"]
)
async def test_the_service_itself_cannot_change_it(database: Database, sql: str) -> None:
    await fill(database)

    async def edit(tx: Transaction) -> None:
        await tx.execute_many(sql, [(b"",)])

    with pytest.raises(StoreError):
        await database.transact(edit)
    assert (await verify(database))[0] == ENTRIES
