"""Pins that nobody asks more often than his rate, that this is nobody else's trouble, and that a
flood of made-up tokens reaches neither the database nor those who work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.service.callers import KNOWN_MAX, Bucket, Callers, Limits, Rate
from cloud_sync.service.context import Context
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import Wall, bearer, code_of

SECOND_US = 1_000_000
LIMITS = Limits(user=Rate(2, 5), gateway=Rate(2, 50), unknown=Rate(1, 3))


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """Counting is done before any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def http(database: Database, wall: Wall) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database, wall_us=wall)
    app.state.context = Context(database, wall, callers=Callers(LIMITS))
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as it:
        yield it


async def ask(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get("/v1/roles", headers=bearer(token))


async def test_who_asks_too_often_is_told_to_come_again_and_nobody_else_is(
    http: httpx.AsyncClient, tokens: dict[str, str], wall: Wall
) -> None:
    answers = [(await ask(http, tokens["admin"])).status_code for _ in range(7)]
    assert answers == [200] * 5 + [429] * 2
    refused = await ask(http, tokens["admin"])
    assert (code_of(refused), refused.headers["Retry-After"]) == ("busy", "1")
    changes = await http.get("/sync/v1/changes", headers=bearer(tokens["gw-W1"]))
    assert changes.status_code == 200
    wall.forward(1)
    answers = [(await ask(http, tokens["admin"])).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


async def test_a_callers_further_tokens_are_no_further_rate() -> None:
    callers, ann = Callers(LIMITS), Credential("ann", "picker", None, None)
    allowed = [callers.may_ask(ann, f"fp_{i}", 0) for i in range(10)]
    assert allowed == [True] * 5 + [False] * 5


async def test_made_up_tokens_are_refused_unasked_and_known_ones_pass(
    http: httpx.AsyncClient, tokens: dict[str, str], wall: Wall
) -> None:
    assert (await ask(http, tokens["admin"])).status_code == 200
    tried = [(await ask(http, f"fp_{i}")).status_code for i in range(10)]
    assert tried == [401] * 2 + [429] * 8
    assert (await ask(http, tokens["admin"])).status_code == 200, "known a moment ago"
    assert (await ask(http, tokens["reader"])).status_code == 429, "one more that is not known"
    wall.forward(2)
    assert (await ask(http, tokens["reader"])).status_code == 403


def test_what_is_remembered_is_bounded() -> None:
    callers = Callers(Limits(unknown=Rate(1, 10**6)))
    for i in range(KNOWN_MAX + 100):
        callers.may_ask(Credential(f"u{i}", "picker", None, None), f"fp_{i}", i)
    assert len(callers._known) == len(callers._buckets) == KNOWN_MAX


def test_a_clock_set_back_gives_nothing_and_takes_nothing() -> None:
    bucket = Bucket(Rate(1, 2))
    at = 10 * SECOND_US
    assert [bucket.allows(at), bucket.allows(at), bucket.allows(at)] == [True, True, False]
    assert not bucket.allows(at - 5 * SECOND_US)
    assert bucket.allows(at - 4 * SECOND_US)
