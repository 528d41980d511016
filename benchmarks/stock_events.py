"""The events that the benchmarks of cloud and uplink send: receipts and moves, in turn."""

from __future__ import annotations

from cloud_sync.contract import events as ev

ITEMS = 200


def make_event(
    seq: int, event_id: str, *, warehouse: str, occurred_at_us: int, received_at_us: int
) -> ev.Event:
    """A receipt or a move of one of a few hundred items."""
    is_receipt = seq % 2 == 1
    return ev.Event(
        event_id=event_id,
        type=ev.GOODS_RECEIVED if is_receipt else ev.GOODS_MOVED,
        version=1,
        occurred_at_us=occurred_at_us,
        received_at_us=received_at_us,
        warehouse=warehouse,
        device=ev.DeviceMark(id="pda-1", boot="b1", seq=seq, clock="trusted", error_us=1000),
        worker="w-7",
        lines=(
            ev.Line(
                item=f"{seq % ITEMS:014d}",
                lot=f"L{seq % 5}",
                from_location="@supplier" if is_receipt else "DOCK",
                to_location="DOCK" if is_receipt else f"R-{seq % 40:02d}",
                quantity=1 + seq % 9,
            ),
        ),
    )
