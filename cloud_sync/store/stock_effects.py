"""What accepted events do to the balances, in the transaction that takes them."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_sync.contract import events as ev
from cloud_sync.inventory.stock import net_movements
from cloud_sync.store.ports import Transaction


async def apply_stock(tx: Transaction, events: Sequence[ev.Event]) -> None:
    """Add what accepted events move, once per balance however many events move it."""
    changes = net_movements(events)
    await tx.add(
        "stock",
        ("warehouse", "item", "location", "lot", "status", "unit"),
        "quantity",
        # In one order everywhere, so that two writers lock rows without a deadlock.
        sorted(
            (key.warehouse, key.item, key.location, key.lot, key.status, key.unit, quantity)
            for key, quantity in changes.items()
        ),
    )
