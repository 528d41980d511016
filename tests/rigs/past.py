"""Days that are over, in the journal of a gateway that is not running: deliveries and sales."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

from cloud_sync.contract import events as ev
from cloud_sync.contract import keys
from gateway.clock import SystemClock
from gateway.ports import Draft, Entry
from tests.rigs.journal import opened

Happened = tuple[int, str, ev.Line]
"""When, what, and the goods."""


def came(at_us: int, item: str, units: int) -> Happened:
    """Goods from a supplier, onto the shelf R-01."""
    line = ev.Line(item=item, from_location="@supplier", to_location="R-01", quantity=units)
    return at_us, ev.GOODS_RECEIVED, line


def sold(at_us: int, item: str, units: int) -> Happened:
    """Goods off that shelf, to a customer."""
    line = ev.Line(item=item, from_location="R-01", to_location=keys.CUSTOMER, quantity=units)
    return at_us, ev.ORDER_DELIVERED, line


async def journal_past(
    state_dir: Path, happened: Iterable[Happened], *, warehouse: str = "J1"
) -> None:
    """Journal what happened, in this order, as gw-`warehouse` would have."""
    entries = []
    for at_us, kind, line in happened:
        event = ev.Event(
            event_id=str(uuid.uuid4()), type=kind, version=1, occurred_at_us=at_us,
            received_at_us=at_us, warehouse=warehouse, lines=(line,), body={},
        )  # fmt: skip
        draft = Draft(event.event_id, event.type, at_us, ev.encode_event(event))
        entries.append(Entry((draft,)))
    state_dir.mkdir(parents=True, exist_ok=True)
    async with opened(
        state_dir, clock=SystemClock(), gateway=f"gw-{warehouse}", has_cloud=True
    ) as journal:
        await journal.append(entries)
