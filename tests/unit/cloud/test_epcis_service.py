"""Pins the REST binding of EPCIS: capture and its jobs, queries, paging, discovery, problems."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.service import epcis_http
from cloud_sync.service.app import make_app
from cloud_sync.store.ports import Database
from tests.fakes.epcis_words import EPC, EVENTS, LOT, OTHER_EPC, SSCC, Json, document, event
from tests.fakes.http_words import BATCHES, bearer
from tests.fakes.uploads import ITEM, Book, event_id, make_line
from tests.golden import cases, outside_cases
from tests.rigs.epcis_schema import schema_faults

ROOT = "/epcis/v2"


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """HTTP is the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


class Clock:
    """A wall clock that the test moves."""

    now_us = 1_784_700_000_000_000

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def http(
    database: Database, tokens: dict[str, str], clock: Clock
) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database, wall_us=clock, deadline_s=30)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://cloud", headers=bearer(tokens["admin"])
    ) as it:
        yield it


def good(number: int = 1, kind: str = "ObjectEvent", **changes: object) -> Json:
    """An event with a number for its id and, unless given, no declaration of error."""
    name = f"urn:uuid:00000000-0000-4000-8000-{number:012x}"
    return event(kind, **({"eventID": name, "errorDeclaration": None} | changes))


async def capture(http: httpx.AsyncClient, *events: Json, **headers: str) -> Json:
    answer = await http.post(f"{ROOT}/capture", json=document(*events), headers=headers)
    assert answer.status_code == 202, answer.text
    job = await http.get(answer.headers["Location"])
    assert job.status_code == 200
    told: Json = job.json()
    return told


