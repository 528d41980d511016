"""The hybrid genetic search of one product: split decoding, local search, free recombination.

An individual is a set of trips with a procurement cycle per central warehouse (a setting). A
generation either crosses giant tours (order crossover, split) or ruins parts of good
individuals, improves all children together by local search, and recombines each child with
its parent part by part (partition crossover). Procurement cycles are genes: they start where
a lower bound still allows them and are chosen afresh for the trips found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optimizer.appraisal import decode
from optimizer.decisions import Decisions
from optimizer.encoding import giant_tour, split
from optimizer.individuals import Individual, appraised
from optimizer.integrals import Floats
from optimizer.local_search import improve
from optimizer.network import Ints, Network, make_network
from optimizer.operators import order_crossover, partition_crossover, ruin
from optimizer.polish import polish
from optimizer.procurement import Procurement, procurement_outlook
from optimizer.proof import least_money
from optimizer.segments import Segments, StopsOf
from optimizer.tables import ProductTables
from optimizer.trip_pool import TripPool, make_trip_pool

POPULATION = 40
PER_SETTING = 4
SMALL = 40
"""Warehouses up to which recombination finds more than local search from good plans."""
NODES_PER_BATCH_SMALL, NODES_PER_BATCH = 80, 256
"""Children per generation times warehouses: enough to keep whole-array arithmetic busy."""
BEGINNERS = 16
"""At least so many start small cases, half of them under the likeliest settings in turn."""
SCREENED = 4
"""Tours cut for each child that is then improved; cutting is cheap where there are few stops."""
FRESH_START = 3
"""Generations from one new start population to the next, where a better plan is known to be."""
STRANGERS = 0.2
"""Share of fathers that are tours at random."""
WAREHOUSES_PER_REGION = 28
OTHER_SETTING = 0.25
"""Chance that a child is searched in other procurement cycles than its parent."""
NOISE = 0.5
REPARTITION = 3
"""Generations from one look at all trips met to the next; the first looks."""


class HybridSearch:
    """One product. Implements Track."""

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
        self._population: list[Individual] = []
        self._niches: list[list[Individual]] = []
        """The population by setting, best settings and individuals first."""
        self._start = start
        self._generation = 0
        self._pool: TripPool | None = make_trip_pool(self._net)
        self._proven: float | None = None if self._net.n else 0.0
        self._doubted = math.inf
        """The objective when a proof was last tried."""

    @property
    def products(self) -> tuple[int, ...]:
        return (self._position,)

    @property
    def objective(self) -> float:
        if not self._net.n:
            return 0.0
        return self._population[0].objective if self._population else math.inf

    @property
    def proven(self) -> float | None:
        return self._proven

    @property
    def decisions(self) -> tuple[Decisions, ...]:
        if not self._population:
            return (Decisions((), {}),)
        best = self._population[0]
        return (decode(self._net, np.array(best.setting), best.stops_of(0)),)

    def step(self) -> None:
        """One generation; the first makes the start population."""
        if not self._net.n:
            return
        if not self._population:
            self._keep([*self._beginners(), *self._warm_start()])
        elif self._is_short and self._generation % FRESH_START == 0:
            self._keep(self._beginners())
        elif self._rng.random() < self._crossover_share():
            self._keep(self._crossed())
        else:
            self._keep(self._ruined())
        self._generation += 1
        if self._pool is not None and self._generation % REPARTITION == 1:
            self._keep(self._repartitioned(self._pool))
        if self._pool is not None and self._proven is None and self.objective < self._doubted:
            self._doubted = self.objective
            self._proven = least_money(self._pool.sets, self._doubted)

    @property
    def _is_short(self) -> bool:
        """Whether a better plan than the best is known to exist."""
        return self._proven is not None and self.objective > self._proven * (1 + 1e-9)

    def _crossover_share(self) -> float:
        return 0.9 if self._net.n <= SMALL else 0.05

    def _screened(self) -> int:
        """Tours cut for each child that is then improved; cutting is cheap for few stops."""
        return SCREENED if self._net.n <= SMALL else 1

    def _n_children(self) -> int:
        nodes = NODES_PER_BATCH_SMALL if self._net.n <= SMALL else NODES_PER_BATCH
        return max(1, min(16, nodes // self._net.n))

    def _beginners(self) -> list[Individual]:
        """Random tours cut into trips, and trips grown from single stops, improved."""
        net, rng = self._net, self._rng
        n_beginners = BEGINNERS if net.n <= SMALL else 4
        settings = self._outlook.settings(rng, max(self._n_children(), n_beginners))
        variances = np.full(settings.shape, net.total_variance / net.n_centrals)
        half = len(settings) // 2
        tours = np.array([rng.permutation(net.n) for _ in range(half)]).reshape(half, net.n)
        trips: list[StopsOf] = []
        if half:
            kept, trips = split(net, settings[:half], variances[:half], tours, half)
            settings[:half] = settings[kept]
        for b in range(half, len(settings)):
            open_at = np.flatnonzero(settings[b] > 0)
            trips += [(b, int(rng.choice(open_at)), [j]) for j in range(net.n)]
        seg = Segments(net, settings, variances, trips)
        return self._improved(seg, np.flatnonzero(seg.length))

    def _warm_start(self) -> list[Individual]:
        """The plan the search was given, if any."""
        if self._start is None or not self._start.routes:
            return []
        routes = [(0, r.central, list(r.stops)) for r in self._start.routes]
        asked = [self._start.procurement_days.get(k, 0) for k in range(self._net.n_centrals)]
        return self._individuals(np.array([asked]), routes)

    def _crossed(self) -> list[Individual]:
        """Children of two parents each, by order crossover of their giant tours."""
        net, rng = self._net, self._rng
        tours, settings, variances = [], [], []
        for _ in range(self._n_children() * self._screened()):
            mother, father = self._parent(), self._parent()
            one, two = (giant_tour(p.stops_of(0), rng) for p in (mother, father))
            if rng.random() < STRANGERS:
                two = rng.permutation(net.n)
            tours.append(order_crossover(one, two, rng))
            settings.append(self._inherited(mother))
            variances.append(mother.variances)
        genes = np.array(settings)
        spread = self._spread(np.array(variances), genes)
        kept, trips = split(net, genes, spread, np.array(tours), self._n_children())
        seg = Segments(net, genes[kept], spread[kept], trips)
        return self._improved(seg, np.flatnonzero(seg.length))

    def _ruined(self) -> list[Individual]:
        """Children of one parent each: parts set free, improved, and the better parts kept."""
        net, rng = self._net, self._rng
        n_children = self._n_children()
        parents = [self._parent() for _ in range(n_children)]
        settings = np.array([self._inherited(parent) for parent in parents])
        spread = self._spread(np.array([p.variances for p in parents]), settings)
        trips = [trip for b, parent in enumerate(parents) for trip in parent.stops_of(b)]
        trips = self._reopen(trips, settings)
        seg = Segments(net, settings, spread, trips)
        before, before_cost = _by_individual(seg, n_children)
        changed = ruin(seg, 1 + net.n // WAREHOUSES_PER_REGION, rng)
        improve(seg, changed, rng, NOISE)
        after, after_cost = _by_individual(seg, n_children)
        merged: list[StopsOf] = []
        for b in range(n_children):
            parent, child = (before[b], before_cost[b]), (after[b], after_cost[b])
            merged += partition_crossover(net.n, parent, child)
        return self._individuals(settings, merged)

    def _repartitioned(self, pool: TripPool) -> list[Individual]:
        """The best plan of trips of all individuals so far, and of trips like the best ones'."""
        best = [trip for one in self._population[:2] for trip in one.stops_of(0)]
        cover = pool.best_cover(best, self._procurement_days())
        if cover is None:
            return []
        settings = np.array([cover.setting])
        seg = Segments(
            self._net,
            settings,
            self._spread(np.zeros(settings.shape), settings),
            [(0, k, stops) for k, stops in cover.trips],
        )
        polish(seg, np.flatnonzero(seg.length))
        return self._individuals(settings, seg.trips())

    def _procurement_days(self) -> Ints:
        """Those of the population, and the likeliest."""
        used = [days for one in self._population for days in one.setting if days]
        return np.unique([*used, *self._outlook.order[:, :4].ravel().tolist()])

    def _reopen(self, trips: list[StopsOf], settings: Ints) -> list[StopsOf]:
        """Move trips of a central warehouse that the new setting closes to an open one."""
        if self._net.n_centrals == 1:
            return trips
        moved = []
        for b, k, stops in trips:
            at = k
            if settings[b, k] == 0:
                at = int(self._rng.choice(np.flatnonzero(settings[b] > 0)))
            moved.append((b, at, stops))
        return moved

    def _spread(self, variances: Floats, settings: Ints) -> Floats:
        """Demand variances to price safety stock by; a newly opened warehouse gets a share."""
        share = self._net.total_variance / self._net.n_centrals
        return np.where((variances > 0) & (settings > 0), variances, share)

    def _improved(self, seg: Segments, rows: Ints) -> list[Individual]:
        improve(seg, rows, self._rng, NOISE)
        return self._individuals(seg.settings, seg.trips())

    def _individuals(self, settings: Ints, trips: Sequence[StopsOf]) -> list[Individual]:
        """Each set of trips under the setting it was searched in and under its best."""
        return appraised(self._net, settings, trips, also_as_asked=True)

    def _keep(self, children: Sequence[Individual]) -> None:
        """The best of old and new: a few under each setting, no two of them alike."""
        if self._pool is not None:
            for one in children:
                self._pool.see(one.stops_of(0))
        every = sorted([*self._population, *children], key=lambda one: one.objective)
        kept: list[Individual] = []
        niches: dict[tuple[int, ...], list[Individual]] = {}
        for one in every:
            niche = niches.setdefault(one.setting, [])
            is_new = not niche or one.objective > niche[-1].objective * (1 + 1e-10)
            if len(kept) < POPULATION and len(niche) < PER_SETTING and is_new:
                niche.append(one)
                kept.append(one)
        self._population = kept
        self._niches = [niche for niche in niches.values() if niche]

    def _parent(self) -> Individual:
        """The better of two settings, then of two individuals, drawn at random.

        Large cases have few generations and lean on the best.
        """
        if self._net.n > SMALL and self._rng.random() < 0.7:
            return self._population[0]
        niche = self._niches[self._better_of_two(len(self._niches))]
        return niche[self._better_of_two(len(niche))]

    def _better_of_two(self, n: int) -> int:
        """The lower of two ranks drawn at random."""
        return int(min(self._rng.random(), self._rng.random()) * n)

    def _inherited(self, parent: Individual) -> tuple[int, ...]:
        """The parent's setting; now and then with another procurement cycle."""
        if self._rng.random() < OTHER_SETTING:
            return self._outlook.mutated(parent.setting, self._rng)
        return parent.setting


def _by_individual(seg: Segments, n: int) -> tuple[list[list[StopsOf]], list[Floats]]:
    """Trips and their costs under the setting, for each individual."""
    rows = np.flatnonzero(seg.length)
    n_warehouses = seg.net.n
    trips: list[list[StopsOf]] = [[] for _ in range(n)]
    costs: list[list[float]] = [[] for _ in range(n)]
    for row in rows.tolist():
        b = int(seg.individual[row])
        stops = [x % n_warehouses for x in seg.nodes_of(row)]
        trips[b].append((b, int(seg.centre[row]), stops))
        costs[b].append(float(seg.cost[row]))
    return trips, [np.array(cost) for cost in costs]
