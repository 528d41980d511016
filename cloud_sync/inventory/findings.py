"""What the fold finds that a person must look at: values, never refusals.

A finding says what is wrong, at which key, and which events show it. Nothing is clamped or
dropped because of one: the balances say what the events say. The exceptions queue is built on
these values; two findings are the same if kind and key are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

NEGATIVE_STOCK: Final = "negative_stock"
"""More left a place than ever came. key: warehouse, location, item, lot, status, unit."""
EXPIRY_CONFLICT: Final = "expiry_conflict"
"""A lot was given a second, different expiry. key: item, lot."""
OVER_RECEIPT: Final = "over_receipt"
"""More came under a delivery than was sent. key: asn, item."""
DUPLICATE_EPC: Final = "duplicate_epc"
"""One serial in two places faster than goods can travel. key: item, serial."""
COUNT_UNCERTAIN: Final = "count_uncertain"
"""Another gateway moved what was counted within the clocks' error. key: as negative_stock."""
COUNT_STALE: Final = "count_stale"
"""A count came so late that it asserts nothing any more. key: as negative_stock."""
TRANSIT_OVERDUE: Final = "transit_overdue"
"""Goods of a transfer are on their way for too long. key: transfer."""
CORRECTION_CONFLICT: Final = "correction_conflict"
"""An event was corrected more than once; one correction holds. key: warehouse, event id."""
LATE_VARIANCE: Final = "late_variance"
"""What came late changed what an approved count should have found. key: as negative_stock."""
UNKNOWN_TAG: Final = "unknown_tag"
"""A tag whose goods no master data knows. key: GTIN or scheme of the EPC, day."""
DOUBLE_DELIVERY: Final = "double_delivery"
"""A customer was sent more than was ordered, by two fulfilments. key: order."""

RECOUNT: Final = "recount"
"""The action that settles a count nobody can be sure of."""


class Finding(NamedTuple):
    """One thing to look at. evidence: event ids, oldest first. action: proposed, or ""."""

    kind: str
    key: tuple[str, ...]
    evidence: tuple[str, ...]
    detail: str = ""
    action: str = ""