async def find(http: httpx.AsyncClient, path: str = "/events", **parameters: str) -> list[Json]:
    answer = await http.get(f"{ROOT}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert schema_faults(answer.json()) == []
    results = answer.json()["epcisBody"]["queryResults"]
    found: list[Json] = results["resultsBody"]["eventList"]
    return found


def ids(events: list[Json]) -> list[int]:
    return [int(str(each["eventID"])[-12:], 16) for each in events]


def problem_of(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    kind = str(body["type"])
    assert kind.startswith("epcisException:")
    return kind.removeprefix("epcisException:")


async def test_what_is_captured_comes_back_as_it_was(http: httpx.AsyncClient) -> None:
    job = await capture(http, good(1), good(2, "TransformationEvent"))
    assert (job["running"], job["success"], job["errors"]) == (False, True, [])
    assert job["captureErrorBehaviour"] == "rollback"
    first, second = await find(http)
    assert first.pop("recordTime") == "2026-07-22T06:00:00.000Z"
    second.pop("recordTime")
    assert [first, second] == [good(1), good(2, "TransformationEvent")]


async def test_every_example_of_a_partner_makes_the_round_trip(http: httpx.AsyncClient) -> None:
    await _round_trips(http, [case["document"] for case in cases("epcis/openepcis_examples")])


async def test_the_official_examples_make_the_round_trip(http: httpx.AsyncClient) -> None:
    await _round_trips(http, [case["document"] for case in outside_cases("epcis/gs1_examples")])


def _events_in(told: object) -> list[Json]:
    assert isinstance(told, dict)
    if "epcisBody" not in told:
        return [told]
    body = told["epcisBody"]
    body = body.get("queryResults", {}).get("resultsBody", body)
    events: list[Json] = body["eventList"]
    return events


async def _round_trips(http: httpx.AsyncClient, documents: list[object]) -> None:
    n_back = 0
    for one in documents:
        answer = await http.post(f"{ROOT}/capture", json=one)
        if answer.status_code == 400:
            assert schema_faults(one), answer.text
            continue
        job = (await http.get(answer.headers["Location"])).json()
        clashes = [each["detail"] for each in job["errors"]]
        for sent in _events_in(one):
            if "eventID" not in sent or any(str(sent["eventID"]) in each for each in clashes):
                continue  # the same example is there under one id in several versions
            if clashes:
                continue
            found = await http.get(f"{ROOT}/events/{quote(str(sent['eventID']), safe='')}")
            assert found.status_code == 200, found.text
            assert schema_faults_but_names(found.json()) == []
            back = [_without(each) for each in _events_in(found.json())]
            assert _without(sent) in back
            n_back += 1
    assert n_back > 15


def _without(one: Json) -> Json:
    return {name: each for name, each in one.items() if name not in ("recordTime", "@context")}


def schema_faults_but_names(one: object) -> list[str]:
    """The schema forgot persistentDisposition in three of the five event types."""
    return [each for each in schema_faults(one) if "persistentDisposition" not in each]


async def test_an_event_without_id_gets_one(http: httpx.AsyncClient) -> None:
    await capture(http, good(eventID=None), good(eventID=None))
    names = [str(each["eventID"]) for each in await find(http)]
    assert len(set(names)) == 2
    assert all(name.startswith("urn:uuid:") for name in names)


async def test_one_bad_event_refuses_the_document(http: httpx.AsyncClient) -> None:
    bad = document(good(1), good(2, bizStep="flying"))
    answer = await http.post(f"{ROOT}/capture", json=bad)
    assert problem_of(answer, 400) == "ValidationException"
    assert answer.json()["errors"][0]["path"] == "epcisBody.eventList[1].bizStep"
    assert await find(http) == []


async def test_proceed_takes_what_is_good_and_says_what_is_not(http: httpx.AsyncClient) -> None:
    headers = {"GS1-Capture-Error-Behaviour": "proceed"}
    job = await capture(http, good(1), good(2, bizStep="flying"), good(3), **headers)
    assert (job["success"], job["captureErrorBehaviour"]) == (False, "proceed")
    (error,) = job["errors"]  # type: ignore[misc]
    assert error["type"] == "epcisException:ValidationException"
    assert "eventList[1].bizStep" in error["detail"]
    assert ids(await find(http)) == [1, 3]


async def test_the_same_capture_again_adds_nothing(http: httpx.AsyncClient) -> None:
    await capture(http, good(1), good(2))
    job = await capture(http, good(2), good(1), good(3))
    assert job["success"] is True
    assert ids(await find(http)) == [1, 2, 3]


async def test_an_id_with_other_content_fails_the_job(http: httpx.AsyncClient) -> None:
    await capture(http, good(1))
    job = await capture(http, good(2), good(1, bizStep="shipping"))
    assert job["success"] is False
    assert "ResourceAlreadyExists" in str(job["errors"])
    assert ids(await find(http)) == [1]
    job = await capture(
        http, good(2), good(1, bizStep="shipping"), **{"GS1-Capture-Error-Behaviour": "proceed"}
    )
    assert job["success"] is False
    assert ids(await find(http)) == [1, 2]
    job = await capture(http, good(3), good(3, bizStep="shipping"))
    assert job["success"] is False
    assert ids(await find(http)) == [1, 2]


async def test_an_event_and_the_declaration_of_its_error_share_an_id(
    http: httpx.AsyncClient,
) -> None:
    await capture(http, good(1))
    declared = EVENTS["ObjectEvent"]["errorDeclaration"]
    await capture(http, good(1, errorDeclaration=declared))
    both = await find(http, f"/events/{quote(str(good(1)['eventID']), safe='')}")
    assert ["errorDeclaration" in each for each in both] == [False, True]
    assert len(await find(http, EXISTS_errorDeclaration="true")) == 1
    assert len(await find(http, EQ_errorReason="incorrect_data")) == 1


async def test_one_event_is_created_once(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{ROOT}/events", json=good(1))
    assert answer.status_code == 201
    again = await http.get(answer.headers["Location"])
    assert ids(_events_in(again.json())) == [1]
    answer = await http.post(f"{ROOT}/events", json=good(1))
    assert problem_of(answer, 409) == "ResourceAlreadyExistsException"
    answer = await http.post(f"{ROOT}/events", json=good(2, action="X"))
    assert problem_of(answer, 400) == "ValidationException"


async def test_jobs_are_listed_newest_first_and_only_to_their_owner(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    jobs = [(await capture(http, good(n)))["captureID"] for n in (1, 2, 3)]
    page = await http.get(f"{ROOT}/capture", params={"perPage": "2"})
    assert [job["captureID"] for job in page.json()] == [jobs[2], jobs[1]]
    page = await http.get(_next(page))
    assert [job["captureID"] for job in page.json()] == [jobs[0]]
    assert "Link" not in page.headers
    other = bearer(tokens["gw-W1"])
    assert (await http.get(f"{ROOT}/capture", headers=other)).json() == []
    answer = await http.get(f"{ROOT}/capture/{jobs[0]}", headers=other)
    assert problem_of(answer, 404) == "NoSuchNameException"


def _next(page: httpx.Response) -> str:
    assert page.headers["GS1-Next-Page-Token-Expires"]
    url, _, relation = page.headers["Link"].partition(">; ")
    assert relation == 'rel="next"'
    return str(url[1:])


@pytest.mark.parametrize("field", ["", "eventTime", "recordTime", "example:rank"])
async def test_pages_hold_every_event_once_while_others_arrive(
    http: httpx.AsyncClient, field: str
) -> None:
    for number in range(1, 8):
        at = f"2026-07-22T06:00:0{number % 3}.000Z"
        await capture(http, good(number, eventTime=at, **{"example:rank": number % 2}))
    seen: list[int] = []
    order = f"&orderBy={field}" if field else ""
    url: str | None = f"{ROOT}/events?perPage=3{order}"
    while url is not None:
        page = await http.get(url)
        assert page.status_code == 200, page.text
        seen += ids(_events_in(page.json()))
        url = _next(page) if "Link" in page.headers else None
        await capture(http, good(100 + len(seen), eventTime="2026-07-22T06:00:01.000Z"))
    assert sorted(seen) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_page_token_ends_and_belongs_to_its_query(
    http: httpx.AsyncClient, clock: Clock
) -> None:
    await capture(http, *(good(number) for number in (1, 2, 3)))
    onward = _next(await http.get(f"{ROOT}/events?perPage=1"))
    assert (await http.get(onward)).status_code == 200
    other = onward.replace("/events?", "/events?EQ_action=ADD&")
    assert problem_of(await http.get(other), 400) == "QueryParameterException"
    clock.now_us += 3_600_000_001
    answer = await http.get(onward)
    assert problem_of(answer, 400) == "QueryParameterException"
    assert "expired" in answer.json()["detail"]
    for bad in ("x", "e30", quote("é")):
        answer = await http.get(f"{ROOT}/events?nextPageToken={bad}")
        assert problem_of(answer, 400) == "QueryParameterException"


async def test_limits_of_count(http: httpx.AsyncClient) -> None:
    await capture(http, *(good(n, eventTime=f"2026-07-22T06:00:0{n}Z") for n in range(1, 6)))
    assert ids(await find(http, orderBy="eventTime", eventCountLimit="2")) == [5, 4]
    assert ids(await find(http, orderBy="eventTime", orderDirection="ASC")) == [1, 2, 3, 4, 5]
    page = await http.get(f"{ROOT}/events?orderBy=eventTime&eventCountLimit=3&perPage=2")
    assert ids(_events_in(page.json())) == [5, 4]
    page = await http.get(_next(page))
    assert ids(_events_in(page.json())) == [3]
    assert "Link" not in page.headers
    answer = await http.get(f"{ROOT}/events?maxEventCount=4")
    assert problem_of(answer, 413) == "QueryTooLargeException"
    assert len(await find(http, maxEventCount="5")) == 5


async def test_what_a_gateway_sends_is_found(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    book = Book()
    wrong = book.record(number=1, lines=(make_line("@supplier", "DOCK", 5, lot="L1"),))
    book.record(ev.GATEWAY_HEALTH, number=2)
    book.write(
        ev.encode_event(
            ev.Event(
                event_id=event_id(3), type=ev.EVENT_CORRECTED, version=1, occurred_at_us=2_000,
                received_at_us=2_000, warehouse="W1", corrects=wrong.event_id,
                lines=(make_line("DOCK", "@supplier", 5, lot="L1"),),
            )
        )
    )  # fmt: skip
    sent = await http.post(BATCHES, content=book.batch(), headers=bearer(tokens["gw-W1"]))
    assert sent.status_code == 200, sent.text
    lot = f"https://id.gs1.org/01/{ITEM}/10/L1"
    found = await find(http, MATCH_anyEPCClass=lot, EQ_bizStep="receiving")
    assert ids(found) == [1, 1]
    assert found[1]["errorDeclaration"]["correctiveEventIDs"] == [f"urn:uuid:{event_id(3)}"]  # type: ignore[index]
    below = await find(http, WD_readPoint="https://id.forepost.example/places/W1")
    assert ids(below) == [1, 3, 1]
    assert ids(await find(http)) == [1, 3, 1]


async def test_master_data_says_what_is_below(http: httpx.AsyncClient) -> None:
    site, dock = "urn:epc:id:sgln:4012345.00005.0", "urn:epc:id:sgln:4012345.00006.1"
    types = "urn:epcglobal:epcis:vtype:BusinessLocation"
    elements = [{"id": site, "children": [dock]}]
    header = {"epcisMasterData": {"vocabularyList": [
        {"type": types, "vocabularyElementList": elements}
    ]}}  # fmt: skip
    one = document(good(1, bizLocation={"id": dock}), epcisHeader=header)
    assert (await http.post(f"{ROOT}/capture", json=one)).status_code == 202
    assert ids(await find(http, WD_bizLocation=site)) == [1]
    assert ids(await find(http, WD_bizLocation="https://id.gs1.org/414/4012345000054")) == [1]
    assert await find(http, EQ_bizLocation=site) == []


@pytest.mark.parametrize(
    ("dimension", "value", "spelled_otherwise"),
    [
        ("epcs", OTHER_EPC, "https://id.gs1.org/01/04012345111224/21/25"),
        ("bizSteps", "commissioning", "urn:epcglobal:cbv:bizstep:commissioning"),
        ("dispositions", "active", "https://ref.gs1.org/cbv/Disp-active"),
        ("eventTypes", "ObjectEvent", "ObjectEvent"),
        ("readPoints", "https://id.gs1.org/414/4012345000054", "urn:epc:id:sgln:4012345.00005.0"),
        ("bizLocations", "https://id.gs1.org/414/4012345000054",
         "urn:epc:id:sgln:4012345.00005.0"),
    ],
)  # fmt: skip
async def test_dimensions(
    http: httpx.AsyncClient, dimension: str, value: str, spelled_otherwise: str
) -> None:
    await capture(http, good(1), good(2, "AggregationEvent"))
    listed = (await http.get(f"{ROOT}/{dimension}", params={"perPage": "1000"})).json()
    assert listed["type"] == "Collection"
    assert value in listed["member"]
    assert len(set(listed["member"])) == len(listed["member"])
    for each in (value, spelled_otherwise):
        path = f"/{dimension}/{quote(each, safe='')}"
        assert (await http.get(f"{ROOT}{path}")).json()["member"] == ["events"]
        assert ids(await find(http, f"{path}/events")) == [1]
        assert await find(http, f"{path}/events", EQ_action="DELETE") == []
    path = f"/{dimension}/{quote('https://example.com/nothing', safe='')}"
    for unknown in (path, f"{path}/events"):
        assert problem_of(await http.get(f"{ROOT}{unknown}"), 404) == "NoSuchNameException"


async def test_names_are_listed_in_pages(http: httpx.AsyncClient) -> None:
    await capture(http, good(1, epcList=[f"https://example.com/{n}" for n in range(5)]))
    page = await http.get(f"{ROOT}/epcs?perPage=2")
    seen = page.json()["member"]
    while "Link" in page.headers:
        page = await http.get(_next(page))
        seen += page.json()["member"]
    assert seen == [f"https://example.com/{n}" for n in range(5)]


async def test_links_are_made_of_urns_if_asked_for(http: httpx.AsyncClient) -> None:
    await capture(http, good(1))
    headers = {"GS1-EPC-Format": "Always_GS1_Digital_Link"}
    answer = await http.get(f"{ROOT}/events", headers=headers)
    (told,) = _events_in(answer.json())
    assert told["epcList"] == [EPC, "https://id.gs1.org/01/04012345111224/21/25"]
    answer = await http.get(f"{ROOT}/events", headers={"GS1-EPC-Format": "Always_EPC_URN"})
    assert problem_of(answer, 406) == "NotAcceptableException"


async def test_terms_of_several_documents_do_not_mix(http: httpx.AsyncClient) -> None:
    for number, meaning in ((1, "https://a.example/"), (2, "https://b.example/")):
        one = document(good(number), **{"@context": [epcis_context(), {"example": meaning}]})
        assert (await http.post(f"{ROOT}/capture", json=one)).status_code == 202
    answer = (await http.get(f"{ROOT}/events")).json()
    assert answer["@context"][1] == {"example": "https://a.example/"}
    first, second = _events_in(answer)
    assert "@context" not in first
    assert second["@context"] == [{"example": "https://b.example/"}]


def epcis_context() -> str:
    return "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


PATHS = [
    ("/", "GET"),
    ("/capture", "POST"),
    ("/capture/x", "GET"),
    ("/events", "POST"),
    ("/events/urn:x:1", "GET"),
    *((f"/{name}", "GET") for name in ("eventTypes", "epcs", "bizSteps", "bizLocations",
                                       "readPoints", "dispositions")),
    *((f"/{name}/x:1/events", "GET") for name in ("eventTypes", "epcs", "bizSteps")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "method"), PATHS)
async def test_options_tell_what_a_path_can_do(
    http: httpx.AsyncClient, path: str, method: str
) -> None:
    answer = await http.options(f"{ROOT}{path}")
    assert answer.status_code == 204
    assert method in answer.headers["Allow"].split(", ")
    assert answer.headers["GS1-EPCIS-Version"] == answer.headers["GS1-CBV-Version"] == "2.0.0"
    assert {"GS1-EPCIS-Min", "GS1-CBV-Max", "GS1-EPC-Format", "GS1-Extensions"} <= {
        name.upper().replace("GS1-EPCIS-MIN", "GS1-EPCIS-Min") and name
        for name in ("GS1-EPCIS-Min", "GS1-CBV-Max", "GS1-EPC-Format", "GS1-Extensions")
        if name in answer.headers
    }
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
     "HASATTR_readPoint=x", "EQ_bizTransaction_invoice=urn:x:1", "nextPageToken=zzz"],
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
    assert ids(_events_in(answer.json())) == [1]
    answer = await http.get(f"{ROOT}/events?EQ_action=DELETE&EQ_action=ADD")
    assert ids(_events_in(answer.json())) == [1]


async def test_the_root_lists_what_there_is(http: httpx.AsyncClient) -> None:
    members = (await http.get(f"{ROOT}/")).json()["member"]
    assert len(members) == 9
    assert json.dumps(members).count("events") == 1
    assert {LOT, SSCC}.isdisjoint(members)
