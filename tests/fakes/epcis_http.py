"""The words in which tests speak the REST binding of EPCIS."""

from __future__ import annotations

import httpx

from tests.fakes.epcis_words import Json, document, event
from tests.rigs.epcis_schema import schema_faults

ROOT = "/epcis/v2"
NOW_US = 1_784_700_000_000_000


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


def next_page(page: httpx.Response) -> str:
    assert page.headers["GS1-Next-Page-Token-Expires"]
    url, _, relation = page.headers["Link"].partition(">; ")
    assert relation == 'rel="next"'
    return str(url[1:])


def events_in(told: object) -> list[Json]:
    assert isinstance(told, dict)
    if "epcisBody" not in told:
        return [told]
    body = told["epcisBody"]
    body = body.get("queryResults", {}).get("resultsBody", body)
    events: list[Json] = body["eventList"]
    return events
