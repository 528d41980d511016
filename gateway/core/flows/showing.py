"""What a piece of evidence says, in a worker's words.

Its detail is written for programs: the type of an event, what the climate crossed, how a count
became doubtful. Dates, places and numbers are told as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cloud_sync.contract import events as ev
from cloud_sync.inventory.exceptions import SENSOR_FAULT
from gateway.core.messages import message

_SAID: Final[Mapping[str, str]] = {
    ev.COUNT_CLOSED: "shown_count_closed",
    ev.COUNT_OBSERVED: "shown_counted",
    ev.GOODS_INSPECTED: "shown_inspected",
    ev.GOODS_MOVED: "shown_moved",
    ev.GOODS_PICKED: "shown_picked",
    ev.GOODS_RECEIVED: "shown_received",
    ev.GOODS_RETURNED: "shown_returned",
    ev.GOODS_TRANSFORMED: "shown_opened",
    ev.LOT_HELD: "shown_held",
    ev.LOT_RELEASED: "shown_released",
    ev.ORDER_DELIVERED: "shown_delivered",
    ev.PICK_ALLOCATED: "shown_allocated",
    ev.PICK_SHORT: "shown_short",
    ev.RECEIPT_CLOSED: "shown_receipt_closed",
    ev.STOCK_WASTED: "shown_wasted",
    ev.TAG_ARRIVED: "shown_tag_arrived",
    ev.TAG_LEFT: "shown_tag_left",
    ev.TRANSFER_DISPATCHED: "shown_dispatched",
    ev.TRANSFER_RECEIVED: "shown_received",
    ev.UNIT_PACKED: "shown_packed",
    ev.UNIT_UNPACKED: "shown_unpacked",
    "the count was approved": "shown_approved",
    "counted": "shown_counted",
    "counted too long ago": "shown_counted_late",
    "moved, and told late": "shown_moved_late",
    "moved by another gateway": "shown_moved_elsewhere",
    "no expiry": "shown_no_expiry",
    "corrected": "shown_corrected",
    "high": "shown_high",
    "low": "shown_low",
    "high and low": "shown_high_and_low",
    "hold": "shown_hold",
    "waste": "shown_waste",
}
_FAULTS: Final = frozenset({"silent", "error", "out_of_range", "stuck", "drifting"})


def shown_in_words(kind: str, key: tuple[str, ...], detail: str, language: str) -> str:
    """What a piece of evidence of an exception says."""
    if kind == SENSOR_FAULT and key[-1] in _FAULTS:
        return message(f"shown_fault_{key[-1]}", language)
    said = _SAID.get(detail)
    return detail if said is None else message(said, language)
