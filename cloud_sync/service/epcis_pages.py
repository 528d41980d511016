"""Pages: `perPage`, `nextPageToken`, the Link to the next page and when it ends.

A token holds the place itself and the question it belongs to, so nothing is kept for it here and
a restart loses none. It lasts an hour.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Query
from starlette.requests import Request

from cloud_sync.epcis.times import format_time
from cloud_sync.service.epcis_http import EpcisProblem

PER_PAGE_MAX: Final = 1000
TOKEN_US: Final = 3_600_000_000
_TOKEN_CHARACTERS_MAX: Final = 1024

PerPage = Annotated[int, Query(alias="perPage", ge=1, le=PER_PAGE_MAX)]
Token = Annotated[str | None, Query(alias="nextPageToken", max_length=_TOKEN_CHARACTERS_MAX)]

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


def read_token(token: str | None, question: str, now_us: int) -> Place | None:
    """The place in a token. Raises EpcisProblem for one that is none, or has ended."""
    if token is None:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        content = json.loads(raw)
        if content["q"] != _digest(question):
            raise ValueError("another question")
        expires_us = int(content["x"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad_token("it is not one of this query") from error
    if expires_us < now_us:
        raise _bad_token("it has expired")
    found: Place = content
    return found


def _bad_token(reason: str) -> EpcisProblem:
    return EpcisProblem(
        400, "QueryParameterException", "nextPageToken", f"nextPageToken: {reason}"
    )
