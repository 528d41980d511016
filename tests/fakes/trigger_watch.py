"""A watch over triggers, as a projector in a test needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.ports import Clock
from gateway.services.trigger_watch import TriggerWatch
from gateway.settings import GatewaySettings, PlannerSettings, Settings


def watch(
    clock: Clock,
    *,
    new_id: Callable[[], str] = str,
    quiet_us: int = 0,
    today: Callable[[], str] = lambda: "2026-11-18",
    is_trusted: Callable[[], bool] = lambda: True,
) -> TriggerWatch:
    """English, at J1."""
    return TriggerWatch(
        settings=Settings(
            gateway=GatewaySettings(id="gw-J1", warehouse="J1", state_dir=Path()),
            planner=PlannerSettings(quiet_s=quiet_us / 1_000_000),
        ),
        clock=clock,
        new_id=new_id,
        today=today,
        is_trusted=is_trusted,
    )
