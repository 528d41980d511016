"""Taking a batch: rows, stock, orders and cursor, in one transaction.

The decisions are the inbox's; here is only what it needs to know and what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import BatchAnswer, EventAnswer
from cloud_sync.contract.chain import first_link
from cloud_sync.inbox.admission import (
    ACCEPTED,
    DUPLICATE,
    QUARANTINED,
    HeldRow,
    NewRow,
    Reading,
    Refusal,
    Standing,
    admit,
    judge,
    links_of,
    new_rows,
    plan_of,
    read_events,
)
from cloud_sync.inbox.wire import Upload
from cloud_sync.store.columns import blob, integer, optional_integer, optional_text, text
from cloud_sync.store.documents import apply_orders
from cloud_sync.store.exceptions import note_refusal
from cloud_sync.store.orders import follow_orders
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.stock_effects import apply_stock

RECEIVED_COLUMNS: Final = (
    "warehouse", "gateway", "epoch", "seq", "status", "reason", "event_id", "type",
    "device", "occurred_at_us", "received_at_us", "link", "body",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch that was taken: the answer, and how many rows were what."""

    answer: BatchAnswer
    n_accepted: int
    n_duplicate: int
    n_quarantined: int


async def take_batch(
    tx: Transaction,
    *,
    gateway: str,
    warehouse: str,
    upload: Upload,
    now_us: int,
    events: Sequence[Reading] | None = None,
) -> Taken | Refusal:
    """Take what is new in a batch of `gateway`. A refusal only notes that it was heard of.

    events: what `read_events` made of the batch, where that was done before the transaction.
    """
    if events is None:
        events = read_events(upload, warehouse)
    # First of all, because it locks the gateway's row against its own second connection.
    await tx.execute_many(
        "update gateways set contact_at_us = ? where gateway = ?", [(now_us, gateway)]
    )
    standing = await _standing(tx, gateway, warehouse, upload.batch.epoch)
    refusal = admit(standing, upload.batch, now_us)
    if refusal is not None:
        await note_refusal(tx, gateway, upload.batch, refusal, now_us)
        return refusal
    held = await _held(tx, standing, upload)
    links = links_of(standing, upload, held)
    if isinstance(links, Refusal):
        await note_refusal(tx, gateway, upload.batch, links, now_us)
        return links
    rows = await _judged(tx, new_rows(standing, upload, links, events))
    await _save_rows(tx, standing, upload, rows, now_us)
    accepted = [row.event for row in rows if row.status == ACCEPTED and row.event is not None]
    await apply_stock(tx, accepted)
    await follow_orders(tx, accepted)
    await apply_orders(tx, accepted)
    await _move_cursor(tx, standing, upload, rows, now_us)
    return _answer(standing, upload, held, rows)


async def _standing(tx: Transaction, gateway: str, warehouse: str, epoch: str) -> Standing:
    known = await tx.fetch(
        "select epoch, instance, batch_at_us from gateways where gateway = ?", (gateway,)
    )
    current, instance, batch_at_us = known[0] if known else (None, None, None)
    journal = await tx.fetch(
        "select seq, head from epochs where gateway = ? and epoch = ?", (gateway, epoch)
    )
    seq, head = journal[0] if journal else (0, first_link(gateway=gateway, epoch=epoch))
    return Standing(
        gateway=gateway,
        warehouse=warehouse,
        epoch=optional_text(current),
        seq=integer(seq),
        head=blob(head),
        is_ended=bool(journal) and current != epoch,
        instance=optional_text(instance),
        contact_us=optional_integer(batch_at_us),
    )


async def _held(tx: Transaction, standing: Standing, upload: Upload) -> dict[int, HeldRow]:
    """The rows of the batch that were received before, and the one before its first."""
    if upload.batch.first_seq > standing.seq:
        return {}
    found = await tx.fetch(
        "select seq, link, status, reason from received "
        "where gateway = ? and epoch = ? and seq between ? and ?",
        (standing.gateway, upload.batch.epoch, upload.batch.first_seq - 1, upload.last_seq),
    )
    return {
        integer(seq): HeldRow(blob(link), text(status), optional_text(reason))
        for seq, link, status, reason in found
    }


