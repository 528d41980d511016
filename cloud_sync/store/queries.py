"""What people and programs ask for. Only reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.store.columns import blob, integer, optional_integer, optional_text, text
from cloud_sync.store.plans import read_states
from cloud_sync.store.ports import Transaction, Value


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: None means any. Rows come in order of arrival, which within one gateway is
    the order of its journal. within: the warehouses to look at."""

    gateway: str | None
    epoch: str | None
    event_type: str | None
    device: str | None
    after_seq: int
    after_position: int
    limit: int
    within: Sequence[str] | None = None


class _Where:
    """Conditions that are only there when asked for."""

    def __init__(self) -> None:
        self._terms: list[str] = []
        self.parameters: list[Value] = []

    def add(self, term: str, *values: Value) -> None:
        self._terms.append(term)
        self.parameters.extend(values)

    def among(self, column: str, values: Sequence[str] | None) -> None:
        """One of the values, if any are given."""
        if values is not None:
            self.add(f"{column} in ({', '.join('?' * len(values))})", *values)

    def __str__(self) -> str:
        return " and ".join(self._terms)


STOCK_KEY = ("warehouse", "item", "location", "lot", "status", "unit")


async def read_stock(
    tx: Transaction,
    *,
    warehouse: str | None,
    item: str | None,
    with_virtual: bool,
    within: Sequence[str] | None = None,
    after: tuple[str, ...] | None = None,
    limit: int | None = None,
) -> list[dict[str, object]]:
    """Balances that are not zero. Virtual places belong to no warehouse and come with any.

    within: the warehouses to look at. after: the key of the row before the first.
    """
    wanted = within if warehouse is None else [warehouse]
    if wanted is None:
        return await _stock_part(
            tx, None, item=item, with_virtual=with_virtual, after=after, limit=limit
        )
    found: list[dict[str, object]] = []
    # One walk along the key for each: together they would be sorted, and read whole before that.
    for each in sorted({*wanted, *([""] if with_virtual else [])}):
        if after is not None and each < after[0]:
            continue
        left = None if limit is None else limit - len(found)
        found += await _stock_part(
            tx, each, item=item, with_virtual=with_virtual, after=after, limit=left
        )
        if limit is not None and len(found) >= limit:
            break
    return found


