"""The published genetic algorithm, for reproduction: one chromosome matrix for the whole case.

|I| rows by 3|J| + 2|K| columns: per warehouse its quantity, cycle and supplier; per central
warehouse its quantity and cycle. Population 50, crossover 0.8, mutation 0.2, a random feasible
start; what the publication leaves open is chosen plainly: binary tournaments, uniform
crossover of whole warehouses (their three columns together), one elite. Quantity and cycle
determine each other in the model, so a changed quantity moves the cycle to the nearest one
that has it. Cycles are snapped to divisors of their supplier's procurement cycle. Routes are
built after decoding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.decisions import Decisions, Route
from optimizer.evaluation import objective_of
from optimizer.grouping import routes_for
from optimizer.integrals import Floats
from optimizer.tables import ProductTables

POPULATION = 50
GENERATIONS = 100
CROSSOVER = 0.8
MUTATION = 0.2

Ints = NDArray[np.int64]


@dataclass(slots=True)
class _Genes:
    """One product's row: quantity (kg), cycle (days), supplier; procurement quantity, cycle."""

    quantity: Floats
    cycle: Ints
    supplier: Ints
    procured: Floats
    procurement: Ints

    def copy(self) -> _Genes:
        return _Genes(*(getattr(self, name).copy() for name in self.__slots__))


class MatrixSearch:
    """All products at once, as published. Implements Track."""

    def __init__(
        self,
        tables: Sequence[ProductTables],
        rng: np.random.Generator,
        start: Sequence[Decisions] | None = None,
    ) -> None:
        self._rows = [_Row(t, rng) for t in tables]
        self._rng = rng
        self._start = start
        self._population: list[list[_Genes]] = []
        self._fitness: list[float] = []

    @property
    def products(self) -> tuple[int, ...]:
        return tuple(range(len(self._rows)))

    @property
    def objective(self) -> float:
        return min(self._fitness, default=math.inf)

    @property
    def proven(self) -> float | None:
        """None: the published algorithm knows of no proof."""
        return None

    @property
    def decisions(self) -> tuple[Decisions, ...]:
        best = self._population[int(np.argmin(self._fitness))]
        decoded = [row.decode(genes) for row, genes in zip(self._rows, best, strict=True)]
        return tuple(decision for decision, _ in decoded)

    def step(self) -> None:
        """One generation; the first makes the random start."""
        if not self._population:
            self._population = [[r.random() for r in self._rows] for _ in range(POPULATION)]
            if self._start is not None:
                self._population[0] = [
                    row.encode(d) for row, d in zip(self._rows, self._start, strict=True)
                ]
        else:
            elite = int(np.argmin(self._fitness))
            children = [self._population[elite]]
            while len(children) < POPULATION:
                children.append(self._child())
            self._population = children
        self._fitness = [self._total(individual) for individual in self._population]

    def _total(self, individual: Sequence[_Genes]) -> float:
        pairs = zip(self._rows, individual, strict=True)
        return math.fsum(row.decode(genes)[1] for row, genes in pairs)

    def _child(self) -> list[_Genes]:
        mother, father = self._tournament(), self._tournament()
        child = [genes.copy() for genes in mother]
        if self._rng.random() < CROSSOVER:
            for row, mine, other in zip(self._rows, child, father, strict=True):
                row.cross(mine, other)
        if self._rng.random() < MUTATION:
            for row, mine in zip(self._rows, child, strict=True):
                row.mutate(mine)
        for row, mine in zip(self._rows, child, strict=True):
            row.repair(mine)
        return child

    def _tournament(self) -> list[_Genes]:
        a, b = self._rng.integers(POPULATION, size=2)
        return self._population[a if self._fitness[a] <= self._fitness[b] else b]


