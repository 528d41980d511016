"""Whether a batch may come in, and what each of its rows is.

Rows are taken only in the order of their journal: what is held already is skipped, a gap is
answered with the seq to send from. The chain of checksums tells a repeat from a fork: every
repeated row is compared with what was received first, by its link, so the first row that
differs is the one that is named.

One gateway id has one journal (epoch) at a time. A new epoch ends the one before it for good;
a second machine under the same id is kept out while the first was heard of within the lease.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from pydantic import ValidationError

from cloud_sync.contract import events as ev
from cloud_sync.contract.batches import Batch, EventAnswer
from cloud_sync.contract.chain import first_link, next_link
from cloud_sync.contract.plans import PlanBody
from cloud_sync.inbox.orders import make_documents
from cloud_sync.inbox.quick import read_quickly
from cloud_sync.inbox.wire import Upload

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
QUARANTINED: Final = "quarantined"

_LONG_DIGITS: Final = b"0" * 300
_LONG_BYTES: Final = 500
"""No event shorter than this has room for the digits below beside what it must have."""

_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
"""Every digit a zero: a long number or exponent is then found by its shape, without a pattern."""
_EXPONENT: Final = re.compile(rb"[:,\[][ \t\n\r]*-?[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{3}")

LEASE_US: Final = 30_000_000
"""How long one machine keeps another out that speaks under the same id."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The batch is not taken; `code` is one of contract.batches.ERROR_CODES."""

    code: str
    message: str
    expected_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a gateway before the batch.

    epoch: its current journal, None before the first batch. seq, head: the last row received of
    the batch's epoch and its link (0 and the first link for an epoch not seen). is_ended: the
    batch's epoch was followed by a newer one. instance, contact_us: who spoke last, and when.
    """

    gateway: str
    warehouse: str
    epoch: str | None
    seq: int
    head: bytes
    is_ended: bool
    instance: str | None
    contact_us: int | None


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row received before: its link, and the answer that was given for it."""

    link: bytes
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row received now. event is None where the bytes could not be read."""

    seq: int
    link: bytes
    body: bytes
    status: Literal["accepted", "duplicate", "quarantined"]
    reason: str | None
    event: ev.Event | None


def admit(standing: Standing, batch: Batch, now_us: int) -> Refusal | None:
    """Why this gateway may not send this batch now, before any row is looked at."""
    if standing.is_ended:
        return Refusal("fenced", f"epoch {batch.epoch} was ended by epoch {standing.epoch}")
    if _is_other_machine(standing, batch) and standing.contact_us is not None:
        left_us = standing.contact_us + LEASE_US - now_us
        if left_us > 0:
            return Refusal(
                "in_use",
                f"another machine speaks as {batch.gateway}; "
                f"it was heard of {(LEASE_US - left_us) / 1e6:.0f} s ago",
            )
    if batch.first_seq > standing.seq + 1:
        return Refusal(
            "gap",
            f"rows {standing.seq + 1} to {batch.first_seq - 1} are missing",
            expected_seq=standing.seq + 1,
        )
    return None


def _is_other_machine(standing: Standing, batch: Batch) -> bool:
    return (
        batch.instance is not None
        and standing.instance is not None
        and batch.instance != standing.instance
    )


def start_of(standing: Standing, upload: Upload, held: Mapping[int, HeldRow]) -> bytes:
    """The link before the first row of the batch, as it was received."""
    before = upload.batch.first_seq - 1
    if before == standing.seq:
        return standing.head
    if before == 0:
        return first_link(gateway=standing.gateway, epoch=upload.batch.epoch)
    return held[before].link


def links_of(
    standing: Standing, upload: Upload, held: Mapping[int, HeldRow]
) -> list[bytes] | Refusal:
    """The link after each row, or why they do not continue what was received before.

    held: the rows received before, from the one before the batch's first on.
    """
    batch = upload.batch
    link = start_of(standing, upload, held)
    if batch.chain_before is not None and bytes.fromhex(batch.chain_before) != link:
        return _forked(batch.first_seq - 1)
    links: list[bytes] = []
    for seq, body in enumerate(upload.bodies, batch.first_seq):
        link = next_link(link, seq, body)
        links.append(link)
        if seq in held and held[seq].link != link:
            return _forked(seq)
    if batch.chain_after is not None and bytes.fromhex(batch.chain_after) != link:
        return Refusal("malformed", "chain_after: does not follow from the events")
    return links


def _forked(seq: int) -> Refusal:
    return Refusal("forked", f"row {seq} was received before with other content")


Reading = ev.Event | str
"""The event in a row's bytes, or why there is none."""


def read_events(upload: Upload, warehouse: str) -> list[Reading]:
    """What the bytes of each row of a batch say. Asks nothing of the store."""
    return read_rows(upload.bodies, warehouse)


def read_rows(bodies: Sequence[bytes], warehouse: str) -> list[Reading]:
    """What the bytes of some rows say."""
    events = read_quickly(bodies)
    if events is None:
        return [_read(body, warehouse) for body in bodies]
    # Only a body can hold what the fields' limits do not forbid, and only a plan must have one.
    return [
        event
        if not event.body and event.warehouse == warehouse and event.type != ev.PLAN_PROPOSED
        else _settled(event, body, warehouse)
        for event, body in zip(events, bodies, strict=True)
    ]


