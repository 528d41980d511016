"""Capture: events handed in by others, in bulk as a job or one by one.

The frame of a document is judged before anything is taken. With `rollback`, the default, one
event that is not valid refuses the document (400) and one that contradicts a known eventID fails
the job; with `proceed` the others are taken and the job says which were not. A job is done when
its answer goes out. The same event again, with its eventID, is taken as done.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Header, Path
from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.contract import rights
from cloud_sync.epcis.documents import (
    Document,
    DocumentRefused,
    Entry,
    parse_event_of,
    parse_frame,
)
from cloud_sync.epcis.rules import Fault
from cloud_sync.service.bodies import parse_json, read_body
from cloud_sync.service.context import context_of, upload_slot
from cloud_sync.service.epcis_http import (
    CAPTURE_BYTES_MAX,
    CAPTURE_DISCOVERED,
    CAPTURE_EVENTS_MAX,
    LIMITS,
    ROOT,
    AsCapturer,
    EpcisProblem,
    answer,
    bad_parameter,
    check_media_type,
    discoverable,
    make_router,
    not_found,
)
from cloud_sync.service.epcis_pages import PerPage, Token, next_page, read_token
from cloud_sync.store.credentials import Credential
from cloud_sync.store.epcis_captures import Job, Problem, read_job, read_jobs, run_job
from cloud_sync.store.epcis_events import NewEvent, add_events
from cloud_sync.store.epcis_master import elements_of
from cloud_sync.store.ports import Transaction

router = make_router("EPCIS capture")

ERRORS_TOLD_MAX: Final = 100
LONG_BODY_BYTES: Final = 64 * 1024
SLICE_EVENTS: Final = 40
"""So many events are looked at in one turn of the loop: some ten milliseconds' work."""

BEHAVIOURS: Final = ("rollback", "proceed")

discoverable(router, "/capture", "POST", "GET", more=CAPTURE_DISCOVERED)
discoverable(router, "/capture/{capture_id}", "GET")


@router.post("/capture", status_code=202)
async def post_capture(
    request: Request,
    credential: AsCapturer,
    behaviour: Annotated[str, Header(alias="GS1-Capture-Error-Behaviour")] = "rollback",
) -> Response:
    """Take the events of an EPCISDocument or EPCISQueryDocument."""
    if behaviour not in BEHAVIOURS:
        raise bad_parameter(f"GS1-Capture-Error-Behaviour: {' or '.join(BEHAVIOURS)} is expected")
    context = context_of(request)
    async with upload_slot(context):
        value = await _read(request)
        try:
            document = await check_document(value)
        except DocumentRefused as error:
            raise _invalid(error.faults) from error
        faults = document.faults
        if faults and behaviour == "rollback":
            raise _invalid(faults)
        job = _job(document, credential, behaviour)
        await context.database.transact(partial(run_job, job=job, now_us=context.wall_us()))
    return answer(
        {"captureID": job.capture_id},
        status=202,
        headers={"Location": f"{ROOT}/capture/{job.capture_id}"},
    )


@router.get("/capture")
async def get_captures(
    request: Request,
    credential: AsCapturer,
    per_page: PerPage = 30,
    token: Token = None,
) -> Response:
    """Capture jobs, the newest first: one's own, for an administrator all."""
    context = context_of(request)
    place = await read_token(request, token, "capture")
    before = place.get("before") if place else None
    jobs = await context.database.read(
        partial(
            read_jobs,
            caller=None if credential.may(rights.ADMINISTER) else credential.name,
            before=before if isinstance(before, int) else None,
            limit=per_page + 1,
        )
    )
    headers = {}
    if len(jobs) > per_page:
        place = {"before": jobs[per_page - 1][0]}
        headers = next_page(request, "capture", place, context.wall_us())
    return answer([told for _, told in jobs[:per_page]], headers=headers)


@router.get("/capture/{capture_id}")
async def get_capture(
    request: Request, credential: AsCapturer, capture_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """One capture job."""
    found = await context_of(request).database.read(partial(read_job, capture_id=capture_id))
    if found is None or not (found[0] == credential.name or credential.may(rights.ADMINISTER)):
        raise not_found(f"no capture job {capture_id}")
    return answer(found[1])


@router.post("/events", status_code=201)
async def post_event(request: Request, credential: AsCapturer) -> Response:
    """Take one event; 409 if its eventID is there."""
    context = context_of(request)
    async with upload_slot(context):
        value = await _read(request)
        try:
            document = parse_event_of(value)
        except DocumentRefused as error:
            raise _invalid(error.faults) from error
        new = _new(document.entries[0], document.context, credential)
        await context.database.transact(partial(_add_one, new=new, now_us=context.wall_us()))
    event_id = str(new.event["eventID"])
    return answer(
        new.event, status=201, headers={"Location": f"{ROOT}/events/{quote(event_id, safe='')}"}
    )


async def check_document(value: object) -> Document:
    """A document with the faults of its events; others have their turn after every slice.

    Raises DocumentRefused, and EpcisProblem (413) for more events than are taken at once.
    """
    frame = parse_frame(value)
    if isinstance(frame, Document):
        return frame
    if len(frame.events) > CAPTURE_EVENTS_MAX:
        raise EpcisProblem(
            413, "CaptureLimitExceededException", "Capture payload too large",
            f"more than {CAPTURE_EVENTS_MAX} events", headers=LIMITS,
        )  # fmt: skip
    entries: list[Entry] = []
    for start in range(0, len(frame.events), SLICE_EVENTS):
        entries += frame.entries(start, start + SLICE_EVENTS)
        await asyncio.sleep(0)
    return Document(frame.context, entries, frame.master_data)


async def _add_one(tx: Transaction, *, new: NewEvent, now_us: int) -> None:
    (outcome,) = await add_events(tx, [new], now_us)
    if outcome != "added":
        raise EpcisProblem(
            409, "ResourceAlreadyExistsException", "Resource already exists",
            f"there is an event {new.event['eventID']}",
        )  # fmt: skip


async def _read(request: Request) -> object:
    check_media_type(request)
    raw = await read_body(request, CAPTURE_BYTES_MAX)
    # A thread shares the processor with the loop, which a long text would hold up.
    return (
        parse_json(raw) if len(raw) < LONG_BODY_BYTES else await asyncio.to_thread(parse_json, raw)
    )


def _invalid(faults: Sequence[Fault]) -> EpcisProblem:
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return EpcisProblem(
        400,
        "ValidationException",
        "The document is not valid",
        f"{first}{more}",
        errors=[
            {"path": fault.path, "reason": fault.reason} for fault in faults[:ERRORS_TOLD_MAX]
        ],
    )


def _problem(entry: Entry) -> Problem:
    return {
        "type": "epcisException:ValidationException",
        "title": "The event is not valid",
        "status": 400,
        "detail": "; ".join(map(str, entry.faults[:10])),
    }


def _job(document: Document, credential: Credential, behaviour: str) -> Job:
    good = [entry for entry in document.entries if not entry.faults]
    return Job(
        capture_id=uuid.uuid4().hex,
        caller=credential.name,
        behaviour=behaviour,
        events=[_new(entry, document.context, credential) for entry in good],
        problems=[_problem(entry) for entry in document.entries if entry.faults],
        elements=elements_of(document.master_data),
    )


def _new(entry: Entry, context: object, credential: Credential) -> NewEvent:
    """The event with an eventID: its own, or a new one."""
    event = dict(entry.event)
    event.setdefault("eventID", f"urn:uuid:{uuid.uuid4()}")
    return NewEvent(event, context, credential.warehouse or "")
