"""Goods that are on their way for too long.

When goods were sent is in events, when they should have come in documents, whether they have in
the balances; that they have not is said by the clock. So evidence of `transit_overdue` is raised
by whoever looks, and it ends when nothing is on its way any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.contract.plans import asn_of
from cloud_sync.inventory.exceptions import Ending, key_text
from cloud_sync.inventory.findings import TRANSIT_OVERDUE
from cloud_sync.store.columns import integer, text
from cloud_sync.store.documents import find_documents
from cloud_sync.store.exception_queue import add_evidence, end_evidence
from cloud_sync.store.ports import Row, Transaction, fetch_in
from cloud_sync.store.transit_rules import read_rules

SECOND_US: Final = 1_000_000

_FIRST: Final = (
    "insert into transits(warehouse, transfer, at_us, event_id) values (?, ?, ?, ?) "
    "on conflict (warehouse, transfer) do update "
    "set at_us = excluded.at_us, event_id = excluded.event_id "
    "where (excluded.at_us, excluded.event_id) < (transits.at_us, transits.event_id)"
)


async def note_transits(tx: Transaction, warehouse: str, events: Sequence[ev.Event]) -> None:
    """Keep when goods were first sent under each transfer."""
    rows = {
        (warehouse, transfer, event.occurred_at_us, event.event_id)
        for event in events
        if event.type == ev.TRANSFER_DISPATCHED
        for transfer in _transfers(event)
    }
    await tx.execute_many(_FIRST, sorted(rows))


def moved_transits(events: Iterable[ev.Event]) -> set[str]:
    """The transfers out of whose transit something was taken."""
    return {
        line.from_location.removeprefix(keys.transit(""))
        for event in events
        for line in event.lines
        if keys.is_transit(line.from_location)
    }


def _transfers(event: ev.Event) -> set[str]:
    return {
        line.to_location.removeprefix(keys.transit(""))
        for line in event.lines
        if keys.is_transit(line.to_location)
    }


async def transits_open(tx: Transaction) -> list[str]:
    """The transfers that were sent and of which something has not come."""
    rows = await tx.fetch(
        "select distinct t.transfer from transits t where exists ("
        "select 1 from stock s where s.warehouse = '' and s.location like '@transit.%' "
        "and s.location = '@transit.' || t.transfer and s.quantity <> 0) order by t.transfer"
    )
    return [text(row[0]) for row in rows]


async def transits_told(tx: Transaction) -> list[str]:
    """The transfers that were found overdue and whose evidence has not ended."""
    rows = await tx.fetch(
        "select distinct t.transfer from transits t join exception_evidence e "
        "on e.kind = ? and e.event_id = t.event_id where not exists ("
        "select 1 from exception_ends x where x.warehouse = e.warehouse and x.kind = e.kind "
        "and x.key = e.key and e.at_us < x.until_us) order by t.transfer",
        (TRANSIT_OVERDUE,),
    )
    return [text(row[0]) for row in rows]


async def look_at_transits(tx: Transaction, transfers: Collection[str], *, now_us: int) -> None:
    """Tell of transfers that are overdue, and no more of those that have come."""
    if not transfers:
        return
    sent = await fetch_in(
        tx,
        "select transfer, at_us, event_id, warehouse from transits where transfer in (?*)",
        sorted(transfers),
    )
    under_way = {
        text(location).removeprefix(keys.transit(""))
        for (location,) in await fetch_in(
            tx,
            "select distinct location from stock where warehouse = '' "
            "and location like '@transit.%' and quantity <> 0 and location in (?*)",
            sorted(map(keys.transit, transfers)),
        )
    }
    expected = await _expected(tx, sorted({text(row[0]) for row in sent}))
    rules = await read_rules(tx)
    overdue = []
    for row in sent:
        transfer, at_us = text(row[0]), integer(row[1])
        where, when_us = expected.get(transfer, (text(row[3]), None))
        patience = rules.between(text(row[3]), where)
        if when_us is None:
            when_us = at_us + patience.untold_s * SECOND_US
        due_us = when_us + patience.overdue_s * SECOND_US
        if transfer not in under_way:
            await _end(tx, row, where)
        elif now_us > due_us:
            key = key_text((transfer,))
            detail = f"sent by {text(row[3])}, expected at {when_us}"
            overdue.append((where, TRANSIT_OVERDUE, key, text(row[2]), due_us, detail))
    await add_evidence(tx, overdue)


async def _end(tx: Transaction, row: Row, warehouse: str) -> None:
    key = (text(row[0]),)
    told = await tx.fetch(
        "select at_us from exception_evidence where warehouse = ? and kind = ? and key = ?",
        (warehouse, TRANSIT_OVERDUE, key_text(key)),
    )
    if told:
        until_us = max(integer(at_us) for (at_us,) in told) + 1
        ending = Ending(TRANSIT_OVERDUE, key, until_us, text(row[2]))
        await end_evidence(tx, warehouse, [ending])


async def _expected(
    tx: Transaction, transfers: Sequence[str]
) -> dict[str, tuple[str, int | None]]:
    """By transfer where it is expected, and when, if anybody said so."""
    named = {
        it.key: doc.Transfer.model_validate(it.content)
        for it in await find_documents(tx, doc.TRANSFER, transfers)
    }
    asns = {asn_of(it.id, it.plan): it.id for it in named.values()}
    found: dict[str, tuple[str, int | None]] = {
        key: (it.destination, None) for key, it in named.items()
    }
    for filed in await find_documents(tx, doc.ASN, sorted(asns)):
        asn = doc.Asn.model_validate(filed.content)
        found[asns[filed.key]] = asn.warehouse, asn.expected_at_us
    return found
