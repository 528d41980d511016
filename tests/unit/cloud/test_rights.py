"""Pins who may call what: every route by every role, against the table in the docs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from cloud_sync.contract import rights
from cloud_sync.service.access import ACTION_OF
from cloud_sync.store.credentials import create_token, enrol_gateway
from cloud_sync.store.ports import Database
from tests.fakes.cloud_app import make_app
from tests.fakes.http_words import NOW_US, bearer, code_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "master-data.md"
OPEN = {("GET", "/healthz"), ("POST", "/sync/v1/enrol"), ("POST", "/sync/v1/renew")}
"""The last two are for boxes that have a code or a key, and no token yet (test_enrolment.py)."""
OF_MANY_KINDS = {("POST", "/v1/import")}
"""Asks for the right of each kind that is in the body; test_exchange.py has the cases."""
OWN_PLACES = {("DELETE", "/epcis/v2/nextPageToken/{token}")}
"""Readers give back what reading gave them."""
READERS = set(rights.USER_ROLES)


@pytest.fixture
def database_name(tmp_path: Path) -> str:
    """Rights are the same on any store: the quicker one will do."""
    return str(tmp_path / "cloud.db")


@pytest.fixture
def app(database: Database) -> FastAPI:
    return make_app(database, wall_us=lambda: NOW_US, deadline_s=30)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as it:
        yield it


@pytest.fixture
async def by_role(database: Database) -> dict[str, str]:
    """A token of each role."""
    found = {
        role: await database.transact(partial(create_token, name=role, role=role, now_us=1))
        for role in rights.USER_ROLES
    }
    found[rights.GATEWAY] = await database.transact(
        partial(enrol_gateway, gateway="gw-W1", warehouse="W1", now_us=1)
    )
    return found


def guards_of(dependant: Dependant) -> Iterator[str]:
    """The actions that a route asks for."""
    for part in dependant.dependencies:
        if part.call in ACTION_OF:
            yield ACTION_OF[part.call]
        yield from guards_of(part)


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """All routes, those of included routers, too, whatever the framework does with them."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from routes_of(included.routes)


def calls_of(app: FastAPI) -> list[tuple[str, str, set[str]]]:
    """Method, path and actions of each route."""
    calls = [
        (method, route.path_format, set(guards_of(route.dependant)))
        for route in routes_of(app.routes)
        if route.include_in_schema
        for method in sorted(route.methods or ())
    ]
    served = {
        (verb.upper(), path) for path, verbs in app.openapi()["paths"].items() for verb in verbs
    }
    assert {(method, path) for method, path, _ in calls} == served, "the walk misses routes"
    return calls


def filled(path: str) -> str:
    """A path with something in place of each parameter; whether it is found does not matter."""
    return re.sub(r"\{[^}]*\}", "09506000134352", path)


def refusal_of(response: httpx.Response) -> str:
    """The code of a refusal; below /epcis it is told as the standard has it, by its status."""
    if response.headers["content-type"] == "application/problem+json":
        assert response.json()["type"] == "epcisException:SecurityException"
        return {401: "unauthorised", 403: "forbidden"}[response.status_code]
    return code_of(response)


def table_of_the_docs() -> dict[str, set[str]]:
    """Roles to actions, as the page says."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    head = next(i for i, row in enumerate(rows) if row[0] == "action")
    roles = rows[head][1 : 1 + len(rights.ROLES)]
    found: dict[str, set[str]] = {role: set() for role in roles}
    for row in rows[head + 2 :]:
        action = row[0].strip("`")
        if action not in rights.ACTIONS:
            break
        for role, mark in zip(roles, row[1:], strict=False):
            if mark == "x":
                found[role].add(action)
    return found


def test_the_docs_show_the_table_of_the_code() -> None:
    assert table_of_the_docs() == {role: set(rights.RIGHTS[role]) for role in rights.ROLES}


def test_every_action_is_somebodys_and_every_role_has_one() -> None:
    assert set(rights.RIGHTS) == set(rights.ROLES)
    assert set().union(*rights.RIGHTS.values()) == set(rights.ACTIONS)
    assert all(rights.RIGHTS.values())


def test_who_writes_also_reads_and_only_gateways_speak_for_gateways() -> None:
    assert {role for role in rights.ROLES if rights.READ in rights.RIGHTS[role]} == READERS
    assert [role for role in rights.ROLES if rights.SYNC in rights.RIGHTS[role]] == ["gateway"]


def test_every_route_asks_for_one_action_or_is_known_to_be_open(app: FastAPI) -> None:
    calls = list(calls_of(app))
    assert len(calls) > 20
    without = {(method, path) for method, path, actions in calls if not actions}
    assert without == OPEN
    assert not [call for call in calls if len(call[2]) > 1 and call[2] != {rights.READ, *call[2]}]


def test_no_route_that_writes_is_open_to_who_only_reads(app: FastAPI) -> None:
    """A pin that shares nothing with the table: read-only, picker and strangers change nothing."""
    writing = [
        (method, path, actions) for method, path, actions in calls_of(app) if method != "GET"
    ]
    assert writing
    for method, path, actions in writing:
        if (method, path) in OF_MANY_KINDS | OWN_PLACES | OPEN:
            continue
        for role in ("read-only", "picker"):
            assert not actions <= rights.RIGHTS[role], (method, path, role)


@pytest.mark.slow
async def test_every_route_by_every_role(
    app: FastAPI, http: httpx.AsyncClient, by_role: dict[str, str]
) -> None:
    documented = table_of_the_docs()
    wrong = []
    for method, path, actions in calls_of(app):
        if (method, path) in OPEN:
            continue
        for role, token in by_role.items():
            response = await http.request(
                method, filled(path), headers=bearer(token), content=b"{"
            )
            is_forbidden = response.status_code == 403 and refusal_of(response) == "forbidden"
            if is_forbidden == (actions <= documented[role]) or response.status_code in {401, 500}:
                wrong.append((method, path, role, response.status_code))
        for headers in ({}, bearer("fp_unknown")):
            response = await http.request(method, filled(path), headers=headers, content=b"{")
            if (response.status_code, refusal_of(response)) != (401, "unauthorised"):
                wrong.append((method, path, "nobody", response.status_code))
    assert not wrong
