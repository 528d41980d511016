"""Our planner: once a week it makes up its mind, every evening it sends, shares and buys.

Once a week: forecasts of each place from what was sold (days that sold out by their share), a
class plan by the hybrid solver, levels and cycles of purchase (`outlook`). Every evening, per
class: tours that leave and what they carry (`evening`), and purchases that are due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from device_sim.business.chance import Ints
from device_sim.business.class_plan import class_plan
from device_sim.business.evening import Evening
from device_sim.business.outlook import Outlook, dwell_days, forecasts_of, outlooks, sums_ahead
from device_sim.business.policies import Seen
from device_sim.business.scenario import LIFE_MAX
from device_sim.business.world_days import Orders, Trip
from optimizer import Plan
from optimizer.demand.forecast import Forecast

FIRST_DWELL_DAYS: Final = 3.0
SEEN_DAYS: Final = 60
WASTE_WEIGHT: Final = 2.0
"""Throwing away costs more than what was paid for it: clearing, disposal, and the name. See
docs/business-simulation.md for what the weight buys and what it costs."""


@dataclass(slots=True)
class Planned:
    """The policy. service: the share of all units asked for that it plans to serve.

    waste_weight: what a wasted unit counts for, in times its value, when levels are set.
    remarks: what went otherwise than planned.
    """

    service: float
    waste_weight: float = WASTE_WEIGHT
    seed: int = 1
    remarks: list[str] = field(default_factory=list)
    _plan: Plan | None = None
    _made_on: int = -1
    _weeks: list[Outlook] = field(default_factory=list)
    _bought: dict[int, int] = field(default_factory=dict)

    def decide(self, seen: Seen) -> Orders:
        """The evening's trips and purchases."""
        if not self._weeks or seen.day - self._made_on >= 7:
            self._think(seen)
        gone = seen.day - self._made_on
        forecasts = self._weeks[0].forecasts
        sums = [sums_ahead(it, seen.ahead[:SEEN_DAYS], gone=gone) for it in forecasts]
        sooner = seen.position - _doomed(seen, forecasts)
        trips: list[Trip] = []
        bought = np.zeros(len(seen.class_of), dtype=np.int64)
        for i, week in enumerate(self._weeks):
            evening = Evening(seen, i, week, sums, sooner)
            trips += evening.trips()
            if seen.day - self._bought.get(i, -99) >= week.buying_days:
                self._bought[i] = seen.day
                bought += evening.purchase()
        return Orders(trips, bought)

    def _think(self, seen: Seen) -> None:
        """Forecast, plan, and set levels by the plan's cycles."""
        self._made_on = seen.day
        forecasts = forecasts_of(seen)
        self._plan = class_plan(
            seen, forecasts, service=self.service, seed=self.seed, before=self._plan
        )
        if self._plan is None and not self.remarks:
            self.remarks.append(
                "no class plan fits the rooms: every place was driven to by itself"
            )
        dwell = [dwell_days(week.buying_days) for week in self._weeks]
        self._weeks = outlooks(
            seen,
            self._plan,
            forecasts,
            service=self.service,
            waste_weight=self.waste_weight,
            dwell=dwell or [FIRST_DWELL_DAYS] * len(seen.business.classes),
        )


def _doomed(seen: Seen, forecasts: Sequence[Forecast]) -> Ints:
    """Units of each place that will be too old before their turn comes, by the mean demand."""
    doomed = np.zeros(seen.stock.shape[1:], dtype=np.int64)
    days = np.arange(1, LIFE_MAX + 1)[:, None]
    for place in range(len(seen.xy_km)):
        rate = forecasts[place].level
        over = np.cumsum(seen.stock[:LIFE_MAX, place], axis=0) - rate * days
        doomed[place] = np.floor(np.maximum(over.max(axis=0), 0.0))
    return doomed
