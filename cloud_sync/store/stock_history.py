"""The counts of a warehouse and what they changed."""

from __future__ import annotations

from cloud_sync.inventory.places import parse_place
from cloud_sync.store.columns import text
from cloud_sync.store.ports import Transaction


async def read_counts(
    tx: Transaction, *, warehouse: str, item: str | None, limit: int
) -> list[dict[str, object]]:
    """The newest counts of a warehouse, with what they changed."""
    condition, values = ("", []) if item is None else (" and item = ?", [item])
    names = ("location", "item", "lot", "status", "unit", "place", "event_id", "counted",
             "variance", "is_swept")  # fmt: skip
    rows = await tx.fetch(
        f"select {', '.join(names)} from stock_counts where warehouse = ?{condition}"  # noqa: S608 -- constants only
        " order by place desc, location, item, lot, status, unit limit ?",
        [warehouse, *values, limit],
    )
    found: list[dict[str, object]] = [dict(zip(names, row, strict=True)) for row in rows]
    for count in found:
        count["at_us"] = parse_place(text(count.pop("place"))).at_us
        count["is_swept"] = bool(count["is_swept"])
    return found
