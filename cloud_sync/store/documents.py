"""Documents: what the office and the events of plans and goods make of them.

A document keeps its place in the feed (feed.py) until it changes; then it moves to the feed's end
with the next version. What does not change it does not move it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract.plans import asn_id
from cloud_sync.inbox.orders import (
    FlowKey,
    LotFacts,
    Orders,
    earlier,
    make_documents,
    orders_of,
    shipped_lines,
    update_asn,
    update_transfer,
)
from cloud_sync.store.columns import integer, optional_text, text
from cloud_sync.store.feed import leave_mark
from cloud_sync.store.ports import Transaction, fetch_in

EVERYBODY: Final = ""
"""The warehouse of documents that all gateways see."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document to be put. warehouse: whose gateway sees it, or EVERYBODY."""

    kind: str
    key: str
    warehouse: str
    content: Mapping[str, object]


# ------------------------------------------------------------------ writing


async def put_documents(tx: Transaction, drafts: Sequence[Draft]) -> int:
    """Put documents at the end of the feed, those that say something new. Gives their number."""
    await _lock_feed(tx)
    newest = {(draft.kind, draft.key): draft for draft in drafts}
    known = {
        (text(kind), text(key)): content
        for kind, key, content in await fetch_in(
            tx,
            "select kind, key, content from documents where is_deleted = 0 and key in (?*)",
            [key for _, key in newest],
        )
    }
    changed = [
        (draft, content)
        for name, draft in newest.items()
        if (content := ev.canonical(draft.content).decode()) != known.get(name)
    ]
    if not changed:
        return 0
    ((last,),) = await tx.fetch(
        "update feed set last = last + ? where id = 1 returning last", (len(changed),)
    )
    first = integer(last) - len(changed) + 1
    await leave_mark(tx, integer(last), [(d.kind, d.key, content) for d, content in changed])
    await tx.execute_many(
        "insert into documents(kind, key, warehouse, version, changed_at, is_deleted, content) "
        "values (?, ?, ?, 1, ?, 0, ?) "
        "on conflict (kind, key) do update set warehouse = excluded.warehouse, "
        "version = documents.version + 1, changed_at = excluded.changed_at, is_deleted = 0, "
        "content = excluded.content",
        [
            (draft.kind, draft.key, draft.warehouse, changed_at, content)
            for changed_at, (draft, content) in enumerate(changed, first)
        ],
    )
    return len(changed)


async def _lock_feed(tx: Transaction) -> None:
    """Keep others from writing documents: the two ends of a transfer must see each other's sums,
    and a change must not become visible before one with a smaller number."""
    await tx.execute_many("update feed set last = last where id = ?", [(1,)])


async def apply_orders(tx: Transaction, events: Sequence[ev.Event]) -> None:
    """Bring deliveries and transfers up to date with accepted events."""
    orders = orders_of(events)
    if not (orders.flows or orders.lots or orders.plans):
        return
    await _lock_feed(tx)
    await _add_flows(tx, orders)
    lots = await _add_lots(tx, orders)
    transfers = {key.document for key in orders.flows if key.kind == "transfer"}
    asns = {key.document for key in orders.flows if key.kind == "asn"}
    for item, lot in lots:
        rows = await tx.fetch(
            "select distinct document from flows where kind = 'transfer' and item = ? and lot = ?",
            (item, lot),
        )
        transfers |= {text(row[0]) for row in rows}
    drafts: dict[tuple[str, str], Draft] = {}
    for plan in orders.plans:
        if plan.lines:
            transfer, asn = make_documents(plan)
            drafts[doc.TRANSFER, transfer.id] = transfer_draft(transfer)
            drafts[doc.ASN, asn.id] = asn_draft(asn)
            transfers.add(transfer.id)
    await put_documents(tx, list(drafts.values()))
    await put_documents(tx, await _follow(tx, transfers, asns))


def transfer_draft(transfer: doc.Transfer) -> Draft:
    """A transfer is seen by its source, which has to send it."""
    content = transfer.model_dump(exclude_none=True)
    return Draft(doc.TRANSFER, transfer.id, transfer.source, content)


def asn_draft(asn: doc.Asn) -> Draft:
    """A delivery is seen by the warehouse that expects it."""
    return Draft(doc.ASN, asn.id, asn.warehouse, asn.model_dump(exclude_none=True))


async def _add_flows(tx: Transaction, orders: Orders) -> None:
    await tx.add(
        "flows",
        ("warehouse", "kind", "document", "item", "lot", "unit"),
        "quantity",
        [
            (key.warehouse, key.kind, key.document, key.item, key.lot, key.unit, quantity)
            for key, quantity in sorted(orders.flows.items())
        ],
    )


