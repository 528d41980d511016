"""The package's front door: ``solve`` and its kin with a real clock behind them."""

from __future__ import annotations

import time
from collections.abc import Callable

from optimizer.certificate import certify
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.search import Progress
from optimizer.solving import SOLVERS, SolveOptions, SolverName, solve_problem
from optimizer.stop import Stop

__all__ = ["certify", "solve"]


def solve(
    problem: Problem,
    *,
    solver: SolverName = "hybrid",
    seed: int = 1,
    stop: Stop | None = None,
    warm_start: Plan | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Plan:
    """The best plan the solver finds for the case.

    stop: when to end (``MaxSeconds(2) | NoImprovement(30)``); None: the solver's own habit.
    A hybrid search of a small case ends sooner, once its plan is proven optimal.
    warm_start: a plan to start from; of another state of the network what still fits is kept.
    on_progress is told after every generation; once is_cancelled gives True the best plan so
    far is returned. Same case, seed, version and generation limit: the same plan.
    Raises Infeasible, naming the binding constraint.
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver: expected one of {', '.join(SOLVERS)}, got {solver!r}")
    options = SolveOptions(
        solver=solver,
        seed=seed,
        stop=stop,
        warm_start=warm_start,
        on_progress=on_progress,
        is_cancelled=is_cancelled,
        clock=clock,
    )
    return solve_problem(problem, options)
