"""Telling subscribers: at least once, in order, each by its own clock and its own bad luck.

A subscription is claimed by moving its due time ahead, so that several services do not tell the
same thing at once; its place moves when the receiver has answered 2xx. A receiver that fails is
asked again after a while that doubles up to an hour, with half as many events each time, which is
also what one that answers 413 wants.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from cloud_sync.epcis.answers import as_links, make_query_document
from cloud_sync.epcis.query import parse_query
from cloud_sync.epcis.schedule import parse_schedule
from cloud_sync.outbound.post import Post, PostFailed
from cloud_sync.service.epcis_http import SPOKEN
from cloud_sync.service.rounds import go_for_ever
from cloud_sync.store import epcis_queries as kept
from cloud_sync.store.epcis_events import Cut, Found, find_events, newest
from cloud_sync.store.epcis_keys import is_keyed, key_older
from cloud_sync.store.epcis_master import resolve
from cloud_sync.store.epcis_projection import is_behind, is_busy, project_rows
from cloud_sync.store.epcis_queries import Subscription
from cloud_sync.store.ports import Database, Transaction

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE: Final = 100
SUBSCRIPTIONS_AT_ONCE: Final = 16
ROUND_EVERY_S: Final = 1.0
STEPS_PER_ROUND: Final = 100
STEPS_WHEN_BUSY: Final = ((5000, 1), (1, 5))
"""If so many rows came lately, so many steps: a backlog goes before the telling of it."""
CLAIMED_US: Final = 60_000_000
"""How long a claim holds: more than any delivery may take."""
STREAM_US: Final = 1_000_000
BACK_OFF_MAX_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is found for a subscription. position: its place once it has been told."""

    found: Found
    position: int


async def look_after_subscriptions(
    database: Database, post: Post, wall_us: Callable[[], int]
) -> None:
    """Tell subscribers for ever."""

    async def go_round() -> None:
        await tell_journals(database, wall_us)
        await deliver_due(database, post, wall_us)

    await go_for_ever("subscribers", ROUND_EVERY_S, go_round)


async def tell_journals(database: Database, wall_us: Callable[[], int]) -> None:
    """Tell as EPCIS what gateways have sent: little while they are sending, then the rest; and
    give events of an older version the keys that they lack."""
    n_steps = STEPS_PER_ROUND
    for n_rows, n_left in STEPS_WHEN_BUSY:
        if await database.read(partial(is_busy, now_us=wall_us(), n_rows=n_rows)):
            n_steps = n_left
            break
    for _ in range(n_steps):
        if await database.read(is_behind):
            await database.transact(partial(project_rows, now_us=wall_us()))
        elif await database.read(is_keyed) or not await database.transact(key_older):
            return


async def deliver_due(database: Database, post: Post, wall_us: Callable[[], int]) -> int:
    """Tell everybody whose turn it is; gives how many requests were made."""
    claim = partial(
        kept.claim_due, now_us=wall_us(), until_us=wall_us() + CLAIMED_US,
        limit=SUBSCRIPTIONS_AT_ONCE,
    )  # fmt: skip
    due = await database.transact(claim)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _deliver(database, post, subscription, wall_us),
                name=f"tell {subscription.subscription_id}",
            )
            for subscription in due
        ]
    return sum(task.result() for task in tasks)


async def _deliver(
    database: Database, post: Post, subscription: Subscription, wall_us: Callable[[], int]
) -> int:
    """Tell one subscriber the next events; gives 1 if a request was made."""
    parcel = await database.read(partial(_pack, subscription=subscription))
    if parcel is None:
        return 0  # the query went away, and the subscription with it
    now_us = wall_us()
    is_more = parcel.found.next is not None
    note = partial(kept.note_delivery, subscription_id=subscription.subscription_id)
    if not parcel.found.events and (is_more or not subscription.report_if_empty):
        due_us = now_us if is_more else _next_due(subscription, now_us)
        await database.transact(
            partial(note, position=parcel.position, due_at_us=due_us, notified_at_us=None,
                    n_failures=subscription.n_failures)
        )  # fmt: skip
        return 0
    reason = await _send(post, subscription, parcel, now_us)
    if reason is None:
        due_us = now_us if is_more else _next_due(subscription, now_us)
        outcome = partial(note, position=parcel.position, due_at_us=due_us,
                          notified_at_us=now_us, n_failures=0)  # fmt: skip
    else:
        n_failures = subscription.n_failures + 1
        wait_us = min(BACK_OFF_MAX_US, STREAM_US * 2 ** min(n_failures, 20))
        outcome = partial(note, position=subscription.position, due_at_us=now_us + wait_us,
                          notified_at_us=None, n_failures=n_failures)  # fmt: skip
        logger.warning(
            "subscriber not reached",
            extra={
                "action": "delivery_failed",
                "subscription": subscription.subscription_id,
                "failures": n_failures,
                "reason": reason,
            },
        )
    await database.transact(outcome)
    return 1


async def _pack(tx: Transaction, *, subscription: Subscription) -> Parcel | None:
    named = await kept.read_query(tx, subscription.query)
    if named is None:
        return None
    query = replace(
        await resolve(tx, parse_query(named.query)),
        order_by=None, count_limit=None, count_max=None,
    )  # fmt: skip
    up_to = await newest(tx)
    position = subscription.position
    if position == kept.FROM_INITIAL_TIME:
        position = await kept.position_at(tx, subscription.initial_at_us)
    n_events = max(1, EVENTS_AT_ONCE >> min(subscription.n_failures, 7))
    cut = Cut(n_events, up_to, (position, position))
    found = await find_events(tx, query, cut, warehouses=named.warehouses)
    after = found.next.after if found.next is not None else None
    return Parcel(found, after[1] if after is not None else max(up_to, position))


async def _send(post: Post, subscription: Subscription, parcel: Parcel, now_us: int) -> str | None:
    """Send what was found; gives why it did not arrive, or None."""
    document = make_query_document(
        [(each.event, each.context) for each in parcel.found.events],
        at_us=now_us,
        query_name=subscription.query,
        subscription_id=subscription.subscription_id,
    )
    wants_links = subscription.epc_format == "Always_GS1_Digital_Link"
    told = as_links(document) if wants_links else document
    body = json.dumps(told, ensure_ascii=False).encode()
    headers = {**SPOKEN, "Content-Type": "application/json"}
    if subscription.signature_token is not None:
        headers["GS1-Signature"] = sign(subscription.signature_token, body)
    try:
        status = await post(subscription.dest, body, headers)
    except PostFailed as error:
        return str(error)
    return None if 200 <= status < 300 else f"status {status}"


def sign(secret: str, body: bytes) -> str:
    """The GS1-Signature of a body: HMAC-SHA256 under the subscriber's token, in hexadecimal."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _next_due(subscription: Subscription, now_us: int) -> int:
    if subscription.schedule is None:
        return now_us + STREAM_US
    due_us = parse_schedule(subscription.schedule).next_us(now_us)
    return now_us + BACK_OFF_MAX_US if due_us is None else due_us
