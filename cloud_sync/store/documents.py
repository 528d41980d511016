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
from cloud_sync.contract.plans import asn_of
from cloud_sync.inbox.orders import (
    CLOSING,
    FlowKey,
    LotFacts,
    Orders,
    earlier,
    orders_of,
    shipped_lines,
    update_asn,
    update_transfer,
)
from cloud_sync.store.audit import Witness
from cloud_sync.store.columns import integer, optional_text, text
from cloud_sync.store.exposures import exposed, note_exposures
from cloud_sync.store.feed import leave_mark, lock_feed
from cloud_sync.store.ports import Transaction, fetch_in

EVERYBODY: Final = ""
"""The warehouse of documents that all gateways see."""

OF_THE_CLOUD: Final = "@cloud"
"""The warehouse of documents that no gateway sees; "@" is not legal in an id."""

KEYED_BY_WAREHOUSE: Final = frozenset({doc.POLICY, doc.LOCATION, doc.CLIMATE})
"""Kinds whose key says the warehouse, so that a document of another one is another document.

The key of any other kind is one document, wherever it is: put for another warehouse, it moves.
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document to be put. warehouse: whose gateway sees it, EVERYBODY or OF_THE_CLOUD."""

    kind: str
    key: str
    warehouse: str
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Gone:
    """A document to be taken away. warehouse: where it is; None: wherever."""

    kind: str
    key: str
    warehouse: str | None = None


# ------------------------------------------------------------------ writing


@dataclass(slots=True)
class _Held:
    """One row as it is, or is going to be. content: None for a tombstone."""

    warehouse: str
    kind: str
    key: str
    version: int
    content: str | None


async def put_documents(tx: Transaction, drafts: Sequence[Draft]) -> int:
    """Put documents at the end of the feed, those that say something new. Gives their number."""
    return await change_documents(tx, drafts, [])


async def change_documents(tx: Transaction, drafts: Sequence[Draft], gone: Sequence[Gone]) -> int:
    """Put documents and take others away; gives how many are new, changed or gone."""
    await lock_feed(tx)
    held = await _held(
        tx, {(it.kind, it.key) for it in drafts} | {(it.kind, it.key) for it in gone}
    )
    newest = {
        (it.kind, it.key, it.warehouse if it.kind in KEYED_BY_WAREHOUSE else None): it
        for it in drafts
    }
    was = {id(row): (row.version, row.content) for rows in held.values() for row in rows}
    new = (0, None)
    n_changed = sum(_put(held.setdefault((it.kind, it.key), []), it) for it in newest.values())
    n_changed += sum(_take(held.get((it.kind, it.key), []), it) for it in gone)
    changed = [it for own in held.values() for it in own if was.get(id(it), new)[0] != it.version]
    # A document that moved leaves before it arrives.
    changed.sort(key=lambda row: row.content is not None)
    await _write(tx, changed)
    if isinstance(tx, Witness):
        for it in changed:
            tx.saw(it, was.get(id(it), new)[1])
    return n_changed


async def _held(
    tx: Transaction, names: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[_Held]]:
    by_kind: dict[str, list[str]] = {}
    for kind, key in names:
        by_kind.setdefault(kind, []).append(key)
    held: dict[tuple[str, str], list[_Held]] = {}
    for kind, keys in by_kind.items():
        for warehouse, name, version, content in await fetch_in(
            tx,
            "select warehouse, key, version, content from documents "
            "where kind = ? and key in (?*)",
            keys,
            before=(kind,),
        ):
            key = text(name)
            row = _Held(text(warehouse), kind, key, integer(version), optional_text(content))
            held.setdefault((kind, key), []).append(row)
    return held


def _put(rows: list[_Held], draft: Draft) -> bool:
    content = ev.canonical(draft.content).decode()
    is_bound = draft.kind in KEYED_BY_WAREHOUSE
    own = next((row for row in rows if row.warehouse == draft.warehouse), None)
    others = [row for row in rows if row is not own and row.content is not None and not is_bound]
    if own is not None and own.content == content:
        return False
    version = max((row.version for row in rows if row is own or not is_bound), default=0) + 1
    for row in others:
        row.content, row.version = None, version
    if others:
        version += 1  # a gateway may see it leave and come in one
    if own is None:
        rows.append(_Held(draft.warehouse, draft.kind, draft.key, version, content))
    else:
        own.content, own.version = content, version
    return True


def _take(rows: list[_Held], gone: Gone) -> bool:
    found = [
        row for row in rows if row.content is not None and gone.warehouse in {None, row.warehouse}
    ]
    for row in found:
        row.content = None
        row.version += 1
    return bool(found)


