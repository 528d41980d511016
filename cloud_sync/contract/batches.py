"""The upload: a run of consecutive journal rows, and the cloud's answer to each.

Request `POST /sync/v1/batches`, JSON, usually gzip:
    {"contract_version":1, "gateway":ID, "epoch":UUID, "instance":HEX, "first_seq":N,
     "chain_before":HEX, "chain_after":HEX, "events":[EVENT, …]}
Row k of `events` has seq N + k. `chain_before` is link(N - 1), `chain_after` the link of the
last row. `instance` names the machine the journal lives on (a hash), so that a copied disk is
told from a restart. The two chain fields and `instance` may be left out by foreign clients.
`"gone_seq":N` is added while the gateway no longer has a row that the cloud waits for.
`"runs":true` asks for an answer in runs, which most often are one for the whole batch.

Answer 200: {"acknowledged_seq":M, "events":[{"seq":…, "status":…, "reason":…}, …],
             "events_max":L}
    status: accepted | duplicate | quarantined. M is the highest seq without a gap before it;
    the gateway may forget nothing above it. In runs, `"n":K` says that K rows from `seq` on
    are the same. L is how many rows the next batch may have; a cloud that does not say takes
    EVENTS_UNTOLD.
Answer 4xx/5xx: {"error":{"code":…, "message":…, "expected_seq":…}}; codes in ERROR_CODES.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.contract import keys
from cloud_sync.contract.version import CONTRACT_VERSION

MAX_EVENTS_PER_BATCH: Final = 5000
EVENTS_UNTOLD: Final = 1000
"""Rows that every cloud takes, and all that may be sent to one that has not said more."""
MAX_BATCH_BYTES: Final = 8 * 2**20

ERROR_CODES: Final = {
    "unauthorised": "401: no token, or one that is not known, was revoked or has expired",
    "forbidden": "403: the token is not this gateway's, or its role or scope does not reach this",
    "not_found": "404: there is nothing under this path",
    "method_not_allowed": "405: the path knows other methods",
    "timeout": "408: not done in time; try again",
    "gap": "409: rows are missing before first_seq; send from expected_seq",
    "forked": "409: the same seq was received before with other content",
    "in_use": "409: another machine is speaking as this gateway right now",
    "fenced": "409: this epoch was ended by a newer one",
    "exists": "409: the name is taken by something else",
    "short": "409: there is less of it than was asked for",
    "ended": "409: it is over and cannot be changed any more",
    "too_large": "413: send fewer rows",
    "encoding": "415: Content-Encoding is gzip or none",
    "malformed": "422: not a request of this contract; message names the key",
    "key_reused": "422: the Idempotency-Key was used for another request",
    "version": "422: contract_version is not spoken here",
    "busy": "429: later; see Retry-After",
    "internal": "500: a fault of the cloud's own; try again",
    "unavailable": "503: the store cannot do it now; see Retry-After",
}
"""What a refusal's code means, behind the HTTP status it comes with."""

_STRICT = ConfigDict(strict=True, extra="ignore", frozen=True)


class Batch(BaseModel):
    """The request body, events still unparsed: one bad event must not refuse the others."""

    model_config = _STRICT

    contract_version: Annotated[int, Field(ge=1)]
    gateway: Annotated[str, Field(pattern=keys.ID_PATTERN)]
    epoch: Annotated[str, Field(pattern=keys.UUID_PATTERN)]
    instance: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")] | None = None
    first_seq: Annotated[int, Field(ge=1, le=2**53)]
    chain_before: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    chain_after: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    gone_seq: Annotated[int, Field(ge=1, le=2**53)] | None = None
    runs: bool = False
    events: Annotated[list[object], Field(max_length=MAX_EVENTS_PER_BATCH)]


class EventAnswer(BaseModel):
    """What became of one row, or of the `n` rows from `seq` on."""

    model_config = _STRICT

    seq: int
    n: Annotated[int, Field(ge=1)] = 1
    status: Literal["accepted", "duplicate", "quarantined"]
    reason: str | None = None


class BatchAnswer(BaseModel):
    """What became of the batch."""

    model_config = _STRICT

    acknowledged_seq: int
    events: list[EventAnswer]
    events_max: Annotated[int, Field(ge=1)] | None = None


class Problem(BaseModel):
    """Why a request was refused; `code` is for programs, `message` for people."""

    model_config = _STRICT

    code: str
    message: str
    expected_seq: int | None = None


def encode_batch(
    *,
    gateway: str,
    epoch: str,
    instance: str,
    first_seq: int,
    chain_before: bytes,
    chain_after: bytes,
    bodies: Sequence[bytes],
    gone_seq: int | None = None,
    runs: bool = False,
) -> bytes:
    """The request body around the events' own bytes, which are copied in as they are."""
    gone = "" if gone_seq is None else f'"gone_seq":{gone_seq},'
    asked = '"runs":true,' if runs else ""
    head = (
        f'{{"contract_version":{CONTRACT_VERSION},"gateway":"{gateway}","epoch":"{epoch}",'
        f'"instance":"{instance}",{gone}{asked}"first_seq":{first_seq},'
        f'"chain_before":"{chain_before.hex()}","chain_after":"{chain_after.hex()}","events":['
    )
    return head.encode() + b",".join(bodies) + b"]}"
