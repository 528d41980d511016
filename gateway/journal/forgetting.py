"""What becomes of old receipts: the result is forgotten, that the message was received is not.

A device may lie in a drawer for months and then send again what it never got an answer to. The
numbers that were received are therefore kept for ever, as ranges: for a device that counts
without gaps that is one row per boot. A number in a gap was never received and still counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from gateway.journal.connection import Database
from gateway.journal.rows import as_int
from gateway.ports import Statements

RECEIPTS_AT_ONCE: Final = 5000
"""Receipts that leave in one transaction, so that no append waits long behind it."""

Span = tuple[int, int]

_OLD: Final = (
    "select device, boot, seq from receipt where recorded_at_us < ?"
    " order by device, boot, seq limit ?"
)
_RANGES: Final = "select first, last from received_range where device = ? and boot = ?"
_DELETE: Final = "delete from receipt where device = ? and boot = ? and seq = ?"
_DELETE_RANGE: Final = "delete from received_range where device = ? and boot = ? and first = ?"
_INSERT_RANGE: Final = "insert into received_range(device, boot, first, last) values (?, ?, ?, ?)"


async def forget_receipts(database: Database, *, older_than_us: int) -> tuple[int, Statements]:
    """How many receipts leave in one step, and what lets them leave: ranges in, receipts out."""
    rows = await database.query(_OLD, (older_than_us, RECEIPTS_AT_ONCE))
    old = [(str(device), str(boot), as_int(seq)) for device, boot, seq in rows]
    gone: list[tuple[str, str, int]] = []
    come: list[tuple[str, str, int, int]] = []
    for (device, boot), group in groupby(old, key=lambda key: key[:2]):
        held = [
            (as_int(first), as_int(last))
            for first, last in await database.query(_RANGES, (device, boot))
        ]
        after = set(merged([*held, *((seq, seq) for _, _, seq in group)]))
        gone += [(device, boot, first) for first, _ in set(held) - after]
        come += [(device, boot, *span) for span in after - set(held)]
    return len(old), [(_DELETE, old), (_DELETE_RANGE, gone), (_INSERT_RANGE, come)]


def merged(spans: Iterable[Span]) -> Sequence[Span]:
    """The same numbers in as few spans as possible, ascending."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = result[-1][0], max(result[-1][1], last)
        else:
            result.append((first, last))
    return result
