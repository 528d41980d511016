"""Queries: events by the standard's parameters, and by type, EPC, step, place and disposition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.epcis import vocabulary
from cloud_sync.epcis.answers import as_links, make_collection, make_query_document
from cloud_sync.epcis.facts import canonical
from cloud_sync.epcis.query import Query, Term, parse_query
from cloud_sync.epcis.values import QueryRefused
from cloud_sync.service.access import reach
from cloud_sync.service.context import Context, context_of
from cloud_sync.service.epcis_http import (
    QUERY_CHARACTERS_MAX,
    AsReader,
    EpcisProblem,
    answer,
    bad_parameter,
    discoverable,
    epc_format,
    make_router,
    not_found,
    too_complex,
)
from cloud_sync.service.epcis_pages import PerPage, Place, Token, next_page, read_token
from cloud_sync.store.credentials import Credential
from cloud_sync.store.epcis_events import (
    Cut,
    Found,
    QueryTooComplex,
    QueryTooLarge,
    find_events,
    newest,
    read_event,
)
from cloud_sync.store.epcis_master import resolve
from cloud_sync.store.epcis_projection import is_behind, project_rows
from cloud_sync.store.epcis_values import known_among, read_values
from cloud_sync.store.ports import TookTooLong, Transaction

router = make_router("EPCIS query")

SIMPLE_QUERY: Final = "SimpleEventQuery"
CATCH_UP_STEPS: Final = 50
"""So many steps of rows are told before an answer; what is left is told in the background."""

_PAGING: Final = frozenset({"perPage", "nextPageToken"})
_LOST_PLUS: Final = re.compile(r"(T\d\d:\d\d:\d\d(?:\.\d+)?) (\d\d:\d\d)")

_DIMENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "eventTypes": ("eventType",),
    "epcs": ("epc", "parentID", "inputEPC", "outputEPC"),
    "bizSteps": ("bizStep",),
    "bizLocations": ("bizLocation",),
    "readPoints": ("readPoint",),
    "dispositions": ("disposition",),
}
_STANDARD: Final[dict[str, tuple[str, ...]]] = {
    "eventTypes": vocabulary.EVENT_TYPES,
    "bizSteps": vocabulary.BIZ_STEPS,
    "dispositions": vocabulary.DISPOSITIONS,
}
TOP_LEVEL: Final = ("queries", "capture", "events", *_DIMENSIONS)

Value = Annotated[str, Path(max_length=2048)]

discoverable(router, "/", "GET")
discoverable(router, "/events", "GET", "POST")
discoverable(router, "/events/{event_id:path}", "GET")


def parameters_of(request: Request) -> dict[str, object]:
    """The query parameters; several of one name are alternatives. Raises EpcisProblem."""
    raw = request.url.query
    if len(raw) > QUERY_CHARACTERS_MAX:
        raise EpcisProblem(
            414, "URITooLongException", "URI Too Long",
            f"the query is longer than {QUERY_CHARACTERS_MAX} characters",
        )  # fmt: skip
    found: dict[str, object] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        if name in _PAGING:
            continue
        # A `+` that nobody escaped arrives as a blank.
        mended = _LOST_PLUS.sub(r"\1+\2", value)
        found[name] = f"{found[name]}|{mended}" if name in found else mended
    return found


def query_of(parameters: Mapping[str, object]) -> Query:
    """The query of some parameters. Raises EpcisProblem."""
    try:
        return parse_query(parameters)
    except QueryRefused as error:
        raise bad_parameter(str(error)) from error


async def catch_up(context: Context, *, steps: int = CATCH_UP_STEPS) -> bool:
    """Tell what gateways have sent since; True if nothing is left."""
    for _ in range(steps):
        if not await context.database.read(is_behind):
            return True
        await context.database.transact(partial(project_rows, now_us=context.wall_us()))
    return not await context.database.read(is_behind)


async def _find(
    tx: Transaction,
    *,
    query: Query,
    place: Place | None,
    per_page: int,
    warehouses: Sequence[str] | None,
) -> Found:
    cut = Cut(per_page, await newest(tx), None, query.count_limit)
    if place is not None:
        cut = _cut_of(place, per_page, cut)
    wanted = _in_order(await resolve(tx, query))
    return await find_events(tx, wanted, cut, warehouses=warehouses)


def _in_order(query: Query) -> Query:
    """Where nobody asks for an order, that of the time by which events are found, if they are."""
    if query.order_by is not None:
        return query
    for name in ("eventTime", "recordTime"):
        if any(it is not None for it in query.bounds_us(name)):
            return replace(query, order_by=name, is_descending=False)
    return query


def _cut_of(place: Place, per_page: int, fresh: Cut) -> Cut:
    after, up_to, left = place.get("a"), place.get("u"), place.get("l")
    is_place = (
        isinstance(after, list)
        and len(after) == 2
        and all(isinstance(each, int) and abs(each) < 2**62 for each in after)
    )
    is_left = left is None or isinstance(left, int)
    if not is_place or not is_left or not isinstance(up_to, int) or not isinstance(after, list):
        raise bad_parameter("nextPageToken: it is not one of this query")
    n_left = left if isinstance(left, int) else None
    return Cut(per_page, min(up_to, fresh.up_to), (after[0], after[1]), n_left)


async def tell_events(
    request: Request,
    credential: Credential,
    query: Query,
    *,
    per_page: int,
    token: str | None,
    name: str = SIMPLE_QUERY,
    seen: Sequence[str] | None = None,
) -> Response:
    """One page of the events of a query. seen: the warehouses, where not all of the caller's."""
    context = context_of(request)
    question = f"{request.url.path} {name} {query!r} {credential.name}"
    place = await read_token(request, token, question)
    await catch_up(context)
    script = partial(
        _find,
        query=query,
        place=place,
        per_page=per_page,
        warehouses=reach(credential, None) if seen is None else seen,
    )
    try:
        found = await context.database.read(script)
    except QueryTooLarge as error:
        raise EpcisProblem(
            413, "QueryTooLargeException", "Query result too large", str(error)
        ) from error
    except QueryTooComplex as error:
        raise too_complex(str(error)) from error
    except TookTooLong as error:
        raise too_complex("it cannot be answered in the time there is") from error
    headers = {}
    if found.next is not None:
        onward = {"a": found.next.after, "u": found.next.up_to, "l": found.next.left}
        headers = next_page(request, question, onward, context.wall_us())
    document = make_query_document(
        [(each.event, each.context) for each in found.events],
        at_us=context.wall_us(),
        query_name=name,
    )
    wants_links = epc_format(request) == "Always_GS1_Digital_Link"
    return answer(as_links(document) if wants_links else document, headers=headers)