async def _judged(tx: Transaction, rows: list[tuple[int, bytes, bytes, Reading]]) -> list[NewRow]:
    events = [event for *_, event in rows if isinstance(event, ev.Event)]
    known_events = await fetch_in(
        tx,
        "select event_id, body from received where status = 'accepted' and event_id in (?*)",
        [event.event_id for event in events],
    )
    known_plans = await fetch_in(
        tx,
        "select plan_id, event_id from plans where plan_id in (?*)",
        [plan_id for plan_id in map(plan_of, events) if plan_id is not None],
    )
    return judge(
        rows,
        {text(event_id): blob(body) for event_id, body in known_events},
        {text(plan_id): text(event_id) for plan_id, event_id in known_plans},
    )


async def _save_rows(
    tx: Transaction, standing: Standing, upload: Upload, rows: Sequence[NewRow], now_us: int
) -> None:
    await tx.insert(
        "received",
        RECEIVED_COLUMNS,
        [
            (
                standing.warehouse,
                standing.gateway,
                upload.batch.epoch,
                row.seq,
                row.status,
                row.reason,
                *_columns(row.event),
                now_us,
                row.link,
                None if row.status == DUPLICATE else row.body,
            )
            for row in rows
        ],
    )
    await tx.execute_many(
        "insert into plans(plan_id, warehouse, event_id) values (?, ?, ?)",
        [
            (plan_of(row.event), row.event.warehouse, row.event.event_id)
            for row in rows
            if row.status == ACCEPTED and row.event is not None and plan_of(row.event)
        ],
    )


def _columns(event: ev.Event | None) -> tuple[str | None, str | None, str | None, int | None]:
    if event is None:
        return None, None, None, None
    device = event.device.id if event.device is not None else None
    return event.event_id, event.type, device, event.occurred_at_us


async def _move_cursor(
    tx: Transaction, standing: Standing, upload: Upload, rows: Sequence[NewRow], now_us: int
) -> None:
    batch = upload.batch
    seq, head = (rows[-1].seq, rows[-1].link) if rows else (standing.seq, standing.head)
    await tx.execute_many(
        "insert into epochs(gateway, epoch, seq, head, started_at_us) values (?, ?, ?, ?, ?) "
        "on conflict (gateway, epoch) do update set seq = excluded.seq, head = excluded.head",
        [(standing.gateway, batch.epoch, seq, head, now_us)],
    )
    await tx.execute_many(
        "update gateways set epoch = ?, instance = ?, batch_at_us = ? where gateway = ?",
        [(batch.epoch, batch.instance or standing.instance, now_us, standing.gateway)],
    )


def _answer(
    standing: Standing, upload: Upload, held: dict[int, HeldRow], rows: Sequence[NewRow]
) -> Taken:
    """Rows held already get the answer they got before, but for what is now a repeat."""
    answers = [
        EventAnswer(seq=seq, status="quarantined", reason=held[seq].reason)
        if held[seq].status == QUARANTINED
        else EventAnswer(seq=seq, status="duplicate")
        for seq in range(upload.batch.first_seq, min(standing.seq, upload.last_seq) + 1)
    ]
    n_held = len(answers)
    answers += [EventAnswer(seq=row.seq, status=row.status, reason=row.reason) for row in rows]
    n_quarantined = sum(row.status == QUARANTINED for row in rows)
    n_accepted = sum(row.status == ACCEPTED for row in rows)
    return Taken(
        BatchAnswer(acknowledged_seq=rows[-1].seq if rows else standing.seq, events=answers),
        n_accepted=n_accepted,
        n_duplicate=n_held + len(rows) - n_accepted - n_quarantined,
        n_quarantined=n_quarantined,
    )
