"""Pins webhooks on both stores: signed, at least once with an id, retried, dead in the end."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from random import Random

import httpx
import pytest

from cloud_sync.contract import documents as doc
from cloud_sync.outbound.post import PostFailed
from cloud_sync.service.webhook_delivery import LEASE_US, TRIES_MAX, Dispatcher
from cloud_sync.store import webhooks as store
from cloud_sync.store.documents import EVERYBODY, Draft, Gone, change_documents
from cloud_sync.store.ports import Database
from tests.fakes.http_words import NOW_US, Wall, bearer, client_of, code_of

SECRET = "s3cret-s3cret-s3cret"
HOOK = {"url": "https://example.org/hook", "kinds": ["hold", "item"], "secret": SECRET}


class Receiver:
    """Implements Post: answers as it is told, and keeps what came."""

    def __init__(self) -> None:
        self.answer: int | None = 204
        self.came: list[tuple[str, bytes, dict[str, str]]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.came.append((url, body, dict(headers)))
        if self.answer is None:
            raise PostFailed("no answer")
        return self.answer

    @property
    def ids(self) -> list[str]:
        return [headers["Forepost-Delivery"] for _, _, headers in self.came]


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def http(database: Database, wall: Wall) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, wall) as it:
        yield it


@pytest.fixture
def admin(tokens: dict[str, str]) -> dict[str, str]:
    return bearer(tokens["admin"])


@pytest.fixture
def dispatcher(database: Database, receiver: Receiver, wall: Wall) -> Dispatcher:
    return Dispatcher(database, receiver, wall_us=wall, chance=Random("webhooks"))


async def change(database: Database, *names: str, gone: tuple[str, ...] = ()) -> None:
    drafts = [Draft(doc.HOLD, name, EVERYBODY, {"id": name}) for name in names]
    lost = [Gone(doc.HOLD, name) for name in gone]
    await database.transact(partial(change_documents, drafts=drafts, gone=lost))


async def listed(http: httpx.AsyncClient, admin: dict[str, str]) -> list[dict[str, object]]:
    found = (await http.get("/v1/webhooks/h/deliveries", headers=admin)).json()
    rows: list[dict[str, object]] = found["deliveries"]
    return rows


async def test_a_change_is_told_once_with_a_signature_that_holds(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
) -> None:
    await change(database, "before")
    put = await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    assert put.json() == {"changed": 1}
    await change(database, "H-1")
    await database.transact(
        partial(change_documents, drafts=[Draft("vat", "DE.x", EVERYBODY, {})], gone=[])
    )
    assert [await dispatcher.round() for _ in range(3)] == [1, 0, 0]
    ((url, body, headers),) = receiver.came
    assert url == HOOK["url"]
    told = json.loads(body)
    assert told == {
        "id": headers["Forepost-Delivery"], "kind": "hold", "key": "H-1", "warehouse": "",
        "version": 1, "deleted": False, "data": {"id": "H-1"},
    }  # fmt: skip
    # As a receiver would compute it.
    signed = f"{told['id']}.{headers['Forepost-Timestamp']}.".encode() + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Forepost-Signature"] == f"v1={expected}"
    assert headers["Forepost-Timestamp"] == str(NOW_US // 1_000_000)


async def test_tombstones_are_told_and_a_document_that_changes_twice_is_told_as_it_is(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    await change(database, "H-1", "H-2")
    await change(database, gone=("H-1",))
    assert await dispatcher.round() == 2
    told = {json.loads(body)["key"]: json.loads(body) for _, body, _ in receiver.came}
    assert (told["H-1"]["deleted"], told["H-1"]["version"]) == (True, 2)
    assert "data" not in told["H-1"]
    assert not told["H-2"]["deleted"]


@pytest.mark.parametrize("answer", [None, 199, 301, 404, 500])
async def test_what_is_not_taken_is_tried_again_with_the_same_id_and_later_each_time(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
    wall: Wall,
    answer: int | None,
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    await change(database, "H-1")
    receiver.answer = answer
    waits = []
    for n in range(1, 4):
        assert await dispatcher.round() == 1
        (row,) = await listed(http, admin)
        assert (row["status"], row["n_tries"]) == ("waiting", n)
        next_at_us = row["next_at_us"]
        assert isinstance(next_at_us, int)
        waits.append(next_at_us - wall.now_us)
        assert 0 <= waits[-1] <= 10_000_000 * 2**n
        wall.now_us = next_at_us - 1
        assert await dispatcher.round() == 0, "not before its time"
        wall.now_us = next_at_us
    receiver.answer = 200
    assert await dispatcher.round() == 1
    assert len(set(receiver.ids)) == 1
    (row,) = await listed(http, admin)
    assert (row["status"], row["n_tries"], row["last_error"]) == ("delivered", 4, None)


async def test_a_delivery_dies_after_a_number_of_tries_and_can_be_revived(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
    wall: Wall,
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    await change(database, "H-1")
    receiver.answer = 503
    for _ in range(TRIES_MAX):
        assert await dispatcher.round() == 1
        wall.now_us += 3_600_000_000
    assert await dispatcher.round() == 0
    (hook,) = (await http.get("/v1/webhooks", headers=admin)).json()["webhooks"]
    assert (hook["waiting"], hook["delivered"], hook["dead"]) == (0, 0, 1)
    dead = (await http.get("/v1/webhooks/h/deliveries?status=dead", headers=admin)).json()
    assert dead["deliveries"][0]["last_error"] == "HTTP 503"
    receiver.answer = 200
    revived = await http.post("/v1/webhooks/h/revive", headers=admin)
    assert revived.json() == {"changed": 1}
    assert await dispatcher.round() == 1
    assert [row["status"] for row in await listed(http, admin)] == ["delivered"]


async def test_a_process_that_dies_in_a_try_leaves_it_to_the_next_one(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
    wall: Wall,
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    await change(database, "H-1")
    await database.transact(partial(store.queue_changes, now_us=wall.now_us, at_once=9))
    claim = partial(store.claim_due, now_us=wall.now_us, until_us=wall.now_us + LEASE_US, limit=9)
    assert len(await database.transact(claim)) == 1  # by one that is never heard of again
    assert await database.transact(claim) == []
    assert await dispatcher.round() == 0
    wall.now_us += LEASE_US
    assert await dispatcher.round() == 1
    assert len(receiver.came) == 1


async def test_long_queues_are_told_whole(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    names = [f"H-{i}" for i in range(20)]
    await change(database, *names)
    queue = partial(store.queue_changes, now_us=NOW_US, at_once=3)
    assert [await database.transact(queue) for _ in range(8)] == [3, 3, 3, 3, 3, 3, 2, 0]
    while await dispatcher.round():
        pass
    assert sorted(json.loads(body)["key"] for _, body, _ in receiver.came) == sorted(names)
    assert len(set(receiver.ids)) == 20


async def test_a_webhook_that_is_taken_away_hears_nothing_more(
    http: httpx.AsyncClient,
    admin: dict[str, str],
    database: Database,
    dispatcher: Dispatcher,
    receiver: Receiver,
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin)
    await change(database, "H-1")
    receiver.answer = 500
    await dispatcher.round()
    assert (await http.delete("/v1/webhooks/h", headers=admin)).json() == {"changed": 1}
    assert await dispatcher.round() == 0
    again = await http.delete("/v1/webhooks/h", headers=admin)
    assert code_of(again) == "not_found"


async def test_the_secret_is_told_to_nobody(
    http: httpx.AsyncClient, admin: dict[str, str], database: Database
) -> None:
    await http.put("/v1/webhooks/h", json=HOOK, headers=admin | {"Idempotency-Key": "k"})
    assert SECRET not in (await http.get("/v1/webhooks", headers=admin)).text
    assert SECRET not in str(await database.read(lambda tx: tx.fetch("select * from idempotency")))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://user:pw@example.org/"}, "url"),
        ({"url": "https:///x"}, "url"),
        ({"url": "https://example.org:99999/"}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["colour"]}, "kinds"),
        ({"secret": "short"}, "secret"),
        ({"x": 1}, "x"),
    ],
)
async def test_what_is_no_webhook_is_refused(
    http: httpx.AsyncClient, admin: dict[str, str], change: dict[str, object], says: str
) -> None:
    response = await http.put("/v1/webhooks/h", json={**HOOK, **change}, headers=admin)
    assert (response.status_code, code_of(response)) == (422, "malformed"), response.text
    assert says in response.json()["error"]["message"]
