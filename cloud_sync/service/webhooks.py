"""Webhooks: who is told of which kinds of documents, and what became of each delivery."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import documents as doc
from cloud_sync.contract import keys
from cloud_sync.outbound.post import PostForbidden, check_url
from cloud_sync.service.access import EVERYBODY, as_admin, within
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.kinds import KINDS
from cloud_sync.service.mutation import Mutation, mutation_by
from cloud_sync.service.pages import PAGE_MAX, AfterQuery, PageLimit, page_of, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import webhooks as store
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Transaction

AsAdmin = Annotated[Credential, Depends(as_admin)]
ByAdmin = Annotated[Mutation, Depends(mutation_by(as_admin))]
NamePath = Annotated[str, Path(pattern=keys.ID_PATTERN)]

TOLD_KINDS = frozenset({kind.name for kind in KINDS} | {doc.NETWORK, doc.ORDER})

router = APIRouter(prefix="/v1", tags=["webhooks"])


class WebhookBody(BaseModel):
    """Whom to tell of what. secret: shared with the receiver, who checks signatures with it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    url: Annotated[str, Field(max_length=2000)]
    kinds: Annotated[list[str], Field(min_length=1, max_length=50)]
    secret: Annotated[str, Field(min_length=16, max_length=200, pattern=r"^[\x21-\x7e]+$")]


@router.get("/webhooks")
async def get_webhooks(
    request: Request, credential: AsAdmin, limit: PageLimit = PAGE_MAX, after: AfterQuery = None
) -> dict[str, object]:
    """Webhooks, and how many deliveries of each are waiting, delivered and dead."""
    within(credential, [EVERYBODY])
    (place,) = place_of(after, n=1) or ("",)
    script = partial(store.read_webhooks, after=place, limit=limit + 1)
    found = await context_of(request).database.read(script)
    return page_of("webhooks", found, limit, key=("id",))


@router.put("/webhooks/{name}", openapi_extra=documented(WebhookBody))
async def put_webhook(mutation: ByAdmin, name: NamePath) -> Response:
    """Make or change a webhook. A new one is told of what changes from now on."""
    within(mutation.credential, [EVERYBODY])
    body = mutation.parse(WebhookBody)
    if unknown := sorted(set(body.kinds) - TOLD_KINDS):
        raise Refused("malformed", f"kinds: there is no {unknown[0][:64]}")
    try:
        check_url(body.url)
    except PostForbidden as error:
        raise Refused("malformed", f"url: {error}") from error
    return await mutation.run(partial(_put, name=name, body=body, now_us=mutation.now_us))


async def _put(tx: Transaction, *, name: str, body: WebhookBody, now_us: int) -> dict[str, object]:
    is_new = await store.put_webhook(
        tx, name, url=body.url, secret=body.secret, kinds=body.kinds, now_us=now_us
    )
    return {"changed": int(is_new)}


@router.delete("/webhooks/{name}")
async def delete_webhook(mutation: ByAdmin, name: NamePath) -> Response:
    """Take a webhook away; what waits for it is not sent."""
    within(mutation.credential, [EVERYBODY])
    return await mutation.run(partial(_remove, name=name))


async def _remove(tx: Transaction, *, name: str) -> dict[str, object]:
    if not await store.remove_webhook(tx, name):
        raise Refused("not_found", f"there is no webhook {name}")
    return {"changed": 1}


@router.get("/webhooks/{name}/deliveries")
async def get_deliveries(
    request: Request,
    *,
    credential: AsAdmin,
    name: NamePath,
    status: Annotated[Literal["waiting", "delivered", "dead"] | None, Query()] = None,
    limit: PageLimit = 1000,
    after: AfterQuery = None,
) -> dict[str, object]:
    """What became of each delivery: tries, the last error, when the next one is due."""
    within(credential, [EVERYBODY])
    (place,) = place_of(after, n=1) or ("",)
    script = partial(store.read_deliveries, name=name, status=status, after=place, limit=limit + 1)
    found = await context_of(request).database.read(script)
    return page_of("deliveries", found, limit, key=("id",))


@router.post("/webhooks/{name}/revive")
async def post_revive(mutation: ByAdmin, name: NamePath) -> Response:
    """Try the dead deliveries of a webhook again."""
    within(mutation.credential, [EVERYBODY])
    return await mutation.run(partial(_revive, name=name, now_us=mutation.now_us))


async def _revive(tx: Transaction, *, name: str, now_us: int) -> dict[str, object]:
    return {"changed": await store.revive(tx, name, now_us)}
