"""What a page shows of a journal besides the status report: looks from outside, each on a
read-only connection of its own, so that none stands in the writer's way (journal.inspection)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import JournalError
from gateway.journal.inspection import open_read_only, read_quarantine
from gateway.ports import Quarantined

HEAD_BYTES: Final = 48
"""What a list shows of a message that was set aside."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message in quarantine, with its beginning."""

    id: int
    device: str
    received_at_us: int
    kind: str
    reason: str
    n_bytes: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """The names of what is in stock. items: their documents; lots: item, lot, expiry day."""

    items: tuple[Mapping[str, object], ...]
    lots: tuple[tuple[str, str, str | None], ...]


def newest_set_aside(path: Path, *, before_id: int | None, limit: int) -> list[SetAside]:
    """Messages in quarantine, the newest first. Raises JournalError."""
    with open_read_only(path) as connection:
        rows = connection.execute(
            "select id, device, received_at_us, kind, reason, length(raw), substr(raw, 1, ?)"
            " from quarantine where id < ? order by id desc limit ?",
            (HEAD_BYTES, 2**62 if before_id is None else before_id, limit),
        ).fetchall()
    return [SetAside(*row) for row in rows]


def read_set_aside(path: Path, id_: int) -> Quarantined:
    """One message in quarantine, whole. Raises JournalError."""
    with open_read_only(path) as connection:
        found = read_quarantine(connection, after_id=id_ - 1, limit=1)
    if not found or found[0][0] != id_:
        raise JournalError(f"no message {id_} in quarantine")
    return found[0][1]


def read_shelf(path: Path) -> Shelf:
    """The items and lots of which there is something. Raises JournalError."""
    with open_read_only(path) as connection:
        texts = connection.execute(
            "select data from document where kind = 'item' and data is not null"
            " and key in (select item from stock where quantity != 0)"
        ).fetchall()
        lots = connection.execute(
            "select distinct lot.item, lot.lot, lot.expiry from lot"
            " join stock on stock.item = lot.item and stock.lot = lot.lot and stock.quantity != 0"
        ).fetchall()
    return Shelf(tuple(json.loads(str(text)) for (text,) in texts), tuple(lots))
