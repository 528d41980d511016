"""What a person must look into about a gateway: kept per journal and kind, with its first time.

kind: `forked`, `fenced` or `in_use` as the batch was refused, or `rows_gone` where the cloud waits
for rows that the gateway's journal no longer has. A row is never taken away: it says what
happened, how often and when last, not that it still does.
"""

from __future__ import annotations

from typing import Final

from cloud_sync.contract.batches import Batch
from cloud_sync.inbox.admission import Refusal
from cloud_sync.store.ports import Transaction

ROWS_GONE: Final = "rows_gone"
_KEPT: Final = frozenset({"forked", "fenced", "in_use"})


async def note_refusal(
    tx: Transaction, gateway: str, batch: Batch, refusal: Refusal, now_us: int
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
        "(gateway, epoch, kind, message, n, first_at_us, last_at_us) values (?, ?, ?, ?, 1, ?, ?) "
        "on conflict (gateway, epoch, kind) do update set "
        "message = excluded.message, n = gateway_exceptions.n + 1, "
        "last_at_us = excluded.last_at_us",
        [(gateway, batch.epoch, kind, message, now_us, now_us)],
    )


async def read_exceptions(tx: Transaction) -> list[dict[str, object]]:
    """All of them, the newest first."""
    names = ("gateway", "epoch", "kind", "message", "n", "first_at_us", "last_at_us")
    rows = await tx.fetch(
        "select gateway, epoch, kind, message, n, first_at_us, last_at_us "
        "from gateway_exceptions order by last_at_us desc, gateway, epoch, kind limit 1000"
    )
    return [dict(zip(names, row, strict=True)) for row in rows]
