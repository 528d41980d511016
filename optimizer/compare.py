"""``forepost-optimizer compare``: solvers and libraries side by side, quality and time.

The genetic algorithms of pymoo, PyGAD and DEAP get the published chromosome, the same model
and the same number of evaluated plans as the published algorithm (population 50 times 100
generations). What is not installed, or cannot do a case, is named with its reason.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from optimizer.case_file import load_case
from optimizer.errors import Infeasible
from optimizer.evaluation import evaluate, make_plan
from optimizer.library import solve
from optimizer.opponents import OPPONENTS, POPULATION, Chromosome, Opponent
from optimizer.plan import Plan, SolverRun
from optimizer.problem import Problem
from optimizer.solving import SolverName
from optimizer.stop import MaxGenerations
from optimizer.tables import make_tables

EVALUATIONS = 5000
SEEDS = 10
MATCH = 1e-9
"""Relative distance at which two plans count as equally good."""

SEEDED: tuple[SolverName, ...] = ("hybrid", "matrix")
UNSEEDED: tuple[SolverName, ...] = ("exact", "fixed-cycle", "min-max", "full-truck")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run: money per day (inf without a feasible plan), processor seconds with tables."""

    contestant: str
    seed: int
    objective: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """A contestant's runs on one case in short; gaps are relative to the best plan of all."""

    contestant: str
    runs: int
    best: float
    median: float
    worst: float
    gap_median: float
    hits: int
    """Runs that met the best plan of all."""
    seconds_median: float


@dataclass(frozen=True, slots=True)
class Contest:
    """One case: standings by median, and who was left out and why."""

    case: str
    evaluations: int
    standings: tuple[Standing, ...]
    left_out: tuple[tuple[str, str], ...]


def hold_contest(
    problem: Problem,
    *,
    seeds: Sequence[int],
    evaluations: int,
    clock: Callable[[], float] = time.process_time,
    tell: Callable[[str], None] | None = None,
) -> Contest:
    """Let everybody solve the case; every plan is priced by the same evaluation."""
    trials: list[Trial] = []
    left_out: list[tuple[str, str]] = []
    for name, run_all in _contestants(problem, seeds, evaluations, clock):
        try:
            found = list(run_all())
        except (Infeasible, ValueError, ImportError) as error:
            left_out.append((name, str(error)))
        else:
            trials += found
        if tell is not None:
            tell(name)
    best = min((trial.objective for trial in trials), default=math.inf)
    names = dict.fromkeys(trial.contestant for trial in trials)
    standings = [_standing([t for t in trials if t.contestant == name], best) for name in names]
    return Contest(
        case=problem.name,
        evaluations=evaluations,
        standings=tuple(sorted(standings, key=lambda s: (s.median, s.seconds_median))),
        left_out=tuple(left_out),
    )


