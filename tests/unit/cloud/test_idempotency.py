"""Pins Idempotency-Key on both stores: one effect, one answer, however often and at once asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial

import httpx
import pytest

from cloud_sync.service.mutation import REPLAYED, Mutation
from cloud_sync.service.problems import Refused
from cloud_sync.store import idempotency
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Database, StoreError, Transaction
from tests.fakes.http_words import NOW_US, bearer, client_of, code_of
from tests.fakes.uploads import ITEM

PATH = f"/v1/items/{ITEM}"
TELLS_A_SECRET = {("post", "/v1/users/{name}/tokens")}
"""Its answer is told once and must not be kept; a token that got lost is revoked."""


def item(name: str) -> bytes:
    body = {"gtin": ITEM, "names": {"en": name}, "zone": "ambient", "grams_per_unit": 1000}
    return json.dumps(body).encode()


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


async def put(
    http: httpx.AsyncClient, token: str, name: str, key: str | None, path: str = PATH
) -> httpx.Response:
    headers = bearer(token) | ({} if key is None else {"Idempotency-Key": key})
    return await http.put(path, content=item(name), headers=headers)


async def name_of(http: httpx.AsyncClient, token: str) -> str:
    (found,) = (await http.get("/v1/items", headers=bearer(token))).json()["items"]
    return str(found["names"]["en"])


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    first = await put(http, tokens["admin"], "Milk", "k1")
    await put(http, tokens["admin"], "Cream", "k2")
    again = await put(http, tokens["admin"], "Milk", '"k1"')
    assert first.json() == again.json() == {"changed": 1}
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await name_of(http, tokens["admin"]) == "Cream", "the repeat was not done again"
    assert (await put(http, tokens["admin"], "Milk", None)).json() == {"changed": 1}


@pytest.mark.parametrize("path", [PATH, f"{PATH}?x=1"])
async def test_a_key_used_for_something_else_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], path: str
) -> None:
    await put(http, tokens["admin"], "Milk", "k")
    name = "Cream" if path == PATH else "Milk"
    refused = await put(http, tokens["admin"], name, "k", path)
    assert (refused.status_code, code_of(refused)) == (422, "key_reused")
    assert await name_of(http, tokens["admin"]) == "Milk"


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, 'a"b', '"a', "\x7f"])
async def test_what_is_no_key_is_refused(
    http: httpx.AsyncClient, tokens: dict[str, str], key: str
) -> None:
    refused = await put(http, tokens["admin"], "Milk", key)
    assert (refused.status_code, code_of(refused)) == (422, "malformed")


async def test_many_at_once_have_one_effect_and_one_answer(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(put(http, tokens["admin"], "Milk", "k"), name=f"put {n}")
            for n in range(20)
        ]
    answers = [task.result() for task in tasks]
    assert {(it.status_code, it.content) for it in answers} == {(200, b'{"changed":1}')}
    assert sum("Idempotent-Replayed" not in it.headers for it in answers) == 1


async def test_every_call_that_writes_takes_the_key(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    without = [
        (verb, path)
        for path, verbs in paths.items()
        for verb, operation in verbs.items()
        if path.startswith("/v1/")
        and verb != "get"
        and "idempotency-key" not in {it["name"] for it in operation.get("parameters", ())}
    ]
    assert set(without) <= TELLS_A_SECRET
    assert sum(verb == "put" for verbs in paths.values() for verb in verbs) >= 4


# ------------------------------------------------------------------ the piece itself


def mutation(
    database: Database, *, key: str = "k", caller: str = "admin:a", at_us: int = NOW_US
) -> Mutation:
    ticket = idempotency.Ticket(caller=caller, key=key, request=b"r", at_us=at_us)
    return Mutation(database, Credential("a", "admin", None, None), b"{}", at_us, ticket)


async def add_one(tx: Transaction) -> Mapping[str, object]:
    ((last,),) = await tx.fetch("update feed set last = last + 1 where id = 1 returning last")
    return {"last": last}


async def add_and_refuse(tx: Transaction) -> Mapping[str, object]:
    await add_one(tx)
    raise Refused("gap", "not now")


async def add_and_fail(tx: Transaction) -> Mapping[str, object]:
    await add_one(tx)
    raise StoreError("gone")


async def last_of(database: Database) -> object:
    ((last,),) = await database.read(lambda tx: tx.fetch("select last from feed"))
    return last


async def test_a_refusal_is_repeated_even_where_it_would_be_granted_now(
    database: Database,
) -> None:
    with pytest.raises(Refused, match="busy"):
        await mutation(database).run(_refuse_as_busy)
    first = await mutation(database).run(add_and_refuse)
    again = await mutation(database).run(add_one)
    assert first.status_code == again.status_code == 409
    assert first.body == again.body
    assert again.headers["Idempotent-Replayed"] == REPLAYED["Idempotent-Replayed"]
    assert await last_of(database) == 0, "a refusal takes its half of the work back"


async def _refuse_as_busy(tx: Transaction) -> Mapping[str, object]:
    raise Refused("busy", "busy")


async def test_a_failure_leaves_neither_effect_nor_key(database: Database) -> None:
    with pytest.raises(StoreError):
        await mutation(database).run(add_and_fail)
    answer = await mutation(database).run(add_one, status=201)
    assert (answer.status_code, answer.body) == (201, b'{"last":1}')


async def test_a_key_belongs_to_its_caller(database: Database) -> None:
    for caller, expected in (("admin:a", 1), ("admin:b", 2), ("admin:a", 1)):
        answer = await mutation(database, caller=caller).run(add_one)
        assert json.loads(bytes(answer.body)) == {"last": expected}


@pytest.mark.parametrize(
    ("later_us", "expected"), [(idempotency.KEPT_US, 1), (idempotency.KEPT_US + 1, 2)]
)
async def test_a_key_is_forgotten_after_a_week(
    database: Database, later_us: int, expected: int
) -> None:
    await mutation(database).run(add_one)
    answer = await mutation(database, at_us=NOW_US + later_us).run(add_one)
    assert json.loads(bytes(answer.body)) == {"last": expected}


async def test_old_answers_are_dropped_and_young_ones_stay(database: Database) -> None:
    await mutation(database, key="old").run(add_one)
    await mutation(database, key="young", at_us=NOW_US + 1).run(add_one)
    now_us = NOW_US + idempotency.KEPT_US + 1
    await database.transact(partial(idempotency.forget_answers, now_us=now_us))
    rows = await database.read(lambda tx: tx.fetch("select key from idempotency"))
    assert [row[0] for row in rows] == ["young"]
