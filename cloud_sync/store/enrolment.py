"""Invitations, and the keys of the boxes that took them up (contract/enrolment.py)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract.enrolment import CODE_CHARACTERS, plain_code, show_code
from cloud_sync.store.columns import blob, integer, text
from cloud_sync.store.credentials import (
    NotEnrolled,
    add_gateway_token,
    claim_name,
    end_tokens,
    revoke_gateway,
)
from cloud_sync.store.ports import Transaction

HOUR_US: Final = 3_600_000_000
TOKEN_US: Final = 90 * 24 * HOUR_US
OVERLAP_US: Final = 24 * HOUR_US
"""How long the token before stays good: its last batches may still be on their way."""


class CodeRefused(ValueError):
    """The code opens nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a box has become."""

    gateway: str
    warehouse: str
    token: str
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class BoxKey:
    """The key of a gateway's box. number: of its last renewal."""

    warehouse: str
    key: bytes
    number: int


def make_code() -> str:
    """A new code, as it is shown."""
    return show_code(secrets.randbits(5 * CODE_CHARACTERS))


def hash_code(code: str) -> bytes:
    """What is kept of a code. 80 random bits need neither salt nor stretching."""
    return hashlib.sha256(plain_code(code).encode("utf-8", "surrogatepass")).digest()


async def invite(
    tx: Transaction, *, gateway: str, warehouse: str, code: str, now_us: int, hours: int
) -> int:
    """Let whoever has the code become the gateway; gives when it ends (µs).

    Raises NotEnrolled if the gateway belongs to another warehouse.
    """
    await claim_name(tx, gateway, warehouse)
    expires_at_us = now_us + hours * HOUR_US
    await tx.execute_many(
        "insert into invitations(code_sha256, gateway, warehouse, created_at_us, expires_at_us) "
        "values (?, ?, ?, ?, ?)",
        [(hash_code(code), gateway, warehouse, now_us, expires_at_us)],
    )
    return expires_at_us


async def enrol(
    tx: Transaction, *, code: str, box_key: bytes, token: str, now_us: int
) -> Enrolled:
    """Make a box the gateway it was invited to be. Raises CodeRefused.

    All that another box had under the name ends; the same box may ask again until the code ends.
    """
    hashed = hash_code(code)
    # Before it is read: of two boxes with one code the second must see the first.
    await tx.execute_many(
        "update invitations set box_key = ? where code_sha256 = ? and box_key is null "
        "and expires_at_us > ?",
        [(box_key, hashed, now_us)],
    )
    rows = await tx.fetch(
        "select gateway, warehouse, expires_at_us, box_key from invitations where code_sha256 = ?",
        (hashed,),
    )
    if not rows:
        raise CodeRefused("there is no such code")
    gateway, warehouse, ends_us, used_by = rows[0]
    if integer(ends_us) <= now_us:
        raise CodeRefused("the code has ended; ask for a new one")
    if used_by is None or blob(used_by) != box_key:
        raise CodeRefused("the code was used by another box; ask for a new one")
    name, place = text(gateway), text(warehouse)
    await end_tokens(tx, name, now_us)
    await tx.execute_many(
        "delete from invitations where gateway = ? and code_sha256 <> ?", [(name, hashed)]
    )
    await tx.execute_many(
        "insert into box_keys(warehouse, gateway, box_key, number, created_at_us) "
        "values (?, ?, ?, 0, ?) on conflict (warehouse, gateway) do update "
        "set box_key = excluded.box_key, created_at_us = excluded.created_at_us, "
        "number = case when box_keys.box_key = excluded.box_key then box_keys.number else 0 end",
        [(place, name, box_key, now_us)],
    )
    expires_at_us = now_us + TOKEN_US
    await add_gateway_token(tx, name, place, token, now_us=now_us, expires_at_us=expires_at_us)
    return Enrolled(name, place, token, expires_at_us)


async def find_box_key(tx: Transaction, gateway: str) -> BoxKey | None:
    """The key of the box that a gateway is; None if it never enrolled, or was shut out."""
    rows = await tx.fetch(
        "select warehouse, box_key, number from box_keys where gateway = ?", (gateway,)
    )
    return BoxKey(text(rows[0][0]), blob(rows[0][1]), integer(rows[0][2])) if rows else None


async def renew(
    tx: Transaction, *, gateway: str, held: BoxKey, number: int, token: str, now_us: int
) -> int | None:
    """Give a gateway its next token; gives when that ends, None if the number was used."""
    rows = await tx.fetch(
        "update box_keys set number = ? where warehouse = ? and gateway = ? and box_key = ? "
        "and number < ? returning number",
        (number, held.warehouse, gateway, held.key, number),
    )
    if not rows:
        return None
    await end_tokens(tx, gateway, now_us + OVERLAP_US)
    expires_at_us = now_us + TOKEN_US
    await add_gateway_token(
        tx, gateway, held.warehouse, token, now_us=now_us, expires_at_us=expires_at_us
    )
    return expires_at_us


async def shut_out(tx: Transaction, gateway: str, now_us: int) -> int:
    """End a gateway's tokens, and what it could get others by; gives the number of tokens.

    Raises NotEnrolled if there is nothing to end.
    """
    keys = await tx.fetch("delete from box_keys where gateway = ? returning gateway", (gateway,))
    codes = await tx.fetch(
        "delete from invitations where gateway = ? returning gateway", (gateway,)
    )
    try:
        return await revoke_gateway(tx, gateway, now_us)
    except NotEnrolled:
        if keys or codes:
            return 0
        raise
