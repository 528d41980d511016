"""What the person at the terminal chose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the demo runs. duration_s: None runs until told to stop; today dates the lots."""

    directory: Path
    duration_s: float | None
    kill_gateway_at_s: float | None
    seed: int
    broker: str
    today: date
