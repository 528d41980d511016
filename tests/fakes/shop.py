"""The cloud with callers who sell: an application on a real store, and a clock that tests set."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx

from cloud_sync.contract import events as ev
from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import BATCHES, NOW_US, bearer
from tests.fakes.uploads import ITEM, Book, make_line

HOUR_US = 3_600_000_000


@dataclass
class Shop:
    """The application with its callers, and a clock that tests set."""

    database: Database
    http: httpx.AsyncClient
    tokens: dict[str, str]
    now_us: int = NOW_US
    books: dict[str, Book] = field(
        default_factory=lambda: {
            "W1": Book("gw-W1", "W1"),
            "C1": Book("gw-C1", "C1", epoch="00000000-0000-7000-8000-0000000000e3"),
        }
    )
    sent: dict[str, int] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        if (method, path) == ("POST", "/v1/reservations"):
            headers = {"Idempotency-Key": str(uuid.uuid4())} | headers
        return await self.http.request(
            method, path, content=content, headers=bearer(self.tokens["admin"]) | headers
        )

    async def get(self, path: str) -> dict[str, object]:
        response = await self.call("GET", path)
        assert response.status_code == 200, response.text
        found: dict[str, object] = response.json()
        return found

    async def tell(self, warehouse: str) -> None:
        """Send what the gateway has recorded since it was last asked to."""
        book = self.books[warehouse]
        first = self.sent.get(warehouse, 0) + 1
        self.sent[warehouse] = len(book.bodies)
        response = await self.http.post(
            BATCHES, content=book.batch(first), headers=bearer(self.tokens[book.gateway])
        )
        assert response.status_code == 200, response.text

    async def stock(self, **quantities: int) -> None:
        for warehouse, quantity in quantities.items():
            self.books[warehouse].receive(quantity, to="R-01")
            await self.tell(warehouse)

    async def move(
        self, warehouse: str, kind: str, document: str, source: str, target: str, quantity: int
    ) -> None:
        self.books[warehouse].record(
            kind,
            lines=(make_line(source, target, quantity),),
            documents=(ev.Document(type="order", id=document),),
        )
        await self.tell(warehouse)

    async def documents(self, gateway: str) -> dict[str, dict[str, object] | None]:
        """The orders that a gateway sees; None for a tombstone."""
        response = await self.http.get("/sync/v1/changes", headers=bearer(self.tokens[gateway]))
        return {
            it["key"]: it.get("data") for it in response.json()["changes"] if it["kind"] == "order"
        }

    async def available(self) -> dict[str, int]:
        rows = (await self.get("/v1/promises"))["promises"]
        assert isinstance(rows, list)
        return {row["warehouse"]: row["available"] for row in rows}

    async def place(self, quantity: int, order: str = "O-1", **more: object) -> httpx.Response:
        return await self.call("POST", "/v1/orders", order_body(quantity, order, **more))


def order_body(quantity: int, order: str = "O-1", **more: object) -> dict[str, object]:
    return {
        "id": order,
        "platform": "shop",
        "market": "DE",
        "currency": "EUR",
        "ordered_at_us": NOW_US,
        "lines": [{"item": ITEM, "quantity": quantity, "price_minor": 199}],
        "distances_m": {"W1": 100, "C1": 5000},
        **more,
    }


@contextlib.asynccontextmanager
async def open_shop(database: Database, tokens: dict[str, str]) -> AsyncIterator[Shop]:
    """A shop on a database with the gateways W1 and C1 and an `admin`."""
    held: list[Shop] = []
    app = make_app(database, wall_us=lambda: held[0].now_us, deadline_s=60)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud", timeout=60) as http:
        held.append(Shop(database, http, tokens))
        yield held[0]


def parcels(told: dict[str, object]) -> list[tuple[object, ...]]:
    rows = told["parcels"]
    assert isinstance(rows, list)
    return [
        (row["parcel"], row["warehouse"], row["status"], *(it["quantity"] for it in row["lines"]))
        for row in rows
    ]


def reservation_body(quantity: int, **more: object) -> dict[str, object]:
    return {
        "warehouse": "W1",
        "expires_in_s": 60,
        "lines": [{"item": ITEM, "quantity": quantity}],
        **more,
    }
