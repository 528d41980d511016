"""Pins what the REST binding of EPCIS says of itself: discovery, versions, problems, limits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.service import epcis_http
from cloud_sync.store.ports import Database
from tests.fakes.epcis_http import (
    NOW_US,
    ROOT,
    capture,
    events_in,
    good,
    ids,
    problem_of,
)
from tests.fakes.epcis_words import EPC, LOT, SSCC, document
from tests.fakes.http_words import Wall, bearer, client_of

pytestmark = pytest.mark.slow


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """HTTP is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
def clock() -> Wall:
    return Wall(NOW_US)


@pytest.fixture
async def http(
    database: Database, tokens: dict[str, str], clock: Wall
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, clock, headers=bearer(tokens["admin"])) as it:
        yield it


PATHS = [
    ("/", "GET"),
    ("/capture", "POST"),
    ("/capture/x", "GET"),
    ("/events", "POST"),
    ("/events/urn:x:1", "GET"),
    *((f"/{name}", "GET") for name in ("eventTypes", "epcs", "bizSteps", "bizLocations",
                                       "readPoints", "dispositions")),
    *((f"/{name}/x:1{events}", "GET") for events in ("", "/events")
      for name in ("eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints",
                   "dispositions")),
    ("/queries", "POST"),
    ("/queries/q", "DELETE"),
    ("/queries/q/events", "GET"),
    ("/queries/q/subscriptions", "POST"),
    ("/nextPageToken/x", "DELETE"),
]  # fmt: skip


GS1_HEADERS = {"GS1-EPCIS-Min", "GS1-CBV-Max", "GS1-EPC-Format", "GS1-Extensions"}


@pytest.mark.parametrize(("path", "method"), PATHS)
async def test_options_tell_what_a_path_can_do(
    http: httpx.AsyncClient, path: str, method: str
) -> None:
    answer = await http.options(f"{ROOT}{path}")
    assert answer.status_code == 204
    assert method in answer.headers["Allow"].split(", ")
    assert answer.headers["GS1-EPCIS-Version"] == answer.headers["GS1-CBV-Version"] == "2.0.0"
    told = {name for name in GS1_HEADERS if name in answer.headers}
    assert told == GS1_HEADERS
    assert ("GS1-EPCIS-Capture-Limit" in answer.headers) == (path == "/capture")


