"""Telling receivers what changed: signed, at least once, tried for most of a day.

    Forepost-Delivery: ID
    Forepost-Timestamp: seconds since 1970, UTC, of this try
    Forepost-Signature: v1=HEX

HEX is HMAC-SHA256 over `ID "." TIMESTAMP "." BODY` with the webhook's secret. The receiver
compares in constant time, refuses time stamps that are minutes away from its own clock (a replay),
and keeps the ids it has seen: a delivery may come more than once, and not in order.

A delivery that fails is tried again after a random part of a time that doubles, from twenty
seconds to an hour, TRIES_MAX times in all; then it is dead until somebody revives it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from cloud_sync.outbound.post import Post, PostFailed
from cloud_sync.store import webhooks as store
from cloud_sync.store.ports import Database, StoreError

logger = logging.getLogger(__name__)

TRIES_MAX: Final = 30
FIRST_WAIT_S: Final = 10.0
WAIT_S_MAX: Final = 3600.0
LEASE_US: Final = 60_000_000
"""For so long a delivery belongs to the process that tries it; longer than any try."""
AT_ONCE_MAX: Final = 16
QUEUED_AT_ONCE: Final = 500
IDLE_S: Final = 1.0
SECOND_US: Final = 1_000_000


def sign(secret: str, *, delivery: str, at_s: int, body: bytes) -> str:
    """The signature of one try."""
    signed = b".".join((delivery.encode(), str(at_s).encode(), body))
    return f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Dispatcher:
    """Delivers the webhooks of one database; several may work on one at the same time."""

    def __init__(
        self, database: Database, post: Post, *, wall_us: Callable[[], int], chance: Random
    ) -> None:
        self._database = database
        self._post = post
        self._wall_us = wall_us
        self._chance = chance

    async def run(self) -> None:
        """Until cancelled. What cannot be done now is done in a later round."""
        while True:
            try:
                n_tried = await self.round()
            except StoreError as error:
                logger.warning(
                    "webhooks wait", extra={"action": "webhooks_wait", "reason": str(error)}
                )
                n_tried = 0
            if not n_tried:
                await asyncio.sleep(IDLE_S)

    async def round(self) -> int:
        """Queue what is new and try what is due; gives how many were tried."""
        now_us = self._wall_us()
        if await self._database.read(store.is_behind):
            await self._database.transact(
                partial(store.queue_changes, now_us=now_us, at_once=QUEUED_AT_ONCE)
            )
        if not await self._database.read(partial(store.is_due, now_us=now_us)):
            return 0
        due = await self._database.transact(
            partial(store.claim_due, now_us=now_us, until_us=now_us + LEASE_US, limit=AT_ONCE_MAX)
        )
        outcomes: dict[str, str | None] = {}
        async with asyncio.TaskGroup() as group:
            for delivery in due:
                group.create_task(self._try(delivery, outcomes), name=f"webhook {delivery.id}")
        for delivery in due:
            await self._note(delivery, outcomes[delivery.id])
        return len(due)

    async def _try(self, delivery: store.Delivery, outcomes: dict[str, str | None]) -> None:
        body, at_s = delivery.body.encode(), self._wall_us() // SECOND_US
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "forepost-webhook/1",
            "Forepost-Delivery": delivery.id,
            "Forepost-Timestamp": str(at_s),
            "Forepost-Signature": sign(
                delivery.secret, delivery=delivery.id, at_s=at_s, body=body
            ),
        }
        try:
            status = await self._post(delivery.url, body, headers)
        except PostFailed as error:
            outcomes[delivery.id] = str(error)
        else:
            outcomes[delivery.id] = None if 200 <= status < 300 else f"HTTP {status}"

    async def _note(self, delivery: store.Delivery, reason: str | None) -> None:
        now_us = self._wall_us()
        if reason is None:
            await self._database.transact(
                partial(store.note_done, delivery=delivery.id, now_us=now_us)
            )
            return
        n_tries = delivery.n_tries + 1
        is_dead = n_tries >= TRIES_MAX
        ceiling_s = min(WAIT_S_MAX, FIRST_WAIT_S * 2 ** min(n_tries, 20))
        wait_us = int(self._chance.uniform(0, ceiling_s) * SECOND_US)
        script = partial(
            store.note_failure,
            delivery=delivery.id,
            n_tries=n_tries,
            reason=reason[:500].replace("\0", " "),
            now_us=now_us,
            next_at_us=None if is_dead else now_us + wait_us,
        )
        await self._database.transact(script)
        if is_dead:
            logger.error(
                "webhook delivery given up",
                extra={"action": "webhook_dead", "delivery": delivery.id, "reason": reason},
            )
