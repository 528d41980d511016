"""What becomes of old receipts: the result is forgotten, that the message was received is not.

A device may lie in a drawer for months and then send again what it never got an answer to. The
numbers that were received are therefore kept for ever, as ranges: for a device that counts
without gaps that is one row per boot. A number in a gap was never received and still counts.

A boot whose numbers have gaps without end (a device that numbers by the clock, say) may have
RANGES_MAX ranges. The lowest leave then, and `received_floor` says up to where it is not known
any more. Down there a message is refused and its sender told to look: taken for received it
might be lost, taken for new it might count twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from gateway.journal.connection import Database
from gateway.journal.rows import as_int
from gateway.ports import Statements

logger = logging.getLogger(__name__)

RECEIPTS_AT_ONCE: Final = 5000
"""Receipts that leave in one transaction, so that no append waits long behind it."""

RECEIPT_RETENTION_US: Final = 30 * 86_400 * 1_000_000
"""How long after its row a repeat gets its first result; then it is still known as a repeat."""

RANGES_MAX: Final = 1000
"""Of one boot, some fifty kilobytes."""

QUARANTINE_ROWS_MAX: Final = 10_000

OLDEST_QUARANTINED: Final = (
    "delete from quarantine where id <= (select max(id) - ? from quarantine)",
    [(QUARANTINE_ROWS_MAX,)],
)
"""The statement that keeps the quarantine within its bound."""

Span = tuple[int, int]

_OLD: Final = (
    "select device, boot, seq from receipt where recorded_at_us < ?"
    " order by device, boot, seq limit ?"
)
_RANGES: Final = "select first, last from received_range where device = ? and boot = ?"
_DELETE: Final = "delete from receipt where device = ? and boot = ? and seq = ?"
_DELETE_RANGE: Final = "delete from received_range where device = ? and boot = ? and first = ?"
_RAISE_FLOOR: Final = (
    "insert into received_floor(device, boot, floor) values (?, ?, ?)"
    " on conflict(device, boot) do update set floor = max(floor, excluded.floor)"
)
_INSERT_RANGE: Final = "insert into received_range(device, boot, first, last) values (?, ?, ?, ?)"


async def forget_receipts(database: Database, *, older_than_us: int) -> Statements:
    """What lets receipts leave in one step: ranges in, receipts out; empty if none is old enough.

    older_than_us: before what time rows of events may leave.
    """
    rows = await database.query(_OLD, (older_than_us - RECEIPT_RETENTION_US, RECEIPTS_AT_ONCE))
    old = [(str(device), str(boot), as_int(seq)) for device, boot, seq in rows]
    gone: list[tuple[str, str, int]] = []
    come: list[tuple[str, str, int, int]] = []
    floors: list[tuple[str, str, int]] = []
    for (device, boot), group in groupby(old, key=lambda key: key[:2]):
        held = [
            (as_int(first), as_int(last))
            for first, last in await database.query(_RANGES, (device, boot))
        ]
        spans = merged([*held, *((seq, seq) for _, _, seq in group)])
        if len(spans) > RANGES_MAX:
            floors.append((device, boot, spans[-RANGES_MAX - 1][1]))
            _tell(*floors[-1])
        after = set(spans[-RANGES_MAX:])
        gone += [(device, boot, first) for first, _ in set(held) - after]
        come += [(device, boot, *span) for span in after - set(held)]
    ranges = (_DELETE_RANGE, gone), (_INSERT_RANGE, come), (_RAISE_FLOOR, floors)
    return [part for part in ((_DELETE, old), *ranges) if part[1]]


def _tell(device: str, boot: str, floor: int) -> None:
    logger.warning(
        "numbers with too many gaps",
        extra={"action": "numbers_blurred", "device": device, "boot": boot, "floor": floor},
    )


def merged(spans: Iterable[Span]) -> Sequence[Span]:
    """The same numbers in as few spans as possible, ascending."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = result[-1][0], max(result[-1][1], last)
        else:
            result.append((first, last))
    return result
