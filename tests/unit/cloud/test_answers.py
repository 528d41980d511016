"""Pins the answer to a batch as older and newer gateways read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract.batches import MAX_EVENTS_PER_BATCH
from cloud_sync.service.sync import SLICE
from cloud_sync.store.ports import Database
from tests.fakes.http_words import BATCHES, NOW_US, bearer, client_of
from tests.fakes.uploads import Book


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """HTTP is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US, deadline_s=20) as it:
        yield it


async def answer_to(
    http: httpx.AsyncClient, tokens: dict[str, str], raw: bytes
) -> dict[str, object]:
    response = await http.post(BATCHES, content=raw, headers=bearer(tokens["gw-W1"]))
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def asking_for_runs(raw: bytes) -> bytes:
    return raw.replace(b'"first_seq"', b'"runs":true,"first_seq"', 1)


def book_of(n: int) -> Book:
    book = Book()
    for quantity in range(1, n + 1):
        book.receive(quantity)
    return book


async def test_a_gateway_that_knows_no_runs_gets_a_line_per_row(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    answer = await answer_to(http, tokens, book_of(2).batch())
    assert answer["acknowledged_seq"] == 2
    assert answer["events"] == [
        {"seq": 1, "status": "accepted"},
        {"seq": 2, "status": "accepted"},
    ]


async def test_a_gateway_that_asks_gets_runs(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    book = book_of(2)
    book.write(b'{"no": "event"}')
    answer = await answer_to(http, tokens, asking_for_runs(book.batch()))
    events = answer["events"]
    assert isinstance(events, list)
    assert events[0] == {"seq": 1, "n": 2, "status": "accepted"}
    assert (events[1]["seq"], events[1]["status"]) == (3, "quarantined")
    assert "n" not in events[1]


async def test_every_answer_says_how_many_rows_the_next_batch_may_have(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    answer = await answer_to(http, tokens, book_of(1).batch())
    assert answer["events_max"] == MAX_EVENTS_PER_BATCH


async def test_rows_of_all_slices_of_a_large_batch_are_taken(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    book = book_of(SLICE)
    book.write(b'{"no": "event"}')
    book.receive(1)
    answer = await answer_to(http, tokens, asking_for_runs(book.batch()))
    assert answer["acknowledged_seq"] == SLICE + 2
    events = answer["events"]
    assert isinstance(events, list)
    assert [(run["seq"], run.get("n", 1), run["status"]) for run in events] == [
        (1, SLICE, "accepted"),
        (SLICE + 1, 1, "quarantined"),
        (SLICE + 2, 1, "accepted"),
    ]