async def test_who_may_capture_and_who_may_read(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    async def status(who: str, method: str, path: str) -> int:
        body = document(good(1)) if method == "POST" else None
        headers = bearer(tokens[who]) if who else {"Authorization": ""}
        answer = await http.request(method, f"{ROOT}{path}", json=body, headers=headers)
        if answer.status_code in (401, 403):
            assert problem_of(answer, answer.status_code) == "SecurityException"
        return answer.status_code

    assert await status("", "GET", "/events") == 401
    assert await status("", "POST", "/capture") == 401
    assert await status("", "OPTIONS", "/events") == 401
    assert await status("reader", "POST", "/capture") == 403
    assert await status("reader", "GET", "/events") == 200
    assert await status("gw-W1", "POST", "/capture") == 202
    assert await status("gw-W1", "GET", "/events") == 403


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Accept": "application/xml"}, 406, "NotAcceptableException"),
        ({"Accept": "application/xml, */*;q=0.1"}, 200, ""),
        ({"Accept": "application/ld+json"}, 200, ""),
        ({"Accept": "application/json;q=0"}, 406, "NotAcceptableException"),
        ({"Accept": "application/xml, application/json; q=0.000"}, 406, "NotAcceptableException"),
        ({"Accept": "application/json;q=0.001"}, 200, ""),
        ({"GS1-EPCIS-Max": "1.2"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Min": "2.1"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Min": "1.2", "GS1-EPCIS-Max": "2"}, 200, ""),
        ({"GS1-CBV-Min": "3"}, 406, "NotAcceptableException"),
        ({"GS1-CBV-Min": "two"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Version": "1.2"}, 406, "NotAcceptableException"),
    ],
)
async def test_versions_and_formats_are_negotiated(
    http: httpx.AsyncClient, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = await http.get(f"{ROOT}/events", headers=headers)
    if kind:
        assert problem_of(answer, status) == kind
    else:
        assert answer.status_code == status
        assert answer.headers["GS1-EPCIS-Version"] == "2.0.0"


@pytest.mark.parametrize(
    ("body", "media", "status", "kind"),
    [
        (b"{", "application/json", 400, "ValidationException"),
        (b'{"a": 1, "a": 2}', "application/json", 400, "ValidationException"),
        (b"[]", "application/json", 400, "ValidationException"),
        (b"\xff", "application/json", 400, "ValidationException"),
        (b"NaN", "application/json", 400, "ValidationException"),
        (b"<a/>", "application/xml", 415, "UnsupportedMediaTypeException"),
        (b"{}", "", 415, "UnsupportedMediaTypeException"),
        (b" " * (4 * 2**20 + 1), "application/json", 413, "CaptureLimitExceededException"),
    ],
    ids=lambda part: str(part)[:20],
)
async def test_bodies_that_are_none(
    http: httpx.AsyncClient, body: bytes, media: str, status: int, kind: str
) -> None:
    for path in ("/capture", "/events"):
        headers = {"Content-Type": media}
        answer = await http.post(f"{ROOT}{path}", content=body, headers=headers)
        assert problem_of(answer, status) == kind


@pytest.mark.parametrize(
    "path", ["/nothing", "/queries/q/nothing", "/capture/x/y", "/nextPageToken"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_paths_that_there_are_not(http: httpx.AsyncClient, path: str, method: str) -> None:
    answer = await http.request(method, f"{ROOT}{path}")
    assert problem_of(answer, 404) == "NoSuchResourceException"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/events", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/capture", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/events/urn:x:1", "GET, HEAD, OPTIONS"),
        ("PATCH", "/queries/q", "DELETE, GET, HEAD, OPTIONS"),
        ("POST", "/bizSteps/shipping/events", "GET, HEAD, OPTIONS"),
        ("GET", "/nextPageToken/x", "DELETE, OPTIONS"),
    ],
)
async def test_methods_that_a_path_has_not(
    http: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await http.request(method, f"{ROOT}{path}")
    assert problem_of(answer, 405) == "ImplementationException"
    assert answer.headers["Allow"] == allowed


async def test_a_capture_has_as_many_events_as_it_may(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = epcis_http.CAPTURE_EVENTS_MAX
    small = {"type": "ObjectEvent", "eventTime": "2026-07-22T06:45:00Z", "action": "OBSERVE",
             "eventTimeZoneOffset": "+00:00", "epcList": [EPC]}  # fmt: skip
    answer = await http.post(f"{ROOT}/capture", json=document(*[small] * (limit + 1)))
    assert problem_of(answer, 413) == "CaptureLimitExceededException"
    assert answer.headers["GS1-EPCIS-Capture-Limit"] == str(limit)
    assert (await http.post(f"{ROOT}/capture", json=document(*[small] * limit))).status_code == 202


@pytest.mark.parametrize(
    "query",
    ["EQ_colour=red", "EQ_action=SHIP", "GE_eventTime=today", "orderBy=bizStep", "perPage=0",
     "perPage=x", "eventCountLimit=1", "maxEventCount=0", "EQ_bizStep=flying", "MATCH_epc=7",
     "orderDirection=UP", "EQ_quantity=many", "EQ_quantity=nan", "EXISTS_colour=true",
     "maxEventCount=1&eventCountLimit=1&orderBy=eventTime", "EQ_action=", "eventType=Event",
     "HASATTR_colour=x", "HASATTR_readPoint_urn:x:1=x", "EQATTR_readPoint=x",
     "EQ_bizTransaction_invoice=urn:x:1", "nextPageToken=zzz"],
)  # fmt: skip
async def test_queries_that_are_none(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"{ROOT}/events?{query}")
    assert problem_of(answer, 400) == "QueryParameterException"


async def test_a_query_that_is_too_long(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{ROOT}/events?MATCH_epc={'urn:x:1|' * 1200}")
    assert problem_of(answer, 414) == "URITooLongException"


async def test_a_plus_that_nobody_escaped_is_one(http: httpx.AsyncClient) -> None:
    await capture(http, good(1))
    answer = await http.get(f"{ROOT}/events?GE_eventTime=2026-07-22T06:45:00.000+02:00")
    assert ids(events_in(answer.json())) == [1]
    answer = await http.get(f"{ROOT}/events?EQ_action=DELETE&EQ_action=ADD")
    assert ids(events_in(answer.json())) == [1]


async def test_the_root_lists_what_there_is(http: httpx.AsyncClient) -> None:
    members = (await http.get(f"{ROOT}/")).json()["member"]
    assert len(members) == 9
    assert json.dumps(members).count("events") == 1
    assert {LOT, SSCC}.isdisjoint(members)
