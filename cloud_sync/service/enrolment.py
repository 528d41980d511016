"""Boxes that become gateways by a code, and get new tokens by their key.

These two are the only calls that anybody may make, so they are counted before anything is done.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys
from cloud_sync.contract.enrolment import (
    EnrolAnswer,
    EnrolRequest,
    RenewAnswer,
    RenewRequest,
    renewal_bytes,
)
from cloud_sync.contract.events import Id
from cloud_sync.service.access import as_admin, within
from cloud_sync.service.bodies import body_of, documented, read_body
from cloud_sync.service.context import Context, context_of
from cloud_sync.service.mutation import Mutation, call_of, mutation_by, told_once
from cloud_sync.service.problems import Refused
from cloud_sync.store import enrolment
from cloud_sync.store.audit import Deed, audited
from cloud_sync.store.credentials import NotEnrolled, make_token
from cloud_sync.store.ports import Transaction

logger = logging.getLogger(__name__)
router = APIRouter(tags=["enrolment"])

ByAdmin = Annotated[Mutation, Depends(mutation_by(as_admin))]
GatewayPath = Annotated[str, Path(pattern=keys.ID_PATTERN)]

BODY_MAX: Final = 4096
HOURS_MAX: Final = 24 * 14


class InvitationBody(BaseModel):
    """An invitation to be made. hours: how long its code is good."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    warehouse: Id
    hours: Annotated[int, Field(ge=1, le=HOURS_MAX)] = 24


@router.post("/sync/v1/enrol", openapi_extra=documented(EnrolRequest))
async def post_enrol(request: Request) -> EnrolAnswer:
    """Become the gateway that a code is for."""
    context = await _let_in(request)
    asked = body_of(EnrolRequest)(await read_body(request, BODY_MAX))
    script = partial(
        enrolment.enrol,
        code=asked.code,
        box_key=bytes.fromhex(asked.box_key),
        token=make_token(),
        now_us=context.wall_us(),
    )
    try:
        made = await context.database.transact(audited(script, _deed(request, asked.box_key)))
    except enrolment.CodeRefused as error:
        logger.warning("code refused", extra={"action": "code_refused", "reason": str(error)})
        raise Refused("unauthorised", str(error)) from error
    logger.info("box enrolled", extra={"action": "enrolled", "gateway": made.gateway})
    return EnrolAnswer(
        gateway=made.gateway,
        warehouse=made.warehouse,
        token=made.token,
        expires_at_us=made.expires_at_us,
        cloud_key=None if context.signer is None else context.signer.public,
    )


@router.post("/sync/v1/renew", openapi_extra=documented(RenewRequest))
async def post_renew(request: Request) -> RenewAnswer:
    """Another token for a gateway whose box signs for it."""
    context = await _let_in(request)
    asked = body_of(RenewRequest)(await read_body(request, BODY_MAX))
    held = await context.database.read(partial(enrolment.find_box_key, gateway=asked.gateway))
    if held is None or not _is_signed(asked, held.key):
        logger.warning(
            "renewal refused", extra={"action": "renewal_refused", "gateway": asked.gateway}
        )
        raise Refused("unauthorised", "not signed by the box that is this gateway")
    token = make_token()
    script = partial(
        enrolment.renew,
        gateway=asked.gateway,
        held=held,
        number=asked.number,
        token=token,
        now_us=context.wall_us(),
    )
    deed = _deed(request, asked.gateway)
    expires_at_us = await context.database.transact(audited(script, deed))
    if expires_at_us is None:
        raise Refused("exists", f"number: {asked.number} or a higher one was used before")
    return RenewAnswer(token=token, expires_at_us=expires_at_us)


@router.post("/v1/gateways/{gateway}/invitations", openapi_extra=documented(InvitationBody))
async def post_invitation(mutation: ByAdmin, gateway: GatewayPath) -> Response:
    """A code by which one box becomes the gateway; told this once, and kept nowhere."""
    body = mutation.parse(InvitationBody)
    within(mutation.credential, (body.warehouse,))
    code = enrolment.make_code()
    script = partial(_invite, gateway=gateway, body=body, code=code, now_us=mutation.now_us)
    return told_once(await mutation.run(script), code=code)


async def _invite(
    tx: Transaction, *, gateway: str, body: InvitationBody, code: str, now_us: int
) -> dict[str, object]:
    try:
        expires_at_us = await enrolment.invite(
            tx,
            gateway=gateway,
            warehouse=body.warehouse,
            code=code,
            now_us=now_us,
            hours=body.hours,
        )
    except NotEnrolled as error:
        raise Refused("exists", str(error)) from error
    return {"gateway": gateway, "warehouse": body.warehouse, "expires_at_us": expires_at_us}


def _deed(request: Request, actor: str) -> Deed:
    """actor: the gateway, or the public key of a box that is none yet."""
    return Deed(actor, "gateway", call_of(request), context_of(request).wall_us())


async def _let_in(request: Request) -> Context:
    context = context_of(request)
    if not context.strangers.allows(context.wall_us()):
        raise Refused("busy", "too many boxes ask at once; come again")
    return context


def _is_signed(asked: RenewRequest, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(
            bytes.fromhex(asked.signature), renewal_bytes(asked.gateway, asked.number)
        )
    except (InvalidSignature, ValueError):
        return False
    return True
