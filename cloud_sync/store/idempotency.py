"""Answers kept under the caller's Idempotency-Key, each in the transaction of its effect.

A key belongs to its caller. Whoever claims it first runs; a second transaction with the same key
waits for the first one's end at the primary key and then finds its answer. The key of a
transaction that failed was never there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cloud_sync.store.columns import blob, integer
from cloud_sync.store.ports import Transaction

KEPT_US: Final = 7 * 86_400_000_000
"""How long a key is remembered; who repeats a request after a week means a new one."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request as its sender numbered it. request: a hash over all that was asked."""

    caller: str
    key: str
    request: bytes
    at_us: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """The key is new: do the work, then keep the answer."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The request was answered before, so."""

    status: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Reused:
    """The key was used for another request."""


async def claim(tx: Transaction, ticket: Ticket) -> Claimed | Kept | Reused:
    """Take a key, or learn what became of it."""
    # An expired key is anybody's again. In the same statement, so that two do not both take it.
    mine = await tx.fetch(
        "insert into idempotency(caller, key, request, at_us) values (?, ?, ?, ?) "
        "on conflict (caller, key) do update set request = excluded.request, "
        "at_us = excluded.at_us, status = null, answer = null "
        "where idempotency.at_us < ? returning key",
        (ticket.caller, ticket.key, ticket.request, ticket.at_us, ticket.at_us - KEPT_US),
    )
    if mine:
        return Claimed()
    ((request, status, answer),) = await tx.fetch(
        "select request, status, answer from idempotency where caller = ? and key = ?",
        (ticket.caller, ticket.key),
    )
    if blob(request) != ticket.request:
        return Reused()
    return Kept(integer(status), blob(answer))


async def keep_answer(tx: Transaction, ticket: Ticket, *, status: int, answer: bytes) -> None:
    """Write down what is going to be said, next to what was done."""
    await tx.execute_many(
        "update idempotency set status = ?, answer = ? where caller = ? and key = ?",
        [(status, answer, ticket.caller, ticket.key)],
    )


async def forget_answers(tx: Transaction, now_us: int) -> None:
    """Drop the keys that are too old to be asked for."""
    await tx.execute_many("delete from idempotency where at_us < ?", [(now_us - KEPT_US,)])