async def _add_lots(tx: Transaction, orders: Orders) -> list[tuple[str, str]]:
    """Keep what was said first about each lot; gives the lots of which that is new."""
    if not orders.lots:
        return []
    known = {
        (text(item), text(lot)): LotFacts(integer(at_us), text(event_id), optional_text(expiry))
        for item, lot, at_us, event_id, expiry in await fetch_in(
            tx,
            "select item, lot, occurred_at_us, event_id, expiry from lots where lot in (?*)",
            [lot for _, lot in orders.lots],
        )
    }
    new = {
        key: facts
        for key, facts in orders.lots.items()
        if earlier(known.get(key), facts) != known.get(key)
    }
    await tx.execute_many(
        "insert into lots(item, lot, occurred_at_us, event_id, expiry) values (?, ?, ?, ?, ?) "
        "on conflict (item, lot) do update set occurred_at_us = excluded.occurred_at_us, "
        "event_id = excluded.event_id, expiry = excluded.expiry",
        [
            (item, lot, facts.occurred_at_us, facts.event_id, facts.expiry)
            for (item, lot), facts in sorted(new.items())
        ],
    )
    return sorted(new)


async def follow_asns(tx: Transaction, asns: Iterable[str]) -> None:
    """Bring deliveries up to date that people have just written."""
    await put_documents(tx, await _follow(tx, set(), set(asns)))


async def _follow(tx: Transaction, transfers: set[str], asns: set[str]) -> list[Draft]:
    """The documents touched by flows, as they stand now."""
    held_transfers = {
        key: doc.Transfer.model_validate(content)
        for key, content in (await _load(tx, doc.TRANSFER, transfers)).items()
    }
    # A transfer and the delivery of the same plan stand and fall together.
    asns = asns | {asn_id(it.plan) for it in held_transfers.values() if it.plan is not None}
    held_asns = {
        key: doc.Asn.model_validate(content)
        for key, content in (await _load(tx, doc.ASN, asns)).items()
    }
    missing = {it.transfer for it in held_asns.values() if it.transfer} - held_transfers.keys()
    for key, content in (await _load(tx, doc.TRANSFER, missing)).items():
        held_transfers[key] = doc.Transfer.model_validate(content)
    drafts: list[Draft] = []
    for asn in held_asns.values():
        transfer = held_transfers.get(asn.transfer) if asn.transfer is not None else None
        received = await _flows(tx, "asn", asn.id, asn.warehouse)
        shipped: list[doc.ShipmentLine] = []
        if asn.transfer is not None:
            source = transfer.source if transfer is not None else asn.source
            dispatched = await _flows(tx, "transfer", asn.transfer, source)
            shipped = shipped_lines(dispatched, await _expiries(tx, dispatched))
        if transfer is not None and transfer.plan == asn.plan:
            drafts.append(transfer_draft(update_transfer(transfer, shipped, received)))
        drafts.append(asn_draft(update_asn(asn, shipped, received)))
    return drafts


async def _load(tx: Transaction, kind: str, keys: Iterable[str]) -> dict[str, object]:
    rows = await fetch_in(
        tx,
        "select key, content from documents where kind = ? and is_deleted = 0 and key in (?*)",
        keys,
        before=(kind,),
    )
    return {text(key): json.loads(text(content)) for key, content in rows}


async def _flows(tx: Transaction, kind: str, document: str, warehouse: str) -> dict[FlowKey, int]:
    rows = await tx.fetch(
        "select item, lot, unit, quantity from flows "
        "where kind = ? and document = ? and warehouse = ?",
        (kind, document, warehouse),
    )
    return {
        FlowKey(warehouse, kind, document, text(item), text(lot), text(unit)): integer(quantity)
        for item, lot, unit, quantity in rows
    }


async def _expiries(
    tx: Transaction, flows: Iterable[FlowKey]
) -> dict[tuple[str, str], str | None]:
    rows = await fetch_in(
        tx,
        "select item, lot, expiry from lots where lot in (?*)",
        {key.lot for key in flows if key.lot},
    )
    return {(text(item), text(lot)): optional_text(expiry) for item, lot, expiry in rows}


async def read_documents(
    tx: Transaction, kind: str, *, warehouse: str | None = None
) -> list[dict[str, object]]:
    """All documents of a kind, by key; of one warehouse if it is given."""
    sql = "select content from documents where kind = ? and is_deleted = 0"
    parameters: tuple[str, ...] = (kind,)
    if warehouse is not None:
        sql, parameters = sql + " and warehouse = ?", (kind, warehouse)
    rows = await tx.fetch(sql + " order by key", parameters)
    return [json.loads(text(content)) for (content,) in rows]
