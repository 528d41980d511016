"""What may be promised, read from stock, reservations, contacts and master data of one moment.

Who is going to promise locks the shelves first: promises of the same goods at the same warehouse
then come one after the other, each seeing those before it. Stock itself is not locked: a fact from
a warehouse never waits for a promise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.fulfilment.promise import (
    UNKNOWN_DEMAND,
    Demand,
    Goods,
    Promise,
    PromiseRules,
    Shelf,
    dark_us,
    promise,
)
from cloud_sync.store.columns import integer, optional_integer, text
from cloud_sync.store.ports import Row, Transaction, Value, fetch_in
from cloud_sync.store.usable_lots import read_lots

ACTIVE = "(state = 'confirmed' or (state = 'held' and expires_at_us > ?))"
"""SQL for a reservation that counts now."""


@dataclass(frozen=True, slots=True)
class Darkness:
    """How long each warehouse that is dark has been so, µs; the others are not in it."""

    dark_for_us: Mapping[str, int] = field(default_factory=dict)

    def of(self, warehouse: str) -> int:
        """0 for a warehouse that is heard of."""
        return self.dark_for_us.get(warehouse, 0)


async def lock_shelves(tx: Transaction, shelves: Iterable[Shelf]) -> None:
    """Keep others from promising the same goods until this transaction is over."""
    # In one order everywhere, so that two who lock several never wait for each other.
    rows = sorted(set(shelves))
    await tx.execute_many(
        "insert into shelves(warehouse, item, unit) values (?, ?, ?) "
        "on conflict (warehouse, item, unit) do update set unit = excluded.unit",
        rows,
    )


async def read_rules(tx: Transaction) -> PromiseRules:
    """The rules in force."""
    return _rules(await tx.fetch("select content from promise_rules where id = 1"))


def _rules(rows: Sequence[Row]) -> PromiseRules:
    return PromiseRules(**json.loads(text(rows[0][-1]))) if rows else PromiseRules()


async def put_rules(tx: Transaction, rules: PromiseRules) -> None:
    """Put other rules in force."""
    await tx.execute_many(
        "insert into promise_rules(id, content) values (1, ?) "
        "on conflict (id) do update set content = excluded.content",
        [(ev.canonical(asdict(rules)).decode(),)],
    )


_CONTACTS = (
    "select warehouse, min(contact_at_us), cast(null as text) from gateways "
    "where contact_at_us is not null "
    "and exists (select 1 from credentials where credentials.name = gateways.gateway "
    "and credentials.warehouse is not null and credentials.revoked_at_us is null) "
    "group by warehouse"
)


async def read_darkness(tx: Transaction, rules: PromiseRules, now_us: int) -> Darkness:
    """Which warehouses are dark. Of several gateways the one silent longest counts: its facts
    are missing. One whose tokens are all revoked is not expected to speak."""
    return _darkness(await tx.fetch(_CONTACTS), rules, now_us)


def _darkness(contacts: Iterable[Row], rules: PromiseRules, now_us: int) -> Darkness:
    return Darkness(
        {
            text(warehouse): dark
            for warehouse, contact, _ in contacts
            if (dark := dark_us(now_us, optional_integer(contact), rules))
        }
    )


async def _circumstances(tx: Transaction, now_us: int) -> tuple[PromiseRules, Darkness]:
    """The rules in force and who is dark by them, by one question."""
    rows = await tx.fetch(
        f"{_CONTACTS} union all "  # noqa: S608 -- a constant
        "select '', cast(null as bigint), content from promise_rules where id = 1"
    )
    rules = _rules([row for row in rows if row[2] is not None])
    return rules, _darkness([row for row in rows if row[2] is None], rules, now_us)


async def read_promises(
    tx: Transaction, items: Iterable[str], *, now_us: int, at_us: int
) -> dict[Shelf, Promise]:
    """What may be promised now of items, to be good at `at_us`, wherever there is any."""
    wanted = sorted(set(items))
    rules, darkness = await _circumstances(tx, now_us)
    sellable = {
        it.shelf: sum(quantity for *_, quantity in it.lots)
        for it in await read_lots(tx, wanted, at_us=at_us)
    }
    reserved = await _reserved(tx, wanted, now_us)
    demands = await read_demands(tx, wanted, darkness.dark_for_us)
    return {
        shelf: promise(
            usable=sellable.get(shelf, 0),
            reserved=reserved.get(shelf, 0),
            demand=demands.get(shelf, UNKNOWN_DEMAND),
            dark_for_us=darkness.of(shelf.warehouse),
            rules=rules,
        )
        for shelf in sorted(sellable.keys() | reserved.keys())
    }


async def _reserved(tx: Transaction, items: Sequence[str], now_us: int) -> dict[Shelf, int]:
    rows = await fetch_in(
        tx,
        "select warehouse, item, unit, cast(sum(quantity - consumed) as bigint) "  # noqa: S608 -- a constant
        f"from reservations where {ACTIVE} and item in (?*) group by warehouse, item, unit",
        items,
        before=(now_us,),
    )
    return {
        Shelf(text(warehouse), text(item), text(unit)): integer(quantity)
        for warehouse, item, unit, quantity in rows
    }


async def read_demands(
    tx: Transaction, items: Sequence[str], warehouses: Iterable[str]
) -> dict[Shelf, Demand]:
    """What is known of the demand for items at warehouses, in pieces and in grams."""
    demands: dict[Shelf, Demand] = {}
    places = sorted(set(warehouses))
    if not places:
        return demands
    rows = await fetch_in(
        tx,
        "select kind, content from documents where kind in (?, ?) and is_deleted = 0"
        " and key in (?*)",
        [*items, *(policy_key(owner, item) for owner in places for item in items)],
        before=(doc.ITEM, doc.POLICY),
    )
    abouts = [doc.Item.model_validate_json(text(it)) for kind, it in rows if kind == doc.ITEM]
    found = {it.gtin: it for it in abouts}
    policies = _by_shelf(it for kind, it in rows if kind == doc.POLICY)
    for warehouse in places:
        for item in items:
            policy, about = policies.get((warehouse, item)), found.get(item)
            per_day = 0.0 if policy is None else policy.demand_units_per_day
            spoils = about is None or about.shelf_life_days is not None
            grams = 1 if about is None else about.grams_per_unit
            demands[Shelf(warehouse, item, "EA")] = Demand(per_day, spoils)
            demands[Shelf(warehouse, item, "g")] = Demand(per_day * grams, spoils)
    return demands


async def read_policies(
    tx: Transaction, items: Iterable[str], warehouses: Iterable[str]
) -> dict[tuple[str, str], doc.Policy]:
    """How items are kept at warehouses, by warehouse and item, where anybody has said so."""
    owners = list(warehouses)
    rows = await fetch_in(
        tx,
        "select content from documents where kind = ? and is_deleted = 0 and key in (?*)",
        [policy_key(owner, item) for item in set(items) for owner in owners],
        before=(doc.POLICY,),
    )
    return _by_shelf(content for (content,) in rows)


def policy_key(warehouse: str, item: str) -> str:
    """The key of the document that says how an item is kept at a warehouse."""
    return f"{warehouse}.{item}"


def _by_shelf(contents: Iterable[Value]) -> dict[tuple[str, str], doc.Policy]:
    found = [doc.Policy.model_validate_json(text(content)) for content in contents]
    return {(it.warehouse, it.gtin): it for it in found}


def goods_by_warehouse(promises: Mapping[Shelf, Promise]) -> dict[str, dict[Goods, int]]:
    """What each warehouse has to promise, as allocation wants it."""
    found: dict[str, dict[Goods, int]] = {}
    for shelf, it in promises.items():
        found.setdefault(shelf.warehouse, {})[shelf.goods] = it.available
    return found
