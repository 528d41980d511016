"""Pins the REST binding of EPCIS: capture and its jobs, queries, paging, dimensions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.ports import Database
from tests.fakes.epcis_http import (
    NOW_US,
    ROOT,
    capture,
    events_in,
    find,
    good,
    ids,
    next_page,
    problem_of,
)
from tests.fakes.epcis_words import EPC, EVENTS, OTHER_EPC, Json, document
from tests.fakes.http_words import BATCHES, Wall, bearer, client_of
from tests.fakes.uploads import ITEM, Book, event_id, make_line
from tests.golden import cases, outside_cases
from tests.rigs.epcis_schema import schema_faults

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


async def _round_trips(http: httpx.AsyncClient, documents: list[object]) -> None:
    n_back = 0
    for one in documents:
        answer = await http.post(f"{ROOT}/capture", json=one)
        if answer.status_code == 400:
            assert schema_faults(one), answer.text
            continue
        job = (await http.get(answer.headers["Location"])).json()
        clashes = [each["detail"] for each in job["errors"]]
        for sent in events_in(one):
            if "eventID" not in sent or any(str(sent["eventID"]) in each for each in clashes):
                continue  # the same example is there under one id in several versions
            if clashes:
                continue
            found = await http.get(f"{ROOT}/events/{quote(str(sent['eventID']), safe='')}")
            assert found.status_code == 200, found.text
            assert schema_faults_but_names(found.json()) == []
            back = [_without(each) for each in events_in(found.json())]
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
    one = {"@context": epcis_context(), **good(1)}
    answer = await http.post(f"{ROOT}/events", json=one)
    assert answer.status_code == 201
    again = await http.get(answer.headers["Location"])
    assert ids(events_in(again.json())) == [1]
    answer = await http.post(f"{ROOT}/events", json=one)
    assert problem_of(answer, 409) == "ResourceAlreadyExistsException"
    answer = await http.post(f"{ROOT}/events", json={**one, **good(2, action="X")})
    assert problem_of(answer, 400) == "ValidationException"


async def test_an_event_by_itself_needs_its_context(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{ROOT}/events", json=good(1))
    assert problem_of(answer, 400) == "ValidationException"
    assert answer.json()["errors"] == [
        {
            "path": "@context",
            "reason": f"is missing; an event by itself needs one, such as {epcis_context()}",
        }
    ]


async def test_an_event_alone_in_a_document_keeps_the_documents_context(
    http: httpx.AsyncClient,
) -> None:
    terms = {"example": "https://a.example/"}
    one = document(good(1), **{"@context": [epcis_context(), terms]})
    answer = await http.post(f"{ROOT}/events", json=one)
    assert answer.status_code == 201
    told = (await http.get(answer.headers["Location"])).json()
    assert terms in told["@context"]


async def test_jobs_are_listed_newest_first_and_only_to_their_owner(
    http: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    jobs = [(await capture(http, good(n)))["captureID"] for n in (1, 2, 3)]
    page = await http.get(f"{ROOT}/capture", params={"perPage": "2"})
    assert [job["captureID"] for job in page.json()] == [jobs[2], jobs[1]]
    page = await http.get(next_page(page))
    assert [job["captureID"] for job in page.json()] == [jobs[0]]
    assert "Link" not in page.headers
    other = bearer(tokens["gw-W1"])
    assert (await http.get(f"{ROOT}/capture", headers=other)).json() == []
    answer = await http.get(f"{ROOT}/capture/{jobs[0]}", headers=other)
    assert problem_of(answer, 404) == "NoSuchResourceException"


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
        seen += ids(events_in(page.json()))
        url = next_page(page) if "Link" in page.headers else None
        await capture(http, good(100 + len(seen), eventTime="2026-07-22T06:00:01.000Z"))
    assert sorted(seen) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_page_token_ends_and_belongs_to_its_query(
    http: httpx.AsyncClient, clock: Wall
) -> None:
    await capture(http, *(good(number) for number in (1, 2, 3)))
    onward = next_page(await http.get(f"{ROOT}/events?perPage=1"))
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


async def test_a_page_token_that_was_given_back_leads_nowhere(
    http: httpx.AsyncClient, clock: Wall, tokens: dict[str, str]
) -> None:
    await capture(http, *(good(number) for number in (1, 2, 3)))
    first = next_page(await http.get(f"{ROOT}/events?perPage=1"))
    second = next_page(await http.get(first))
    token = httpx.URL(first).params["nextPageToken"]
    path = f"{ROOT}/nextPageToken/{token}"
    assert (await http.delete(path, headers={"Authorization": ""})).status_code == 401
    for _ in range(2):
        assert (await http.delete(path, headers=bearer(tokens["reader"]))).status_code == 204
    assert problem_of(await http.get(first), 400) == "QueryParameterException"
    assert (await http.get(second)).status_code == 200, "another token"
    clock.now_us += 3_600_000_001
    for gone in (path, f"{ROOT}/nextPageToken/zzz"):
        assert problem_of(await http.delete(gone), 404) == "NoSuchResourceException"


async def test_limits_of_count(http: httpx.AsyncClient) -> None:
    await capture(http, *(good(n, eventTime=f"2026-07-22T06:00:0{n}Z") for n in range(1, 6)))
    assert ids(await find(http, orderBy="eventTime", eventCountLimit="2")) == [5, 4]
    assert ids(await find(http, orderBy="eventTime", orderDirection="ASC")) == [1, 2, 3, 4, 5]
    page = await http.get(f"{ROOT}/events?orderBy=eventTime&eventCountLimit=3&perPage=2")
    assert ids(events_in(page.json())) == [5, 4]
    page = await http.get(next_page(page))
    assert ids(events_in(page.json())) == [3]
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
        assert problem_of(await http.get(f"{ROOT}{unknown}"), 404) == "NoSuchResourceException"


async def test_names_are_listed_in_pages(http: httpx.AsyncClient) -> None:
    await capture(http, good(1, epcList=[f"https://example.com/{n}" for n in range(5)]))
    page = await http.get(f"{ROOT}/epcs?perPage=2")
    seen = page.json()["member"]
    while "Link" in page.headers:
        page = await http.get(next_page(page))
        seen += page.json()["member"]
    assert seen == [f"https://example.com/{n}" for n in range(5)]


async def test_links_are_made_of_urns_if_asked_for(http: httpx.AsyncClient) -> None:
    await capture(http, good(1))
    headers = {"GS1-EPC-Format": "Always_GS1_Digital_Link"}
    answer = await http.get(f"{ROOT}/events", headers=headers)
    (told,) = events_in(answer.json())
    assert told["epcList"] == [EPC, "https://id.gs1.org/01/04012345111224/21/25"]
    answer = await http.get(f"{ROOT}/events", headers={"GS1-EPC-Format": "Always_EPC_URN"})
    assert problem_of(answer, 406) == "NotAcceptableException"


async def test_terms_of_several_documents_do_not_mix(http: httpx.AsyncClient) -> None:
    for number, meaning in ((1, "https://a.example/"), (2, "https://b.example/")):
        one = document(good(number), **{"@context": [epcis_context(), {"example": meaning}]})
        assert (await http.post(f"{ROOT}/capture", json=one)).status_code == 202
    answer = (await http.get(f"{ROOT}/events")).json()
    assert answer["@context"][1] == {"example": "https://a.example/"}
    first, second = events_in(answer)
    assert "@context" not in first
    assert second["@context"] == [{"example": "https://b.example/"}]


def epcis_context() -> str:
    return "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
