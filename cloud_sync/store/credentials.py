"""Who may speak: tokens of gateways, programs and people, kept as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from cloud_sync.store.columns import blob, optional_text, text
from cloud_sync.store.ports import Transaction

GATEWAY: Final = "gateway"
ADMIN: Final = "admin"
READER: Final = "reader"

TOKEN_PREFIX: Final = "fp_"  # noqa: S105 -- a mark by which secret scanners find a leaked one


class NotEnrolled(ValueError):
    """The credential cannot be given or taken away; the message says why."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who is asking. warehouse: a gateway's own; None for the other roles."""

    name: str
    role: str
    warehouse: str | None


def make_token() -> str:
    """A new token: 32 random bytes, so that its hash needs neither salt nor stretching."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def find_credential(tx: Transaction, token: str) -> Credential | None:
    """Whose token it is, if anybody's and not revoked."""
    hashed = hash_token(token)
    rows = await tx.fetch(
        "select token_sha256, name, role, warehouse from credentials "
        "where token_sha256 = ? and revoked_at_us is null",
        (hashed,),
    )
    for held, name, role, warehouse in rows:
        if hmac.compare_digest(blob(held), hashed):
            return Credential(text(name), text(role), optional_text(warehouse))
    return None


async def enrol_gateway(tx: Transaction, gateway: str, warehouse: str, now_us: int) -> str:
    """A token for a gateway. Earlier ones stay good until revoked, so that they can be changed
    without a pause. Raises NotEnrolled if the gateway belongs to another warehouse."""
    rows = await tx.fetch("select warehouse from gateways where gateway = ?", (gateway,))
    if rows and rows[0][0] != warehouse:
        raise NotEnrolled(f"gateway {gateway} belongs to warehouse {rows[0][0]!r}")
    if not rows:
        await tx.execute_many(
            "insert into gateways(gateway, warehouse) values (?, ?)", [(gateway, warehouse)]
        )
    return await _add(tx, Credential(gateway, GATEWAY, warehouse), now_us)


async def create_token(tx: Transaction, name: str, role: str, now_us: int) -> str:
    """A token for a person or program."""
    return await _add(tx, Credential(name, role, None), now_us)


async def _add(tx: Transaction, credential: Credential, now_us: int) -> str:
    token = make_token()
    await tx.execute_many(
        "insert into credentials(token_sha256, name, role, warehouse, created_at_us) "
        "values (?, ?, ?, ?, ?)",
        [(hash_token(token), credential.name, credential.role, credential.warehouse, now_us)],
    )
    return token


async def revoke_gateway(tx: Transaction, gateway: str, now_us: int) -> int:
    """End all tokens of a gateway; gives their number. Raises NotEnrolled if there is none."""
    rows = await tx.fetch(
        "update credentials set revoked_at_us = ? "
        "where name = ? and role = ? and revoked_at_us is null returning name",
        (now_us, gateway, GATEWAY),
    )
    if not rows:
        raise NotEnrolled(f"gateway {gateway} has no token that could be revoked")
    return len(rows)


async def note_contact(tx: Transaction, gateway: str, now_us: int) -> None:
    """Note that a gateway was heard of, where nothing else of it is written."""
    await tx.execute_many(
        "update gateways set contact_at_us = ? where gateway = ?", [(now_us, gateway)]
    )
