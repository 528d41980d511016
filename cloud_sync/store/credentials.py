"""Who may speak: gateways, and users with their tokens, which are kept as hashes only.

A user has one role and a scope: the warehouses it concerns, or all. Tokens belong to a user or a
gateway, end at a time if one was set, can be revoked one by one, and are named in lists by the
first digits of their hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import rights
from cloud_sync.store.columns import blob, text
from cloud_sync.store.feed import lock_feed
from cloud_sync.store.ports import Row, Transaction

GATEWAY: Final = rights.GATEWAY
ADMIN: Final = rights.ADMIN
READER: Final = rights.READ_ONLY

TOKEN_PREFIX: Final = "fp_"  # noqa: S105 -- a mark by which secret scanners find a leaked one
TOKEN_ID_DIGITS: Final = 16

_FORMER_ROLES: Final = {"reader": rights.READ_ONLY}
_EVERYWHERE: Final = "*"
_USER: Final = "user"

Scope = frozenset[str]


class NotEnrolled(ValueError):
    """The credential cannot be given or taken away; the message says why."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who is asking. warehouse: a gateway's own; None for users.

    scope: the warehouses a user may see and write; None: all of them.
    """

    name: str
    role: str
    warehouse: str | None
    scope: Scope | None

    def may(self, action: str) -> bool:
        """True if the role has the right."""
        return action in rights.RIGHTS[self.role]

    def reaches(self, warehouse: str) -> bool:
        """True for a warehouse in scope."""
        return self.scope is None or warehouse in self.scope


def make_token() -> str:
    """A new token: 32 random bytes, so that its hash needs neither salt nor stretching."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def find_credential(tx: Transaction, token: str, now_us: int) -> Credential | None:
    """Whose token it is, if anybody's, not revoked and not past its end."""
    return await credential_of_hash(tx, hash_token(token), now_us)


async def credential_of_hash(tx: Transaction, hashed: bytes, now_us: int) -> Credential | None:
    """The same by the token's hash."""
    rows = await tx.fetch(
        "select c.token_sha256, c.name, c.kind, c.warehouse, u.role, u.scope "
        "from credentials c left join users u on c.kind = 'user' and u.name = c.name "
        "where c.token_sha256 = ? and c.revoked_at_us is null "
        "and (c.expires_at_us is null or c.expires_at_us > ?)",
        (hashed, now_us),
    )
    for held, name, kind, warehouse, role, scope in rows:
        if not hmac.compare_digest(blob(held), hashed):
            continue
        if kind == GATEWAY:
            own = text(warehouse)
            return Credential(text(name), GATEWAY, own, frozenset({own}))
        if role is not None:
            return Credential(text(name), text(role), None, _scope_of(text(scope)))
    return None


# ------------------------------------------------------------------ gateways


async def enrol_gateway(tx: Transaction, gateway: str, warehouse: str, now_us: int) -> str:
    """A token for a gateway. Earlier ones stay good until revoked, so that they can be changed
    without a pause. Raises NotEnrolled if the gateway belongs to another warehouse."""
    await claim_name(tx, gateway, warehouse)
    token = make_token()
    await add_gateway_token(tx, gateway, warehouse, token, now_us=now_us)
    return token


async def claim_name(tx: Transaction, gateway: str, warehouse: str) -> None:
    """Make a name that of a gateway of the warehouse. Raises NotEnrolled if it is another's."""
    await lock_feed(tx)  # as any lock would do: two must not give one name to two warehouses
    rows = await tx.fetch("select warehouse from gateways where gateway = ?", (gateway,))
    if rows and rows[0][0] != warehouse:
        raise NotEnrolled(f"gateway {gateway} belongs to warehouse {rows[0][0]!r}")
    if not rows:
        await tx.execute_many(
            "insert into gateways(gateway, warehouse) values (?, ?)", [(gateway, warehouse)]
        )


async def add_gateway_token(
    tx: Transaction,
    gateway: str,
    warehouse: str,
    token: str,
    *,
    now_us: int,
    expires_at_us: int | None = None,
) -> None:
    """Let a gateway in with one more token."""
    await _add(
        tx,
        GATEWAY,
        gateway,
        token,
        warehouse=warehouse,
        now_us=now_us,
        expires_at_us=expires_at_us,
    )


async def end_tokens(tx: Transaction, gateway: str, at_us: int) -> None:
    """Have all tokens of a gateway end at a time, unless they end before."""
    await tx.execute_many(
        "update credentials set expires_at_us = ? where name = ? and kind = ? "
        "and (expires_at_us is null or expires_at_us > ?)",
        [(at_us, gateway, GATEWAY, at_us)],
    )


async def revoke_gateway(tx: Transaction, gateway: str, now_us: int) -> int:
    """End all tokens of a gateway; gives their number. Raises NotEnrolled if there is none."""
    n_revoked = await _revoke_all(tx, GATEWAY, gateway, now_us)
    if not n_revoked:
        raise NotEnrolled(f"gateway {gateway} has no token that could be revoked")
    return n_revoked


