"""Sessions of people at the pages: a secret in a browser that stands for a token.

A session has no rights of its own. It leads to the token it was made with, and ends with it: when
the token is revoked or past its end, when its user is gone, or when the session's own time is up.
"""

from __future__ import annotations

import secrets
from typing import Final

from cloud_sync.contract import rights
from cloud_sync.store.columns import blob
from cloud_sync.store.credentials import (
    Credential,
    credential_of_hash,
    find_credential,
    hash_token,
)
from cloud_sync.store.ports import Transaction

SESSION_US: Final = 12 * 3_600_000_000
"""One shift; who works longer signs in again."""


def make_secret() -> str:
    """A new session's secret: 32 random bytes."""
    return secrets.token_urlsafe(32)


async def open_session(
    tx: Transaction, *, name: str, token: str, secret: str, now_us: int
) -> Credential | None:
    """Begin a session of the user with this name and token; None if they are not both right.

    Gateways have no business at the pages. What has ended is cleared away here.
    """
    credential = await find_credential(tx, token, now_us)
    if credential is None or credential.role == rights.GATEWAY or credential.name != name:
        return None
    await tx.execute_many("delete from sessions where expires_at_us <= ?", [(now_us,)])
    await tx.execute_many(
        "insert into sessions(session_sha256, token_sha256, created_at_us, expires_at_us) "
        "values (?, ?, ?, ?)",
        [(hash_token(secret), hash_token(token), now_us, now_us + SESSION_US)],
    )
    return credential


async def find_session(tx: Transaction, secret: str, now_us: int) -> Credential | None:
    """Whose session it is, if it is one and its token is still good."""
    rows = await tx.fetch(
        "select token_sha256 from sessions where session_sha256 = ? and expires_at_us > ?",
        (hash_token(secret), now_us),
    )
    return await credential_of_hash(tx, blob(rows[0][0]), now_us) if rows else None


async def end_session(tx: Transaction, secret: str) -> None:
    """End a session; one that is none is none afterwards."""
    await tx.execute_many("delete from sessions where session_sha256 = ?", [(hash_token(secret),)])
