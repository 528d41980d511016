"""General-purpose genetic algorithms on the published chromosome: pymoo, PyGAD and DEAP.

They are no part of the product: each is imported when it is asked for, and left out with a
reason where it is not installed. All three see the same model the published algorithm sees
(supplier and cycle per warehouse, cycle per central warehouse, routes built after decoding)
and may evaluate the same number of plans.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from optimizer.decisions import Decisions, Route
from optimizer.evaluation import objective_of
from optimizer.grouping import routes_for
from optimizer.tables import ProductTables

POPULATION = 50
CROSSOVER = 0.8
MUTATION = 0.2
PENALTY = 1e12
"""Money per day of a chromosome without a feasible plan; the libraries want finite numbers."""

Genes = NDArray[np.int64]


class BudgetSpent(Exception):
    """Ends a library's run at exactly the budget, whatever its own idea of a generation."""


@dataclass(slots=True)
class Chromosome:
    """The published chromosome as one vector of whole numbers, product after product.

    Per product: supplier index and cycle of every warehouse, then every central warehouse's
    cycle. A cycle that does not divide its supplier's, or that the warehouse does not admit,
    counts as the nearest one that does, as in the ``matrix`` solver.
    """

    tables: Sequence[ProductTables]
    budget: int
    evaluations: int = 0
    best: float = math.inf
    best_genes: Genes | None = None
    _prices: dict[bytes, float] = field(default_factory=dict)
    _trips: dict[tuple[int, int, int, tuple[int, ...]], list[Route] | None] = field(
        default_factory=dict
    )

    def bounds(self) -> tuple[Genes, Genes]:
        """Lowest and highest value of every gene, both inclusive."""
        low: list[int] = []
        high: list[int] = []
        for t in self.tables:
            n, k = t.n_warehouses, t.n_centrals
            low += [0] * n + [1] * (n + k)
            high += [k - 1] * n + [t.n_cycles] * n + [t.n_procurement_cycles] * k
        return np.array(low, dtype=np.int64), np.array(high, dtype=np.int64)

    @property
    def is_spent(self) -> bool:
        return self.evaluations >= self.budget

    @property
    def has_plan(self) -> bool:
        """Whether a feasible plan was among those evaluated."""
        return self.best < PENALTY

    def evaluate(self, genes: Genes) -> float:
        """Money per day; counts against the budget. Raises BudgetSpent beyond it."""
        if self.is_spent:
            raise BudgetSpent
        self.evaluations += 1
        total = math.fsum(
            self._price(n, part) for n, part in enumerate(self._parts(np.asarray(genes)))
        )
        if total < self.best:
            self.best, self.best_genes = total, np.array(genes, dtype=np.int64)
        return total

    def decisions(self) -> list[Decisions]:
        """The best plan seen. Raises ValueError where none was feasible."""
        if self.best_genes is None or not self.has_plan:
            raise ValueError("no feasible plan among the evaluated ones")
        found = [self._decode(n, part) for n, part in enumerate(self._parts(self.best_genes))]
        return [decisions for decisions in found if decisions is not None]

    def _parts(self, genes: Genes) -> list[Genes]:
        sizes = [2 * t.n_warehouses + t.n_centrals for t in self.tables]
        return np.split(genes.astype(np.int64), np.cumsum(sizes)[:-1])

    def _price(self, n: int, part: Genes) -> float:
        key = bytes([n % 256]) + part.tobytes()
        if key not in self._prices:
            decisions = self._decode(n, part)
            price = PENALTY if decisions is None else objective_of(self.tables[n], decisions)
            self._prices[key] = price
        return self._prices[key]

    def _decode(self, n: int, part: Genes) -> Decisions | None:
        t = self.tables[n]
        supplier, wanted, procurement = np.split(part, [t.n_warehouses, 2 * t.n_warehouses])
        days = np.arange(1, t.n_cycles + 1)
        admitted = t.allowed & (procurement[supplier][:, None] % days == 0)
        if not admitted.any(axis=1).all():
            return None
        distance = np.where(admitted, np.abs(days - wanted[:, None]), t.n_cycles + 1)
        cycle = np.argmin(distance, axis=1) + 1
        routes: list[Route] = []
        for k, chosen in sorted(set(zip(supplier.tolist(), cycle.tolist(), strict=True))):
            members = tuple(np.flatnonzero((supplier == k) & (cycle == chosen)).tolist())
            trips = self._trips_for(n, k, chosen, members)
            if trips is None:
                return None
            routes += trips
        used = sorted({route.central for route in routes})
        return Decisions(tuple(routes), {k: int(procurement[k]) for k in used})

    def _trips_for(
        self, n: int, k: int, days: int, members: tuple[int, ...]
    ) -> list[Route] | None:
        key = (n, k, days, members)
        if key not in self._trips:
            self._trips[key] = routes_for(self.tables[n], k, days, members)
        return self._trips[key]


