"""From the body of an upload to a batch whose events still have their own bytes.

An event is chained, stored and compared as the bytes that were sent, so the events are cut out
of the body instead of being parsed and written again: by quick.py where it is sure of them, else
by the standard library's scanner. Nothing is believed until `Batch` has checked the envelope.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from cloud_sync.contract.batches import MAX_EVENTS_PER_BATCH, Batch
from cloud_sync.contract.version import CONTRACT_VERSION, OLDEST_CONTRACT_VERSION
from cloud_sync.inbox.quick import cut

_SCAN: Final = json.JSONDecoder().raw_decode
_BLANK: Final = re.compile(r"[ \t\n\r]*")


class BatchMalformed(ValueError):
    """Not a batch of this contract; the message names the key. `code` is the contract's word."""

    def __init__(self, message: str, *, code: str = "malformed") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Upload:
    """A well-formed envelope and its rows: row k has seq `batch.first_seq` + k."""

    batch: Batch
    bodies: tuple[bytes, ...]

    @property
    def last_seq(self) -> int:
        """The seq of the last row; first_seq - 1 if there are none."""
        return self.batch.first_seq + len(self.bodies) - 1


def parse_upload(raw: bytes) -> Upload:
    """The batch in a request body. Raises BatchMalformed."""
    parts = cut(raw)
    if parts is not None and len(parts[1]) <= MAX_EVENTS_PER_BATCH:
        with contextlib.suppress(BatchMalformed):  # it may be said better of the whole
            return Upload(parse_carefully(parts[0]).batch, parts[1])
    return parse_carefully(raw)


def parse_carefully(raw: bytes) -> Upload:
    """The same, sure of any body. Raises BatchMalformed."""
    try:
        head, bodies = _walk(raw.decode("utf-8"))
    except BatchMalformed:
        raise
    except RecursionError as error:
        raise BatchMalformed("body: nested too deeply") from error
    except ValueError as error:
        raise BatchMalformed(f"body: {error}") from error
    try:
        # The number of events is checked while walking: they need not be held twice.
        batch = Batch.model_validate({**head, "events": []})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in problem["loc"])
        raise BatchMalformed(f"{path}: {problem['msg']}") from error
    if not OLDEST_CONTRACT_VERSION <= batch.contract_version <= CONTRACT_VERSION:
        raise BatchMalformed(
            f"contract_version: {batch.contract_version} is not spoken here; "
            f"{OLDEST_CONTRACT_VERSION} to {CONTRACT_VERSION} are",
            code="version",
        )
    return Upload(batch, bodies)


def _walk(text: str) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """The top-level members but `events`, and the bytes of each event."""
    head: dict[str, object] = {}
    bodies: tuple[bytes, ...] | None = None
    at = _after(text, 0, "{")
    while True:
        key, at = _SCAN(text, at)
        if not isinstance(key, str):
            raise ValueError("not an object")
        if key in head or (key == "events" and bodies is not None):
            raise ValueError(f"{key[:64]!r} is given twice")
        at = _after(text, at, ":")
        if key == "events":
            bodies, at = _events(text, at)
        else:
            head[key], at = _SCAN(text, at)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            break
        at = _after(text, at, ",")
    if _skip(text, at + 1) != len(text):
        raise ValueError("something follows the object")
    if bodies is None:
        raise ValueError("events: missing")
    return head, bodies


def _events(text: str, at: int) -> tuple[tuple[bytes, ...], int]:
    """The bytes of each element of the array at `at`, and the position behind it."""
    bodies: list[bytes] = []
    at = _after(text, at, "[")
    if text[at : at + 1] == "]":
        return (), at + 1
    while True:
        _, end = _SCAN(text, at)
        bodies.append(text[at:end].encode())
        if len(bodies) > MAX_EVENTS_PER_BATCH:
            raise BatchMalformed(
                f"events: more than {MAX_EVENTS_PER_BATCH}; send fewer rows", code="too_large"
            )
        # Most batches are canonical: a comma, and the next one.
        if text[end : end + 2] == ",{":
            at = end + 1
            continue
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return tuple(bodies), at + 1
        at = _after(text, at, ",")


def _after(text: str, at: int, token: str) -> int:
    """The position behind `token` and the blanks around it. Raises ValueError if not there."""
    at = _skip(text, at)
    if text[at : at + 1] != token:
        raise ValueError(f"expected {token!r} at character {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()
