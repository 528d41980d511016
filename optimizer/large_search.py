"""The hybrid search of one product with many warehouses: race, then cool.

A race between likely beginnings (which central warehouses are open, which procurement cycles)
is run by short walks of ruin and recreate; the winner walks on while it cools: a walk accepts
what makes a plan dearer by a sum that shrinks as the time given runs out, or in cycles where
the search is not told how much there is. docs/optimizer-large.md tells why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from optimizer.appraisal import appraise, decode
from optimizer.decisions import Decisions
from optimizer.encoding import cut_anew
from optimizer.feasibility import serving_setting, single_trips
from optimizer.filling import filled_trips
from optimizer.individuals import Individual, appraised
from optimizer.local_search import improve
from optimizer.network import Ints, Network, make_network
from optimizer.procurement import Procurement, procurement_outlook
from optimizer.regrow import Walk
from optimizer.segments import Segments, StopsOf
from optimizer.tables import ProductTables

LARGE = 40
"""Warehouses above which a product is searched like this; see HybridSearch for the others."""
ROUNDS = 16
"""Rounds of ruin and recreate in a generation."""
RACERS, RACERS_EACH_MORE = 4, 2
"""Beginnings that race; so many more for every further central warehouse."""
RACE_SHARE = 0.25
"""Of the time given, where it is known: the race ends by then."""
RACE_WARMTH, HOT, WARM, COLD = 0.1, 1.0, 0.3, 0.01
"""Temperatures in units of the money per day for the way to one warehouse."""
COOLED_BY = 0.92
"""Share of the time given by which a walk is cold; the rest is spent near the best plan."""
CYCLE = 24
"""Generations from hot to cold where nobody tells how many there will be."""
OTHER_SETTING = 0.3
"""Chance that a later cycle begins under another procurement cycle."""
MAX_CENTRALS_MIXED = 5
"""Central warehouses up to which every subset of them is tried as a beginning."""


@dataclass(slots=True)
class _Racer:
    individual: Individual
    walk: Walk | None = None
    n_runs: int = 0


@dataclass(frozen=True, slots=True)
class _Cooling:
    """From which share to which, or from which generation; and how hot it begins."""

    begun: float
    ends: float
    warmth: float

    def temperature(self, now: float) -> float:
        x = (now - self.begun) / max(1e-9, self.ends - self.begun)
        return self.warmth * math.pow(COLD / self.warmth, min(1.0, max(0.0, x)))


class LargeSearch:
    """One product. Implements Track and Paced."""

    def __init__(
        self,
        position: int,
        tables: ProductTables,
        rng: np.random.Generator,
        start: Decisions | None = None,
    ) -> None:
        self._position, self._rng = position, rng
        self._net: Network = make_network(tables)
        self._outlook: Procurement = procurement_outlook(self._net)
        self._start = start
        self._best: Individual | None = None
        self._racers: list[_Racer] = []
        self._walk: Walk | None = None
        self._cooling: _Cooling | None = None
        self._generation, self._n_coolings = 0, 0
        self._share: float | None = None

    @property
    def products(self) -> tuple[int, ...]:
        return (self._position,)

    @property
    def objective(self) -> float:
        return self._best.objective if self._best else math.inf

    @property
    def proven(self) -> float | None:
        return None

    @property
    def decisions(self) -> tuple[Decisions, ...]:
        if self._best is None:
            return (Decisions((), {}),)
        return (decode(self._net, np.array(self._best.setting), self._best.stops_of(0)),)

    def pace(self, share: float | None) -> None:
        """How much of the search is over by now; None where nobody can tell."""
        self._share = share

    def step(self) -> None:
        """One generation; the first makes the beginnings."""
        self._generation += 1
        if self._best is None:
            self._begin()
        elif len(self._racers) > 1 and (self._share or 0.0) < RACE_SHARE:
            self._race()
        else:
            self._cool(self._best)

    def _begin(self) -> None:
        found = [*self._filled(), *self._alone(), *self._warm_start()]
        self._see(found)
        n = RACERS + RACERS_EACH_MORE * (self._net.n_centrals - 1)
        by_setting: dict[tuple[int, ...], Individual] = {}
        for one in sorted(found, key=lambda one: one.objective):
            by_setting.setdefault(one.setting, one)
        self._racers = [_Racer(one) for one in list(by_setting.values())[:n]]

    def _filled(self) -> list[Individual]:
        """Trips filled up under each common cycle, for every subset of central warehouses."""
        n_k = self._net.n_centrals
        sizes = range(1, n_k + 1) if n_k <= MAX_CENTRALS_MIXED else (1, n_k)
        found = []
        for subset in (some for size in sizes for some in combinations(range(n_k), size)):
            trips = filled_trips(self._net, subset)
            found += self._individuals(np.ones((len(self._net.days), n_k), dtype=int), trips)
        return found

    def _alone(self) -> list[Individual]:
        """A trip for each warehouse, under cycles that are known to serve everyone."""
        net, setting = self._net, np.array(serving_setting(self._net.tables))
        days = np.arange(1, net.tables.n_cycles + 1)
        fits = (setting[:, None] > 0) & (setting[:, None] % days == 0)
        can = (single_trips(net.tables) & fits[:, None, :]).any(axis=2)
        km = np.where(can, net.distance_km[: net.n_centrals, net.n_centrals :], np.inf)
        centre = km.argmin(axis=0).tolist()
        return self._individuals(setting[None], [(0, k, [j]) for j, k in enumerate(centre)])

    def _warm_start(self) -> list[Individual]:
        """The plan the search was given, if any, as it fits today."""
        if self._start is None or not self._start.routes:
            return []
        net, start = self._net, self._start
        trips: list[StopsOf] = [(0, r.central, list(r.stops)) for r in start.routes]
        asked = np.array([[start.procurement_days.get(k, 0) for k in range(net.n_centrals)]])
        as_it_was = self._individuals(asked, trips)
        return as_it_was or self._individuals(asked, cut_anew(net, asked[0], trips))

    def _race(self) -> None:
        """The racer that has run least walks on; the better half goes into the next heat."""
        racer = min(self._racers, key=lambda one: one.n_runs)
        if racer.walk is None:
            racer.walk = self._walk_from(racer.individual)
        found = self._gone(racer.walk, RACE_WARMTH)
        racer.individual = min([racer.individual, *found], key=lambda one: one.objective)
        racer.n_runs += 1
        n_runs = {one.n_runs for one in self._racers}
        if len(n_runs) == 1 and (racer.n_runs + 1).bit_count() == 1:  # after 1, 3, 7 … runs
            self._racers.sort(key=lambda one: one.individual.objective)
            del self._racers[max(1, len(self._racers) // 2) :]

    def _cool(self, best: Individual) -> None:
        """One generation of the present cooling; a cold walk is followed by another one."""
        now = self._generation if self._share is None else self._share
        if self._walk is None or self._cooling is None:
            self._walk, self._cooling = self._next_cooling(best, now)
        self._gone(self._walk, self._cooling.temperature(now))
        if now >= self._cooling.ends:
            self._walk = None
            self._see(self._improved(self._best or best))

    def _next_cooling(self, best: Individual, now: float) -> tuple[Walk, _Cooling]:
        self._n_coolings += 1
        if self._n_coolings == 1:
            winner = min(self._racers, key=lambda one: one.individual.objective)
            ends = now + 3 * CYCLE // 2 if self._share is None else COOLED_BY
            walk = winner.walk or self._walk_from(winner.individual)
            return walk, _Cooling(now, ends, HOT)
        if self._share is not None:
            return self._walk_from(best), _Cooling(now, 1.0, 2 * COLD)
        return self._walk_from(best, self._inherited(best)), _Cooling(now, now + CYCLE, WARM)

    def _inherited(self, parent: Individual) -> tuple[int, ...]:
        """The parent's procurement cycles; now and then another one at an open warehouse."""
        if self._rng.random() >= OTHER_SETTING:
            return parent.setting
        mutated = self._outlook.mutated(parent.setting, self._rng)
        pairs = zip(parent.setting, mutated, strict=True)
        return tuple(fresh if old and fresh else old for old, fresh in pairs)

    def _walk_from(self, parent: Individual, setting: tuple[int, ...] | None = None) -> Walk:
        setting = parent.setting if setting is None else setting
        return Walk(self._net, setting, parent.variances, parent.stops_of(0), rng=self._rng)

    def _gone(self, walk: Walk, warmth: float) -> list[Individual]:
        """Where some rounds lead to, the best on the way and the last."""
        trips = walk.go(ROUNDS, warmth)
        every = [(b, k, stops) for b, one in enumerate(trips) for _, k, stops in one]
        asked = np.array([walk.setting] * len(trips))
        found = self._individuals(asked, every)
        if self._net.n_centrals > 1:
            variances = appraise(self._net, asked[:1], trips[-1]).variances[0].tolist()
            walk.reprice(self._net, variances)
        self._see(found)
        return found

    def _improved(self, one: Individual) -> list[Individual]:
        """After local search, whose moves ruin and recreate may miss."""
        settings = np.array([one.setting])
        seg = Segments(self._net, settings, np.array([one.variances]), one.stops_of(0))
        improve(seg, np.flatnonzero(seg.length), self._rng)
        return self._individuals(settings, seg.trips())

    def _individuals(self, asked: Ints, trips: Sequence[StopsOf]) -> list[Individual]:
        """Each set of trips under its best setting, where there is any."""
        return appraised(self._net, asked, trips, also_as_asked=False)

    def _see(self, found: Sequence[Individual]) -> None:
        for one in found:
            if one.objective < self.objective:
                self._best = one