async def note_contact(tx: Transaction, *, warehouse: str, gateway: str, now_us: int) -> None:
    """Note that a gateway was heard of, where nothing else of it is written."""
    await tx.execute_many(
        "update gateways set contact_at_us = ? where warehouse = ? and gateway = ?",
        [(now_us, warehouse, gateway)],
    )


# ------------------------------------------------------------------ users


async def put_user(
    tx: Transaction, name: str, *, role: str, scope: Scope | None, now_us: int
) -> bool:
    """Make or change a user; gives whether anything is new. The tokens follow at once."""
    if role not in rights.USER_ROLES:
        raise NotEnrolled(f"{role!r} is no role of a user")
    if scope is not None and not scope:
        raise NotEnrolled(f"user {name}: a scope names at least one warehouse")
    row = (role, _EVERYWHERE if scope is None else ",".join(sorted(scope)))
    held = await tx.fetch("select role, scope from users where name = ?", (name,))
    if held and tuple(held[0]) == row:
        return False
    await tx.execute_many(
        "insert into users(name, role, scope, created_at_us) values (?, ?, ?, ?) "
        "on conflict (name) do update set role = excluded.role, scope = excluded.scope",
        [(name, *row, now_us)],
    )
    return True


async def remove_user(tx: Transaction, name: str, now_us: int) -> bool:
    """Take a user away and end its tokens; gives whether there was one."""
    await _revoke_all(tx, _USER, name, now_us)
    return bool(await tx.fetch("delete from users where name = ? returning name", (name,)))


async def read_users(tx: Transaction, *, after: str, limit: int) -> list[dict[str, object]]:
    """Users by name, from the one behind `after`."""
    rows = await tx.fetch(
        "select name, role, scope, created_at_us from users where name > ? order by name limit ?",
        (after, limit),
    )
    return [_user(row) for row in rows]


def _user(row: Row) -> dict[str, object]:
    name, role, scope, created_at_us = row
    reach = _scope_of(text(scope))
    return {
        "name": name,
        "role": role,
        "warehouses": None if reach is None else sorted(reach),
        "created_at_us": created_at_us,
    }


async def create_token(
    tx: Transaction, name: str, role: str, now_us: int, expires_at_us: int | None = None
) -> str:
    """A token for a user, who is made with the role, and all warehouses, if not there yet.

    Raises NotEnrolled if the user has another role.
    """
    wanted = _FORMER_ROLES.get(role, role)
    rows = await tx.fetch("select role from users where name = ?", (name,))
    if rows and rows[0][0] != wanted:
        raise NotEnrolled(f"user {name} is there already, as {rows[0][0]!r}")
    if not rows:
        await put_user(tx, name, role=wanted, scope=None, now_us=now_us)
    token = make_token()
    await _add(tx, _USER, name, token, now_us=now_us, expires_at_us=expires_at_us)
    return token


async def add_token(
    tx: Transaction, name: str, token: str, now_us: int, expires_at_us: int | None
) -> str:
    """Let a user in with one more token; gives its id. Raises NotEnrolled if there is no such
    user."""
    if not await tx.fetch("select 1 from users where name = ?", (name,)):
        raise NotEnrolled(f"there is no user {name}")
    return await _add(tx, _USER, name, token, now_us=now_us, expires_at_us=expires_at_us)


# ------------------------------------------------------------------ tokens


async def read_tokens(
    tx: Transaction, *, name: str | None, after: str, limit: int
) -> list[dict[str, object]]:
    """What is known of tokens, by their ids: whose they are and until when, never themselves."""
    names = ("token_id", "kind", "name", "created_at_us", "expires_at_us", "revoked_at_us")
    where, parameters = ("and name = ? ", [name]) if name is not None else ("", [])
    rows = await tx.fetch(
        f"select {', '.join(names)} from credentials where token_id > ? {where}"  # noqa: S608 -- constants only
        "order by token_id limit ?",
        [after, *parameters, limit],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


async def revoke_token(tx: Transaction, token_id: str, now_us: int) -> bool:
    """End one token; gives whether it was good until now."""
    rows = await tx.fetch(
        "update credentials set revoked_at_us = ? "
        "where token_id = ? and revoked_at_us is null returning name",
        (now_us, token_id),
    )
    return bool(rows)


async def _add(
    tx: Transaction,
    kind: str,
    name: str,
    token: str,
    *,
    warehouse: str | None = None,
    now_us: int,
    expires_at_us: int | None = None,
) -> str:
    hashed = hash_token(token)
    token_id = hashed.hex()[:TOKEN_ID_DIGITS]
    await tx.execute_many(
        "insert into credentials"
        "(token_sha256, token_id, kind, name, warehouse, created_at_us, expires_at_us) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [(hashed, token_id, kind, name, warehouse, now_us, expires_at_us)],
    )
    return token_id


async def _revoke_all(tx: Transaction, kind: str, name: str, now_us: int) -> int:
    rows = await tx.fetch(
        "update credentials set revoked_at_us = ? "
        "where name = ? and kind = ? and revoked_at_us is null returning name",
        (now_us, name, kind),
    )
    return len(rows)


def _scope_of(held: str) -> Scope | None:
    return None if held == _EVERYWHERE else frozenset(held.split(","))
