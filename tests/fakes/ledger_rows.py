"""Rows of a ledger's journals: goods that come, go and are counted, at seconds of a small day."""

from __future__ import annotations

from itertools import count

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from cloud_sync.inventory.folding import LedgerRow, rebuild
from cloud_sync.inventory.stock import StockKey

ITEM = "09506000134352"
OTHER = "00614141123452"
SECOND = 1_000_000
SHELF = StockKey("J1", "R-01", ITEM, "", "available", "EA")
ADJUSTED = StockKey("", "@adjustment", ITEM, "", "available", "EA")
_numbers = count(1)


def row(
    event_type: str,
    at_s: int,
    *lines: ev.Line,
    seq: int | None = None,
    gateway: str = "gw-1",
    late_s: int = 0,
    **header: object,
) -> LedgerRow:
    """at_s: when it happened; late_s: how much later it came."""
    number = next(_numbers)
    fields: dict[str, object] = {
        "event_id": f"00000000-0000-7000-8000-{number:012x}", "type": event_type, "version": 1,
        "occurred_at_us": at_s * SECOND, "received_at_us": (at_s + late_s) * SECOND,
        "warehouse": "J1", "lines": lines,
        "device": ev.DeviceMark(id="pda-1", boot="b", seq=number, clock="trusted", error_us=0),
    }  # fmt: skip
    event = ev.Event(**(fields | header))  # type: ignore[arg-type]  # as the test says
    return LedgerRow(gateway, "e1", number if seq is None else seq, event, event.received_at_us)


def move(source: str, target: str, quantity: int, item: str = ITEM, **more: object) -> ev.Line:
    return ev.Line(item=item, from_location=source, to_location=target, quantity=quantity, **more)  # type: ignore[arg-type]  # as the test says


def receive(at_s: int, quantity: int, **header: object) -> LedgerRow:
    return row(ev.GOODS_RECEIVED, at_s, move(keys.SUPPLIER, "R-01", quantity), **header)  # type: ignore[arg-type]  # as the test says


def pick(at_s: int, quantity: int, **header: object) -> LedgerRow:
    return row(ev.GOODS_PICKED, at_s, move("R-01", "PACK", quantity), **header)  # type: ignore[arg-type]  # as the test says


def counted(at_s: int, quantity: int, **header: object) -> LedgerRow:
    body = {"assertions": [{"item": ITEM, "location": "R-01", "quantity": quantity}]}
    return row(ev.COUNT_OBSERVED, at_s, body=body, **header)  # type: ignore[arg-type]  # as the test says


def correct(at_s: int, wrong: LedgerRow, *lines: ev.Line, **header: object) -> LedgerRow:
    return row(ev.EVENT_CORRECTED, at_s, *lines, corrects=wrong.event.event_id, **header)  # type: ignore[arg-type]  # as the test says


def on_shelf(*rows: LedgerRow) -> int:
    return rebuild(rows).balances.get(SHELF, 0)
