"""Webhooks and their deliveries: an outbox that follows the feed of documents.

Each webhook has its own place in the feed. Moving it and queueing what lies between is one
transaction, so every change of a kind that was asked for is queued once; what is queued is tried
until it is delivered or dead. A document that changes twice before the round is told once, as it
then is; `version` says which state of it a delivery tells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.store.columns import integer, optional_text, text
from cloud_sync.store.ports import Transaction

WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"
STATES: Final = (WAITING, DELIVERED, DEAD)

KEPT_US: Final = 30 * 86_400_000_000
"""How long deliveries that came to an end can be looked at."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to tell one receiver."""

    id: str
    url: str
    secret: str
    body: str
    n_tries: int


async def put_webhook(
    tx: Transaction, name: str, *, url: str, secret: str, kinds: Sequence[str], now_us: int
) -> bool:
    """Make or change a webhook, which then hears of changes from now on; gives whether it is new
    or other than before."""
    row = (url, secret, ",".join(sorted(set(kinds))))
    held = await tx.fetch("select url, secret, kinds from webhooks where id = ?", (name,))
    if held and tuple(held[0]) == row:
        return False
    await tx.execute_many(
        "insert into webhooks(id, url, secret, kinds, place, created_at_us) "
        "select ?, ?, ?, ?, last, ? from feed where id = 1 "
        "on conflict (id) do update set url = excluded.url, secret = excluded.secret, "
        "kinds = excluded.kinds",
        [(name, *row, now_us)],
    )
    return True


async def remove_webhook(tx: Transaction, name: str) -> bool:
    """Take a webhook away with all its deliveries; gives whether there was one."""
    await tx.execute_many("delete from webhook_deliveries where webhook = ?", [(name,)])
    return bool(await tx.fetch("delete from webhooks where id = ? returning id", (name,)))


async def read_webhooks(tx: Transaction, *, after: str, limit: int) -> list[dict[str, object]]:
    """Webhooks by name, without secrets, each with how many deliveries are in which state."""
    rows = await tx.fetch(
        "select id, url, kinds, created_at_us from webhooks where id > ? order by id limit ?",
        (after, limit),
    )
    counts = await tx.fetch(
        "select webhook, status, count(*) from webhook_deliveries group by webhook, status"
    )
    n_of = {(text(webhook), text(status)): integer(n) for webhook, status, n in counts}
    return [
        {
            "id": name,
            "url": url,
            "kinds": text(kinds).split(","),
            "created_at_us": created_at_us,
            **{state: n_of.get((text(name), state), 0) for state in STATES},
        }
        for name, url, kinds, created_at_us in rows
    ]


