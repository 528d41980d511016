"""Who may call what. Warehouses come from the credential, never from the request alone.

A route is guarded by the one action it needs; contract/rights.py says which roles have it. What a
caller then sees or writes ends at the scope: `reach` for reading, `within` for writing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from starlette.requests import Request

from cloud_sync.contract import rights
from cloud_sync.service.context import context_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.credentials import Credential, find_credential
from cloud_sync.store.wall import hold_to

TOKEN_CHARACTERS_MAX: Final = 256
EVERYBODY: Final = ""
"""The warehouse of what belongs to all; written only by those whose scope is everything."""

Guard = Callable[[Request], Awaitable[Credential]]

ACTION_OF: Final[dict[Guard, str]] = {}
"""Which action each guard asks for."""


def may(action: str) -> Guard:
    """A dependency that gives the credential of a caller with the right to `action`."""

    async def guard(request: Request) -> Credential:
        credential = await _identify(request)
        if not credential.may(action):
            raise Refused("forbidden", f"the role {credential.role} may not {action}")
        hold_to(credential.scope)
        return credential

    ACTION_OF[guard] = action
    return guard


def reach(credential: Credential, warehouse: str | None) -> list[str] | None:
    """The warehouses to read: the one asked for, or all in scope. None: all there are.

    Raises Refused for one that is out of scope.
    """
    if warehouse is not None:
        within(credential, (warehouse,))
        return [warehouse]
    return None if credential.scope is None else sorted(credential.scope)


def within(credential: Credential, warehouses: Iterable[str]) -> None:
    """Raises Refused unless all warehouses are in the caller's scope."""
    for warehouse in warehouses:
        if not credential.reaches(warehouse):
            what = f"warehouse {warehouse}" if warehouse else "what concerns all warehouses"
            raise Refused("forbidden", f"{what} is out of the scope of {credential.name}")


async def _identify(request: Request) -> Credential:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= TOKEN_CHARACTERS_MAX:
        raise Refused("unauthorised", "Authorization: Bearer TOKEN is missing")
    context = context_of(request)
    now_us = context.wall_us()
    if not context.callers.may_look_up(token, now_us):
        raise Refused("busy", "too many tokens that are not known are being tried; come again")
    credential = await context.database.read_once(
        partial(find_credential, token=token, now_us=now_us)
    )
    if credential is None:
        raise Refused("unauthorised", "the token is not known, was revoked, or has expired")
    if not context.callers.may_ask(credential, token, now_us):
        raise Refused("busy", f"{credential.name} asks too often; come again")
    return credential


as_gateway: Final = may(rights.SYNC)
as_reader: Final = may(rights.READ)
as_admin: Final = may(rights.ADMINISTER)
