"""Named queries and who subscribed to them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.epcis.times import format_time
from cloud_sync.store.columns import integer, optional_integer, optional_text, text
from cloud_sync.store.ports import Row, Transaction

Json = Mapping[str, object]

FROM_INITIAL_TIME: Final = -1
"""The position of a subscription that has been told nothing yet."""

_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


def is_name(name: str) -> bool:
    """True for what a query may be called: it stands in URLs as it is."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query under a name. warehouses: what its author may see, and so all it ever tells."""

    name: str
    query: Json
    warehouses: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Somebody who is told what a query finds. position: up to where that has happened."""

    subscription_id: str
    query: str
    dest: str
    signature_token: str | None
    schedule: Json | None
    report_if_empty: bool
    initial_at_us: int
    created_at_us: int
    notified_at_us: int | None
    position: int
    due_at_us: int
    n_failures: int
    epc_format: str

    @property
    def min_record_time_us(self) -> int:
        """From when on events are still to come: the last delivery, or where it all began."""
        return max(self.initial_at_us, self.notified_at_us or 0)

    def told(self) -> dict[str, object]:
        """As it is shown; the secret is not."""
        when: dict[str, object] = (
            {"stream": True}
            if self.schedule is None
            else {"schedule": self.schedule, "reportIfEmpty": self.report_if_empty}
        )
        told: dict[str, object] = {
            "subscriptionID": self.subscription_id,
            "queryName": self.query,
            "dest": self.dest,
            "createdAt": format_time(self.created_at_us),
            "initialRecordTime": format_time(self.initial_at_us),
            "minRecordTime": format_time(self.min_record_time_us),
            "epcFormat": self.epc_format,
            **when,
        }
        if self.notified_at_us is not None:
            told["lastNotifiedAt"] = format_time(self.notified_at_us)
        return told


_COLUMNS = (
    "subscription_id", "query", "dest", "signature_token", "schedule", "report_if_empty",
    "initial_at_us", "created_at_us", "notified_at_us", "position", "due_at_us", "n_failures",
    "epc_format",
)  # fmt: skip
_SELECT = f"select {', '.join(_COLUMNS)} from epcis_subscriptions "  # noqa: S608 -- constants


async def add_query(tx: Transaction, query: NamedQuery, now_us: int) -> bool:
    """Keep a query; False if its name is taken."""
    mine = await tx.fetch(
        "insert into epcis_queries(name, query, warehouses, created_at_us) values (?, ?, ?, ?) "
        "on conflict (name) do nothing returning name",
        (
            query.name,
            json.dumps(query.query, ensure_ascii=False),
            None if query.warehouses is None else json.dumps(list(query.warehouses)),
            now_us,
        ),
    )
    return bool(mine)


async def read_query(tx: Transaction, name: str) -> NamedQuery | None:
    """The query of a name."""
    rows = await tx.fetch(
        "select name, query, warehouses from epcis_queries where name = ?", (name,)
    )
    return _query(rows[0]) if rows else None


async def read_queries(tx: Transaction, *, after: str, limit: int) -> list[NamedQuery]:
    """Queries by name."""
    rows = await tx.fetch(
        "select name, query, warehouses from epcis_queries where name > ? order by name limit ?",
        (after, limit),
    )
    return [_query(row) for row in rows]


def _query(row: Row) -> NamedQuery:
    name, query, warehouses = row
    seen = optional_text(warehouses)
    return NamedQuery(
        text(name), json.loads(text(query)), None if seen is None else json.loads(seen)
    )


async def drop_query(tx: Transaction, name: str) -> bool:
    """Take a query and its subscriptions away; False if there was none."""
    gone = await tx.fetch("delete from epcis_queries where name = ? returning name", (name,))
    await tx.execute_many("delete from epcis_subscriptions where query = ?", [(name,)])
    return bool(gone)


async def add_subscription(tx: Transaction, subscription: Subscription) -> None:
    """Keep a subscription."""
    schedule = subscription.schedule
    row = [getattr(subscription, name) for name in _COLUMNS]
    row[_COLUMNS.index("schedule")] = None if schedule is None else json.dumps(schedule)
    row[_COLUMNS.index("report_if_empty")] = int(subscription.report_if_empty)
    await tx.insert("epcis_subscriptions", _COLUMNS, [row])


async def read_subscription(
    tx: Transaction, query: str, subscription_id: str
) -> Subscription | None:
    """One subscription to a query."""
    rows = await tx.fetch(
        f"{_SELECT} where query = ? and subscription_id = ?", (query, subscription_id)
    )
    return _subscription(rows[0]) if rows else None


async def read_subscriptions(
    tx: Transaction, query: str, *, after: str, limit: int
) -> list[Subscription]:
    """The subscriptions to a query, by id."""
    rows = await tx.fetch(
        f"{_SELECT} where query = ? and subscription_id > ? order by subscription_id limit ?",
        (query, after, limit),
    )
    return [_subscription(row) for row in rows]


async def drop_subscription(tx: Transaction, query: str, subscription_id: str) -> bool:
    """Tell a subscriber nothing more; False if there was none."""
    gone = await tx.fetch(
        "delete from epcis_subscriptions where query = ? and subscription_id = ? "
        "returning subscription_id",
        (query, subscription_id),
    )
    return bool(gone)


async def claim_due(
    tx: Transaction, *, now_us: int, until_us: int, limit: int
) -> list[Subscription]:
    """Whose turn it is, the longest waiting first; nobody else is given them until then."""
    rows = await tx.fetch(
        f"update epcis_subscriptions set due_at_us = ? where subscription_id in "  # noqa: S608 -- constants
        "(select subscription_id from epcis_subscriptions where due_at_us <= ? "
        f"order by due_at_us limit ?) and due_at_us <= ? returning {', '.join(_COLUMNS)}",
        (until_us, now_us, limit, now_us),
    )
    return [_subscription(row) for row in rows]


async def note_delivery(
    tx: Transaction,
    subscription_id: str,
    *,
    position: int,
    due_at_us: int,
    notified_at_us: int | None,
    n_failures: int,
) -> None:
    """How far a subscriber was told, and when it is looked at next."""
    await tx.execute_many(
        "update epcis_subscriptions set position = ?, due_at_us = ?, "
        "notified_at_us = coalesce(?, notified_at_us), n_failures = ? where subscription_id = ?",
        [(position, due_at_us, notified_at_us, n_failures, subscription_id)],
    )


async def position_at(tx: Transaction, record_time_us: int) -> int:
    """The position of the last event recorded before a time."""
    rows = await tx.fetch(
        "select position from epcis_events where record_time_us < ? "
        "order by record_time_us desc, position desc limit 1",
        (record_time_us,),
    )
    return integer(rows[0][0]) if rows else 0


def _subscription(row: Row) -> Subscription:
    known = dict(zip(_COLUMNS, row, strict=True))
    schedule = optional_text(known["schedule"])
    return Subscription(
        subscription_id=text(known["subscription_id"]),
        query=text(known["query"]),
        dest=text(known["dest"]),
        signature_token=optional_text(known["signature_token"]),
        schedule=None if schedule is None else json.loads(schedule),
        report_if_empty=bool(known["report_if_empty"]),
        initial_at_us=integer(known["initial_at_us"]),
        created_at_us=integer(known["created_at_us"]),
        notified_at_us=optional_integer(known["notified_at_us"]),
        position=integer(known["position"]),
        due_at_us=integer(known["due_at_us"]),
        n_failures=integer(known["n_failures"]),
        epc_format=text(known["epc_format"]),
    )