@router.get("/")
async def get_top_level(credential: AsReader) -> Response:
    """What there is."""
    return answer(make_collection(TOP_LEVEL))


@router.get("/events")
async def get_events(
    request: Request, credential: AsReader, per_page: PerPage = 30, token: Token = None
) -> Response:
    """Events by the standard's query parameters."""
    query = query_of(parameters_of(request))
    return await tell_events(request, credential, query, per_page=per_page, token=token)


@router.get("/events/{event_id:path}")
async def get_event(request: Request, credential: AsReader, event_id: Value) -> Response:
    """One event, with the declarations of its error."""
    context = context_of(request)
    await catch_up(context)
    script = partial(read_event, event_id=event_id, warehouses=reach(credential, None))
    found = await context.database.read(script)
    if not found:
        raise not_found(f"no event {event_id}")
    document = make_query_document(
        [(each.event, each.context) for each in found],
        at_us=context.wall_us(),
        query_name=SIMPLE_QUERY,
    )
    wants_links = epc_format(request) == "Always_GS1_Digital_Link"
    return answer(as_links(document) if wants_links else document)


def _of_dimension(dimension: str, value: str) -> Query:
    """The query for all events with one value of a dimension."""
    names = _DIMENSIONS[dimension]
    return Query((Term(names, "EQ", (canonical(names[0], value),)),))


async def _check_known(
    context: Context, credential: Credential, dimension: str, value: str
) -> None:
    """Raises EpcisProblem (404) if there is no such value and no such standard word."""
    names = _DIMENSIONS[dimension]
    spelled = canonical(names[0], value)
    if spelled in _STANDARD.get(dimension, ()):
        return
    await catch_up(context)
    script = partial(
        known_among, names=names, values=[spelled], warehouses=reach(credential, None)
    )
    if not await context.database.read_once(script):
        raise not_found(f"{dimension}: no {value}")


def _add_dimension(dimension: str) -> None:
    """The three paths of one dimension."""

    async def get_values(
        request: Request, credential: AsReader, per_page: PerPage = 30, token: Token = None
    ) -> Response:
        """All values that events have, and the standard's own."""
        context = context_of(request)
        place = await read_token(request, token, dimension)
        start = place.get("after") if place else None
        await catch_up(context)
        names, warehouses = _DIMENSIONS[dimension], reach(credential, None)
        words = _STANDARD.get(dimension, ()) if place is None else ()

        async def read(tx: Transaction) -> tuple[list[str], set[str]]:
            after = start if isinstance(start, str) else ""
            held = await read_values(
                tx, names, after=after, limit=per_page + 1, warehouses=warehouses
            )
            return held, await known_among(tx, names, words, warehouses=warehouses)

        held, known = await context.database.read(read)
        # Words that some event has are told where they stand among the values.
        fresh = [each for each in words if each not in known]
        headers = {}
        if len(held) > per_page:
            onward = {"after": held[per_page - 1]}
            headers = next_page(request, dimension, onward, context.wall_us())
        return answer(make_collection([*fresh, *held[:per_page]]), headers=headers)

    async def get_value(request: Request, credential: AsReader, value: Value) -> Response:
        """What can be asked about one value."""
        await _check_known(context_of(request), credential, dimension, value)
        return answer(make_collection(["events"]))

    async def get_events_of(
        request: Request,
        credential: AsReader,
        value: Value,
        per_page: PerPage = 30,
        token: Token = None,
    ) -> Response:
        """Events with one value, further narrowed by the parameters."""
        await _check_known(context_of(request), credential, dimension, value)
        query = query_of(parameters_of(request))
        terms = (*_of_dimension(dimension, value).terms, *query.terms)
        return await tell_events(
            request, credential, replace(query, terms=terms), per_page=per_page, token=token
        )

    root, one = f"/{dimension}", f"/{dimension}/{{value:path}}"
    paths = ((f"{one}/events", get_events_of), (one, get_value), (root, get_values))
    for path, endpoint in paths:
        router.add_api_route(path, endpoint, methods=["GET"])
        discoverable(router, path, "GET")


for _dimension in _DIMENSIONS:
    _add_dimension(_dimension)
