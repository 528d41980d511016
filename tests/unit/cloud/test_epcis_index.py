"""Pins that an index of EPCIS events only narrows: whatever a query means is found by its keys, in
a database of an older version, too; and that no query looks at more than it was told to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.epcis.facts import facts_of
from cloud_sync.epcis.index import is_kept_long, keys_of, narrowed
from cloud_sync.epcis.naming import is_below
from cloud_sync.epcis.query import Query, Term, parse_query
from cloud_sync.store import epcis_events
from cloud_sync.store.epcis_keys import is_keyed, key_older
from cloud_sync.store.open import open_database
from cloud_sync.store.ports import Database, Script, T, TookTooLong
from cloud_sync.store.postgres import SCHEMA as POSTGRES
from cloud_sync.store.schema_files import read_schema
from cloud_sync.store.sqlite import SCHEMA as SQLITE
from tests.fakes.epcis_http import (
    NOW_US,
    ROOT,
    capture,
    events_in,
    good,
    ids,
    next_page,
    problem_of,
)
from tests.fakes.http_words import Wall, bearer, client_of
from tests.unit.cloud.test_epcis_query import FULL, MATCHING

BEFORE_KEYS = 30
"""The last schema without keys that follow from others."""

HELD = [
    good(1, action="ADD", bizStep="shipping"),
    good(2, action="DELETE", readPoint={"id": "https://a.example/places/W1/B-1"}),
    good(3, readPoint={"id": "https://a.example/places/W1"}, **{"x:rank": 5}),
    good(4, readPoint={"id": "https://a.example/places/W10"}),
]
ASKED = {
    "EQ_action": ("DELETE", [2]),
    "WD_readPoint": ("https://a.example/places/W1", [2, 3]),
    "GT_x:rank": ("4", [3]),
    "EXISTS_x:rank": ("true", [3]),
}


@pytest.mark.parametrize("parameter", [it for it, (found, _) in MATCHING.items() if found])
def test_what_a_parameter_finds_is_under_its_keys(parameter: str) -> None:
    known = facts_of(FULL, record_time_us=NOW_US)
    keys = keys_of(known)
    query = parse_query({parameter: MATCHING[parameter][0]})
    if not query.terms or not query.matches(known):
        return
    for is_complete in (False, True):
        for term in narrowed(query, is_complete=is_complete):
            pairs = {(name, value) for name in term.names for value in term.values}
            assert pairs & keys, term


def test_nearly_every_parameter_is_narrowed() -> None:
    queries = {it: parse_query({it: found}) for it, (found, _) in MATCHING.items() if found}
    left = {it for it, query in queries.items() if not narrowed(query, is_complete=True)}
    by_time = {"GE_eventTime", "LT_eventTime", "GE_recordTime", "LT_recordTime"}
    assert left - by_time <= {
        it for it in left if "quantity" in it or "ATTR" in it or "EXISTS_error" in it
    }, left


PARTS = st.lists(st.sampled_from(["a", "b", "414", "254", ""]), max_size=12).map("/".join)
PLACES = st.tuples(
    st.sampled_from(["https://x.example/", "https://id.gs1.org/", "urn:x:", "https://x.example"]),
    PARTS,
).map("".join)


@given(place=PLACES, above=PLACES)
def test_whatever_is_below_a_place_is_under_its_key(place: str, above: str) -> None:
    for whole in (place, f"{above}/{place}", f"{above}/254/{place}"):
        if not is_below(whole, above):
            continue
        keys = keys_of({"readPoint": [whole]})
        for term in narrowed(Query((Term(("readPoint",), "WD", (above,)),)), is_complete=True):
            pairs = {(name, str(value)) for name in term.names for value in term.values}
            assert pairs & keys, (whole, above)


@pytest.fixture
async def http(database: Database, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, Wall(NOW_US), headers=bearer(tokens["admin"])) as it:
        yield it


async def found_by(http: httpx.AsyncClient, **asked: str) -> list[int]:
    """What all pages hold, the first with its parameters and each other by its link."""
    page = await http.get(f"{ROOT}/events", params=asked)
    assert page.status_code == 200, page.text
    found = ids(events_in(page.json()))
    while "Link" in page.headers:
        page = await http.get(next_page(page))
        found += ids(events_in(page.json()))
    return found


@pytest.mark.slow
async def test_pages_that_end_early_leave_nothing_out(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"2026-01-{1 + n * 7 % 28:02}T00:00:00Z" for n in range(24)]
    events = [good(n, eventTime=day, **{"x:rank": n}) for n, day in enumerate(days)]
    await capture(http, *events)
    monkeypatch.setattr(epcis_events, "EFFORT_MAX", epcis_events.EFFORT_OF_ONE)
    monkeypatch.setattr(epcis_events, "CHUNK_ROWS", 2)
    for more in ({}, {"GE_eventTime": "2026-01-01T00:00:00Z"}, {"orderBy": "recordTime"}):
        wanted = {"GT_x:rank": "19", "perPage": "2", **more}
        assert sorted(await found_by(http, **wanted)) == [20, 21, 22, 23], more


@pytest.mark.slow
async def test_too_much_to_look_at_for_a_whole_answer_is_said(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await capture(http, *(good(n) for n in range(6)))
    monkeypatch.setattr(epcis_events, "WHOLE_EFFORT_MAX", epcis_events.EFFORT_OF_ONE)
    monkeypatch.setattr(epcis_events, "CHUNK_ROWS", 2)
    for asked in ({"GT_quantity": "900", "maxEventCount": "1"}, {"orderBy": "x:rank"}):
        answer = await http.get(f"{ROOT}/events", params=asked)
        assert problem_of(answer, 413) == "QueryTooComplexException"


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_what_the_store_does_not_answer_in_time_is_too_complex(
    http: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = type(database).read

    async def slow(self: Database, script: Script[T]) -> T:
        if getattr(script, "func", None) is not None and "query" in script.keywords:  # type: ignore[attr-defined]  # a partial
            raise TookTooLong("no answer")
        return await read(self, script)

    monkeypatch.setattr(type(database), "read", slow)
    answer = await http.get(f"{ROOT}/events")
    assert problem_of(answer, 413) == "QueryTooComplexException"


@pytest.mark.slow
async def test_events_of_an_older_version_are_found_before_and_after_they_have_their_keys(
    unused_database_name: str,
) -> None:
    await make_older(unused_database_name)
    async with open_database(unused_database_name) as database:
        assert not await database.read(is_keyed)
        await check_all_is_found(database)
        n_steps = 0
        while await database.transact(key_older):
            n_steps += 1
        assert n_steps == 1
        assert await database.read(is_keyed)
        await check_all_is_found(database)
        rows = await database.read(
            lambda tx: tx.fetch("select name, value, position from epcis_keys")
        )
    assert {tuple(row) for row in rows} == {
        (name, value, n)
        for n, held in enumerate(HELD, 1)
        for name, value in keys_of(facts_of(held, record_time_us=NOW_US))
    }


async def check_all_is_found(database: Database) -> None:
    for parameter, (value, numbers) in ASKED.items():
        query = parse_query({parameter: value})
        cut = epcis_events.Cut(30, up_to=len(HELD))
        found = await database.read(
            partial(epcis_events.find_events, query=query, cut=cut, warehouses=None)
        )
        assert ids([dict(each.event) for each in found.events]) == numbers, parameter


async def make_older(name: str) -> None:
    """A database as it was before there were keys that follow from others, with events in it."""
    events = [
        (n, "", str(held["eventID"]), 0, n, NOW_US, "null", json.dumps(held))
        for n, held in enumerate(HELD, 1)
    ]
    keys = [
        (key, value, n, "", value)
        for n, held in enumerate(HELD, 1)
        for key, value in keys_of(facts_of(held, record_time_us=NOW_US))
        if is_kept_long(key)
    ]
    last = f"update epcis_feed set last = {len(HELD)}"
    if not name.startswith("postgresql"):
        with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as file:
            for script in read_schema(SQLITE)[:BEFORE_KEYS]:
                file.executescript(script)
            file.executemany("insert into epcis_events values (?,?,?,?,?,?,?,?)", events)
            file.executemany("insert into epcis_keys values (?,?,?,?,?)", keys)
            file.execute(last)
            file.execute(f"pragma user_version = {BEFORE_KEYS}")
        return
    connection = await asyncpg.connect(name)
    await connection.execute("create table schema_version(number bigint primary key)")
    for number, script in enumerate(read_schema(POSTGRES)[:BEFORE_KEYS], 1):
        await connection.execute(script)
        await connection.execute("insert into schema_version values ($1)", number)
    await connection.copy_records_to_table("epcis_events", records=events)
    await connection.copy_records_to_table("epcis_keys", records=keys)
    await connection.execute(last)
    await connection.close()
