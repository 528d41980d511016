"""A watch over triggers, as a projector in a test needs it."""

from __future__ import annotations

from collections.abc import Callable

from gateway.ports import Clock
from gateway.services.trigger_watch import TriggerWatch


def watch(
    clock: Clock,
    *,
    new_id: Callable[[], str] = str,
    quiet_us: int = 0,
    today: Callable[[], str] = lambda: "2026-11-18",
) -> TriggerWatch:
    """English, at J1."""
    return TriggerWatch(
        warehouse="J1",
        language="en",
        clock=clock,
        new_id=new_id,
        quiet_us=quiet_us,
        today=today,
    )
