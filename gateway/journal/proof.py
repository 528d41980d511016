"""Which rows of a damaged journal are still proven by the chain. Pure.

A row is proven if the link before it, its number and its body give its own link. The link before
it is the one stored with the row before, or the one computed for that row; so one bad body costs
its own row only, and one bad link costs nothing if the row after it confirms what it should be.
The first row behind a gap has no link before it: it may be sound, but nothing says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from cloud_sync.contract.chain import next_link


@dataclass(frozen=True, slots=True)
class Found:
    """What looks like a row of a journal."""

    seq: int
    event_id: str
    type: str
    occurred_at_us: int
    recorded_at_us: int
    body: bytes
    chain: bytes


def said_in(body: bytes) -> object:
    """What the bytes of a row say; None where they say nothing."""
    try:
        said: object = json.loads(body)
    except ValueError:
        return None
    return said


def columns_of(
    said: object, *, event_id: str, type_: str, occurred_at_us: int
) -> tuple[str, str, int]:
    """Event id, type and time as the bytes say: the chain covers the bytes, not the columns.

    said: what is in them (`said_in`). The columns stand where the bytes say nothing.
    """
    match said:
        case {"event_id": str() as id_, "type": str() as name, "occurred_at_us": int() as at_us}:
            return id_, name, at_us
    return event_id, type_, occurred_at_us


@dataclass(frozen=True, slots=True)
class Judged:
    """A find, and whether the chain proves it."""

    row: Found
    is_proven: bool


def judge(finds: Iterable[Found], *, base_seq: int, base_link: bytes | None) -> Iterator[Judged]:
    """Each find with its verdict, by seq; of several for one seq the proven one alone.

    finds: by ascending seq, several for one seq allowed. base_link: the link after `base_seq`,
    None if that is not known.
    """
    seq = base_seq
    links = set() if base_link is None else {base_link}
    waiting: tuple[Found, bytes] | None = None  # a row whose stored link is not what it should be
    for this_seq, group in groupby(finds, key=lambda find: find.seq):
        if this_seq != seq + 1:
            if waiting is not None:
                yield Judged(waiting[0], is_proven=False)
                waiting = None
            links = set()
        rows = list(dict.fromkeys(group))
        proven = _proven(rows, links)
        if waiting is not None:
            before, computed = waiting
            confirms = proven is not None and next_link(computed, this_seq, proven.body) == (
                proven.chain
            )
            yield Judged(before, is_proven=confirms)
            waiting = None
        seq = this_seq
        if proven is not None:
            yield Judged(proven, is_proven=True)
            links = {proven.chain}
        elif len(rows) == 1 and len(links) == 1:
            computed = next_link(next(iter(links)), this_seq, rows[0].body)
            waiting = rows[0], computed
            links = {rows[0].chain, computed}
        else:
            for row in rows:
                yield Judged(row, is_proven=False)
            links = {row.chain for row in rows}
    if waiting is not None:
        yield Judged(waiting[0], is_proven=False)


def _proven(rows: list[Found], links: set[bytes]) -> Found | None:
    for row in rows:
        for link in links:
            if next_link(link, row.seq, row.body) == row.chain:
                return row
    return None
