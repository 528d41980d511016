"""What each method would have said of past spans, and what came: the material of every choice.

A span is the next `span_days` whole days as seen at the end of a day, its own length per item.
What came of a span that was seen in part is what was asked for as far as the method can tell
(smoothing.asked_for). Without it every sold-out span would speak for the lowest forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.demand.history import Floats, History, Ints
from optimizer.demand.smoothing import DAMPING, WEEK, States, asked_for, weekdays

ORIGINS_MAX: Final = 56
"""Spans that are looked back at: the last eight weeks."""
WARM_UP_DAYS: Final = 14
COVER_MIN: Final = 0.3
"""A span of which less could be seen says too little to be weighed."""


@dataclass(frozen=True, slots=True)
class Spans:
    """mean, asked: [method, item, origin], what was told and what came; origins in rising order.

    weight: [item, origin], the covered share of the span, 0 where it says too little.
    """

    mean: Floats
    asked: Floats
    weight: Floats

    def part(self, start: int, end: int | None) -> Spans:
        """The spans of some origins."""
        return Spans(
            mean=self.mean[:, :, start:end],
            asked=self.asked[:, :, start:end],
            weight=self.weight[:, start:end],
        )


def look_back(history: History, uplift: Floats, states: States, span_days: Ints) -> Spans:
    """All past spans that have ended, of each item's own length in days (1 at least)."""
    n_items, n_days = history.units.shape
    longest = int(span_days.max(initial=1))
    first = max(WARM_UP_DAYS, n_days - longest + 1 - ORIGINS_MAX)
    origins = np.arange(min(first, n_days), n_days - longest + 1)
    names = np.array(weekdays(history))
    seen = np.zeros((n_items, len(origins)))
    covered, flat, rising = np.zeros_like(seen), np.zeros_like(seen), np.zeros_like(seen)
    weekday = states.weekday[origins]
    damped = 0.0
    for ahead in range(longest):
        damped = DAMPING * (1.0 + damped)
        days = origins + ahead
        is_in = (ahead < span_days)[:, None]
        share = np.take_along_axis(weekday, names[days][:, None, None], axis=2)[:, :, 0].T
        weight = np.where(is_in, share * uplift[:, days], 0.0)
        cover = history.covered[:, days]
        seen += np.where(is_in, history.units[:, days], 0.0)
        covered += cover * weight
        flat += weight
        rising += weight * damped
    level = states.level[:, origins].transpose(0, 2, 1)
    trend = states.trend[:, origins].transpose(0, 2, 1)
    share_seen = np.divide(covered, flat, out=np.zeros_like(flat), where=flat > 0)
    mean = np.maximum(level * flat + trend * rising, 0.0)
    return Spans(
        mean=mean,
        asked=asked_for(seen, np.minimum(share_seen, 1.0), mean),
        weight=np.where(share_seen >= COVER_MIN, np.minimum(share_seen, 1.0), 0.0),
    )


def means_ahead(
    level: Floats, trend: Floats, weekday: Floats, *, first_weekday: int, uplift: Floats
) -> Floats:
    """The mean of each coming day, [item, day]; uplift: [item, day], as many days as wanted."""
    n_days = uplift.shape[1]
    damped = np.cumsum(DAMPING ** np.arange(1, n_days + 1))
    names = (first_weekday + np.arange(n_days)) % WEEK
    path = level[:, None] + trend[:, None] * damped
    return np.maximum(path, 0.0) * weekday[:, names] * uplift
