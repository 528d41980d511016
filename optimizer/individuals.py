"""What the searches of one product breed: sets of trips under procurement cycles, appraised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.appraisal import appraise
from optimizer.integrals import Floats
from optimizer.network import Ints, Network
from optimizer.segments import StopsOf


@dataclass(frozen=True, slots=True)
class Individual:
    """A set of trips under a procurement cycle per central warehouse (its setting)."""

    objective: float
    setting: tuple[int, ...]
    variances: tuple[float, ...]
    trips: tuple[tuple[int, tuple[int, ...]], ...]
    """(central, warehouses in driving order) each."""

    def stops_of(self, position: int) -> list[StopsOf]:
        """Its trips, told as those of the individual at a position of a population."""
        return [(position, k, list(stops)) for k, stops in self.trips]


def appraised(
    net: Network, settings: Ints, trips: Sequence[StopsOf], *, also_as_asked: bool
) -> list[Individual]:
    """Each set of trips under its best setting, where it has any.

    also_as_asked: and under the one that was asked for, behind all of them.
    """
    found = appraise(net, settings, trips)
    grouped: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in settings]
    for b, k, stops in trips:
        grouped[b].append((k, tuple(stops)))

    def under(objective: Floats, chosen: Ints) -> list[Individual]:
        return [
            Individual(
                objective=float(objective[b]),
                setting=tuple(chosen[b].tolist()),
                variances=tuple(found.variances[b].tolist()),
                trips=tuple(grouped[b]),
            )
            for b in range(len(settings))
            if math.isfinite(objective[b])
        ]

    best = under(found.objective, found.settings)
    return [*best, *under(found.asked, settings)] if also_as_asked else best
