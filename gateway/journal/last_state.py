"""What the journal of a gateway that does not run tells of how it was."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Final

from cloud_sync.contract import events as ev
from gateway.journal.inspection import open_read_only, read_cursors, read_identity, read_quarantine
from gateway.journal.rows import UPLINK
from gateway.ports import Quarantined

SQLITE_VERSION: Final = sqlite3.sqlite_version
PLANS_SHOWN: Final = 5
Row = dict[str, object]

_ALARMS: Final = "select name, about, text, since_us from alarm_told order by name, about"
_DEVICES: Final = "select device, state, firmware, at_us from device_told order by device"
_CLIMATE: Final = (
    "select zone, device, at_us, temperature_centi_c, humidity_centi_pct from climate"
    " order by zone, device"
)
_MILESTONES: Final = "select body from milestone where type = ? order by seq desc limit ?"


def read_last_state(path: Path) -> Row:
    """The parts of the status report that are in the file. Raises JournalError."""
    with open_read_only(path) as connection:
        identity = read_identity(connection, path)
        (last_seq,) = connection.execute("select max(seq) from journal").fetchone()
        last_seq = identity.base_seq if last_seq is None else last_seq
        cursors = read_cursors(connection)
        return {
            "epoch": identity.epoch,
            "journal": {
                "last_seq": last_seq,
                "base_seq": identity.base_seq,
                "bytes": _size_bytes(connection, path),
                "n_quarantined": _count(connection, "quarantine"),
            },
            "cursors": cursors,
            "sync": {
                "is_connected": False,
                "acknowledged_seq": cursors.get(UPLINK, 0),
                "lag_events": max(0, last_seq - max(cursors.get(UPLINK, 0), identity.base_seq)),
                "last_error": "the gateway does not run",
            },
            "alarms": _rows(connection, "alarm_told", _ALARMS),
            "devices": [
                {"name": row["device"], "state": row["state"], "firmware": row["firmware"]}
                for row in _rows(connection, "device_told", _DEVICES)
            ],
            "climate": _rows(connection, "climate", _CLIMATE),
            "triggers": _milestones(connection, ev.REPLENISHMENT_TRIGGERED),
            "plans": _milestones(connection, ev.PLAN_PROPOSED),
        }


def newest_quarantined(
    connection: sqlite3.Connection, limit: int
) -> list[tuple[int, Quarantined]]:
    """The last messages that were set aside, by id, the newest last."""
    (last_id,) = connection.execute("select coalesce(max(id), 0) from quarantine").fetchone()
    return read_quarantine(connection, after_id=last_id - limit, limit=limit)


def _has(connection: sqlite3.Connection, table: str) -> bool:
    """Whether the journal is of a version that keeps this."""
    sql = "select 1 from sqlite_master where type = 'table' and name = ?"
    return connection.execute(sql, (table,)).fetchone() is not None


def _rows(connection: sqlite3.Connection, table: str, sql: str) -> list[Row]:
    if not _has(connection, table):
        return []
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _count(connection: sqlite3.Connection, table: str) -> int:
    (n_rows,) = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 -- ours
    return int(n_rows)


def _milestones(connection: sqlite3.Connection, type_: str) -> list[Row]:
    rows = connection.execute(_MILESTONES, (type_, PLANS_SHOWN)).fetchall()
    return [json.loads(body) for (body,) in reversed(rows)]


def _size_bytes(connection: sqlite3.Connection, path: Path) -> int:
    """Bytes in use, as the running gateway counts them."""
    n_pages, n_free, page_bytes = (
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    log = path.with_name(path.name + "-wal")
    return int((n_pages - n_free) * page_bytes) + (log.stat().st_size if log.exists() else 0)
