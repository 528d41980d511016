"""Balances of virtual places (`@customer`, `@supplier` …) while stock is being folded again.

Such a place belongs to no warehouse: its balances are sums over all of them, and warehouses are
folded one after the other. So until the last is done the old sums stay in `stock` and are told;
the new ones grow in `stock_refolded`. A warehouse that is done (`ledgers.is_refolded`) adds what
comes now to both. At the end the new sums take the place of the old ones, in one transaction.

`refolds` has the warehouses that are still to come, and a row '' while a run is not finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.inventory.stock import NOWHERE, StockKey
from cloud_sync.store.columns import text
from cloud_sync.store.ports import Transaction

KEYS: Final = ("warehouse", "item", "location", "lot", "status", "unit")
RUN: Final = ""
"""The row of `refolds` that says that a run is not finished."""

_NAMES: Final = ", ".join((*KEYS, "quantity"))
_SAME: Final = " and ".join(f"r.{key} = stock.{key}" for key in KEYS)
_DROP: Final = (
    f"delete from stock where warehouse = '{NOWHERE}' and not exists "  # noqa: S608 -- our own names
    f"(select 1 from stock_refolded r where {_SAME})"
)
_TAKE: Final = (
    # `where true` tells SQLite's parser that `on` begins no join.
    f"insert into stock({_NAMES}) select {_NAMES} from stock_refolded where true "  # noqa: S608 -- as above
    f"on conflict ({', '.join(KEYS)}) do update set quantity = excluded.quantity "
    "where stock.quantity <> excluded.quantity"
)
_SWAP: Final = (
    _DROP,
    _TAKE,
    "delete from stock_refolded",
    "update ledgers set is_refolded = 0 where is_refolded = 1",
    "delete from refolds",
)


async def begin_run(tx: Transaction) -> None:
    """Have all warehouses folded again, if no run is under way."""
    if await tx.fetch("select 1 from refolds limit 1"):
        return
    await tx.execute_many(
        "insert into refolds(warehouse) select warehouse from gateways "
        "union select warehouse from ledgers union select ? on conflict do nothing",
        [(RUN,)],
    )


async def is_under_way(tx: Transaction) -> bool:
    """True if a run is not finished; it cannot end before this transaction does."""
    return bool(
        await tx.fetch(
            "update refolds set warehouse = warehouse where warehouse = ? returning warehouse",
            (RUN,),
        )
    )


async def waiting(tx: Transaction) -> list[str]:
    """The warehouses that are still to be folded."""
    rows = await tx.fetch(
        "select warehouse from refolds where warehouse <> ? order by warehouse", (RUN,)
    )
    return [text(row[0]) for row in rows]


async def is_new_one_done(tx: Transaction, warehouse: str) -> bool:
    """Whether a warehouse whose first batch this is counts as folded: no run has it to do."""
    if not await is_under_way(tx):
        return False
    return not await tx.fetch("select 1 from refolds where warehouse = ?", (warehouse,))


async def mark_done(tx: Transaction, warehouse: str) -> None:
    """From now on what a warehouse adds to virtual places goes to the new sums, too."""
    await tx.execute_many("update ledgers set is_refolded = 1 where warehouse = ?", [(warehouse,)])


async def add_to_new_sums(tx: Transaction, changes: Mapping[StockKey, int]) -> None:
    """Add what a warehouse that is done makes of virtual places."""
    await tx.add(
        "stock_refolded",
        KEYS,
        "quantity",
        # In one order everywhere, so that two writers lock rows without a deadlock.
        sorted(
            (key.warehouse, key.item, key.location, key.lot, key.status, key.unit, quantity)
            for key, quantity in changes.items()
            if key.warehouse == NOWHERE
        ),
    )


async def end_run(tx: Transaction) -> None:
    """Put the new sums in the place of the old; nobody may take a batch meanwhile."""
    for statement in _SWAP:
        await tx.execute_many(statement, [()])
