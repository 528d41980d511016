"""Users, their roles and scopes, and their tokens; for administrators."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import keys, rights
from cloud_sync.contract.events import Id
from cloud_sync.service.access import as_admin
from cloud_sync.service.bodies import documented
from cloud_sync.service.context import context_of
from cloud_sync.service.mutation import Mutation, mutation_by, told_once
from cloud_sync.service.pages import AfterQuery, PageLimit, page_of, place_of
from cloud_sync.service.problems import Refused
from cloud_sync.store import credentials
from cloud_sync.store.credentials import Credential
from cloud_sync.store.ports import Transaction

AsAdmin = Annotated[Credential, Depends(as_admin)]
ByAdmin = Annotated[Mutation, Depends(mutation_by(as_admin))]
ByAdminOnce = Annotated[Mutation, Depends(mutation_by(as_admin, needs_key=True))]
NamePath = Annotated[str, Path(pattern=keys.ID_PATTERN)]
TokenIdPath = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]

router = APIRouter(prefix="/v1", tags=["users"])

DAY_US: Final = 86_400_000_000
TOKEN_DAYS_MAX: Final = 3660


class UserBody(BaseModel):
    """A user. warehouses: the scope; null means all."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    role: Literal["picker", "counter", "supervisor", "planner", "compliance", "admin", "read-only"]
    warehouses: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None


class TokenBody(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    expires_in_days: Annotated[int, Field(ge=1, le=TOKEN_DAYS_MAX)]


@router.get("/users")
async def get_users(
    request: Request, credential: AsAdmin, limit: PageLimit = 1000, after: AfterQuery = None
) -> dict[str, object]:
    """Users by name, with role and scope."""
    (place,) = place_of(after, n=1) or ("",)
    script = partial(credentials.read_users, after=place, limit=limit + 1)
    found = await context_of(request).database.read(script)
    return page_of("users", found, limit, key=("name",))


@router.put("/users/{name}", openapi_extra=documented(UserBody))
async def put_user(mutation: ByAdmin, name: NamePath) -> Response:
    """Make or change a user; what the tokens may do changes with it."""
    _everywhere(mutation.credential)
    body = mutation.parse(UserBody)
    return await mutation.run(partial(_put_user, name=name, body=body, now_us=mutation.now_us))


async def _put_user(
    tx: Transaction, *, name: str, body: UserBody, now_us: int
) -> dict[str, object]:
    scope = None if body.warehouses is None else frozenset(body.warehouses)
    is_new = await credentials.put_user(tx, name, role=body.role, scope=scope, now_us=now_us)
    return {"changed": int(is_new)}


@router.delete("/users/{name}")
async def delete_user(mutation: ByAdmin, name: NamePath) -> Response:
    """Take a user away; all tokens end with it."""
    _everywhere(mutation.credential)
    return await mutation.run(partial(_remove_user, name=name, now_us=mutation.now_us))


async def _remove_user(tx: Transaction, *, name: str, now_us: int) -> dict[str, object]:
    if not await credentials.remove_user(tx, name, now_us):
        raise Refused("not_found", f"there is no user {name}")
    return {"changed": 1}


@router.post("/users/{name}/tokens", openapi_extra=documented(TokenBody))
async def post_token(mutation: ByAdminOnce, name: NamePath) -> Response:
    """A new token, told this once: it is kept nowhere, so a repeated answer lacks it."""
    _everywhere(mutation.credential)
    body = mutation.parse(TokenBody)
    token = credentials.make_token()
    script = partial(
        _add_token,
        name=name,
        token=token,
        now_us=mutation.now_us,
        expires_at_us=mutation.now_us + body.expires_in_days * DAY_US,
    )
    return told_once(await mutation.run(script), token=token)


async def _add_token(
    tx: Transaction, *, name: str, token: str, now_us: int, expires_at_us: int
) -> dict[str, object]:
    try:
        token_id = await credentials.add_token(tx, name, token, now_us, expires_at_us)
    except credentials.NotEnrolled as error:
        raise Refused("not_found", str(error)) from error
    return {"token_id": token_id, "expires_at_us": expires_at_us}


@router.get("/tokens")
async def get_tokens(
    request: Request,
    credential: AsAdmin,
    name: Annotated[str | None, Query(pattern=keys.ID_PATTERN)] = None,
    limit: PageLimit = 1000,
    after: AfterQuery = None,
) -> dict[str, object]:
    """Tokens of users and gateways: whose they are, until when, whether revoked."""
    (place,) = place_of(after, n=1) or ("",)
    script = partial(credentials.read_tokens, name=name, after=place, limit=limit + 1)
    found = await context_of(request).database.read(script)
    return page_of("tokens", found, limit, key=("token_id",))


@router.delete("/tokens/{token_id}")
async def delete_token(mutation: ByAdmin, token_id: TokenIdPath) -> Response:
    """End one token. To end it twice changes nothing."""
    _everywhere(mutation.credential)
    return await mutation.run(partial(_revoke_token, token_id=token_id, now_us=mutation.now_us))


async def _revoke_token(tx: Transaction, *, token_id: str, now_us: int) -> dict[str, object]:
    return {"changed": int(await credentials.revoke_token(tx, token_id, now_us))}


@router.get("/roles")
async def get_roles(request: Request, credential: AsAdmin) -> dict[str, object]:
    """What each role may do."""
    return {"roles": {role: sorted(rights.RIGHTS[role]) for role in rights.ROLES}}


def _everywhere(credential: Credential) -> None:
    """Users are not of a warehouse: only an administrator of all of them changes them."""
    if credential.scope is not None:
        raise Refused("forbidden", "an administrator of some warehouses may only look at users")