def _contestants(
    problem: Problem, seeds: Sequence[int], evaluations: int, clock: Callable[[], float]
) -> Iterator[tuple[str, Callable[[], Iterator[Trial]]]]:
    generations = max(1, evaluations // POPULATION)

    def solver(name: SolverName, chosen: Sequence[int]) -> Iterator[Trial]:
        for seed in chosen:
            started = clock()
            stop = MaxGenerations(generations) if name == "matrix" else None
            plan = solve(problem, solver=name, seed=seed, stop=stop)
            yield _trial(problem, plan, name, seed, clock() - started)

    def library(opponent: Opponent) -> Iterator[Trial]:
        for seed in seeds:
            started = clock()
            chromosome = Chromosome(
                [make_tables(problem, p) for p in problem.products], budget=evaluations
            )
            opponent.run(chromosome, seed)
            seconds = clock() - started
            if not chromosome.has_plan:
                yield Trial(opponent.name, seed, math.inf, seconds)
                continue
            run = SolverRun(opponent.name, seed, 0, seconds, seconds)
            plan = make_plan(problem, chromosome.tables, chromosome.decisions(), run)
            yield _trial(problem, plan, opponent.name, seed, seconds)

    for name in SEEDED:
        yield name, partial(solver, name, seeds)
    for name in UNSEEDED:
        yield name, partial(solver, name, seeds[:1])
    for opponent in OPPONENTS:
        yield opponent.name, partial(_if_installed, opponent, library)


def _if_installed(
    opponent: Opponent, library: Callable[[Opponent], Iterator[Trial]]
) -> Iterator[Trial]:
    if not opponent.is_installed:
        raise ImportError(f"not installed: pip install {opponent.package} (group bench)")
    return library(opponent)


def _trial(problem: Problem, plan: Plan, name: str, seed: int, seconds: float) -> Trial:
    """Priced again from the decisions. Raises AssertionError where a limit is broken."""
    found = evaluate(problem, plan)
    if not found.is_feasible:
        raise AssertionError(f"{name}, seed {seed}: {found.violations[0]}")
    return Trial(name, seed, found.objective, seconds)


def _standing(trials: Sequence[Trial], best: float) -> Standing:
    objectives = [trial.objective for trial in trials]
    median = statistics.median(objectives)
    return Standing(
        contestant=trials[0].contestant,
        runs=len(trials),
        best=min(objectives),
        median=median,
        worst=max(objectives),
        gap_median=median / best - 1,
        hits=sum(x <= best * (1 + MATCH) for x in objectives),
        seconds_median=statistics.median(trial.seconds for trial in trials),
    )


def contest_table(contest: Contest) -> str:
    """Markdown: one row per contestant, then those left out."""
    lines = [
        "| solver | runs | best | median | worst | gap of median | met the best | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {s.contestant} | {s.runs} | {s.best:.2f} | {s.median:.2f} | {s.worst:.2f} | "
        f"{s.gap_median:.3%} | {s.hits} | {s.seconds_median:.2f} |"
        for s in contest.standings
    ]
    lines += [f"| {name} | left out: {why} | | | | | | |" for name, why in contest.left_out]
    return "\n".join(lines)


PAGE = """# Solvers side by side

Written by `forepost-optimizer compare CASE... --seeds {seeds} --write FILE`; do not edit.

Money per day of the plan each solver ends with, over {seeds} seeds (one run where a solver has
no chance in it), and the median processor time of a run, cost tables included. pymoo,
PyGAD and DEAP get the published chromosome, the same model and the same number of evaluated
plans ({evaluations}) as `matrix`, the published algorithm; `hybrid` ends by its own default:
proven optimal, or without improvement. Every plan is priced again from its decisions. The gap is
to the best plan of the table, which is the proven optimum where `exact` took part.

The model is a reconstruction (docs/model.md).
"""


def page(contests: Sequence[Contest], *, seeds: int, evaluations: int) -> str:
    parts = [PAGE.format(seeds=seeds, evaluations=evaluations).rstrip()]
    parts += [f"## {contest.case}\n\n{contest_table(contest)}" for contest in contests]
    return "\n\n".join(parts) + "\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", nargs="+", help="case files (forepost-network/1)")
    parser.add_argument("--seeds", type=_count, default=SEEDS, help="runs per solver")
    parser.add_argument(
        "--evaluations", type=_count, default=EVALUATIONS, help="plans each library may evaluate"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write a Markdown page here")
    parser.add_argument("--json", action="store_true", help="print the standings as JSON")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value


def run(args: argparse.Namespace, *, out: TextIO | None = None) -> int:
    """Hold every contest, print the standings, write the page where asked for."""
    problems = [load_case(path) for path in args.cases]
    seeds = range(1, args.seeds + 1)
    contests = []
    for problem in problems:
        contests.append(hold_contest(problem, seeds=seeds, evaluations=args.evaluations))
        if not args.json:
            print(f"## {problem.name}\n\n{contest_table(contests[-1])}\n", file=out, flush=True)
    if args.json:
        print(json.dumps([asdict(contest) for contest in contests], indent=1), file=out)
    if args.write:
        text = page(contests, seeds=args.seeds, evaluations=args.evaluations)
        args.write.parent.mkdir(parents=True, exist_ok=True)
        args.write.write_text(text, encoding="utf-8")
    return 0
