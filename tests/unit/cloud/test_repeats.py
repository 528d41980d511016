"""Pins that no call that writes is done twice because its answer was lost: each either demands an
Idempotency-Key, or leaves what it left the first time, or stands here with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from fastapi import FastAPI

from cloud_sync.store.ports import Database, Transaction
from tests.fakes.http_words import NOW_US, code_of
from tests.fakes.shop import Shop, open_shop, order_body
from tests.fakes.uploads import ITEM

KEY_DEMANDED = {"/v1/reservations", "/v1/users/{name}/tokens"}
FINDS_ITS_WORK_DONE = {
    "/v1/asns/{id}/close": "what is closed stays so",
    "/v1/exceptions/resolve": "the first word on evidence stands; without evidence by a key",
    "/v1/orders": "a second order of an id is refused",
    "/v1/orders/{order_id}/allocate": "gives what is missing, and then nothing is",
    "/v1/orders/{order_id}/cancel": "what is cancelled stays so",
    "/v1/orders/{order_id}/move": "takes from a warehouse what it has, and then it has nothing",
    "/v1/periods": "the books are closed up to a time once, and the same again answers the same",
    "/v1/plans/decide": "the first decision stands",
    "/v1/reservations/{reservation}/confirm": "what is confirmed stays so",
    "/v1/reservations/{reservation}/release": "what is released stays so",
    "/v1/transfers/{id}/close": "what is closed stays so",
    "/v1/webhooks/{name}/revive": "what is no longer dead is left alone",
    "/sync/v1/batches": "rows have numbers and a chain; what is there is answered as before",
    "/sync/v1/enrol": "a code is good for one box, which signs with its key",
    "/sync/v1/renew": "each renewal has a number that is good once",
    "/v1/gateways/{gateway}/invitations": "a new code takes the place of the one before",
}
IMPORTS = "/v1/import"
"""What is as it is written already is not written again."""
EPCIS = {
    "/epcis/v2/capture": "an eventID is kept once; who gives none is told so (docs/epcis.md)",
    "/epcis/v2/events": "the same",
    "/epcis/v2/queries": "a second query of a name is refused",
    "/epcis/v2/queries/{name}/subscriptions": "the standard's: a second one is listed beside it",
}


@pytest.fixture
async def shop(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    async with open_shop(database, tokens) as it:
        yield it


def routes_of(app: FastAPI) -> list[tuple[str, str, Mapping[str, object]]]:
    """Method, path and description of every operation."""
    return [
        (verb, path, operation)
        for path, verbs in app.openapi()["paths"].items()
        for verb, operation in verbs.items()
    ]


def demands_key(operation: Mapping[str, object]) -> bool:
    parameters = operation.get("parameters", ())
    assert isinstance(parameters, list | tuple)
    return any(it["name"] == "idempotency-key" and it["required"] for it in parameters)


async def test_every_route_that_writes_is_safe_to_repeat_or_demands_a_key(shop: Shop) -> None:
    transport = shop.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    app = transport.app
    assert isinstance(app, FastAPI)
    posts = {path: it for verb, path, it in routes_of(app) if verb in ("post", "patch")}
    assert {path for path, it in posts.items() if demands_key(it)} == KEY_DEMANDED
    known = KEY_DEMANDED | FINDS_ITS_WORK_DONE.keys() | EPCIS.keys()
    unknown = {path for path in posts if not path.startswith(IMPORTS)} - known
    # PUT sets and DELETE takes away, whatever there was: to say so twice is to say it once.
    assert unknown == set(), "demand a key, or say here why a repeat does no harm"
    rare = {"/sync/v1/enrol", "/sync/v1/renew", "/v1/gateways/{gateway}/invitations"}
    assert known - posts.keys() <= rare


TABLES = dict.fromkeys(
    ("documents", "feed", "parcels", "reservations", "credentials", "exception_settled"), "*"
) | {"orders": "order_id, status, content"}
"""An order also says when it was last looked at."""


async def rows_of(database: Database) -> dict[str, list[object]]:
    """All that documents, orders and what belongs to them hold."""

    async def read(tx: Transaction) -> dict[str, list[object]]:
        return {
            name: sorted(map(tuple, await tx.fetch(f"select {columns} from {name}")), key=repr)
            for name, columns in TABLES.items()
        }

    return await database.read(read)


ITEMS = [{"gtin": ITEM, "names": {"en": "Milk"}, "zone": "ambient", "grams_per_unit": 1000}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/orders", order_body(5, "O-2")),
        ("/v1/orders/O-1/allocate", None),
        ("/v1/orders/O-1/cancel", None),
        ("/v1/orders/O-1/move", {"warehouse": "W1"}),
        ("/v1/import/items", {"items": ITEMS}),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
async def test_a_repeat_without_a_key_leaves_what_the_first_left(
    shop: Shop, path: str, body: object
) -> None:
    await shop.stock(W1=10, C1=50)
    assert (await shop.place(4)).status_code == 201
    before = await rows_of(shop.database)
    first = await shop.call("POST", path, body)
    assert first.status_code < 300, first.text
    left = await rows_of(shop.database)
    shop.now_us = NOW_US + 1_000_000
    assert (await shop.call("POST", path, body)).status_code < 500
    assert await rows_of(shop.database) == left
    if not path.endswith("/allocate"):
        assert left != before, "the first call does something"


async def test_a_second_token_is_a_second_wish(shop: Shop) -> None:
    await shop.call("PUT", "/v1/users/ann", {"role": "admin", "warehouses": None})
    body = {"expires_in_days": 1}
    before = await rows_of(shop.database)
    assert code_of(await shop.call("POST", "/v1/users/ann/tokens", body)) == "malformed"
    assert await rows_of(shop.database) == before
    key = {"Idempotency-Key": "k"}
    assert "token" in (await shop.call("POST", "/v1/users/ann/tokens", body, **key)).json()
    left = await rows_of(shop.database)
    assert (await shop.call("POST", "/v1/users/ann/tokens", body, **key)).status_code == 200
    assert await rows_of(shop.database) == left
