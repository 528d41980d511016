"""The few words in which tests speak HTTP with the cloud."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

import httpx

from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app
from tests.fakes.uploads import Book

NOW_US = 1_700_000_000_000_000
BATCHES = "/sync/v1/batches"


class Wall:
    """A wall clock that the test moves."""

    def __init__(self, now_us: int = NOW_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us

    def forward(self, seconds: float) -> None:
        """Let some time pass."""
        self.now_us += int(seconds * 1_000_000)


@contextlib.asynccontextmanager
async def client_of(
    database: Database,
    wall_us: Callable[[], int],
    *,
    deadline_s: float = 30,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole API on a database, without a socket; a fault of ours is raised."""
    app = make_app(database, wall_us=wall_us, deadline_s=deadline_s)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://cloud", headers=headers
    ) as it:
        yield it


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code_of(response: httpx.Response) -> str:
    assert set(response.json()) == {"error"}, response.text
    return str(response.json()["error"]["code"])


def batch_of(n: int = 1) -> bytes:
    book = Book()
    for quantity in range(1, n + 1):
        book.receive(quantity)
    return book.batch()
