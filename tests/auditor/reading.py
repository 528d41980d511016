"""Reads device logs, journals and clouds from files. Every database is opened read-only.

Device log, one JSON object a line, in the order things happened at the devices:
    {"kind": "sent", "device", "boot", "seq"}
    {"kind": "receipt", "device", "boot", "seq", "status", "event_id"?, "committed_seq"?}
    {"kind": "truth", "stock": [[warehouse, location, item, lot, status, unit, quantity], …]}

Cloud: its SQLite file, or a JSON file with the rows of its API: {"events", "quarantine",
"stock", "gateways"}, all pages of /v1/… joined.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.auditor.records import Cloud, DeviceLog, Journal, Json, Receipt, Row, StockKey


def read_device_log(path: Path) -> DeviceLog:
    """The log. Raises ValueError naming the line that is none."""
    log = DeviceLog()
    for number, text in enumerate(path.read_text().splitlines(), 1):
        line = json.loads(text)
        kind = line.get("kind")
        if kind == "truth":
            log.truth = _stock(line["stock"])
            continue
        key = str(line["device"]), str(line["boot"]), int(line["seq"])
        if kind == "sent":
            log.sent[key] += 1
        elif kind == "receipt":
            log.receipts.append(
                Receipt(key, line["status"], line.get("event_id"), line.get("committed_seq"))
            )
        else:
            raise ValueError(f"{path}:{number}: kind {kind!r}")
    return log


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.execute("begin")  # one moment for all tables
        yield connection


def read_journal(path: Path) -> Journal:
    """One journal, as it is at this moment."""
    with _opened(path) as db:
        meta = {str(key): str(value) for key, value in db.execute("select key, value from meta")}
        rows = [
            Row(meta["gateway"], meta["epoch"], seq, event_id, body, link, kind, at_us)
            for seq, event_id, kind, at_us, body, link in db.execute(
                "select seq, event_id, type, recorded_at_us, body, chain from journal order by seq"
            )
        ]
        receipts = {
            (device, boot, seq): json.loads(result)
            for device, boot, seq, result in db.execute(
                "select device, boot, seq, result from receipt"
            )
        }
        marks = {
            (device, boot): highest
            for device, boot, highest in db.execute(
                "select device, boot, highest from device_mark"
            )
        }
        quarantine = db.execute("select device, raw from quarantine").fetchall()
        cursors = {str(name): int(seq) for name, seq in db.execute("select * from cursor")}
        return Journal(path, meta, rows, receipts, marks, quarantine, cursors, _stock_table(db))


def read_cloud(path: Path) -> Cloud:
    """The cloud's database, or an export of it."""
    with path.open("rb") as file:
        is_database = file.read(6) == b"SQLite"
    return _read_database(path) if is_database else _read_export(path)


def _read_database(path: Path) -> Cloud:
    with _opened(path) as db:
        rows = [
            Row(gateway, epoch, seq, event_id or "", body, link, kind or "", at_us, status,
                warehouse, position)
            for position, warehouse, gateway, epoch, seq, status, event_id, kind, at_us, link, body
            in db.execute(
                "select position, warehouse, gateway, epoch, seq, status, event_id, type,"
                " received_at_us, link, body from received order by position"
            )
        ]  # fmt: skip
        warehouses = dict(db.execute("select gateway, warehouse from gateways").fetchall())
        heads = {
            (gateway, epoch): (seq, head)
            for gateway, epoch, seq, head in db.execute(
                "select gateway, epoch, seq, head from epochs"
            )
        }
        return Cloud(rows, _stock_table(db), warehouses, heads)


def _read_export(path: Path) -> Cloud:
    export = json.loads(path.read_text())
    warehouses = {row["gateway"]: row["warehouse"] for row in export["gateways"]}
    rows = [_event_row(row, warehouses) for row in export["events"]]
    rows += [
        Row(row["gateway"], row["epoch"], row["seq"], "", str(row["raw"]).encode(), None,
            status="quarantined", warehouse=warehouses.get(row["gateway"], ""),
            position=row["position"])
        for row in export.get("quarantine", [])
    ]  # fmt: skip
    names = ("warehouse", "location", "item", "lot", "status", "unit", "quantity")
    stock = _stock([row[name] or "" if name == "lot" else row[name] for name in names]
                   for row in export["stock"])  # fmt: skip
    heads = {
        (row["gateway"], row["epoch"]): (int(row["acknowledged_seq"]), None)
        for row in export["gateways"]
        if row["epoch"]
    }
    return Cloud(sorted(rows, key=lambda row: row.position), stock, warehouses, heads, True)


def _event_row(row: Json, warehouses: dict[str, str]) -> Row:
    event = row["event"]
    if not isinstance(event, dict):
        raise ValueError(f"event {row.get('position')}: not an object")
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    gateway = str(row["gateway"])
    return Row(
        gateway,
        str(row["epoch"]),
        int(str(row["seq"])),
        str(event["event_id"]),
        text.encode(),
        None,
        kind=str(event["type"]),
        at_us=int(str(row["received_at_us"])),
        warehouse=warehouses.get(gateway, ""),
        position=int(str(row["position"])),
    )


def _stock_table(db: sqlite3.Connection) -> Counter[StockKey]:
    return _stock(
        db.execute("select warehouse, location, item, lot, status, unit, quantity from stock")
    )


def _stock(rows: Iterable[Iterable[object]]) -> Counter[StockKey]:
    stock: Counter[StockKey] = Counter()
    for row in rows:
        warehouse, location, item, lot, status, unit, quantity = row
        if quantity:
            key = (str(warehouse), str(location), str(item), str(lot), str(status), str(unit))
            stock[key] += int(str(quantity))
    return stock
