"""Pins that the pages of an EPCIS query hold all that is meant, once, in the query's order, in
both stores: found by conditions that lead, that are asked of each event, and by time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from cloud_sync.epcis.index import narrowed
from cloud_sync.epcis.query import parse_query
from cloud_sync.store.epcis_candidates import Window, read_chunk
from cloud_sync.store.ports import Database
from tests.fakes.epcis_http import NOW_US, ROOT, capture, events_in, good, ids, next_page
from tests.fakes.http_words import Wall, bearer, client_of

pytestmark = pytest.mark.slow


@pytest.fixture
async def http(database: Database, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, Wall(NOW_US), headers=bearer(tokens["admin"])) as it:
        yield it


async def test_pages_of_a_time_come_in_its_order_and_leave_nothing_out(
    http: httpx.AsyncClient,
) -> None:
    days = [5, 2, 9, 1, 7, 3, 2]
    for number, day in enumerate(days):
        await capture(http, good(number, eventTime=f"2026-01-{day:02}T00:00:00Z"))
    page = await http.get(
        f"{ROOT}/events", params={"GE_eventTime": "2026-01-02T00:00:00Z", "perPage": "2"}
    )
    found = ids(events_in(page.json()))
    while "Link" in page.headers:
        page = await http.get(next_page(page))
        found += ids(events_in(page.json()))
    assert found == [1, 6, 5, 0, 4, 2]


async def test_pages_under_several_conditions_hold_all_that_fulfil_them(
    http: httpx.AsyncClient, database: Database
) -> None:
    steps, states = ("shipping", "receiving"), ("in_transit", "in_progress", "active")
    for number in range(24):
        await capture(
            http, good(number, bizStep=steps[number % 2], disposition=states[number % 3])
        )
    for order in ({}, {"orderBy": "eventTime", "orderDirection": "ASC"}):
        wanted = {"EQ_bizStep": "shipping", "EQ_disposition": "in_transit|active", **order}
        page = await http.get(f"{ROOT}/events", params={**wanted, "perPage": "3"})
        found = ids(events_in(page.json()))
        while "Link" in page.headers:
            page = await http.get(next_page(page))
            found += ids(events_in(page.json()))
        assert found == [n for n in range(0, 24, 2) if n % 3 != 1]
        query = parse_query(wanted)
        for rare in (1, 9, 99):
            window = Window(None, up_to=24, rare=rare)
            script = partial(
                read_chunk,
                query=query,
                window=window,
                after=None,
                limit=99,
                terms=narrowed(query, is_complete=True),
            )
            chunk = await database.read(script)
            assert [int(str(row[0])) - 1 for row in chunk.rows] == found
