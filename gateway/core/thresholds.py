"""When a figure has become too high and when it is well again, and how soon a disk is full."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400.0
SAMPLE_S: Final = 3600.0
SPAN_MIN_S: Final = 6 * 3600.0
SAMPLES_MAX: Final = 49


@dataclass(slots=True)
class Threshold:
    """Too high from `on` up, well again below `off`; in between it is as it was."""

    on: float
    off: float
    is_over: bool = False

    def look(self, value: float) -> bool:
        """Whether it is too high, now that the figure is `value`."""
        if value >= self.on:
            self.is_over = True
        elif value < self.off:
            self.is_over = False
        return self.is_over


class Shrinking:
    """How fast the room on a disk becomes less, over two days at most."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)

    def days_left(self, free_bytes: int, now_s: float) -> float | None:
        """Days until there is none; None if it does not shrink, or is not known yet."""
        if not self._samples or now_s - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now_s, free_bytes))
        first_s, first_bytes = self._samples[0]
        span_s, lost = now_s - first_s, first_bytes - free_bytes
        if span_s < SPAN_MIN_S or lost <= 0:
            return None
        return free_bytes / lost * span_s / DAY_S
