"""Named queries, and subscriptions to what they find.

A query keeps what its author may see: whoever reads it sees no more than that, and no more than
they may see themselves. Subscribers are told by webhook: at once (`stream`), or by a schedule.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.epcis import times
from cloud_sync.epcis.query import parse_query
from cloud_sync.epcis.rules import shown
from cloud_sync.epcis.schedule import ScheduleRefused, parse_schedule
from cloud_sync.outbound.post import PostForbidden, check_url
from cloud_sync.service.access import reach
from cloud_sync.service.bodies import parse_json, read_body
from cloud_sync.service.context import Context, context_of
from cloud_sync.service.epcis_events import parameters_of, query_of, tell_events
from cloud_sync.service.epcis_http import (
    ROOT,
    AsReader,
    AsSubscriber,
    EpcisProblem,
    answer,
    bad_parameter,
    check_media_type,
    discoverable,
    discovered,
    epc_format,
    make_router,
    no_such_query,
    not_found,
)
from cloud_sync.service.epcis_pages import (
    TOKEN_CHARACTERS_MAX,
    TOKEN_US,
    PerPage,
    Token,
    expiry_us,
    next_page,
    read_token,
)
from cloud_sync.store import epcis_queries as kept
from cloud_sync.store.epcis_queries import NamedQuery, Subscription
from cloud_sync.store.epcis_tokens import end_token
from cloud_sync.store.ports import Transaction

router = make_router("EPCIS queries")

QUERY_BYTES_MAX: Final = 256 * 1024
SECRET_CHARACTERS_MAX: Final = 512
NAME_PATTERN: Final = r"^[A-Za-z0-9._~-]{1,64}$"
Name = Annotated[str, Path(pattern=NAME_PATTERN)]
SubscriptionId = Annotated[str, Path(max_length=64)]

_SUBSCRIPTION_FIELDS: Final = frozenset(
    {"dest", "signatureToken", "stream", "schedule", "reportIfEmpty", "initialRecordTime"}
)

discoverable(router, "/queries", "GET", "POST")
discoverable(router, "/queries/{name}", "GET", "DELETE")
discoverable(router, "/queries/{name}/events", "GET")
discoverable(router, "/queries/{name}/subscriptions", "GET", "POST")
discoverable(router, "/nextPageToken/{token}", "DELETE")


async def _body(request: Request) -> dict[str, object]:
    check_media_type(request)
    value = parse_json(await read_body(request, QUERY_BYTES_MAX))
    if not isinstance(value, dict):
        raise bad_parameter("a JSON object is expected")
    return value


@router.post("/queries", status_code=201)
async def post_query(request: Request, credential: AsSubscriber) -> Response:
    """Keep a query under a name: {"name": …, "query": {…}}."""
    body = await _body(request)
    name, query = body.get("name"), body.get("query")
    if set(body) != {"name", "query"} or not isinstance(query, dict):
        raise bad_parameter("a name and a query, and nothing else, are expected")
    if not isinstance(name, str) or not kept.is_name(name):
        raise bad_parameter(f"name: letters, digits and ._~- are expected, got {shown(name)}")
    query_of(query)
    context = context_of(request)
    named = NamedQuery(name, query, reach(credential, None))
    script = partial(kept.add_query, query=named, now_us=context.wall_us())
    if not await context.database.transact(script):
        raise EpcisProblem(
            409, "ResourceAlreadyExistsException", "Resource already exists",
            f"there is a query {name}",
        )  # fmt: skip
    return answer(
        {"name": name, "query": query}, status=201, headers={"Location": f"{ROOT}/queries/{name}"}
    )


@router.get("/queries")
async def get_queries(
    request: Request, credential: AsReader, per_page: PerPage = 30, token: Token = None
) -> Response:
    """The queries by name."""
    context = context_of(request)
    place = await read_token(request, token, "queries")
    start = place.get("after") if place else None
    found = await context.database.read(
        partial(
            kept.read_queries,
            after=start if isinstance(start, str) else "",
            limit=per_page + 1,
        )
    )
    headers = {}
    if len(found) > per_page:
        onward = {"after": found[per_page - 1].name}
        headers = next_page(request, "queries", onward, context.wall_us())
    told = [{"name": each.name, "query": each.query} for each in found[:per_page]]
    return answer(told, headers=headers)


async def _named(context: Context, name: str) -> NamedQuery:
    found = await context.database.read(partial(kept.read_query, name=name))
    if found is None:
        raise no_such_query(name)
    return found


@router.get("/queries/{name}")
async def get_query(request: Request, credential: AsReader, name: Name) -> Response:
    """One query."""
    found = await _named(context_of(request), name)
    return answer({"name": found.name, "query": found.query})


@router.delete("/queries/{name}", status_code=204)
async def delete_query(request: Request, credential: AsSubscriber, name: Name) -> Response:
    """Take a query away, and its subscriptions with it."""
    if not await context_of(request).database.transact(partial(kept.drop_query, name=name)):
        raise no_such_query(name)
    return Response(status_code=204)


@router.get("/queries/{name}/events")
async def get_query_events(
    request: Request,
    credential: AsReader,
    name: Name,
    per_page: PerPage = 30,
    token: Token = None,
) -> Response:
    """What a query finds now."""
    if parameters_of(request):
        raise bad_parameter("a named query takes no further parameters")
    found = await _named(context_of(request), name)
    query = parse_query(found.query)
    return await tell_events(
        request,
        credential,
        query,
        per_page=per_page,
        token=token,
        name=name,
        seen=_both(found.warehouses, reach(credential, None)),
    )


def _both(first: Sequence[str] | None, second: Sequence[str] | None) -> Sequence[str] | None:
    """The warehouses in both scopes; None is all."""
    if first is None or second is None:
        return second if first is None else first
    return sorted(set(first) & set(second))


@router.post("/queries/{name}/subscriptions", status_code=201)
async def post_subscription(request: Request, credential: AsSubscriber, name: Name) -> Response:
    """Be told what a query finds, from now on or from initialRecordTime."""
    context = context_of(request)
    body = await _body(request)
    now_us = context.wall_us()
    subscription = _subscription(body, name, now_us, epc_format(request))
    script = partial(_subscribe, subscription=subscription)
    if not await context.database.transact(script):
        raise no_such_query(name)
    path = f"{ROOT}/queries/{name}/subscriptions/{subscription.subscription_id}"
    return answer(subscription.told(), status=201, headers={"Location": path})


async def _subscribe(tx: Transaction, *, subscription: Subscription) -> bool:
    if await kept.read_query(tx, subscription.query) is None:
        return False
    await kept.add_subscription(tx, subscription)
    return True


def _subscription(
    body: dict[str, object], query: str, now_us: int, epc_format: str
) -> Subscription:
    unknown = sorted(set(body) - _SUBSCRIPTION_FIELDS)
    if unknown:
        raise _controls(f"{unknown[0]}: there is no such field")
    dest, secret = body.get("dest"), body.get("signatureToken")
    if not isinstance(dest, str):
        raise _controls("dest: a URL is expected")
    try:
        check_url(dest)
    except PostForbidden as error:
        raise _controls(f"dest: {error}") from error
    if secret is not None and not (
        isinstance(secret, str) and 0 < len(secret) <= SECRET_CHARACTERS_MAX
    ):
        raise _controls(f"signatureToken: 1 to {SECRET_CHARACTERS_MAX} characters are expected")
    if not isinstance(body.get("reportIfEmpty", False), bool):
        raise _controls("reportIfEmpty: true or false is expected")
    initial_us = now_us
    if "initialRecordTime" in body:
        try:
            initial_us = times.parse_time(body["initialRecordTime"])
        except ValueError as error:
            raise _controls(f"initialRecordTime: {error}") from error
    schedule, due_us = _when(body, now_us)
    return Subscription(
        subscription_id=str(uuid.uuid4()),
        query=query,
        dest=dest,
        signature_token=secret if isinstance(secret, str) else None,
        schedule=schedule,
        report_if_empty=bool(body.get("reportIfEmpty", False)),
        initial_at_us=initial_us,
        created_at_us=now_us,
        notified_at_us=None,
        position=kept.FROM_INITIAL_TIME,
        due_at_us=due_us,
        n_failures=0,
        epc_format=epc_format,
    )


def _when(body: dict[str, object], now_us: int) -> tuple[dict[str, object] | None, int]:
    """The schedule, and when it is due first; a stream is due now."""
    if ("schedule" in body) == ("stream" in body):
        raise _controls("either schedule or stream: true is expected")
    if "stream" in body:
        if body["stream"] is not True:
            raise _controls("stream: true is expected")
        if "reportIfEmpty" in body:
            raise _controls("reportIfEmpty: goes with a schedule only")
        return None, now_us
    try:
        due_us = parse_schedule(body["schedule"]).next_us(now_us)
    except ScheduleRefused as error:
        raise _controls(str(error)) from error
    if due_us is None:
        raise _controls("schedule: it is never due")
    return json.loads(json.dumps(body["schedule"])), due_us


def _controls(detail: str) -> EpcisProblem:
    return EpcisProblem(400, "SubscriptionControlsException", "Subscription error", detail)


@router.get("/queries/{name}/subscriptions")
async def get_subscriptions(
    request: Request,
    credential: AsSubscriber,
    name: Name,
    per_page: PerPage = 30,
    token: Token = None,
) -> Response:
    """The subscriptions to a query."""
    context = context_of(request)
    await _named(context, name)
    question = f"subscriptions {name}"
    place = await read_token(request, token, question)
    start = place.get("after") if place else None
    found = await context.database.read(
        partial(
            kept.read_subscriptions,
            query=name,
            after=start if isinstance(start, str) else "",
            limit=per_page + 1,
        )
    )
    headers = {}
    if len(found) > per_page:
        onward = {"after": found[per_page - 1].subscription_id}
        headers = next_page(request, question, onward, context.wall_us())
    return answer([each.told() for each in found[:per_page]], headers=headers)


@router.get("/queries/{name}/subscriptions/{subscription_id}")
async def get_subscription(
    request: Request, credential: AsSubscriber, name: Name, subscription_id: SubscriptionId
) -> Response:
    """One subscription."""
    found = await _subscription_of(request, name, subscription_id)
    return answer(found.told(), headers=_min_record_time(found))


@router.options(
    "/queries/{name}/subscriptions/{subscription_id}", status_code=204, include_in_schema=False
)
async def discover_subscription(
    request: Request, credential: AsSubscriber, name: Name, subscription_id: SubscriptionId
) -> Response:
    """What one subscription can do, and how far it has come."""
    found = await _subscription_of(request, name, subscription_id)
    return Response(
        status_code=204, headers={**discovered("GET", "DELETE"), **_min_record_time(found)}
    )


async def _subscription_of(request: Request, name: str, subscription_id: str) -> Subscription:
    found = await context_of(request).database.read(
        partial(kept.read_subscription, query=name, subscription_id=subscription_id)
    )
    if found is None:
        raise not_found(f"no subscription {subscription_id} to {name}")
    return found


def _min_record_time(subscription: Subscription) -> dict[str, str]:
    return {"GS1-Query-Min-Record-Time": times.format_time(subscription.min_record_time_us)}


@router.delete("/queries/{name}/subscriptions/{subscription_id}", status_code=204)
async def delete_subscription(
    request: Request, credential: AsSubscriber, name: Name, subscription_id: SubscriptionId
) -> Response:
    """Be told no more."""
    script = partial(kept.drop_subscription, query=name, subscription_id=subscription_id)
    if not await context_of(request).database.transact(script):
        raise not_found(f"no subscription {subscription_id} to {name}")
    return Response(status_code=204)


@router.delete("/nextPageToken/{token}", status_code=204)
async def delete_token(
    request: Request,
    credential: AsReader,
    token: Annotated[str, Path(max_length=TOKEN_CHARACTERS_MAX)],
) -> Response:
    """Give a page token back: nobody goes on from it any more."""
    context = context_of(request)
    now_us, expires_at_us = context.wall_us(), expiry_us(token)
    if not now_us <= expires_at_us <= now_us + TOKEN_US:
        raise not_found("no such page token")
    await context.database.transact(
        partial(end_token, token=token, expires_at_us=expires_at_us, now_us=now_us)
    )
    return Response(status_code=204)