@dataclass(frozen=True, slots=True)
class Opponent:
    """A library and how it is let loose on a chromosome."""

    name: str
    package: str
    search: Callable[[Chromosome, int], None]

    @property
    def is_installed(self) -> bool:
        return find_spec(self.package) is not None

    def run(self, chromosome: Chromosome, seed: int) -> None:
        """Search until the budget is spent."""
        try:
            self.search(chromosome, seed)
        except BudgetSpent:
            return


def _module(name: str) -> ModuleType:
    return import_module(name)


def _pymoo(chromosome: Chromosome, seed: int) -> None:
    core = _module("pymoo.core.problem")
    low, high = chromosome.bounds()
    rounding = _module("pymoo.operators.repair.rounding").RoundingRepair()
    # The settings pymoo's own documentation gives for whole-number variables.
    spread = {"prob": 1.0, "eta": 3.0, "vtype": float, "repair": rounding}
    operators = {
        "sampling": _module("pymoo.operators.sampling.rnd").IntegerRandomSampling(),
        "crossover": _module("pymoo.operators.crossover.sbx").SBX(**spread),
        "mutation": _module("pymoo.operators.mutation.pm").PM(**spread),
    }

    def evaluate(_self: object, x: Genes, out: dict[str, float], **_options: object) -> None:
        out["F"] = chromosome.evaluate(x)

    planning = type("Planning", (core.ElementwiseProblem,), {"_evaluate": evaluate})
    problem = planning(n_var=len(low), n_obj=1, xl=low, xu=high, vtype=int)
    genetic = _module("pymoo.algorithms.soo.nonconvex.ga").GA(
        pop_size=POPULATION, eliminate_duplicates=True, **operators
    )
    _module("pymoo.optimize").minimize(
        problem, genetic, ("n_eval", chromosome.budget), seed=seed, verbose=False
    )


def _pygad(chromosome: Chromosome, seed: int) -> None:
    low, high = chromosome.bounds()
    spaces = [list(range(a, b + 1)) for a, b in zip(low.tolist(), high.tolist(), strict=True)]

    def fitness(_ga: object, genes: Genes, _index: int) -> float:
        # PyGAD logs every exception before it passes it on, so the end is told by `rest`.
        return -PENALTY if chromosome.is_spent else -chromosome.evaluate(genes)

    def rest(_ga: object) -> str | None:
        return "stop" if chromosome.is_spent else None

    genetic = _module("pygad").GA(
        num_generations=chromosome.budget,
        num_parents_mating=POPULATION // 2,
        fitness_func=fitness,
        sol_per_pop=POPULATION,
        num_genes=len(low),
        gene_type=int,
        gene_space=spaces,
        parent_selection_type="tournament",
        crossover_type="uniform",
        crossover_probability=CROSSOVER,
        mutation_type="random",
        mutation_probability=1.0 / len(low),
        keep_elitism=1,
        on_generation=rest,
        random_seed=seed,
        suppress_warnings=True,
    )
    genetic.run()


def _deap(chromosome: Chromosome, seed: int) -> None:
    base, tools, algorithms = (_module(f"deap.{name}") for name in ("base", "tools", "algorithms"))
    low, high = (bound.tolist() for bound in chromosome.bounds())

    class Fitness(base.Fitness):  # type: ignore[name-defined, misc]  # an optional library
        weights = (-1.0,)

    class Individual(list[int]):
        def __init__(self, genes: Sequence[int]) -> None:
            super().__init__(genes)
            self.fitness = Fitness()

    toolbox = base.Toolbox()
    toolbox.register("evaluate", lambda genes: (chromosome.evaluate(np.array(genes)),))
    toolbox.register("mate", tools.cxUniform, indpb=0.5)
    toolbox.register("mutate", tools.mutUniformInt, low=low, up=high, indpb=1.0 / len(low))
    toolbox.register("select", tools.selTournament, tournsize=3)
    state = random.getstate()
    random.seed(seed)  # DEAP's operators draw from the global generator and from nothing else
    try:
        population = [
            Individual([random.randint(a, b) for a, b in zip(low, high, strict=True)])  # noqa: S311
            for _ in range(POPULATION)
        ]
        algorithms.eaSimple(
            population, toolbox, CROSSOVER, MUTATION, ngen=chromosome.budget, verbose=False
        )
    finally:
        random.setstate(state)


OPPONENTS = (
    Opponent("pymoo GA", "pymoo", _pymoo),
    Opponent("PyGAD", "pygad", _pygad),
    Opponent("DEAP eaSimple", "deap", _deap),
)
