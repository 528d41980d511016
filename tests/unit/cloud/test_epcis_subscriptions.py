"""Pins named queries and subscriptions: who is told what, when, how often, and never by whom."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from cloud_sync.epcis.schedule import ScheduleRefused, parse_schedule
from cloud_sync.epcis.times import format_time, parse_time
from cloud_sync.outbound.post import PostFailed
from cloud_sync.service.epcis_delivery import deliver_due, tell_journals
from cloud_sync.store.columns import integer
from cloud_sync.store.epcis_projection import BUSY_US, ROWS_AT_ONCE
from cloud_sync.store.ports import Database
from tests.fakes.epcis_http import problem_of
from tests.fakes.epcis_words import Json, document, event
from tests.fakes.http_words import BATCHES, Wall, bearer, client_of
from tests.fakes.uploads import Book
from tests.rigs.epcis_schema import schema_faults

pytestmark = pytest.mark.slow

ROOT = "/epcis/v2"
QUERY = {"name": "commissioned", "query": {"eventType": ["ObjectEvent"], "EQ_action": ["ADD"]}}
STREAM = {"dest": "https://partner.example/hook", "stream": True, "signatureToken": "s3cret"}


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """The same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


class Receiver:
    """A partner's server; fails as often as it is told to."""

    def __init__(self) -> None:
        self.told: list[Json] = []
        self.headers: list[Mapping[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: list[int | PostFailed] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        assert url == STREAM["dest"]
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, PostFailed):
            raise answer
        if answer == 200:
            assert schema_faults(json.loads(body)) == []
            self.told.append(json.loads(body))
            self.headers.append(headers)
            self.bodies.append(body)
        return answer

    @property
    def ids(self) -> list[int]:
        """The numbers of the events that arrived, in order."""
        return [
            int(str(each["eventID"])[-12:], 16) for one in self.told for each in events_of(one)
        ]


def events_of(told: Json) -> list[Json]:
    results = told["epcisBody"]["queryResults"]["resultsBody"]  # type: ignore[index]
    events: list[Json] = results["eventList"]
    return events


@pytest.fixture
def clock() -> Wall:
    return Wall(parse_time("2026-07-22T06:00:00Z"))


@pytest.fixture
async def http(
    database: Database, tokens: dict[str, str], clock: Wall
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, clock, headers=bearer(tokens["admin"])) as it:
        yield it


async def capture(http: httpx.AsyncClient, *numbers: int, **changes: object) -> None:
    events = [
        event(eventID=f"urn:uuid:00000000-0000-4000-8000-{number:012x}", **changes)
        for number in numbers
    ]
    answer = await http.post(f"{ROOT}/capture", json=document(*events))
    assert answer.status_code == 202, answer.text


async def subscribe(http: httpx.AsyncClient, body: Mapping[str, object]) -> str:
    answer = await http.post(f"{ROOT}/queries", json=QUERY)
    assert answer.status_code in (201, 409)
    answer = await http.post(f"{ROOT}/queries/commissioned/subscriptions", json=body)
    assert answer.status_code == 201, answer.text
    assert "signatureToken" not in answer.json()
    return str(answer.headers["Location"])


async def test_a_named_query_finds_what_it_says(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{ROOT}/queries", json=QUERY)
    assert answer.status_code == 201
    assert (await http.get(answer.headers["Location"])).json() == QUERY
    assert (await http.get(f"{ROOT}/queries")).json() == [QUERY]
    await capture(http, 1)
    await capture(http, 2, action="OBSERVE", ilmd=None)
    found = (await http.get(f"{ROOT}/queries/commissioned/events")).json()
    assert found["epcisBody"]["queryResults"]["queryName"] == "commissioned"
    assert len(events_of(found)) == 1
    assert (await http.post(f"{ROOT}/queries", json=QUERY)).status_code == 409
    assert (await http.delete(f"{ROOT}/queries/commissioned")).status_code == 204
    for path in ("", "/events"):
        answer = await http.get(f"{ROOT}/queries/commissioned{path}")
        assert problem_of(answer, 404) == "NoSuchNameException"
    assert (await http.delete(f"{ROOT}/queries/commissioned")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "q"},
        {"name": "q", "query": []},
        {"name": "a b", "query": {}},
        {"name": "a/b", "query": {}},
        {"name": "", "query": {}},
        {"name": 7, "query": {}},
        {"name": "q", "query": {}, "more": 1},
        {"name": "q", "query": {"GE_eventDate": "2026-01-01T00:00:00+01:00"}},
        {"name": "q", "query": {"GE_eventTime": "not-a-date"}},
        {"name": "q", "query": {"EQ_action": ["SHIPPED"]}},
        {"name": "q", "query": {"orderDirection": "SIDEWAYS"}},
        {"name": "q", "query": {"EQ_action": []}},
        [],
    ],
    ids=str,
)
async def test_queries_that_are_none_are_not_kept(http: httpx.AsyncClient, body: object) -> None:
    answer = await http.post(f"{ROOT}/queries", json=body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "epcisException:QueryParameterException"
    assert (await http.get(f"{ROOT}/queries")).json() == []


async def test_a_stream_tells_each_event_once_signed_and_in_order(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    receiver = Receiver()
    await capture(http, 1)
    clock.forward(1)
    path = await subscribe(http, STREAM)
    await capture(http, 2, 3)
    assert await deliver_due(database, receiver, clock) == 1
    clock.forward(1)
    await capture(http, 4)
    assert await deliver_due(database, receiver, clock) == 1
    clock.forward(1)
    assert await deliver_due(database, receiver, clock) == 0
    assert receiver.ids == [2, 3, 4]
    results = receiver.told[0]["epcisBody"]["queryResults"]  # type: ignore[index]
    assert path.endswith(results["subscriptionID"])
    key, body = str(STREAM["signatureToken"]).encode(), receiver.bodies[0]
    assert receiver.headers[0]["GS1-Signature"] == hmac.new(key, body, hashlib.sha256).hexdigest()
    told = (await http.get(path)).json()
    assert told["lastNotifiedAt"] == format_time(clock.now_us - 1_000_000)
    assert told["stream"] is True


async def test_a_subscription_tells_how_far_it_has_come(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    begin = format_time(clock.now_us - 60_000_000)
    path = await subscribe(http, {**STREAM, "initialRecordTime": begin})
    await capture(http, 1)
    for since in (begin, format_time(clock.now_us)):
        assert (await http.get(path)).json()["minRecordTime"] == since
        for answer in (await http.get(path), await http.options(path)):
            assert answer.headers["GS1-Query-Min-Record-Time"] == since
        await deliver_due(database, Receiver(), clock)
    assert (await http.options(path)).headers["Allow"] == "OPTIONS, GET, HEAD, DELETE"
    assert (await http.options(f"{path}x")).status_code == 404


async def test_a_subscriber_is_told_in_the_format_that_was_asked_for(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    urn, link = "urn:epc:id:sgtin:4012345.011122.25", "https://id.gs1.org/01/04012345111224/21/25"
    for wanted, told in (("Never_Translates", urn), ("Always_GS1_Digital_Link", link)):
        http.headers["GS1-EPC-Format"] = wanted
        path = await subscribe(http, {**STREAM, "initialRecordTime": "2026-01-01T00:00:00Z"})
        assert (await http.get(path)).json()["epcFormat"] == wanted
        await capture(http, 1)
        receiver = Receiver()
        await deliver_due(database, receiver, clock)
        ((first,),) = [events_of(each) for each in receiver.told]
        assert told in first["epcList"]  # type: ignore[operator]
        await http.delete(path)


async def test_a_subscriber_may_begin_in_the_past(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    receiver = Receiver()
    for number in (1, 2, 3):
        await capture(http, number)
        clock.forward(10)
    begin = format_time(clock.now_us - 20_000_000)
    await subscribe(http, {**STREAM, "initialRecordTime": begin})
    await deliver_due(database, receiver, clock)
    assert receiver.ids == [2, 3]


@pytest.mark.parametrize("failure", [500, 413, 404, 301, PostFailed("down")], ids=str)
async def test_what_did_not_arrive_is_told_again_later(
    http: httpx.AsyncClient, database: Database, clock: Wall, failure: int | PostFailed
) -> None:
    receiver = Receiver()
    receiver.answers = [failure, failure]
    await subscribe(http, STREAM)
    await capture(http, *range(1, 121))
    assert await deliver_due(database, receiver, clock) == 1
    clock.forward(1)
    assert await deliver_due(database, receiver, clock) == 0, "it waits two seconds"
    clock.forward(1)
    assert await deliver_due(database, receiver, clock) == 1
    clock.forward(4)
    while await deliver_due(database, receiver, clock):
        clock.forward(1)
    assert receiver.ids == list(range(1, 121))
    assert len(events_of(receiver.told[0])) == 25, "a quarter after two failures"


async def test_a_claim_keeps_others_from_telling_the_same(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    class Slow(Receiver):
        async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
            assert await deliver_due(database, Receiver(), clock) == 0
            return await super().__call__(url, body, headers)

    receiver = Slow()
    await subscribe(http, STREAM)
    await capture(http, 1)
    assert await deliver_due(database, receiver, clock) == 1
    assert receiver.ids == [1]


async def test_a_schedule_tells_at_its_time_and_says_nothing_if_there_is_nothing(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    receiver = Receiver()
    quiet = {"dest": STREAM["dest"], "schedule": {"hour": "7", "minute": "5"}}
    await subscribe(http, quiet)
    await subscribe(http, {**quiet, "reportIfEmpty": True})
    await capture(http, 1)
    assert await deliver_due(database, receiver, clock) == 0
    clock.now_us = parse_time("2026-07-22T07:05:00Z")
    assert await deliver_due(database, receiver, clock) == 2
    assert receiver.ids == [1, 1]
    clock.forward(3600)
    assert await deliver_due(database, receiver, clock) == 0
    clock.now_us = parse_time("2026-07-23T07:05:01Z")
    assert await deliver_due(database, receiver, clock) == 1
    assert events_of(receiver.told[-1]) == []


async def test_who_unsubscribes_is_told_no_more(
    http: httpx.AsyncClient, database: Database, clock: Wall
) -> None:
    receiver = Receiver()
    path = await subscribe(http, STREAM)
    await capture(http, 1)
    assert (await http.delete(path)).status_code == 204
    assert (await http.get(path)).status_code == (await http.delete(path)).status_code == 404
    assert await deliver_due(database, receiver, clock) == 0
    await subscribe(http, STREAM)
    assert (await http.delete(f"{ROOT}/queries/commissioned")).status_code == 204
    assert await deliver_due(database, receiver, clock) == 0
    assert receiver.told == []


async def test_what_gateways_send_is_told_in_the_background(
    http: httpx.AsyncClient, database: Database, clock: Wall, tokens: dict[str, str]
) -> None:
    answer = await http.post(f"{ROOT}/queries", json={"name": "all", "query": {}})
    assert answer.status_code == 201
    await http.post(f"{ROOT}/queries/all/subscriptions", json=STREAM)
    book = Book()
    for quantity in range(1, 91):
        book.receive(quantity, number=quantity)
    await http.post(BATCHES, content=book.batch(), headers=bearer(tokens["gw-W1"]))
    receiver = Receiver()
    await tell_journals(database, clock)
    while await deliver_due(database, receiver, clock):
        pass
    assert receiver.ids == list(range(1, 91))


async def test_a_backlog_goes_before_the_telling_of_it(
    http: httpx.AsyncClient, database: Database, clock: Wall, tokens: dict[str, str]
) -> None:
    book = Book()

    async def told() -> int:
        ((n,),) = await database.read(lambda tx: tx.fetch("select count(*) from epcis_events"))
        return integer(n)

    async def tell_after(n_rows: int) -> int:
        first = len(book.bodies) + 1
        for number in range(first, first + n_rows):
            book.receive(1, number=number)
        if n_rows:
            answer = await http.post(
                BATCHES, content=book.batch(first), headers=bearer(tokens["gw-W1"])
            )
            assert answer.status_code == 200, answer.text
        before = await told()
        await tell_journals(database, clock)
        return await told() - before

    assert await tell_after(300) == 5 * ROWS_AT_ONCE
    assert await tell_after(5000) == ROWS_AT_ONCE
    clock.now_us += 2 * BUSY_US
    assert await tell_after(0) == 100 * ROWS_AT_ONCE


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dest": "https://a.example/"},
        {"dest": "https://a.example/", "stream": False},
        {"dest": "https://a.example/", "stream": True, "schedule": {"hour": "1"}},
        {"dest": "https://a.example/", "stream": True, "reportIfEmpty": True},
        {"dest": "ftp://a.example/", "stream": True},
        {"dest": "https://user:pass@a.example/", "stream": True},
        {"dest": "a.example", "stream": True},
        {"dest": 7, "stream": True},
        {"dest": "https://a.example/", "stream": True, "signatureToken": ""},
        {"dest": "https://a.example/", "stream": True, "secret": "x"},
        {"dest": "https://a.example/", "stream": True, "initialRecordTime": "today"},
        {"dest": "https://a.example/", "schedule": {}},
        {"dest": "https://a.example/", "schedule": {"hour": "24"}},
        {"dest": "https://a.example/", "schedule": {"hours": "1"}},
    ],
    ids=str,
)
async def test_subscriptions_that_are_none(http: httpx.AsyncClient, body: object) -> None:
    await http.post(f"{ROOT}/queries", json=QUERY)
    answer = await http.post(f"{ROOT}/queries/commissioned/subscriptions", json=body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "epcisException:SubscriptionControlsException"
    listed = await http.get(f"{ROOT}/queries/commissioned/subscriptions")
    assert listed.json() == []


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ({"hour": "1", "minute": "5"}, "2026-07-22T06:00:00Z", "2026-07-23T01:05:00Z"),
        ({"minute": "5"}, "2026-07-22T06:05:00Z", "2026-07-22T07:05:00Z"),
        ({"second": "0/30"}, "2026-07-22T06:00:00Z", "2026-07-22T06:00:30Z"),
        ({"second": "15,45"}, "2026-07-22T06:00:15.5Z", "2026-07-22T06:00:45Z"),
        ({"hour": "[9-17]"}, "2026-07-22T17:00:00Z", "2026-07-23T09:00:00Z"),
        ({"dayOfWeek": "7"}, "2026-07-22T06:00:00Z", "2026-07-26T00:00:00Z"),
        ({"dayOfMonth": "31", "month": "2-4,12"}, "2026-07-22T06:00:00Z", "2026-12-31T00:00:00Z"),
        ({"dayOfMonth": "29", "month": "2"}, "2026-07-22T06:00:00Z", "2028-02-29T00:00:00Z"),
        ({"minute": 5}, "2026-07-22T06:00:00Z", "2026-07-22T06:05:00Z"),
    ],
)
def test_when_a_schedule_is_due(schedule: object, after: str, due: str) -> None:
    found = parse_schedule(schedule).next_us(parse_time(after))
    assert found is not None
    assert format_time(found) == format_time(parse_time(due))


@pytest.mark.parametrize(
    "schedule",
    [None, {}, [], {"second": "60"}, {"hour": "5-"}, {"hour": "9-5"}, {"month": "0"},
     {"dayOfWeek": "8"}, {"minute": ""}, {"minute": "a"}, {"minute": True}, {"year": "2026"},
     {"dayOfMonth": "31", "month": "2"}],
)  # fmt: skip
def test_schedules_that_are_none(schedule: object) -> None:
    with pytest.raises(ScheduleRefused):
        parse_schedule(schedule)
