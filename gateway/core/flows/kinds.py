"""Which events flows look at, and how."""

from __future__ import annotations

from typing import Final

from cloud_sync.contract import events as ev

UNDOABLE: Final = frozenset(
    {
        ev.GOODS_RECEIVED,
        ev.GOODS_INSPECTED,
        ev.GOODS_MOVED,
        ev.GOODS_PICKED,
        ev.GOODS_RETURNED,
        ev.GOODS_TRANSFORMED,
        ev.TRANSFER_DISPATCHED,
        ev.TRANSFER_RECEIVED,
        ev.ORDER_DELIVERED,
        ev.COUNT_OBSERVED,
        ev.STOCK_WASTED,
        ev.UNIT_PACKED,
        ev.UNIT_UNPACKED,
    }
)
"""What moved or counted goods, and so has lines or assertions that can be turned round."""

TAKEN_BACK: Final = UNDOABLE | {ev.RECEIPT_CLOSED}
"""What a worker may take back. The closing of a count is another's business."""

OF_WORKERS: Final = TAKEN_BACK | {
    ev.PICK_ALLOCATED, ev.PICK_SHORT, ev.COUNT_CLOSED, ev.LOT_HELD,
    ev.LOT_RELEASED,
}  # fmt: skip
"""What somebody with a device did, as against what a sensor or the office said."""

NOT_FOR_ORDER: Final = frozenset(
    {
        "lot_expired",
        "lot_held",
        "lot_recalled",
        "certificate_expired",
        "wrong_item",
        "case_not_piece",
    }
)
"""Flags of a pick that fills no order line: the goods were taken, and must not be sent."""

BESIDE_THE_LIST: Final = frozenset(
    {"other_lot", "other_place", "over_pick", "asked_by_weight", "asked_by_piece"}
)
"""Flags of a pick that was not as the list said."""

LOTS_TO_COUNT: Final = "lots_to_count"
"""The flag of a sweep that found tags and could not tell their lots."""

GOOD: Final = "available"
DAMAGED: Final = "damaged"
HELD: Final = "held"

CONDITIONS: Final = {"good": GOOD, "damaged": DAMAGED, "suspect": HELD}
"""What a worker says of goods, and the status that makes of them."""

MATCHED: Final = "matched"
RECOUNT: Final = "recount"
UNRESOLVED: Final = "unresolved"
APPROVED: Final = "approved"
DONE: Final = frozenset({MATCHED, APPROVED})
"""Outcomes after which a place need not be counted again."""
