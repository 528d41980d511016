"""What is remembered of every boot of a device: the table `device_boot`, rows in and rows out.

The table is declared in schema/0006_device_memory.sql. It is written a moment after a change and
not with the message itself; what came in that moment is made good from the receipts, which are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.sequences import BootNumbers
from gateway.journal.read_model import Reader
from gateway.journal.rows import as_int, as_int_or_none
from gateway.ports import Statements

RECEIPTS_READ_MAX: Final = 500_000
"""Receipts looked at after a restart: far more than come between two savings."""

_PUT: Final = (
    "insert or replace into device_boot"
    "(device, boot, highest, missing, n_beyond, offset_us, heard_at_us)"
    " values (?, ?, ?, ?, ?, ?, ?)"
)
_FORGET: Final = (
    "delete from device_boot where (device, boot) in (select device, boot from device_boot"
    " order by heard_at_us desc, device, boot limit -1 offset ?)"
)
_SELECT: Final = (
    "select device, boot, highest, missing, n_beyond, offset_us from device_boot"
    " order by heard_at_us, device, boot"
)
_RECEIVED: Final = (
    "select receipt.device, receipt.boot, receipt.seq from device_boot as known join receipt"
    " on receipt.device = known.device and receipt.boot = known.boot"
    " and receipt.seq > known.highest"
    " order by receipt.device, receipt.boot, receipt.seq limit ?"
)


@dataclass(frozen=True, slots=True)
class BootMemory:
    """One boot. numbers: None if it numbers nothing; offset_us: None if it never told a time."""

    device: str
    boot: str
    numbers: BootNumbers | None
    offset_us: int | None


def boot_statements(boots: Sequence[BootMemory], *, heard_at_us: int, n_kept: int) -> Statements:
    """What saves these boots and forgets all but the `n_kept` heard last."""
    rows: list[tuple[object, ...]] = []
    for boot in boots:
        known = boot.numbers
        numbers: tuple[object, ...] = (None, "[]", 0)
        if known is not None:
            numbers = (known.highest, json.dumps(known.missing), known.n_beyond)
        rows.append((boot.device, boot.boot, *numbers, boot.offset_us, heard_at_us))
    return [(_PUT, rows), (_FORGET, [(n_kept,)])]


async def load_boots(reader: Reader) -> list[BootMemory]:
    """Every boot that was saved, the one heard last last."""
    boots = []
    for device, boot, highest, missing, n_beyond, offset_us in await reader.query(_SELECT):
        numbers = None
        if highest is not None:
            ranges = tuple((int(first), int(last)) for first, last in json.loads(str(missing)))
            numbers = BootNumbers(
                str(device), str(boot), as_int(highest), ranges, as_int(n_beyond)
            )
        offset = as_int_or_none(offset_us)
        boots.append(BootMemory(str(device), str(boot), numbers, offset))
    return boots


async def received_since(reader: Reader) -> dict[tuple[str, str], list[int]]:
    """By boot, the numbers that were received above the highest that was saved, ascending."""
    received: dict[tuple[str, str], list[int]] = {}
    for device, boot, seq in await reader.query(_RECEIVED, (RECEIPTS_READ_MAX,)):
        received.setdefault((str(device), str(boot)), []).append(as_int(seq))
    return received
