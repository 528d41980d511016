"""Page tokens that were given back before they ended by themselves."""

from __future__ import annotations

import hashlib

from cloud_sync.store.ports import Transaction


def _key(token: str) -> str:
    return hashlib.blake2b(token.encode(), digest_size=16).hexdigest()


async def end_token(tx: Transaction, token: str, *, expires_at_us: int, now_us: int) -> None:
    """Take a token no more; those that have ended by themselves are forgotten."""
    await tx.execute_many("delete from epcis_ended_tokens where expires_at_us < ?", [(now_us,)])
    await tx.execute_many(
        "insert into epcis_ended_tokens(token, expires_at_us) values (?, ?) "
        "on conflict (token) do nothing",
        [(_key(token), expires_at_us)],
    )


async def is_ended(tx: Transaction, token: str) -> bool:
    """True for a token that was given back."""
    return bool(await tx.fetch("select 1 from epcis_ended_tokens where token = ?", (_key(token),)))
