"""The few words in which tests speak HTTP with the cloud."""

from __future__ import annotations

import httpx

from tests.fakes.uploads import Book

NOW_US = 1_700_000_000_000_000
BATCHES = "/sync/v1/batches"


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