def _read(body: bytes, warehouse: str) -> Reading:
    if (events := read_quickly((body,))) is not None:
        return _settled(events[0], body, warehouse)
    return read_carefully(body, warehouse)


def read_carefully(body: bytes, warehouse: str) -> Reading:
    """What the bytes of one row say, whatever they are."""
    try:
        event = ev.parse_event(body)
    except ValueError as error:
        return str(error)
    return _settled(event, body, warehouse)


def _settled(event: ev.Event, body: bytes, warehouse: str) -> Reading:
    """The event, if what is in it can be so."""
    try:
        if _may_overflow(body):
            ev.canonical(json.loads(body))
    except ValueError as error:
        return str(error)
    if event.warehouse != warehouse:
        return f"warehouse: this gateway belongs to {warehouse}, got {event.warehouse}"
    for line in event.lines:
        if line.lot is not None and "\0" in line.lot:
            return "lines: a lot has a NUL character in it"
    if event.type == ev.PLAN_PROPOSED:
        return _plan_problem(event) or event
    return event


def _may_overflow(body: bytes) -> bool:
    """True if a number in it may be none: NaN, or too large for a double.

    The event's model says so of its own numbers, but not of what it leaves open. Looking for the
    few spellings takes a tenth of the time of encoding every event again.
    """
    if b"NaN" in body or b"Infinity" in body:
        return True
    shape = body.translate(_SHAPE)
    if b"e000" in shape or b"e+000" in shape:
        # Ids are full of such letters; a number stands outside of strings.
        return _EXPONENT.search(body) is not None
    return len(body) > _LONG_BYTES and _LONG_DIGITS in shape


def _plan_problem(event: ev.Event) -> str | None:
    """Why a plan cannot become documents, if so."""
    try:
        plan = PlanBody.model_validate(dict(event.body))
        make_documents(plan)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        return f"body.{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
    if plan.warehouse != event.warehouse:
        return f"body.warehouse: a plan for {plan.warehouse} out of {event.warehouse}"
    return None


def all_new(events: Sequence[Reading]) -> list[ev.Event] | None:
    """The events of a batch that needs no judging, as long as none of them was here before.

    None if a row could not be read, an id is given twice or a plan is among them.
    """
    found = [event for event in events if not isinstance(event, str)]
    is_plain = (
        len(found) == len(events)
        and len({event.event_id for event in found}) == len(found)
        and ev.PLAN_PROPOSED not in {event.type for event in found}
    )
    return found if is_plain else None


def judge(
    rows: list[tuple[int, bytes, bytes, Reading]],
    known_events: Mapping[str, bytes],
    known_plans: Mapping[str, str],
) -> list[NewRow]:
    """What each new row is.

    known_events: bytes by event id, of those ids in `rows` that were accepted before;
    known_plans: the event that proposed it, by plan id.
    """
    events, plans = dict(known_events), dict(known_plans)
    judged: list[NewRow] = []
    for seq, link, body, event in rows:
        if isinstance(event, str):
            judged.append(NewRow(seq, link, body, QUARANTINED, event, None))
            continue
        held = events.setdefault(event.event_id, body)
        if held is not body:
            if held == body:
                judged.append(NewRow(seq, link, body, DUPLICATE, None, event))
            else:
                reason = f"event_id: {event.event_id} was received before with other content"
                judged.append(NewRow(seq, link, body, QUARANTINED, reason, event))
            continue
        plan_id = plan_of(event)
        if plan_id is not None and plans.setdefault(plan_id, event.event_id) != event.event_id:
            reason = f"body.plan_id: {plan_id} was proposed before by another event"
            del events[event.event_id]
            judged.append(NewRow(seq, link, body, QUARANTINED, reason, event))
            continue
        judged.append(NewRow(seq, link, body, ACCEPTED, None, event))
    return judged


def plan_of(event: ev.Event) -> str | None:
    """The id of the plan that an event proposes."""
    return str(event.body["plan_id"]) if event.type == ev.PLAN_PROPOSED else None


def device_of(event: ev.Event) -> str | None:
    """The id of the device that said it."""
    return None if event.device is None else event.device.id


def answer_each(
    first_seq: int, statuses: Sequence[str], reasons: Sequence[str | None]
) -> list[EventAnswer]:
    """What became of each row."""
    return [
        EventAnswer.model_validate({"seq": seq, "status": status, "reason": reason})
        for seq, status, reason in zip(
            range(first_seq, first_seq + len(statuses)), statuses, reasons, strict=True
        )
    ]


def answer_in_runs(
    first_seq: int, statuses: Sequence[str], reasons: Sequence[str | None]
) -> list[EventAnswer]:
    """The same, rows that follow each other with the same answer told as one."""
    runs: list[EventAnswer] = []
    seq = first_seq
    for (status, reason), same in groupby(zip(statuses, reasons, strict=True)):
        n = sum(1 for _ in same)
        run = {"seq": seq, "n": n, "status": status, "reason": reason}
        runs.append(EventAnswer.model_validate(run))
        seq += n
    return runs