async def _write(tx: Transaction, changed: Sequence[_Held]) -> None:
    if not changed:
        return
    ((last,),) = await tx.fetch(
        "update feed set last = last + ? where id = 1 returning last", (len(changed),)
    )
    first = integer(last) - len(changed) + 1
    await leave_mark(tx, integer(last), [(it.kind, it.key, it.content or "") for it in changed])
    await tx.execute_many(
        "insert into documents(warehouse, kind, key, version, changed_at, is_deleted, content) "
        "values (?, ?, ?, ?, ?, ?, ?) "
        "on conflict (warehouse, kind, key) do update set version = excluded.version, "
        "changed_at = excluded.changed_at, is_deleted = excluded.is_deleted, "
        "content = excluded.content",
        [
            (it.warehouse, it.kind, it.key, it.version, at, int(it.content is None), it.content)
            for at, it in enumerate(changed, first)
        ],
    )


async def apply_orders(tx: Transaction, events: Sequence[ev.Event]) -> None:
    """Bring deliveries and transfers up to date with accepted events."""
    orders, carriers = orders_of(events), await note_exposures(tx, events)
    if not (orders.flows or orders.lots or carriers):
        return
    await lock_feed(tx)
    await _add_flows(tx, orders)
    lots = await _add_lots(tx, orders)
    transfers = carriers | {key.document for key in orders.flows if key.kind == "transfer"}
    asns = {key.document for key in orders.flows if key.kind in {"asn", CLOSING}}
    for item, lot in lots:
        rows = await tx.fetch(
            "select distinct document from flows where kind = 'transfer' and item = ? and lot = ?",
            (item, lot),
        )
        transfers |= {text(row[0]) for row in rows}
    await put_documents(tx, await _follow(tx, transfers, asns, orders.reopened))


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


async def follow_asns(tx: Transaction, asns: Iterable[str], transfers: Iterable[str] = ()) -> None:
    """Bring deliveries and transfers up to date that people have just written."""
    await put_documents(tx, await _follow(tx, set(transfers), set(asns), set()))


async def _follow(
    tx: Transaction, transfers: set[str], asns: set[str], reopened: set[str]
) -> list[Draft]:
    """The documents touched by flows, as they stand now. reopened: see Orders."""
    held_transfers = {
        key: doc.Transfer.model_validate(content)
        for key, content in (await _load(tx, doc.TRANSFER, transfers)).items()
    }
    # A transfer and the delivery of the same plan stand and fall together.
    asns = asns | {asn_of(it.id, it.plan) for it in held_transfers.values()}
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
        closing = await _flows(tx, CLOSING, asn.id, asn.warehouse)
        is_closed = any(n > 0 for n in closing.values())
        if transfer is not None and asn_of(transfer.id, transfer.plan) == asn.id:
            transfer = update_transfer(transfer, shipped, received, is_closed=is_closed)
            drafts.append(transfer_draft(transfer))
        stands = update_asn(
            asn, shipped, received, is_closed=is_closed, is_reopened=asn.id in reopened
        )
        drafts.append(asn_draft(await exposed(tx, stands, transfer)))
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


async def read_kinds(
    tx: Transaction, kinds: Sequence[str]
) -> Mapping[str, list[dict[str, object]]]:
    """All documents of several kinds, each by key, with one question."""
    found: dict[str, list[dict[str, object]]] = {kind: [] for kind in kinds}
    rows = await tx.fetch(
        "select kind, content from documents where is_deleted = 0 and kind in "  # noqa: S608 -- marks only
        f"({', '.join('?' * len(kinds))}) order by kind, key",
        list(kinds),
    )
    for kind, content in rows:
        found[text(kind)].append(json.loads(text(content)))
    return found


@dataclass(frozen=True, slots=True)
class Filed:
    """A document as it is kept."""

    key: str
    warehouse: str
    version: int
    content: dict[str, object]


async def list_documents(
    tx: Transaction,
    kind: str,
    *,
    warehouses: Sequence[str] | None,
    after: tuple[str, ...],
    limit: int,
) -> list[Filed]:
    """Documents of a kind by key and warehouse, behind a place. warehouses: None for all."""
    sql = (
        "select key, warehouse, version, content from documents "
        "where kind = ? and is_deleted = 0 and (key, warehouse) > (?, ?) "
    )
    parameters: list[str | int] = [kind, *after]
    if warehouses is not None:
        sql += f"and warehouse in ({', '.join('?' * len(warehouses))}) "
        parameters += warehouses
    rows = await tx.fetch(sql + "order by key, warehouse limit ?", [*parameters, limit])
    return [
        Filed(text(key), text(place), integer(version), json.loads(text(content)))
        for key, place, version, content in rows
    ]


async def find_documents(tx: Transaction, kind: str, keys: Iterable[str]) -> list[Filed]:
    """The documents of a kind under these keys, of whatever warehouse."""
    rows = await fetch_in(
        tx,
        "select key, warehouse, version, content from documents "
        "where kind = ? and is_deleted = 0 and key in (?*)",
        keys,
        before=(kind,),
    )
    return [
        Filed(text(key), text(place), integer(version), json.loads(text(content)))
        for key, place, version, content in rows
    ]
