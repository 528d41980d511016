"""The gateways' two endpoints: batches up, changes down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import signing
from cloud_sync.contract.batches import Batch, BatchAnswer
from cloud_sync.contract.documents import ChangePage
from cloud_sync.inbox.admission import Reading, Refusal, read_rows
from cloud_sync.inbox.wire import BatchMalformed, Upload, parse_upload
from cloud_sync.inventory.moving import Moving
from cloud_sync.service.access import as_gateway
from cloud_sync.service.bodies import read_body
from cloud_sync.service.context import Context, context_of, upload_slot
from cloud_sync.service.problems import Refused
from cloud_sync.store.batches import Taken, Taking
from cloud_sync.store.credentials import Credential, note_contact
from cloud_sync.store.feed import read_changes, read_snapshot
from cloud_sync.store.ports import Database, ValueRefused

logger = logging.getLogger(__name__)
router = APIRouter(tags=["sync"])

SLICE: Final = 500
"""Rows read at a time: two or three milliseconds, in which nothing else is served."""
CONTACT_NOTED_EVERY_US: Final = 10_000_000

AsGateway = Annotated[Credential, Depends(as_gateway)]


@router.post(
    "/sync/v1/batches",
    response_model=BatchAnswer,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": Batch.model_json_schema()}},
        }
    },
)
async def post_batch(request: Request, credential: AsGateway) -> Response:
    """Take consecutive rows of a gateway's journal; gzip is welcome."""
    context = context_of(request)
    turn = context.turns[credential.name]
    async with upload_slot(context), turn.inside():
        raw = await read_body(request)
        try:
            upload = parse_upload(raw)
        except BatchMalformed as error:
            raise Refused(error.code, str(error)) from error
        if upload.batch.gateway != credential.name:
            raise Refused("forbidden", f"the token is not that of {upload.batch.gateway}")
        warehouse = credential.warehouse or ""
        # While the batch before this one is in the database.
        events, moving = await _read(upload, warehouse)

        def take() -> Awaitable[Taken | Refusal]:
            taking = Taking(
                gateway=credential.name,
                warehouse=warehouse,
                upload=upload,
                now_us=context.wall_us(),
                events=events,
                moving=moving,
            )
            return context.database.transact(taking)

        try:
            outcome = await turn.take(take)
        except ValueRefused:
            await _find_unkept(context.database, upload, warehouse, events, context.wall_us())
            outcome = await turn.take(take)
    place = {"gateway": credential.name, "first_seq": upload.batch.first_seq}
    if isinstance(outcome, Refusal):
        logger.warning(
            "batch refused",
            extra={
                "action": "batch_refused",
                "code": outcome.code,
                "reason": outcome.message,
                **place,
            },
        )
        raise Refused(outcome.code, outcome.message, expected_seq=outcome.expected_seq)
    if outcome.n_quarantined:
        logger.warning(
            "events set aside",
            extra={"action": "events_quarantined", "events": outcome.n_quarantined, **place},
        )
    return Response(
        outcome.answer.model_dump_json(exclude_defaults=True), media_type="application/json"
    )


async def _read(upload: Upload, warehouse: str) -> tuple[list[Reading], Moving]:
    """What the rows say, and what those move that can be read; others come to their turn
    between two slices."""
    found: list[Reading] = []
    moving = Moving(upload.batch.gateway, upload.batch.epoch)
    for start in range(0, len(upload.bodies), SLICE):
        part = read_rows(upload.bodies[start : start + SLICE], warehouse)
        for seq, event in enumerate(part, upload.batch.first_seq + start):
            if not isinstance(event, str):
                moving.add(seq, event)
        found += part
        await asyncio.sleep(0)
    return found, moving


async def _find_unkept(
    database: Database, upload: Upload, warehouse: str, events: list[Reading], now_us: int
) -> None:
    """Take a batch row by row, setting aside what the store cannot hold: a gateway that heard
    of a fault of ours would send the same rows for ever. `events` has why, then."""
    for i, body in enumerate(upload.bodies):
        place = {"first_seq": upload.batch.first_seq + i, "chain_before": None}
        one = Upload(upload.batch.model_copy(update={**place, "chain_after": None}), (body,))
        taking = partial(
            Taking, gateway=upload.batch.gateway, warehouse=warehouse, upload=one, now_us=now_us
        )
        try:
            outcome = await database.transact(taking(events=events[i : i + 1]))
        except ValueRefused:
            events[i] = "event: a value of it cannot be kept"
            outcome = await database.transact(taking(events=events[i : i + 1]))
        if isinstance(outcome, Refusal):
            return


@router.get("/sync/v1/changes", response_model=ChangePage)
async def get_changes(
    request: Request,
    credential: AsGateway,
    *,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    mark: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    challenge: Annotated[str | None, Query(pattern=signing.CHALLENGE_PATTERN)] = None,
) -> Response:
    """The documents of the gateway's warehouse that changed after a place in the feed.

    challenge: asks for an answer that is signed, where the cloud has a key (contract/signing.py).
    """
    context = context_of(request)
    page = await context.database.read(
        partial(
            read_changes,
            warehouse=credential.warehouse or "",
            after=cursor,
            limit=limit,
            mark=mark,
        )
    )
    await _note_contact(context, credential)
    body, headers = page.model_dump_json().encode(), {}
    if challenge is not None and context.signer is not None:
        headers[signing.HEADER] = context.signer.sign_page(
            gateway=credential.name, challenge=challenge, cursor=cursor, mark=mark, body=body
        )
    return Response(body, media_type="application/json", headers=headers)


@router.get("/sync/v1/keys")
async def get_keys(
    request: Request,
    credential: AsGateway,
    after: Annotated[str, Query(pattern=signing.KEY_PATTERN)],
) -> signing.KeysAnswer:
    """How the cloud's key came to be what it is, from one that a gateway knows."""
    signer = context_of(request).signer
    return signing.KeysAnswer(successions=[] if signer is None else signer.after(after))


@router.get("/sync/v1/snapshot")
async def get_snapshot(
    request: Request,
    credential: AsGateway,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> ChangePage:
    """The first page for a gateway that knows nothing; `changes` goes on from its cursor."""
    context = context_of(request)
    script = partial(read_snapshot, warehouse=credential.warehouse or "", limit=limit)
    page = await context.database.read(script)
    await _note_contact(context, credential)
    return page


async def _note_contact(context: Context, credential: Credential) -> None:
    now_us = context.wall_us()
    if context.contacts.get(credential.name, 0) + CONTACT_NOTED_EVERY_US <= now_us:
        context.contacts[credential.name] = now_us
        await context.database.transact(
            partial(
                note_contact,
                warehouse=credential.warehouse or "",
                gateway=credential.name,
                now_us=now_us,
            )
        )