async def _stock_part(
    tx: Transaction,
    warehouse: str | None,
    *,
    item: str | None,
    with_virtual: bool,
    after: tuple[str, ...] | None,
    limit: int | None,
) -> list[dict[str, object]]:
    where = _Where()
    where.add("quantity <> 0")
    key: tuple[str, ...] = STOCK_KEY
    if warehouse is not None:
        where.add("warehouse = ?", warehouse)
        after = after if after is not None and after[0] == warehouse else None
        key, after = key[1:], None if after is None else after[1:]
    elif not with_virtual:
        where.add("warehouse <> ''")
    if item is not None:
        where.add("item = ?", item)
    if after is not None:
        where.add(f"({', '.join(key)}) > ({', '.join('?' * len(key))})", *after)
    names = ("warehouse", "location", "item", "lot", "status", "unit", "quantity")
    rows = await tx.fetch(
        f"select {', '.join(names)} from stock where {where} "  # noqa: S608 -- constants only
        f"order by {', '.join(key)}" + ("" if limit is None else " limit ?"),
        [*where.parameters, *([] if limit is None else [limit])],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


async def read_events(
    tx: Transaction, wanted: EventFilter
) -> tuple[list[dict[str, object]], bool]:
    """Accepted events with their places, and whether there are more."""
    where = _Where()
    where.add("status = 'accepted'")
    where.add("position > ?", wanted.after_position)
    where.add("seq > ?", wanted.after_seq)
    where.among("warehouse", wanted.within)
    for column, value in (
        ("gateway", wanted.gateway),
        ("epoch", wanted.epoch),
        ("type", wanted.event_type),
        ("device", wanted.device),
    ):
        if value is not None:
            where.add(f"{column} = ?", value)
    if wanted.gateway is not None:
        # Every key begins with the warehouse, and a gateway is in one.
        where.add("warehouse = (select warehouse from gateways where gateway = ?)", wanted.gateway)
    order = "seq" if wanted.gateway is not None and wanted.epoch is not None else "position"
    rows = await tx.fetch(
        "select position, gateway, epoch, seq, received_at_us, body from received "  # noqa: S608
        f"where {where} order by {order} limit ?",
        [*where.parameters, wanted.limit + 1],
    )
    found: list[dict[str, object]] = [
        {
            "position": position,
            "gateway": gateway,
            "epoch": epoch,
            "seq": seq,
            "received_at_us": received_at_us,
            "event": _parsed(body),
        }
        for position, gateway, epoch, seq, received_at_us, body in rows[: wanted.limit]
    ]
    return found, len(rows) > wanted.limit


async def read_quarantine(
    tx: Transaction, *, after_position: int, limit: int, within: Sequence[str] | None = None
) -> list[dict[str, object]]:
    """Rows set aside, with the reason and the bytes as text."""
    where = _Where()
    where.add("status = 'quarantined'")
    where.add("position > ?", after_position)
    where.among("warehouse", within)
    rows = await tx.fetch(
        "select position, gateway, epoch, seq, received_at_us, reason, body from received "  # noqa: S608
        f"where {where} order by position limit ?",
        [*where.parameters, limit],
    )
    names = ("position", "gateway", "epoch", "seq", "received_at_us", "reason")
    return [
        {**dict(zip(names, row[:6], strict=True)), "raw": blob(row[6]).decode("utf-8")}
        for row in rows
    ]


async def read_plans(
    tx: Transaction,
    *,
    warehouse: str | None,
    limit: int,
    within: Sequence[str] | None = None,
    before: int | None = None,
) -> list[dict[str, object]]:
    """Plans, the newest first, each with its event and its place.

    before: only those that arrived before the event at this position.
    """
    where = _Where()
    where.add("received.status = 'accepted'")
    if before is not None:
        where.add("received.position < ?", before)
    where.among("plans.warehouse", within if warehouse is None else [warehouse])
    rows = await tx.fetch(
        "select received.position, received.gateway, received.epoch, received.seq, "  # noqa: S608
        "received.event_id, received.body "
        "from plans join received on received.warehouse = plans.warehouse "
        "and received.event_id = plans.event_id "
        f"where {where} order by received.position desc limit ?",
        [*where.parameters, limit],
    )
    plans = []
    names = ("position", "gateway", "epoch", "seq", "event_id")
    for *columns, body in rows:
        place = dict(zip(names, columns, strict=True))
        event = _parsed(body)
        content = event["body"] if isinstance(event, dict) else None
        plans.append({**(content if isinstance(content, dict) else {}), **place})
    states = await read_states(tx, [(str(it["warehouse"]), str(it["plan_id"])) for it in plans])
    return [
        {**it, "state": states.get((str(it["warehouse"]), str(it["plan_id"])))} for it in plans
    ]


async def read_gateways(
    tx: Transaction,
    *,
    within: Sequence[str] | None = None,
    after: str = "",
    limit: int = 10_000,
) -> list[dict[str, object]]:
    """How far each gateway is in, by name."""
    where = _Where()
    where.add("gateways.gateway > ?", after)
    where.among("gateways.warehouse", within)
    rows = await tx.fetch(
        "select gateways.gateway, gateways.warehouse, gateways.epoch, epochs.seq, "  # noqa: S608
        "gateways.contact_at_us from gateways left join epochs "
        "on epochs.warehouse = gateways.warehouse and epochs.gateway = gateways.gateway "
        "and epochs.epoch = gateways.epoch "
        f"where {where} order by gateways.gateway limit ?",
        [*where.parameters, limit],
    )
    return [
        {
            "gateway": text(gateway),
            "warehouse": text(warehouse),
            "epoch": optional_text(epoch),
            "acknowledged_seq": optional_integer(seq) or 0,
            "last_contact_us": optional_integer(contact_at_us),
        }
        for gateway, warehouse, epoch, seq, contact_at_us in rows
    ]


async def check_health(tx: Transaction) -> int:
    """The end of the change feed, which proves that the database answers."""
    ((last,),) = await tx.fetch("select last from feed where id = 1")
    return integer(last)


def _parsed(body: object) -> object:
    return json.loads(blob(body))
