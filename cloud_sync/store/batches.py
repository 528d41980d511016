"""Taking a batch: rows, stock, orders and cursor, in one transaction.

The decisions are the inbox's; here is only what it needs to know and what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, repeat
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import MAX_EVENTS_PER_BATCH, BatchAnswer
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
    all_new,
    answer_each,
    answer_in_runs,
    device_of,
    judge,
    links_of,
    plan_of,
    read_events,
)
from cloud_sync.inbox.wire import Upload
from cloud_sync.inventory.moving import Moving
from cloud_sync.store.columns import blob, integer, optional_integer, optional_text, text
from cloud_sync.store.counting import note_closings
from cloud_sync.store.documents import apply_orders
from cloud_sync.store.double_deliveries import look_at_orders, note_deliveries
from cloud_sync.store.exception_queue import act_on, note_events
from cloud_sync.store.exceptions import note_refusal
from cloud_sync.store.feed import lock_feed
from cloud_sync.store.lot_states import note_lots
from cloud_sync.store.orders import follow_orders
from cloud_sync.store.plans import follow_plans
from cloud_sync.store.ports import Transaction, fetch_in
from cloud_sync.store.stock_effects import Journal, apply_stock
from cloud_sync.store.transits import look_at_transits, moved_transits, note_transits

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


@dataclass(frozen=True, slots=True)
class _Rows:
    """The new rows of a batch, a column each: a thousand small objects cost more than the rest.

    events: None where the bytes could not be read.
    """

    first_seq: int
    links: Sequence[bytes]
    bodies: Sequence[bytes]
    events: Sequence[ev.Event | None]
    statuses: Sequence[str]
    reasons: Sequence[str | None]

    def accepted(self) -> list[tuple[int, ev.Event]]:
        """The events that count, with their seqs."""
        numbered = zip(count(self.first_seq), self.events, self.statuses, strict=False)
        return [
            (seq, event)
            for seq, event, status in numbered
            if event is not None and status == ACCEPTED
        ]


class Taking:
    """The script that takes one batch.

    First it takes its events for new. The unique index on their ids refuses them if they are not;
    the store then runs the script again, and now it asks. To ask for every event of every batch
    took a tenth of all work, for what happens after a salvage only.
    """

    def __init__(
        self,
        *,
        gateway: str,
        warehouse: str,
        upload: Upload,
        now_us: int,
        events: Sequence[Reading],
        moving: Moving | None = None,
    ) -> None:
        self._take = partial(
            take_batch,
            gateway=gateway,
            warehouse=warehouse,
            upload=upload,
            now_us=now_us,
            events=events,
            moving=moving,
        )
        self._asks_first = False

    async def __call__(self, tx: Transaction) -> Taken | Refusal:
        """Run once; see store.ports.Database.transact."""
        asks_first, self._asks_first = self._asks_first, True
        return await self._take(tx, asks_first=asks_first)


async def take_batch(
    tx: Transaction,
    *,
    gateway: str,
    warehouse: str,
    upload: Upload,
    now_us: int,
    events: Sequence[Reading] | None = None,
    moving: Moving | None = None,
    asks_first: bool = True,
) -> Taken | Refusal:
    """Take what is new in a batch of `gateway`. A refusal only notes that it was heard of.

    events, moving: what `read_events` made of the batch and what that moves, where both were
    done before the transaction.
    asks_first: whether to ask which events are here already; see `Taking`.
    """
    if events is None:
        events = read_events(upload, warehouse)
    standing = await _standing(tx, gateway, warehouse, upload.batch.epoch, now_us)
    refusal = admit(standing, upload.batch, now_us)
    if refusal is not None:
        await note_refusal(tx, standing, upload.batch, refusal, now_us)
        return refusal
    held = await _held(tx, standing, upload)
    links = links_of(standing, upload, held)
    if isinstance(links, Refusal):
        await note_refusal(tx, standing, upload.batch, links, now_us)
        return links
    rows = await _rows(tx, standing, upload, links, events, asks_first=asks_first)
    await _save_rows(tx, standing, upload, rows, now_us)
    numbered = rows.accepted()
    accepted = [event for _, event in numbered]
    await _save_plans(tx, accepted)
    journal = Journal(warehouse, gateway, upload.batch.epoch)
    await apply_stock(tx, journal, numbered, known_us=now_us, moving=moving)
    await note_lots(tx, warehouse, accepted)
    words = await note_events(tx, warehouse, gateway, accepted)
    await note_transits(tx, warehouse, accepted)
    await note_closings(tx, warehouse, accepted)
    orders = await follow_orders(tx, accepted)
    await note_deliveries(tx, warehouse, accepted)
    await look_at_orders(tx, orders)
    await follow_plans(tx, warehouse, accepted)
    await apply_orders(tx, accepted)
    await act_on(tx, warehouse, words)
    await look_at_transits(tx, moved_transits(accepted), now_us=now_us)
    await _move_cursor(tx, standing, upload, rows, now_us)
    return _answer(standing, upload, held, rows)


async def _standing(
    tx: Transaction, gateway: str, warehouse: str, epoch: str, now_us: int
) -> Standing:
    # The first statement of all: it locks the gateway's row against its own second connection.
    known = await tx.fetch(
        "update gateways set contact_at_us = ? where warehouse = ? and gateway = ? "
        "returning epoch, instance, batch_at_us",
        (now_us, warehouse, gateway),
    )
    current, instance, batch_at_us = known[0] if known else (None, None, None)
    journal = await tx.fetch(
        "select seq, head from epochs where warehouse = ? and gateway = ? and epoch = ?",
        (warehouse, gateway, epoch),
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
        "where warehouse = ? and gateway = ? and epoch = ? and seq between ? and ?",
        (
            standing.warehouse,
            standing.gateway,
            upload.batch.epoch,
            upload.batch.first_seq - 1,
            upload.last_seq,
        ),
    )
    return {
        integer(seq): HeldRow(blob(link), text(status), optional_text(reason))
        for seq, link, status, reason in found
    }


async def _rows(
    tx: Transaction,
    standing: Standing,
    upload: Upload,
    links: Sequence[bytes],
    events: Sequence[Reading],
    *,
    asks_first: bool,
) -> _Rows:
    """What is above the cursor, and what each row of it is."""
    n_held = max(0, standing.seq + 1 - upload.batch.first_seq)
    first, links = upload.batch.first_seq + n_held, links[n_held:]
    bodies, events = upload.bodies[n_held:], events[n_held:]
    new = None if asks_first else all_new(events)
    if new is not None:
        n = len(new)
        return _Rows(first, links, bodies, new, [ACCEPTED] * n, [None] * n)
    judged = await _judged(
        tx,
        standing.warehouse,
        list(zip(range(first, first + len(links)), links, bodies, events, strict=True)),
    )
    return _Rows(
        first,
        links,
        bodies,
        [row.event for row in judged],
        [row.status for row in judged],
        [row.reason for row in judged],
    )


async def _judged(
    tx: Transaction, warehouse: str, rows: list[tuple[int, bytes, bytes, Reading]]
) -> list[NewRow]:
    events = [event for *_, event in rows if not isinstance(event, str)]
    plan_ids = [plan_id for plan_id in map(plan_of, events) if plan_id is not None]
    if plan_ids:
        # A plan's documents bear its id in several warehouses: nobody else may propose it now.
        await lock_feed(tx)
    known_events = await fetch_in(
        tx,
        "select event_id, body from received "
        "where warehouse = ? and status = 'accepted' and event_id in (?*)",
        [event.event_id for event in events],
        before=(warehouse,),
    )
    known_plans = await fetch_in(
        tx,
        "select plan_id, event_id from plans where plan_id in (?*)",
        plan_ids,
    )
    return judge(
        rows,
        {text(event_id): blob(body) for event_id, body in known_events},
        {text(plan_id): text(event_id) for plan_id, event_id in known_plans},
    )


async def _save_rows(
    tx: Transaction, standing: Standing, upload: Upload, rows: _Rows, now_us: int
) -> None:
    events, n = rows.events, len(rows.links)
    await tx.insert(
        "received",
        RECEIVED_COLUMNS,
        list(
            zip(
                repeat(standing.warehouse, n),
                repeat(standing.gateway, n),
                repeat(upload.batch.epoch, n),
                range(rows.first_seq, rows.first_seq + n),
                rows.statuses,
                rows.reasons,
                [None if event is None else event.event_id for event in events],
                [None if event is None else event.type for event in events],
                [None if event is None else device_of(event) for event in events],
                [None if event is None else event.occurred_at_us for event in events],
                repeat(now_us, n),
                rows.links,
                [
                    None if status == DUPLICATE else body
                    for status, body in zip(rows.statuses, rows.bodies, strict=True)
                ],
                strict=True,
            )
        ),
    )


async def _save_plans(tx: Transaction, events: Sequence[ev.Event]) -> None:
    await tx.execute_many(
        "insert into plans(plan_id, warehouse, event_id) values (?, ?, ?)",
        [
            (plan_of(event), event.warehouse, event.event_id)
            for event in events
            if event.type == ev.PLAN_PROPOSED
        ],
    )


async def _move_cursor(
    tx: Transaction, standing: Standing, upload: Upload, rows: _Rows, now_us: int
) -> None:
    batch = upload.batch
    seq = _last_seq(standing, rows)
    head = rows.links[-1] if rows.links else standing.head
    await tx.execute_many(
        "insert into epochs(warehouse, gateway, epoch, seq, head, started_at_us) "
        "values (?, ?, ?, ?, ?, ?) on conflict (warehouse, gateway, epoch) "
        "do update set seq = excluded.seq, head = excluded.head",
        [(standing.warehouse, standing.gateway, batch.epoch, seq, head, now_us)],
    )
    await tx.execute_many(
        "update gateways set epoch = ?, instance = ?, batch_at_us = ? "
        "where warehouse = ? and gateway = ?",
        [
            (
                batch.epoch,
                batch.instance or standing.instance,
                now_us,
                standing.warehouse,
                standing.gateway,
            )
        ],
    )


def _last_seq(standing: Standing, rows: _Rows) -> int:
    return rows.first_seq + len(rows.links) - 1 if rows.links else standing.seq


def _answer(standing: Standing, upload: Upload, held: Mapping[int, HeldRow], rows: _Rows) -> Taken:
    """Rows held already get the answer they got before, but for what is now a repeat."""
    first, statuses, reasons = upload.batch.first_seq, list[str](), list[str | None]()
    for seq in range(first, min(standing.seq, upload.last_seq) + 1):
        is_aside = held[seq].status == QUARANTINED
        statuses.append(QUARANTINED if is_aside else DUPLICATE)
        reasons.append(held[seq].reason if is_aside else None)
    statuses += rows.statuses
    reasons += rows.reasons
    tell = answer_in_runs if upload.batch.runs else answer_each
    n_accepted, n_quarantined = statuses.count(ACCEPTED), statuses.count(QUARANTINED)
    return Taken(
        BatchAnswer(
            acknowledged_seq=_last_seq(standing, rows),
            events=tell(first, statuses, reasons),
            events_max=MAX_EVENTS_PER_BATCH,
        ),
        n_accepted=n_accepted,
        n_duplicate=len(statuses) - n_accepted - n_quarantined,
        n_quarantined=n_quarantined,
    )
