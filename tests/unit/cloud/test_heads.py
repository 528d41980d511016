"""Pins that every path with GET has HEAD: the same status and headers, and no body."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import NOW_US, bearer, client_of


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        yield it


def paths_with_get(database: Database) -> list[str]:
    """Every path of the API that is asked with GET, its parameters filled in with anything."""
    described = make_app(database, wall_us=lambda: NOW_US).openapi()["paths"]
    return sorted(
        re.sub(r"{[^}]*}", "x-1", path) for path, methods in described.items() if "get" in methods
    )


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_head_is_get_without_its_body(
    database: Database, http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    paths = paths_with_get(database)
    assert len(paths) > 40, "the routes were not found"
    who = bearer(tokens["admin"])
    n_good = 0
    for path in paths:
        got = await http.get(path, headers=who)
        head = await http.head(path, headers=who)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers == got.headers, path
        n_good += got.is_success
    assert n_good > 15, "hardly any path answered"


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_path_without_get_has_no_head(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    answer = await http.head("/sync/v1/batches", headers=bearer(tokens["admin"]))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_what_is_allowed_is_told(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    answer = await http.delete("/v1/stock", headers=bearer(tokens["admin"]))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = await http.options("/epcis/v2/events", headers=bearer(tokens["admin"]))
    assert answer.headers["allow"] == "OPTIONS, GET, HEAD, POST"
