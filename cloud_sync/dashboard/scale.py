"""The arithmetic behind a chart: round numbers on an axis, and a value's place between them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places along an axis. ticks: the round numbers on it, ascending.

    start, end: where the first and the last tick stand, in units of the drawing.
    """

    ticks: tuple[float, ...]
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value stands; beyond the ticks, at the edge."""
        low, high = self.ticks[0], self.ticks[-1]
        share = (min(max(value, low), high) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 2)


def make_scale(values: Iterable[float], *, start: float, end: float, n_ticks: int) -> Scale:
    """A scale from nothing, or from below it, to the largest value, with about so many ticks."""
    known = [it for it in values if math.isfinite(it)]
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    if high == low:
        high = low + 1.0
    step = round_step((high - low) / max(1, n_ticks))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(tuple(n * step for n in range(first, last + 1)), start, end)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `least` (above 0)."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(it * power for it in _STEPS if it * power >= least * (1 - 1e-9))
