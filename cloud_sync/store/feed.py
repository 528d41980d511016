"""The feed that carries documents to the gateways, and the marks that tell one feed from another.

A cloud restored from an older state goes on counting where that state ended, so a gateway's place
in the feed may mean other changes than those it has read. Every put therefore leaves a mark, a
hash over all that was ever put; a gateway that shows another mark for its place reads from the
beginning, which is a complete snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from cloud_sync.contract import documents as doc
from cloud_sync.contract import events as ev
from cloud_sync.store.columns import integer, optional_text, text
from cloud_sync.store.ports import Row, Transaction

PAGE_BYTES_MAX: Final = 4 * 2**20
MARKS_KEPT: Final = 100_000
"""Changes for which marks are kept; who is further behind is better off with a snapshot."""


async def lock_feed(tx: Transaction) -> None:
    """Keep others from writing documents: the two ends of a transfer must see each other's sums,
    and a change must not become visible before one with a smaller number."""
    await tx.execute_many("update feed set last = last where id = ?", [(1,)])


async def leave_mark(tx: Transaction, last: int, put: Sequence[tuple[str, str, str]]) -> None:
    """Mark the feed's new end. put: kind, key and content of each document, in order."""
    before = await tx.fetch("select mark from feed_marks order by last desc limit 1")
    digest = hashlib.blake2b(digest_size=16)
    digest.update(text(before[0][0]).encode() if before else b"")
    digest.update(ev.canonical(put))
    await tx.execute_many(
        "insert into feed_marks(last, mark) values (?, ?)", [(last, digest.hexdigest())]
    )
    await tx.execute_many("delete from feed_marks where last < ?", [(last - MARKS_KEPT,)])


async def _mark_at(tx: Transaction, place: int) -> str | None:
    """The mark of the put that a place belongs to; None at the beginning."""
    if place == 0:
        return None
    found = await tx.fetch(
        "select mark from feed_marks where last >= ? order by last limit 1", (place,)
    )
    return text(found[0][0]) if found else None


async def read_changes(
    tx: Transaction, *, warehouse: str, after: int, limit: int, mark: str | None = None
) -> doc.ChangePage:
    """What changed after a place in the feed, for one warehouse.

    mark: what the page that led to this place said; a gateway that does not know marks gives
    None. A place beyond the feed's end, or with another mark, belongs to a feed that was lost:
    the page then starts at 0.
    """
    ((last,),) = await tx.fetch("select last from feed where id = 1")
    is_ours = after <= integer(last) and (mark is None or mark == await _mark_at(tx, after))
    start = after if is_ours else 0
    rows = await tx.fetch(
        "select changed_at, kind, key, version, is_deleted, content from documents "
        "where changed_at > ? and warehouse in ('', ?) order by changed_at limit ?",
        (start, warehouse, limit + 1),
    )
    return await _page(tx, rows, limit=limit, start=start, last=integer(last))


async def read_snapshot(tx: Transaction, *, warehouse: str, limit: int) -> doc.ChangePage:
    """The first page for a gateway that knows nothing: documents that there are, in their order.

    What was taken away before is left out. It goes on with `read_changes`, which tells what is
    taken away meanwhile.
    """
    ((last,),) = await tx.fetch("select last from feed where id = 1")
    rows = await tx.fetch(
        "select changed_at, kind, key, version, is_deleted, content from documents "
        "where is_deleted = 0 and warehouse in ('', ?) order by changed_at limit ?",
        (warehouse, limit + 1),
    )
    return await _page(tx, rows, limit=limit, start=0, last=integer(last))


async def _page(
    tx: Transaction, rows: Sequence[Row], *, limit: int, start: int, last: int
) -> doc.ChangePage:
    """The rows that fit into a page, of one more than are wanted; where the next one begins."""
    changes: list[doc.Change] = []
    n_bytes = 0
    for row in rows[:limit]:
        n_bytes += len(optional_text(row[5]) or "")
        if changes and n_bytes > PAGE_BYTES_MAX:
            break
        changes.append(_change(row))
    is_more = len(changes) < len(rows)
    # What lies between is not for this warehouse: its place need not stay behind.
    end = changes[-1].cursor if is_more else max(start, last)
    return doc.ChangePage(
        changes=changes,
        next_cursor=end,
        mark=await _mark_at(tx, end),
        more=is_more,
    )


def _change(row: Row) -> doc.Change:
    changed_at, kind, key, version, is_deleted, content = row
    return doc.Change(
        cursor=integer(changed_at),
        kind=text(kind),
        key=text(key),
        version=integer(version),
        deleted=bool(is_deleted),
        data=None if is_deleted else json.loads(text(content)),
    )
