"""Who may call what. The warehouse comes from the credential, never from the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.requests import Request

from cloud_sync.service.context import context_of
from cloud_sync.service.problems import Refused
from cloud_sync.store.credentials import ADMIN, GATEWAY, READER, Credential, find_credential

TOKEN_CHARACTERS_MAX: Final = 256

Guard = Callable[[Request], Awaitable[Credential]]


def only(*roles: str) -> Guard:
    """A dependency that gives the credential of a caller with one of the roles."""

    async def guard(request: Request) -> Credential:
        credential = await _identify(request)
        if credential.role not in roles:
            raise Refused("forbidden", f"a {credential.role} may not do this")
        return credential

    return guard


async def _identify(request: Request) -> Credential:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= TOKEN_CHARACTERS_MAX:
        raise Refused("unauthorised", "Authorization: Bearer TOKEN is missing")
    database = context_of(request).database
    credential = await database.read(partial(find_credential, token=token))
    if credential is None:
        raise Refused("unauthorised", "the token is not known")
    return credential


as_gateway: Final = only(GATEWAY)
as_reader: Final = only(READER, ADMIN)
as_admin: Final = only(ADMIN)
