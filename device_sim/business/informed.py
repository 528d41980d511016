"""A rule of thumb that goes by our forecasts: what is won by knowing, and what by deciding.

Once a week the same forecasts as our planner's (`optimizer.demand`), turned into a mean and a
deviation per day, which is all that a rule of thumb can take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from device_sim.business.chance import Floats
from device_sim.business.outlook import forecasts_of
from device_sim.business.policies import Expected, Seen
from optimizer.demand.forecast import Forecast

SPAN_DAYS: Final = 7.0


@dataclass(slots=True)
class Foresight:
    """Expects what was forecast this week."""

    _made_on: int = -1
    _expected: Expected | None = None

    def __call__(self, seen: Seen) -> Expected:
        """What was forecast for this week."""
        if self._expected is None or seen.day - self._made_on >= SPAN_DAYS:
            self._made_on = seen.day
            days = [_per_day(each) for each in forecasts_of(seen)]
            self._expected = Expected(*map(np.array, zip(*days, strict=True)))
        return self._expected


def _per_day(forecast: Forecast) -> tuple[Floats, Floats]:
    """Mean and deviation per day of the coming week, as if its days were independent."""
    n = len(forecast.items)
    days = np.full(n, SPAN_DAYS)
    demand = forecast.over(start_hours=0.0, days=days, uplift=np.ones((n, int(SPAN_DAYS) + 1)))
    return demand.mean / SPAN_DAYS, demand.sd / np.sqrt(SPAN_DAYS)