class _Row:
    """The operators of one product's row, and its decoder."""

    def __init__(self, tables: ProductTables, rng: np.random.Generator) -> None:
        self._tables, self._rng = tables, rng
        self._trips: dict[tuple[int, int, tuple[int, ...]], list[Route] | None] = {}
        self._decoded: dict[tuple[bytes, bytes, bytes], tuple[Decisions, float]] = {}

    def random(self) -> _Genes:
        t, n = self._tables, self._tables.n_warehouses
        genes = _Genes(
            quantity=np.zeros(n),
            cycle=self._rng.integers(1, t.n_cycles + 1, size=n),
            supplier=self._rng.integers(t.n_centrals, size=n),
            procured=np.zeros(t.n_centrals),
            procurement=self._rng.integers(1, t.n_procurement_cycles + 1, size=t.n_centrals),
        )
        self.repair(genes)
        return genes

    def encode(self, decisions: Decisions) -> _Genes:
        genes = self.random()
        for route in decisions.routes:
            genes.cycle[list(route.stops)] = route.cycle_days
            genes.supplier[list(route.stops)] = route.central
        for k, days in decisions.procurement_days.items():
            genes.procurement[k] = days
        self.repair(genes)
        return genes

    def cross(self, mine: _Genes, other: _Genes) -> None:
        take = self._rng.random(len(mine.cycle)) < 0.5
        for name in ("quantity", "cycle", "supplier"):
            getattr(mine, name)[take] = getattr(other, name)[take]
        take = self._rng.random(len(mine.procurement)) < 0.5
        mine.procured[take] = other.procured[take]
        mine.procurement[take] = other.procurement[take]

    def mutate(self, genes: _Genes) -> None:
        """Change one column at random."""
        t, rng = self._tables, self._rng
        n, n_k = t.n_warehouses, t.n_centrals
        kind = int(rng.integers(3 * n + 2 * n_k))
        j, k = kind % n if n else 0, kind % n_k
        if kind < n:
            wanted = genes.quantity[j] * rng.uniform(0.5, 1.5)
            off = np.where(t.allowed[j], np.abs(t.quantity_kg[j] - wanted), np.inf)
            genes.cycle[j] = int(np.argmin(off)) + 1
        elif kind < 2 * n:
            genes.cycle[j] = rng.integers(1, t.n_cycles + 1)
        elif kind < 3 * n:
            genes.supplier[j] = rng.integers(n_k)
        else:
            genes.procurement[k] = rng.integers(1, t.n_procurement_cycles + 1)

    def repair(self, genes: _Genes) -> None:
        """Make each cycle an admissible divisor of its supplier's; then set the quantities."""
        t = self._tables
        days = np.arange(1, t.n_cycles + 1)
        divides = genes.procurement[genes.supplier][:, None] % days[None, :] == 0
        off = np.abs(days[None, :] - genes.cycle[:, None]).astype(np.float64)
        off[~(divides & t.allowed)] = np.inf
        if len(off):
            nearest = np.argmin(off, axis=1)
            genes.cycle[:] = np.where(np.isfinite(off.min(axis=1)), nearest + 1, 0)
        rows = np.arange(t.n_warehouses)
        genes.quantity[:] = np.where(genes.cycle > 0, t.quantity_kg[rows, genes.cycle - 1], 0.0)
        for k in range(t.n_centrals):
            here = (genes.supplier == k) & (genes.cycle > 0)
            rate = float((genes.quantity[here] / genes.cycle[here]).sum())
            genes.procured[k] = t.central.quantity_per_rate[k, genes.procurement[k] - 1] * rate

    def decode(self, genes: _Genes) -> tuple[Decisions, float]:
        """Decisions and money per day; inf where a warehouse or a trip has no way to be."""
        key = (genes.cycle.tobytes(), genes.supplier.tobytes(), genes.procurement.tobytes())
        if key not in self._decoded:
            self._decoded[key] = self._decode(genes)
        return self._decoded[key]

    def _decode(self, genes: _Genes) -> tuple[Decisions, float]:
        groups: dict[tuple[int, int], list[int]] = {}
        for j, (k, days) in enumerate(zip(genes.supplier, genes.cycle, strict=True)):
            groups.setdefault((int(k), int(days)), []).append(j)
        routes: list[Route] = []
        for (k, days), members in sorted(groups.items()):
            trips = self._trips_for(k, days, tuple(members)) if days else None
            if trips is None:
                return Decisions((), {}), math.inf
            routes += trips
        used = sorted({route.central for route in routes})
        decisions = Decisions(tuple(routes), {k: int(genes.procurement[k]) for k in used})
        return decisions, objective_of(self._tables, decisions)

    def _trips_for(self, k: int, days: int, members: tuple[int, ...]) -> list[Route] | None:
        key = (k, days, members)
        if key not in self._trips:
            self._trips[key] = routes_for(self._tables, k, days, members)
        return self._trips[key]
