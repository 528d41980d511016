"""Pins what surrounds every request: deadlines, headers, limits, and faults that tell nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.service.app import make_app
from cloud_sync.service.context import UPLOADS_MAX
from cloud_sync.store.ports import Database, Script, StoreError, T
from tests.fakes.http_words import BATCHES, NOW_US, batch_of, bearer, code_of


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """HTTP is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database, wall_us=lambda: NOW_US)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://cloud"
    ) as it:
        yield it


async def test_every_answer_carries_the_guarding_headers(http: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/docs", "/v1/stock", "/nowhere"):
        headers = (await http.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"


async def test_the_docs_page_needs_no_network(http: httpx.AsyncClient) -> None:
    page = (await http.get("/docs")).text
    assert "/sync/v1/batches" in page
    for foreign in ("<script", "http://", "https://", "@import", "url("):
        assert foreign not in page


async def test_a_sender_that_drips_is_sent_away(
    database: Database, tokens: dict[str, str]
) -> None:
    app = make_app(database, wall_us=lambda: NOW_US, deadline_s=0.05)

    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://cloud"
    ) as http:
        response = await http.post(BATCHES, content=drip(), headers=bearer(tokens["gw-W1"]))
    assert (response.status_code, code_of(response)) == (408, "timeout")


class FailingDatabase:
    """Answers credentials; everything else fails as told."""

    def __init__(self, database: Database, error: Exception) -> None:
        self._database, self._error = database, error

    async def read(self, script: Script[T]) -> T:
        return await self._database.read(script)

    async def read_once(self, script: Script[T]) -> T:
        return await self._database.read_once(script)

    async def transact(self, script: Script[T]) -> T:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreError("disk full"), 503, "unavailable"),
        (RuntimeError("secret /path"), 500, "internal"),
    ],
)
async def test_a_failing_store_says_later_and_tells_nothing(
    database: Database, tokens: dict[str, str], error: Exception, status: int, code: str
) -> None:
    app = make_app(FailingDatabase(database, error), wall_us=lambda: NOW_US)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://cloud"
    ) as http:
        response = await http.post(BATCHES, content=batch_of(), headers=bearer(tokens["gw-W1"]))
    assert (response.status_code, code_of(response)) == (status, code)
    assert str(error) not in response.text
    assert ("Retry-After" in response.headers) == (status == 503)


async def test_too_many_uploads_at_once_are_told_to_come_later(
    database: Database, tokens: dict[str, str]
) -> None:
    app = make_app(database, wall_us=lambda: NOW_US, deadline_s=60)
    inside, go = asyncio.Semaphore(0), asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        inside.release()
        await go.wait()
        yield batch_of()

    headers = bearer(tokens["gw-W1"])
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cloud") as http,
        asyncio.TaskGroup() as group,
    ):
        uploads = [
            group.create_task(http.post(BATCHES, content=held(), headers=headers))
            for _ in range(UPLOADS_MAX)
        ]
        for _ in range(UPLOADS_MAX):
            await inside.acquire()
        refused = await http.post(BATCHES, content=batch_of(), headers=headers)
        go.set()
    assert (refused.status_code, code_of(refused)) == (429, "busy")
    assert refused.headers["Retry-After"] == "1"
    assert {task.result().status_code for task in uploads} == {200}
