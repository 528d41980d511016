"""Which warehouses there are: those that the office wrote down, and those that have a gateway."""

from __future__ import annotations

from collections.abc import Collection

from cloud_sync.contract import master as own
from cloud_sync.store.columns import text
from cloud_sync.store.documents import find_documents
from cloud_sync.store.ports import Transaction, fetch_in


async def known_warehouses(tx: Transaction, named: Collection[str]) -> set[str]:
    """Those of the names that are warehouses."""
    if not named:
        return set()
    with_gateway = await fetch_in(
        tx, "select distinct warehouse from gateways where warehouse in (?*)", sorted(named)
    )
    written = await find_documents(tx, own.WAREHOUSE, sorted(named))
    return {it.key for it in written} | {text(warehouse) for (warehouse,) in with_gateway}
