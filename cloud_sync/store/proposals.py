"""What transfer proposals are made of: lots, promises, policies and what is already under way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from cloud_sync.contract import documents as doc
from cloud_sync.fulfilment.places import distance_m
from cloud_sync.fulfilment.promise import Goods, Shelf
from cloud_sync.fulfilment.transfers import Holding, LotStock, Proposal, TransferRules, propose
from cloud_sync.store.columns import text
from cloud_sync.store.documents import read_documents
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.promises import read_policies, read_promises
from cloud_sync.store.usable_lots import day_at, read_lots, read_whereabouts


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which items proposals are wanted: `limit` of them behind `after`, or the one given."""

    item: str | None
    after: str
    limit: int


async def items_asked(tx: Transaction, asked: Asked) -> list[str]:
    """Items there is stock of, one more than asked for if there are more."""
    if asked.item is not None:
        return [asked.item]
    rows = await tx.fetch(
        "select distinct item from stock where item > ? and warehouse <> '' order by item limit ?",
        (asked.after, asked.limit + 1),
    )
    return [text(row[0]) for row in rows]


async def read_proposals(
    tx: Transaction, items: Sequence[str], *, rules: TransferRules, now_us: int
) -> list[Proposal]:
    """What would be worth sending of items, as things stand."""
    policies = await _policies(tx, items)
    arrivals, distances = await _ways(tx, policies, items, now_us)
    on_order, going = await _under_way(tx, items)
    promises = await read_promises(tx, items, now_us=now_us, at_us=now_us)
    lots = {it.shelf: it.lots for it in await read_lots(tx, items, at_us=now_us)}
    shelves = {*promises, *(Shelf(warehouse, item, "EA") for warehouse, item in policies)}
    holdings = []
    for shelf in sorted(shelves):
        # Policies count pieces; of what is weighed nobody knows the reorder point.
        policy = policies.get((shelf.warehouse, shelf.item)) if shelf.unit == "EA" else None
        held = promises.get(shelf)
        holdings.append(
            Holding(
                shelf.warehouse,
                shelf.goods,
                (0 if held is None else held.available) - going.get(shelf, 0),
                [
                    LotStock(lot, None if expiry is None else date.fromisoformat(expiry), quantity)
                    for lot, expiry, quantity in lots.get(shelf, ())
                    if quantity > 0
                ],
                None if policy is None else policy.demand_units_per_day,
                None if policy is None else policy.reorder_point_units,
                on_order.get(shelf, 0),
            )
        )
    return propose(holdings, arrivals=arrivals, distances_m=distances, rules=rules)


_OWNERS = (
    "with recursive owner(name) as (select min(warehouse) from documents union all "
    "select (select min(warehouse) from documents where warehouse > owner.name) "
    "from owner where owner.name is not null) select name from owner where name > ''"
)
"""The warehouses that have documents: a step along the index each, however many those are."""


async def _policies(tx: Transaction, items: Iterable[str]) -> dict[tuple[str, str], doc.Policy]:
    owners = [text(row[0]) for row in await tx.fetch(_OWNERS)]
    return await read_policies(tx, items, owners)


async def _ways(
    tx: Transaction,
    policies: Mapping[tuple[str, str], doc.Policy],
    items: Iterable[str],
    now_us: int,
) -> tuple[dict[tuple[str, str], date], dict[tuple[str, str], int]]:
    """When goods sent now arrive and how far they go, between any two warehouses concerned.

    A way takes the destination's lead time, the longest of its policies. Its length is 0 where
    one end has no coordinates.
    """
    rows = await fetch_in(
        tx, "select distinct warehouse from stock where warehouse <> '' and item in (?*)", items
    )
    lead_days: dict[str, int] = {}
    for (warehouse, _), policy in policies.items():
        days = ceil(policy.lead_time_days)
        lead_days[warehouse] = max(days, lead_days.get(warehouse, 0))
    places = await read_whereabouts(tx)
    arrivals, distances = {}, {}
    for source in sorted({text(row[0]) for row in rows}):
        start = places.get(source)
        for destination, days in lead_days.items():
            end = places.get(destination)
            zone = None if end is None else end.time_zone
            today = date.fromisoformat(day_at(now_us, zone))
            arrivals[source, destination] = today + timedelta(days=days)
            metres = 0
            if start and end and start.coordinates and end.coordinates:
                metres = distance_m(start.coordinates, end.coordinates)
            distances[source, destination] = metres
    return arrivals, distances


async def _under_way(
    tx: Transaction, items: Iterable[str]
) -> tuple[dict[Shelf, int], dict[Shelf, int]]:
    """What is expected at each shelf, and what each has been told to send and has not yet sent."""
    wanted = set(items)
    expected: dict[Shelf, int] = {}
    going: dict[Shelf, int] = {}
    for content in await read_documents(tx, doc.ASN):
        asn = doc.Asn.model_validate(content)
        if asn.status != "received":
            _add(expected, asn.warehouse, asn.shipped or asn.ordered, wanted)
    for content in await read_documents(tx, doc.TRANSFER):
        transfer = doc.Transfer.model_validate(content)
        if transfer.status == "ordered":
            _add(going, transfer.source, transfer.ordered, wanted)
    return expected, going


def _add(
    sums: dict[Shelf, int], warehouse: str, lines: Iterable[doc.ShipmentLine], items: set[str]
) -> None:
    for line in lines:
        if line.item in items:
            shelf = Shelf(warehouse, *Goods(line.item, line.unit))
            sums[shelf] = sums.get(shelf, 0) + line.quantity
