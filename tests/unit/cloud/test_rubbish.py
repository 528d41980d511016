"""Pins that no rubbish ends in a fault: for every route values that the layers below take badly,
in path, query, headers and every field of a body, on both stores. A part in `make test`, more of
it where FOREPOST_FAULTS says so."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.contract import events as ev
from cloud_sync.store.ports import Database
from tests.fakes.http_words import BATCHES, NOW_US, bearer, client_of
from tests.fakes.rubbish import QUERY, RAW, Json, encoded, sample, spoiled
from tests.fakes.uploads import Book, make_line
from tests.rigs import tier

pytestmark = [pytest.mark.slow, pytest.mark.timeout(tier.count(300, 900, 900))]

EVERY = tier.count(97, 3, 1)
"""One in so many is sent."""
EXAMPLES = Path(__file__).resolve().parents[2] / "golden/epcis/openepcis_examples.json"
CAPTURE = "/epcis/v2/capture"
ENDS_OWN_TOKEN = {"/v1/users/{name}", "/v1/tokens/{token_id}"}

Call = tuple[str, str, bytes, dict[str, str]]


@pytest.fixture
async def http(database: Database, tokens: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(database, lambda: NOW_US) as it:
        it.headers.update(bearer(tokens["admin"]))
        yield it


async def faults_of(
    http: httpx.AsyncClient, calls: Iterator[Call], *, every: int = EVERY
) -> list[str]:
    """What ended in a fault of ours: 5xx, or a problem that names no code."""
    found, n_sent, n_taken = [], 0, 0
    for n, (method, path, body, headers) in enumerate(calls):
        if n % every:
            continue
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await http.request(method, path, content=body, headers=sent)
        n_sent += 1
        n_taken += answer.status_code < 300
        if answer.status_code >= 500:
            found.append(f"{answer.status_code} {method} {path[:200]} {body[:300]!r}")
        elif answer.status_code >= 400 and "epcis" not in path:
            assert set(answer.json()) == {"error"}, answer.text
    assert n_sent > 5
    return found


def filled(path: str, value: str) -> str:
    return re.sub(r"\{\w+\}", value, path)


def operations(
    http: httpx.AsyncClient, description: dict[str, object]
) -> Iterator[tuple[str, str, dict[str, object]]]:
    paths = description["paths"]
    assert isinstance(paths, dict)
    for path, methods in paths.items():
        for method, operation in methods.items():
            if method != "delete" and path not in ENDS_OWN_TOKEN:
                yield method.upper(), path, operation


async def test_paths_and_queries(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    description = (await http.get("/openapi.json")).json()

    def calls() -> Iterator[Call]:
        for method, path, operation in operations(http, description):
            names = [it["name"] for it in operation.get("parameters", []) if it["in"] == "query"]
            headers = bearer(tokens["gw-W1"]) if path.startswith("/sync/") else {}
            for bad in QUERY:
                if "{" in path:
                    yield method, filled(path, bad or "%20"), b"{}", headers
                for name in names:
                    yield method, f"{filled(path, 'W1')}?{name}={bad}", b"{}", headers
                    yield method, f"{filled(path, 'W1')}?{name}={bad}&{name}={bad}", b"{}", headers
                yield method, f"{filled(path, 'W1')}?{bad}={bad}", b"{}", headers

    assert await faults_of(http, calls()) == []


async def test_bodies(http: httpx.AsyncClient) -> None:
    description = (await http.get("/openapi.json")).json()
    schemas = description["components"]["schemas"]

    def calls() -> Iterator[Call]:
        for method, path, operation in operations(http, description):
            content = operation.get("requestBody", {}).get("content", {})
            if not content or path.startswith(("/sync/", "/epcis/")):
                continue
            url = filled(path, "09506000134352" if "gtin" in path else "W1")
            for raw in RAW:
                yield method, url, raw, {"Content-Type": "application/json"}
            good = sample(content.get("application/json", {}).get("schema", {}), schemas)
            yield method, url, encoded(good), {}
            for bad in spoiled(good):
                yield method, url, encoded(bad), {}

    assert await faults_of(http, calls()) == []


async def test_encodings_and_types(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    bomb = gzip.compress(bytes(200 * 2**20), 9)
    packed = gzip.compress(b"{}")
    urls = [
        ("POST", "/v1/orders"),
        ("PUT", "/v1/items/09506000134352"),
        ("POST", CAPTURE),
        ("POST", BATCHES),
        ("POST", "/epcis/v2/events"),
    ]

    def calls() -> Iterator[Call]:
        for method, url in urls:
            own = bearer(tokens["gw-W1"]) if url == BATCHES else {}
            for body, encoding in (
                (bomb, "gzip"),
                (packed[:-3], "gzip"),
                (packed + packed, "gzip"),
                (b"{}", "gzip"),
                (zlib.compress(b"{}"), "deflate"),
                (b"{}", "br"),
                (b"{}", "\xff"),
                (b"{}", "gzip, gzip"),
                (b" " * (20 * 2**20), "identity"),
            ):
                yield method, url, body, {"Content-Encoding": encoding, **own}
            for kind in (
                "text/plain",
                "application/xml",
                "multipart/form-data",
                "",
                "\xff",
                "a" * 9000,
                "application/json; charset=utf-16",
                "application/x-www-form-urlencoded",
            ):
                yield method, url, b"{}", {"Content-Type": kind, **own}
            for name in (
                "Idempotency-Key",
                "Authorization",
                "Accept",
                "GS1-EPCIS-Version",
                "Content-Length",
                "GS1-Capture-Error-Behaviour",
                "GS1-EPC-Format",
                "GS1-Extensions",
            ):
                for bad in ("", "\xff", "x" * 9000, "\t", "-1", '"', "Bearer ", "Bearer \xff"):
                    yield method, url, b"{}", {**own, name: bad}

    assert await faults_of(http, calls(), every=tier.count(13, 1, 1)) == []


async def test_epcis_documents(http: httpx.AsyncClient) -> None:
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))

    def calls() -> Iterator[Call]:
        for raw in RAW:
            yield "POST", CAPTURE, raw, {"Content-Type": "application/json"}
        for document in documents_in(examples):
            for bad in spoiled(document):
                yield "POST", CAPTURE, encoded(bad), {"Content-Type": "application/ld+json"}

    assert await faults_of(http, calls()) == []


def documents_in(examples: object) -> Iterator[Json]:
    """Three of the kept examples, of different kinds."""
    assert isinstance(examples, dict)
    for case in examples["cases"][:30:10]:
        yield case["document"]


async def test_batches(http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
    """A row is accepted or set aside; a gateway never has to send it again for ever."""
    http.headers.update(bearer(tokens["gw-W1"]))
    book, n = Book(), 0
    for good in events_of_each_kind():
        for bad in spoiled(good):
            n += 1
            if n % EVERY == 0 and isinstance(bad, dict):
                spoil = {**bad, "event_id": f"00000000-0000-7000-8000-{n:012x}"} if n % 2 else bad
                book.write(encoded(spoil))
                answer = await http.post(BATCHES, content=book.batch(len(book.bodies)))
                told = f"{answer.text} {book.bodies[-1][:500]!r}"
                assert answer.status_code == 200, told
                assert answer.json()["events"][0]["status"] in {"accepted", "quarantined"}, told


async def test_a_row_that_the_store_cannot_hold_is_set_aside(
    http: httpx.AsyncClient, tokens: dict[str, str], database: Database
) -> None:
    """A balance at the end of 64 bits takes no more; the rows around it are taken."""
    http.headers.update(bearer(tokens["gw-W1"]))
    book = Book()
    book.receive(1, to="R-1")
    assert (await http.post(BATCHES, content=book.batch())).status_code == 200
    await database.transact(
        lambda tx: tx.execute_many(
            "update stock set quantity = ? where location = ?", [(2**63 - 1, "R-1")]
        )
    )
    for to in ("R-2", "R-1", "R-3"):
        book.receive(1, to=to)
    answer = await http.post(BATCHES, content=book.batch(2))
    assert answer.status_code == 200, answer.text
    assert answer.json()["acknowledged_seq"] == 4
    http.headers.update(bearer(tokens["reader"]))
    aside = (await http.get("/v1/quarantine")).json()["rows"]
    assert [(row["seq"], row["reason"]) for row in aside] == [
        (3, "event: a value of it cannot be kept")
    ]
    stock = (await http.get("/v1/stock?warehouse=W1")).json()["stock"]
    assert {row["location"] for row in stock} == {"R-1", "R-2", "R-3"}


def events_of_each_kind() -> Iterator[Json]:
    """Well-formed events whose bodies say much."""
    item = "09506000134352"
    counted = {
        "item": item,
        "location": "R-1",
        "quantity": 2,
        "lot": "L1",
        "serials": ["s"],
        "status": "available",
        "unit": "EA",
    }
    scope = {"location": "R-1", "item": item, "status": "available", "unit": "EA"}
    bodies: dict[str, dict[str, object]] = {
        ev.GOODS_RECEIVED: {"note": "a", "over": 1},
        ev.COUNT_OBSERVED: {"assertions": [counted], "exhaustive": True, "scope": scope},
        ev.LOT_HELD: {"item": item, "lot": "L1", "reason": "smells"},
        ev.LOT_CREATED: {"item": item, "lot": "L1", "expiry": "2026-12-01"},
        ev.EVENT_CORRECTED: {"assertions": [counted]},
        ev.COUNT_CLOSED: {"count": "C-1", "variances": [counted]},
    }
    for kind, body in bodies.items():
        book = Book()
        book.record(
            kind,
            body=body,
            lines=(make_line("@supplier", "R-1", 3, lot="L1"),),
            documents=(ev.Document(type="asn", id="A-1"),),
        )
        event: Json = json.loads(book.bodies[0])
        assert isinstance(event, dict)
        yield {**event, "corrects": "00000000-0000-7000-8000-000000000001"}
