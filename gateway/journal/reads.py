"""What the journal asks of its own tables."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.errors import JournalCorrupt
from gateway.journal.connection import Database
from gateway.journal.received import results_by_key
from gateway.journal.rows import (
    CONSUMERS,
    KEYS_PER_QUERY,
    UPLINK,
    as_bytes,
    as_int,
    find_forgotten_query,
    find_receipts_query,
    forgotten_result,
    unknown_result,
)
from gateway.journal.salvage import SALVAGE, SALVAGE_TOLD, LastSalvage, parse_salvage
from gateway.ports import Quarantined, ReceiptKey

COMMIT_NUMBER: Final = "commit_number"
"""The key in `meta` of the number that every transaction of the writer leaves."""


async def read_meta(database: Database) -> dict[str, str]:
    """Identity and base of the journal; empty for a new one."""
    rows = await database.query("select key, value from meta")
    return {str(key): str(value) for key, value in rows}


async def commit_number(database: Database) -> int:
    """The number of the last transaction of the writer; 0 before its first."""
    return int((await read_meta(database)).get(COMMIT_NUMBER, "0"))


async def read_base(database: Database) -> tuple[int, bytes]:
    """Seq and link of the last row that was pruned; 0 and the first link before that."""
    meta = await read_meta(database)
    return int(meta["base_seq"]), bytes.fromhex(meta["base_link"])


async def read_tail(database: Database) -> tuple[int, bytes]:
    """Seq and link of the last row, or of the base if there is none."""
    for seq, chain in await database.query(
        "select seq, chain from journal order by seq desc limit 1"
    ):
        return as_int(seq), as_bytes(chain)
    return await read_base(database)


async def cursor_of(database: Database, consumer: str) -> int:
    """The seq up to which `consumer` is done; 0 if it never ran."""
    for (seq,) in await database.query("select seq from cursor where consumer = ?", (consumer,)):
        return as_int(seq)
    return 0


async def lowest_cursor(database: Database, *, has_cloud: bool) -> int:
    """What every consumer is done with: 0 while one of them never ran."""
    consumers = [name for name in CONSUMERS if has_cloud or name != UPLINK]
    return min([await cursor_of(database, consumer) for consumer in consumers])


async def free_bytes(database: Database) -> int:
    """Bytes of pages that hold nothing: what can be written without more of the disk."""
    ((free, size),) = await database.query(
        "select freelist_count, page_size from pragma_freelist_count, pragma_page_size"
    )
    return as_int(free) * as_int(size)


async def last_salvage(database: Database) -> LastSalvage | None:
    """What the journal was made of, if it was made of a damaged one."""
    meta = await read_meta(database)
    if SALVAGE not in meta:
        return None
    found = parse_salvage(meta[SALVAGE])
    kept = database.path.parent / found.kept
    is_kept = bool(found.kept) and await asyncio.to_thread(kept.is_dir)
    return LastSalvage(found, SALVAGE_TOLD in meta, is_kept)


async def find_receipts(
    database: Database, keys: Sequence[ReceiptKey]
) -> Mapping[ReceiptKey, bytes]:
    """The stored results of those messages that were received before, or what is left of them.

    Receipts are asked first: one that is forgotten in between is then in the ranges.
    """
    found: dict[ReceiptKey, bytes] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        asked = keys[start : start + KEYS_PER_QUERY]
        sql, values = find_receipts_query(asked)
        found |= results_by_key(await database.query(sql, values), database.path)
        rest = [key for key in asked if key not in found]
        if rest:
            sql, values = find_forgotten_query(rest)
            for device, boot, seq, was_received in await database.query(sql, values):
                key = ReceiptKey(str(device), str(boot), as_int(seq))
                found[key] = forgotten_result(key) if was_received else unknown_result(key)
    return found


async def highest_device_seqs(database: Database) -> dict[tuple[str, str], int]:
    """The highest sequence number received per (device, boot)."""
    rows = await database.query("select device, boot, highest from device_mark")
    return {(str(device), str(boot)): as_int(highest) for device, boot, highest in rows}


async def read_quarantine(
    database: Database, *, after_id: int, limit: int
) -> Sequence[tuple[int, Quarantined]]:
    """Messages that were set aside, by id."""
    rows = await database.query(
        "select id, device, received_at_us, kind, reason, raw from quarantine"
        " where id > ? order by id limit ?",
        (after_id, limit),
    )
    return [
        (as_int(id_), Quarantined(str(device), as_int(at), str(kind), str(reason), as_bytes(raw)))
        for id_, device, at, kind, reason, raw in rows
    ]


async def used_bytes(database: Database) -> int:
    """Bytes of pages that hold something."""
    ((pages, free, size),) = await database.query(
        "select page_count, freelist_count, page_size"
        " from pragma_page_count, pragma_freelist_count, pragma_page_size"
    )
    return (as_int(pages) - as_int(free)) * as_int(size)


async def size_bytes(database: Database) -> int:
    """Bytes in use: pages with content, plus the write-ahead log."""
    used = await used_bytes(database)
    wal = database.path.with_name(database.path.name + "-wal")
    try:
        return used + os.stat(wal).st_size  # noqa: PTH116 -- one system call, not worth a thread
    except FileNotFoundError:
        return used


async def refuse_unsent_gap(database: Database) -> None:
    """Raise JournalCorrupt if rows left that the cloud has not had."""
    base_seq, _ = await read_base(database)
    sent = await cursor_of(database, UPLINK)
    if sent < base_seq:
        raise JournalCorrupt(
            f"{database.path}: rows {sent + 1} to {base_seq} left before there was a cloud"
        )


async def refuse_impossible_cursors(database: Database, last_seq: int) -> None:
    """Raise JournalCorrupt if a consumer is done with more than there is."""
    for consumer in CONSUMERS:
        seq = await cursor_of(database, consumer)
        if seq > last_seq:
            raise JournalCorrupt(
                f"{database.path}: {consumer} is done up to row {seq}, but the last row is"
                f" {last_seq}; run `forepost-gateway journal verify`"
            )