async def read_deliveries(
    tx: Transaction, name: str, *, status: str | None, after: str, limit: int
) -> list[dict[str, object]]:
    """What became of a webhook's deliveries, by their ids."""
    names = ("id", "status", "n_tries", "next_at_us", "last_error", "created_at_us", "done_at_us")
    where, parameters = ("and status = ? ", [status]) if status is not None else ("", [])
    rows = await tx.fetch(
        f"select {', '.join(names)} from webhook_deliveries "  # noqa: S608 -- constants only
        f"where webhook = ? and id > ? {where}order by id limit ?",
        [name, after, *parameters, limit],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


async def revive(tx: Transaction, name: str, now_us: int) -> int:
    """Let a webhook's dead deliveries be tried again from the beginning; gives their number."""
    rows = await tx.fetch(
        "update webhook_deliveries set status = 'waiting', n_tries = 0, next_at_us = ?, "
        "done_at_us = null where webhook = ? and status = 'dead' returning id",
        (now_us, name),
    )
    return len(rows)


# ------------------------------------------------------------------ the round


async def is_behind(tx: Transaction) -> bool:
    """True if some webhook has not been told of the feed's end."""
    return bool(
        await tx.fetch(
            "select 1 from webhooks where place < (select last from feed where id = 1) limit 1"
        )
    )


async def is_due(tx: Transaction, now_us: int) -> bool:
    """True if the time of some delivery has come."""
    return bool(
        await tx.fetch(
            "select 1 from webhook_deliveries "
            "where status = 'waiting' and next_at_us <= ? limit 1",
            (now_us,),
        )
    )


async def queue_changes(tx: Transaction, *, now_us: int, at_once: int) -> int:
    """Queue what changed since the last time, of each webhook up to `at_once`; gives how many."""
    n_queued = 0
    names = await tx.fetch(
        "select id from webhooks where place < (select last from feed where id = 1) order by id"
    )
    for (name,) in names:
        n_queued += await _queue(tx, text(name), now_us, at_once)
    await tx.execute_many(
        "delete from webhook_deliveries where status <> 'waiting' and done_at_us < ?",
        [(now_us - KEPT_US,)],
    )
    return n_queued


async def _queue(tx: Transaction, name: str, now_us: int, at_once: int) -> int:
    # Locks the row against another process that does the same.
    mine = await tx.fetch(
        "update webhooks set place = place where id = ? returning place, kinds", (name,)
    )
    if not mine:
        return 0
    place, kinds = integer(mine[0][0]), text(mine[0][1]).split(",")
    ((last,),) = await tx.fetch("select last from feed where id = 1")
    marks = ", ".join("?" * len(kinds))
    rows = await tx.fetch(
        "select changed_at, kind, key, warehouse, version, content from documents "  # noqa: S608 -- marks only
        f"where changed_at > ? and kind in ({marks}) order by changed_at limit ?",
        [place, *kinds, at_once],
    )
    deliveries = [
        (
            f"{name}.{integer(changed_at):012}",
            name,
            _body(name, (changed_at, *row)),
            now_us,
            now_us,
        )
        for changed_at, *row in rows
    ]
    await tx.execute_many(
        "insert into webhook_deliveries"
        "(id, webhook, body, status, n_tries, next_at_us, created_at_us) "
        "values (?, ?, ?, 'waiting', 0, ?, ?)",
        deliveries,
    )
    end = integer(rows[-1][0]) if len(rows) == at_once else integer(last)
    await tx.execute_many("update webhooks set place = ? where id = ?", [(end, name)])
    return len(deliveries)


def _body(name: str, row: Sequence[object]) -> str:
    changed_at, kind, key, warehouse, version, content = row
    held = optional_text(content)
    told = {
        "id": f"{name}.{changed_at:012}",
        "kind": kind,
        "key": key,
        "warehouse": warehouse,
        "version": version,
        "deleted": held is None,
    }
    if held is not None:
        told["data"] = json.loads(held)
    return ev.canonical(told).decode()


async def claim_due(tx: Transaction, *, now_us: int, until_us: int, limit: int) -> list[Delivery]:
    """Deliveries whose time has come, which nobody else tries before `until_us`."""
    rows = await tx.fetch(
        "select id from webhook_deliveries where status = 'waiting' and next_at_us <= ? "
        "order by next_at_us, id limit ?",
        (now_us, limit),
    )
    found: list[Delivery] = []
    for (name,) in rows:
        mine = await tx.fetch(
            "update webhook_deliveries set next_at_us = ? "
            "where id = ? and status = 'waiting' and next_at_us <= ? "
            "returning webhook, body, n_tries",
            (until_us, name, now_us),
        )
        for webhook, body, n_tries in mine:
            ((url, secret),) = await tx.fetch(
                "select url, secret from webhooks where id = ?", (webhook,)
            )
            found.append(
                Delivery(text(name), text(url), text(secret), text(body), integer(n_tries))
            )
    return found


async def note_done(tx: Transaction, delivery: str, now_us: int) -> None:
    """Note that a delivery was taken."""
    await tx.execute_many(
        "update webhook_deliveries set status = 'delivered', n_tries = n_tries + 1, "
        "next_at_us = null, last_error = null, done_at_us = ? where id = ?",
        [(now_us, delivery)],
    )


async def note_failure(
    tx: Transaction,
    delivery: str,
    *,
    n_tries: int,
    reason: str,
    now_us: int,
    next_at_us: int | None,
) -> None:
    """Note that a try failed. next_at_us: of the next; None: there is none."""
    is_dead = next_at_us is None
    await tx.execute_many(
        "update webhook_deliveries set status = ?, n_tries = ?, last_error = ?, next_at_us = ?, "
        "done_at_us = ? where id = ?",
        [
            (
                DEAD if is_dead else WAITING,
                n_tries,
                reason,
                next_at_us,
                now_us if is_dead else None,
                delivery,
            )
        ],
    )
