"""What the lots of transfers had suffered when they left (contract/exposures.py)."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_sync.contract import events as ev
from cloud_sync.contract.documents import Asn, Transfer
from cloud_sync.contract.exposures import CarriedLot, carried_lots, worst_of
from cloud_sync.store.columns import integer, text
from cloud_sync.store.ports import Transaction


async def note_exposures(tx: Transaction, events: Sequence[ev.Event]) -> set[str]:
    """Keep what accepted events tell; gives the transfers of which something was told."""
    rows = [
        (event.warehouse, document.id, it.item, it.lot or "", event.event_id,
         it.above_us, it.below_us, it.heat_centi_c_us, it.verdict)
        for event in events
        for document in event.documents
        if document.type == "transfer"
        for it in carried_lots(event)
    ]  # fmt: skip
    if not rows:
        return set()
    await tx.execute_many(
        "insert into exposures(warehouse, document, item, lot, event_id, above_us, below_us, "
        "heat_centi_c_us, verdict) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        rows,
    )
    return {document for _, document, *_ in rows}


async def exposed(tx: Transaction, asn: Asn, transfer: Transfer | None) -> Asn:
    """A delivery with the worst that was told of its lots, by the office or by the sender."""
    told = [] if transfer is None else await _told(tx, transfer.id, transfer.source)
    worst = worst_of([*(asn.exposures or ()), *told])
    left_us = asn.left_us
    if told and transfer is not None:
        rows = await tx.fetch(
            "select at_us from transits where warehouse = ? and transfer = ?",
            (transfer.source, transfer.id),
        )
        left_us = min((integer(at_us) for (at_us,) in rows), default=left_us)
    return asn.model_copy(update={"exposures": worst or None, "left_us": left_us})


async def _told(tx: Transaction, transfer: str, source: str) -> list[CarriedLot]:
    """All that the warehouse which sends a transfer has told of its lots."""
    rows = await tx.fetch(
        "select item, lot, above_us, below_us, heat_centi_c_us, verdict from exposures "
        "where warehouse = ? and document = ?",
        (source, transfer),
    )
    return [
        CarriedLot.model_validate(
            {
                "item": text(item),
                "lot": text(lot) or None,
                "above_us": integer(above_us),
                "below_us": integer(below_us),
                "heat_centi_c_us": integer(heat),
                "verdict": text(verdict),
            }
        )
        for item, lot, above_us, below_us, heat, verdict in rows
    ]
