"""Capture jobs: what was handed in, when, and what of it was wrong.

A job is done in the transaction that takes its events, so it is finished when it is first seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.epcis.times import format_time
from cloud_sync.store.columns import integer, text
from cloud_sync.store.epcis_events import (
    NewEvent,
    add_events,
    has_conflict,
    lock_feed,
)
from cloud_sync.store.epcis_master import Element, add_elements
from cloud_sync.store.ports import Row, Transaction

Problem = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Job:
    """A capture as it is asked for. problems: of events that are not among `events`."""

    capture_id: str
    caller: str
    behaviour: str
    events: Sequence[NewEvent]
    problems: Sequence[Problem]
    elements: Sequence[Element]


async def run_job(tx: Transaction, job: Job, now_us: int) -> None:
    """Take a job's events, or with `rollback` none of them if one cannot be taken."""
    await lock_feed(tx)
    problems = list(job.problems)
    if job.behaviour == "rollback" and not problems:
        problems += [
            conflict(str(each.event["eventID"]))
            for each, is_conflict in zip(
                job.events, await has_conflict(tx, job.events), strict=True
            )
            if is_conflict
        ]
    if job.behaviour == "proceed" or not problems:
        outcomes = await add_events(tx, job.events, now_us)
        problems += [
            conflict(str(each.event["eventID"]))
            for each, outcome in zip(job.events, outcomes, strict=True)
            if outcome == "conflict"
        ]
        await add_elements(tx, job.elements)
    await tx.execute_many(
        "insert into epcis_captures(capture_id, position, caller, created_at_us, finished_at_us, "
        "behaviour, success, errors) select ?, coalesce(max(position), 0) + 1, ?, ?, ?, ?, ?, ? "
        "from epcis_captures",
        [
            (job.capture_id, job.caller, now_us, now_us, job.behaviour, int(not problems),
             json.dumps(problems))
        ],
    )  # fmt: skip


def conflict(event_id: str) -> Problem:
    """The problem of an eventID that is there with other content."""
    return {
        "type": "epcisException:ResourceAlreadyExistsException",
        "title": "Resource already exists",
        "status": 409,
        "detail": f"{event_id} is there with other content",
    }


_COLUMNS = (
    "capture_id, created_at_us, finished_at_us, behaviour, success, errors, position, caller"
)


async def read_job(tx: Transaction, capture_id: str) -> tuple[str, dict[str, object]] | None:
    """Who captured, and the job as it is told; None if there is no such job."""
    rows = await tx.fetch(
        f"select {_COLUMNS} from epcis_captures where capture_id = ?",  # noqa: S608 -- constant
        (capture_id,),
    )
    return (text(rows[0][7]), _told(rows[0])) if rows else None


async def read_jobs(
    tx: Transaction, *, caller: str | None, before: int | None, limit: int
) -> list[tuple[int, dict[str, object]]]:
    """Jobs with their places, the newest first. caller: None for everybody's."""
    where, parameters = ["1 = 1"], list[int | str]()
    if caller is not None:
        where.append("caller = ?")
        parameters.append(caller)
    if before is not None:
        where.append("position < ?")
        parameters.append(before)
    rows = await tx.fetch(
        f"select {_COLUMNS} from epcis_captures where {' and '.join(where)} "  # noqa: S608 -- constants
        "order by position desc limit ?",
        [*parameters, limit],
    )
    return [(integer(row[6]), _told(row)) for row in rows]


def _told(row: Row) -> dict[str, object]:
    capture_id, created_at_us, finished_at_us, behaviour, success, errors = row[:6]
    return {
        "captureID": capture_id,
        "createdAt": format_time(integer(created_at_us)),
        "finishedAt": format_time(integer(finished_at_us)),
        "running": False,
        "success": bool(success),
        "captureErrorBehaviour": behaviour,
        "errors": json.loads(text(errors)),
    }
