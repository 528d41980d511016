"""What people and programs ask for. Only reads."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cloud_sync.store.columns import blob, integer, optional_integer, optional_text, text
from cloud_sync.store.ports import Transaction, Value


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: None means any. Rows come in order of arrival, which within one gateway is
    the order of its journal."""

    gateway: str | None
    epoch: str | None
    event_type: str | None
    device: str | None
    after_seq: int
    after_position: int
    limit: int


class _Where:
    """Conditions that are only there when asked for."""

    def __init__(self) -> None:
        self._terms: list[str] = []
        self.parameters: list[Value] = []

    def add(self, term: str, *values: Value) -> None:
        self._terms.append(term)
        self.parameters.extend(values)

    def __str__(self) -> str:
        return " and ".join(self._terms)


async def read_stock(
    tx: Transaction, *, warehouse: str | None, item: str | None, with_virtual: bool
) -> list[dict[str, object]]:
    """Balances that are not zero. Virtual places belong to no warehouse and come with any."""
    where = _Where()
    where.add("quantity <> 0")
    if warehouse is not None:
        where.add("warehouse in (?, ?)", warehouse, "" if with_virtual else warehouse)
    elif not with_virtual:
        where.add("warehouse <> ''")
    if item is not None:
        where.add("item = ?", item)
    names = ("warehouse", "location", "item", "lot", "status", "unit", "quantity")
    rows = await tx.fetch(
        f"select {', '.join(names)} from stock where {where} "  # noqa: S608 -- constants only
        "order by warehouse, item, location, lot, status, unit",
        where.parameters,
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
    for column, value in (
        ("gateway", wanted.gateway),
        ("epoch", wanted.epoch),
        ("type", wanted.event_type),
        ("device", wanted.device),
    ):
        if value is not None:
            where.add(f"{column} = ?", value)
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
    tx: Transaction, *, after_position: int, limit: int
) -> list[dict[str, object]]:
    """Rows set aside, with the reason and the bytes as text."""
    rows = await tx.fetch(
        "select position, gateway, epoch, seq, received_at_us, reason, body from received "
        "where status = 'quarantined' and position > ? order by position limit ?",
        (after_position, limit),
    )
    names = ("position", "gateway", "epoch", "seq", "received_at_us", "reason")
    return [
        {**dict(zip(names, row[:6], strict=True)), "raw": blob(row[6]).decode("utf-8")}
        for row in rows
    ]


async def read_plans(
    tx: Transaction, *, warehouse: str | None, limit: int
) -> list[dict[str, object]]:
    """Plans, the newest first, each with its event and its place."""
    where, parameters = "", []
    if warehouse is not None:
        where, parameters = "where plans.warehouse = ? ", [warehouse]
    rows = await tx.fetch(
        "select received.gateway, received.epoch, received.seq, received.event_id, received.body "  # noqa: S608
        "from plans join received on received.event_id = plans.event_id "
        f"and received.status = 'accepted' {where}order by received.position desc limit ?",
        [*parameters, limit],
    )
    plans = []
    for gateway, epoch, seq, event_id, body in rows:
        place = {"gateway": gateway, "epoch": epoch, "seq": seq, "event_id": event_id}
        event = _parsed(body)
        content = event["body"] if isinstance(event, dict) else None
        plans.append({**(content if isinstance(content, dict) else {}), **place})
    return plans


async def read_gateways(tx: Transaction) -> list[dict[str, object]]:
    """How far each gateway is in."""
    rows = await tx.fetch(
        "select gateways.gateway, gateways.warehouse, gateways.epoch, epochs.seq, "
        "gateways.contact_at_us from gateways left join epochs "
        "on epochs.gateway = gateways.gateway and epochs.epoch = gateways.epoch "
        "order by gateways.gateway"
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
