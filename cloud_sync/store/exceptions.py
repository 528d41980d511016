"""What a person must look into about a gateway: kept per journal and kind, with its first time.

kind: `forked`, `fenced` or `in_use` as the batch was refused, or `rows_gone` where the cloud waits
for rows that the gateway's journal no longer has. A row is never taken away: it says what
happened, how often and when last, not that it still does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cloud_sync.contract.batches import Batch
from cloud_sync.inbox.admission import Refusal, Standing
from cloud_sync.store.ports import Transaction

ROWS_GONE: Final = "rows_gone"
_KEPT: Final = frozenset({"forked", "fenced", "in_use"})


async def note_refusal(
    tx: Transaction, standing: Standing, batch: Batch, refusal: Refusal, now_us: int
) -> None:
    """Keep a refusal that does not mend itself."""
    kind, message = refusal.code, refusal.message
    if refusal.code == "gap" and batch.gone_seq is not None:
        if batch.gone_seq != refusal.expected_seq:
            return  # it is on its way to where we stand
        kind = ROWS_GONE
        message = f"row {batch.gone_seq} and what followed it left the gateway before we had it"
    elif kind not in _KEPT:
        return
    await tx.execute_many(
        "insert into gateway_exceptions"
        "(warehouse, gateway, epoch, kind, message, n, first_at_us, last_at_us) "
        "values (?, ?, ?, ?, ?, 1, ?, ?) "
        "on conflict (warehouse, gateway, epoch, kind) do update set "
        "message = excluded.message, n = gateway_exceptions.n + 1, "
        "last_at_us = excluded.last_at_us",
        [(standing.warehouse, standing.gateway, batch.epoch, kind, message, now_us, now_us)],
    )


async def read_exceptions(
    tx: Transaction, within: Sequence[str] | None = None
) -> list[dict[str, object]]:
    """All of them, the newest first. within: of the gateways of these warehouses."""
    names = ("gateway", "epoch", "kind", "message", "n", "first_at_us", "last_at_us")
    where = ""
    if within is not None:
        marks = ", ".join("?" * len(within))
        where = f"where warehouse in ({marks}) "
    rows = await tx.fetch(
        "select gateway, epoch, kind, message, n, first_at_us, last_at_us "  # noqa: S608
        f"from gateway_exceptions {where}"
        "order by last_at_us desc, gateway, epoch, kind limit 1000",
        list(within or ()),
    )
    return [dict(zip(names, row, strict=True)) for row in rows]
