"""Invariants 15 to 18: drained, bounded, accounted for, and nobody else's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tests.auditor.records import History
from tests.auditor.rules import NotChecked, cloud_of, rule, some

SECRET = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|Authorization: *Bearer|[?&]token=", re.IGNORECASE
)
LEFT_BEHIND = ("*.tmp", "*.part", "*-journal")


@rule(15, "after healing nothing is left to do")
def nothing_is_left(history: History) -> Iterator[str]:
    if not history.limits.is_drained:
        raise NotChecked("the history does not claim to be drained")
    for journal in history.current():
        for name in ("projector", "planner", *(("uplink",) if history.cloud else ())):
            done = journal.cursors.get(name, 0)
            if done != journal.last_seq:
                yield f"{journal.path.name}: {name} stands at {done} of {journal.last_seq}"
    if history.log is not None:
        answered = {receipt.key for receipt in history.log.receipts}
        waiting = [key for key in history.log.sent if key not in answered]
        if waiting:
            yield f"{len(waiting)} messages without receipt: {some(waiting)}"


@rule(16, "files are within bounds, and none is left behind")
def files_are_bounded(history: History) -> Iterator[str]:
    for journal in history.journals:
        wal = journal.path.with_name(journal.path.name + "-wal")
        if wal.exists() and wal.stat().st_size > history.limits.wal_bytes:
            yield f"{wal.name}: {wal.stat().st_size} bytes"
        for pattern in LEFT_BEHIND:
            yield from (f"{path.name} was left" for path in journal.path.parent.glob(pattern))


@rule(17, "received = accepted + flagged + duplicate + refused, and the counts are the rows'")
def accounts_balance(history: History) -> Iterator[str]:
    for status in history.statuses:
        intake = status.get("intake")
        if not isinstance(intake, dict):
            yield "a status report without intake"
            continue
        parts = {name: intake[name] for name in ("accepted", "flagged", "duplicate", "refused")}
        if intake["received"] != sum(parts.values()):
            yield f"received {intake['received']}, accounted for {parts}"
    for journal in history.journals:
        known = {row.event_id for row in journal.rows}
        for key, result in journal.receipts.items():
            event_id = result.get("event_id")
            if event_id is None and result.get("status") in ("accepted", "flagged"):
                yield f"{journal.path.name}: {key} was accepted without an event"
            if event_id is not None and event_id not in known and journal.base_seq == 0:
                yield f"{journal.path.name}: {key} was told of {event_id}, which is no row"
            if (key[1], key[2]) != (result.get("boot"), result.get("seq")):
                yield f"{journal.path.name}: {key} has the result of another message"
    if history.log is not None:
        told = Counter(receipt.key for receipt in history.log.receipts)
        many = [key for key, n in told.items() if n > history.log.sent[key]]
        if many and not history.limits.is_drained:
            yield f"more receipts than messages: {some(many)}"


@rule(18, "rows belong to their gateway's warehouse; no secret in rows or logs")
def rows_belong_to_their_warehouse(history: History) -> Iterator[str]:
    if history.cloud is not None:
        cloud = cloud_of(history)
        for row in cloud.rows:
            owner = cloud.warehouses.get(row.gateway)
            if row.warehouse != owner:
                yield f"row {row.seq} of {row.gateway} is kept under {row.warehouse}, not {owner}"
            if row.status == "accepted" and row.event.get("warehouse") != owner:
                yield f"row {row.seq} of {row.gateway} is an event of another warehouse"
    elif not history.journals:
        raise NotChecked("neither cloud nor journal was given")
    given = [secret.encode() for secret in history.limits.secrets]
    for name, text in _texts(history):
        if SECRET.search(text) or any(secret in text for secret in given):
            yield f"{name}: a secret"


def _texts(history: History) -> Iterator[tuple[str, bytes]]:
    for journal in history.journals:
        yield from ((f"{journal.path.name}: row {row.seq}", row.body or b"")
                    for row in journal.rows)  # fmt: skip
        yield from ((f"{journal.path.name}: quarantine", raw) for _, raw in journal.quarantine)
    yield from ((path.name, path.read_bytes()) for path in history.logs)
