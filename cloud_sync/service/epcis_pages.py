"""Pages: `perPage`, `nextPageToken`, the Link to the next page and when it ends.

A token holds the place itself and the question it belongs to, so nothing is kept for it here and
a restart loses none. It lasts an hour; only that one was given back before is written down.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Query
from starlette.requests import Request

from cloud_sync.epcis.times import format_time
from cloud_sync.service.context import context_of
from cloud_sync.service.epcis_http import EpcisProblem
from cloud_sync.store.epcis_tokens import is_ended

PER_PAGE_MAX: Final = 1000
TOKEN_US: Final = 3_600_000_000
_TIMES_MAX_US: Final = 2**62
TOKEN_CHARACTERS_MAX: Final = 1024

PerPage = Annotated[int, Query(alias="perPage", ge=1, le=PER_PAGE_MAX)]
Token = Annotated[str | None, Query(alias="nextPageToken", max_length=TOKEN_CHARACTERS_MAX)]

Place = dict[str, object]


def _digest(question: str) -> str:
    return hashlib.blake2b(question.encode(), digest_size=8).hexdigest()


def next_page(
    request: Request, question: str, place: Mapping[str, object], now_us: int
) -> dict[str, str]:
    """The headers that lead to the next page of the answer to a question."""
    expires_us = now_us + TOKEN_US
    content = {"q": _digest(question), "x": expires_us, **place}
    raw = json.dumps(content, separators=(",", ":")).encode()
    token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    kept = [
        (name, value)
        for name, value in parse_qsl(request.url.query, keep_blank_values=True)
        if name != "nextPageToken"
    ]
    query = urlencode([*kept, ("nextPageToken", token)])
    return {
        "Link": f'<{request.url.path}?{query}>; rel="next"',
        "GS1-Next-Page-Token-Expires": format_time(expires_us),
    }


async def read_token(request: Request, token: str | None, question: str) -> Place | None:
    """The place in a token. Raises EpcisProblem for one that is none, or has ended."""
    if token is None:
        return None
    context = context_of(request)
    found = _content(token)
    if found is None or found["q"] != _digest(question):
        raise _bad_token("it is not one of this query")
    if expiry_us(token) < context.wall_us():
        raise _bad_token("it has expired")
    if await context.database.read(partial(is_ended, token=token)):
        raise _bad_token("it was given back")
    return found


def _content(token: str) -> Place | None:
    """What a token holds; None for one that is none."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        content: Place = json.loads(raw)
        is_token = isinstance(content["q"], str) and isinstance(content["x"], int)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return content if is_token else None


def expiry_us(token: str) -> int:
    """When a token ends; 0 for one that is none."""
    content = _content(token)
    ends_us = None if content is None else content["x"]
    return ends_us if isinstance(ends_us, int) and abs(ends_us) < _TIMES_MAX_US else 0


def _bad_token(reason: str) -> EpcisProblem:
    return EpcisProblem(
        400, "QueryParameterException", "nextPageToken", f"nextPageToken: {reason}"
    )
