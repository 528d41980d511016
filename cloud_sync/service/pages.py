"""Paging: every list takes `limit` and an opaque `after`, and tells the next one.

`after` is where the page before it ended: the sort key of its last row, as base64url of a JSON
array. Rows that come or go meanwhile neither repeat nor hide others, as a page number would.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Query

from cloud_sync.service.problems import Refused

PAGE_MAX: Final = 10_000

PageLimit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
AfterQuery = Annotated[str | None, Query(max_length=1000, description="next_after of a page")]


def place_of(after: str | None, *, n: int) -> tuple[str, ...] | None:
    """The sort key that a page ended with, of `n` texts; None at the beginning. Raises Refused."""
    if after is None:
        return None
    try:
        raw = base64.b64decode(after.encode("ascii"), altchars=b"-_", validate=True)
        key = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Refused("malformed", "after: not one of ours") from error
    is_ours = isinstance(key, list) and len(key) == n
    if not is_ours or not all(isinstance(it, str) and it.isprintable() for it in key):
        raise Refused("malformed", "after: not of this list")
    return tuple(key)


def mark_place(key: Sequence[str]) -> str:
    """The opaque form of a sort key."""
    raw = json.dumps(list(key), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode("ascii")


def page_of(
    name: str, found: Sequence[dict[str, object]], limit: int, *, key: Sequence[str]
) -> dict[str, object]:
    """One page: of `limit` + 1 rows that were asked for, the first `limit`, and where to go on.

    key: the columns that the rows are sorted by.
    """
    rows = list(found[:limit])
    page: dict[str, object] = {name: rows}
    if len(found) > limit:
        page["next_after"] = mark_place([str(rows[-1][column]) for column in key])
    return page
