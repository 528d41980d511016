"""Solves a case with the solver of one's choice; pure: time and chance come in as arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from optimizer.baselines import fixed_cycle, full_truck, min_max
from optimizer.bounds import lower_bound
from optimizer.certificate import PROOF
from optimizer.decisions import Decisions
from optimizer.errors import Infeasible
from optimizer.evaluation import make_plan, objective_of, violations
from optimizer.exact import solve_exactly
from optimizer.feasibility import insist_on_feasible
from optimizer.genetic import HybridSearch
from optimizer.large_search import CYCLE, LARGE, LargeSearch
from optimizer.matrix import GENERATIONS, MatrixSearch
from optimizer.plan import Plan, SolverRun
from optimizer.problem import Problem
from optimizer.ride_sharing import share_rides
from optimizer.search import Progress, SearchOutcome, Track, run_tracks
from optimizer.stop import MaxGenerations, SearchStatus, Settled, Stop
from optimizer.tables import ProductTables, make_tables
from optimizer.trip_pool import MAX_WAREHOUSES
from optimizer.warm_start import start_from

SolverName = Literal["hybrid", "matrix", "exact", "fixed-cycle", "min-max", "full-truck"]
SOLVERS: tuple[SolverName, ...] = (
    "hybrid",
    "matrix",
    "exact",
    "fixed-cycle",
    "min-max",
    "full-truck",
)


ONE_SHOT: dict[str, Callable[[ProductTables], Decisions]] = {
    "exact": solve_exactly,
    "fixed-cycle": fixed_cycle,
    "min-max": min_max,
    "full-truck": full_truck,
}
PATIENCE, MAX_PATIENCE = 7, 120
CENTRALS_PATIENCE = 15
LARGE_PATIENCE = 5 * CYCLE // 2
"""A race and the first cooling, or two later ones, in vain."""


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """How to search. `stop` None is the solver's own criterion."""

    solver: SolverName
    seed: int
    stop: Stop | None
    warm_start: Plan | None
    on_progress: Callable[[Progress], None] | None
    is_cancelled: Callable[[], bool] | None
    clock: Callable[[], float]
    """Seconds of a clock that never goes back."""


def solve_problem(problem: Problem, options: SolveOptions) -> Plan:
    """The best plan found, with a lower bound. Raises Infeasible naming what binds."""
    started = options.clock()

    def elapsed() -> float:
        return options.clock() - started

    tables = [make_tables(problem, product) for product in problem.products]
    start = None
    if options.warm_start is not None:
        start = start_from(tables, options.warm_start)
    outcome = _search(tables, start, options, elapsed)
    couples = any(t.product.vehicle.shared_with for t in tables)
    run = SolverRun(
        name=options.solver,
        seed=options.seed,
        generations=outcome.generations,
        seconds=0.0,
        time_to_best_seconds=outcome.time_to_best_seconds,
    )
    decisions = outcome.decisions
    if couples and options.solver == "hybrid":
        decisions = share_rides(
            tables,
            decisions,
            lambda each: make_plan(problem, tables, each, run).objective,
            lambda: _is_over(options, elapsed()),
        )
    _insist_on_plans(tables, decisions)
    plan = make_plan(problem, tables, decisions, replace(run, seconds=elapsed()))
    return _judged(plan, tables, (None,) * len(tables) if couples else outcome.proven)


def _search(
    tables: Sequence[ProductTables],
    start: Sequence[Decisions] | None,
    options: SolveOptions,
    elapsed: Callable[[], float],
) -> SearchOutcome:
    for t in tables:
        insist_on_feasible(t)
    if options.solver in ONE_SHOT:
        decisions = tuple(ONE_SHOT[options.solver](t) for t in tables)
        proven: list[float | None] = [None] * len(tables)
        if options.solver == "exact":
            proven = [objective_of(t, d) for t, d in zip(tables, decisions, strict=True)]
        return SearchOutcome(decisions, 0, elapsed(), tuple(proven))
    tracks, stop = _tracks(tables, start, options)
    wanted = options.stop or stop
    return run_tracks(
        tracks,
        product_ids=[t.product.id for t in tables],
        stop=wanted,
        lower_bound=lower_bound(tables) if wanted.needs_bound else None,
        elapsed=elapsed,
        on_progress=options.on_progress,
        is_cancelled=options.is_cancelled,
    )


def _is_over(options: SolveOptions, seconds: float) -> bool:
    """Whether the search was cancelled, or a criterion is met by the time alone."""
    if options.is_cancelled is not None and options.is_cancelled():
        return True
    # No generation, no stagnation, no gap: nothing but the time can meet a criterion.
    only_time = SearchStatus(seconds=seconds, generation=0, stagnation=0, gap=None)
    return options.stop is not None and options.stop.is_met(only_time)


def _judged(plan: Plan, tables: Sequence[ProductTables], proven: Sequence[float | None]) -> Plan:
    """The plan with its lower bound: what is proven of a product, or its share of the bound."""
    if all(value is None for value in proven):
        bound = lower_bound(tables)
    else:
        bound = math.fsum(
            lower_bound([t]) if value is None else value
            for t, value in zip(tables, proven, strict=True)
        )
    # Sums in another order: a bound that is met may exceed the plan by its last digits.
    is_met = None not in proven and plan.objective <= bound * (1 + PROOF)
    return replace(plan, lower_bound=min(bound, plan.objective), proven_optimal=is_met)


def _tracks(
    tables: Sequence[ProductTables], start: Sequence[Decisions] | None, options: SolveOptions
) -> tuple[list[Track], Stop]:
    if options.solver == "matrix":
        rng = np.random.default_rng(options.seed)
        return [MatrixSearch(tables, rng, start)], MaxGenerations(GENERATIONS)
    children = np.random.SeedSequence(options.seed).spawn(len(tables))
    tracks: list[Track] = []
    for n, (t, child) in enumerate(zip(tables, children, strict=True)):
        warm = start[n] if start is not None else None
        is_large = t.n_warehouses > LARGE and not t.is_load_dependent
        search = LargeSearch if is_large else HybridSearch
        tracks.append(search(n, t, np.random.default_rng(child), warm))
    largest = max((t.n_warehouses for t in tables), default=0)
    n_centrals = max((t.n_centrals for t in tables), default=1)
    patience = _patience(largest, n_centrals)
    return tracks, Settled(patience, max(patience, MAX_PATIENCE))


def _patience(n_warehouses: int, n_centrals: int) -> int:
    """Generations without improvement that end a hybrid search.

    Tight packings of a few trips are what recombination of two parents needs long for; their
    number doubles with each warehouse. Where all trips can be recombined at once, a few
    generations more per warehouse do; which central warehouse serves a trip is one thing more to
    come upon.
    """
    if n_warehouses <= MAX_WAREHOUSES:
        habit = PATIENCE + 3 * max(0, n_warehouses - 10)
        return habit if n_centrals == 1 else habit + CENTRALS_PATIENCE
    if n_warehouses > LARGE:
        return LARGE_PATIENCE
    return min(MAX_PATIENCE, PATIENCE << min(10, max(0, n_warehouses - 10)))


def _insist_on_plans(tables: Sequence[ProductTables], decisions: Sequence[Decisions]) -> None:
    """What a solver claims is checked before it leaves; a solver's slip must not be driven."""
    for t, d in zip(tables, decisions, strict=True):
        if t.n_warehouses and not d.routes:
            raise Infeasible(t.product.id, "search", "no feasible plan was found")
        broken = violations(t, d)
        if broken:
            raise AssertionError("; ".join(broken))
