"""The planner against "best common cycle, then PyVRP builds the routes", at equal time.

The opponent is what a good engineer would build from parts: per product, PyVRP routes every
common cycle for a short while, the costs of carrying, spoiling and procuring are added, and
the rest of the time goes to the routes of the best cycle. It may use any subset of the central
warehouses. The planner then gets as much processor time as the opponent used, and both are timed
by the processor, so that other work on the machine favours neither; both run on one core. Both
plans are recomputed by the checker of the test suite, which shares no code with either.

    python benchmarks/optimizer_pyvrp.py CASE... [--seconds 10] [--seeds 3] [--subset 60]
    python benchmarks/optimizer_pyvrp.py --generated KIND --size 60 --case-seed 1
    python benchmarks/optimizer_pyvrp.py --write docs/benchmarks/solver-pyvrp.md

Without cases, the public ones are taken from $FOREPOST_CASES or ../shared/cases, and a few
generated ones of 60 and 150 warehouses (benchmarks/large_cases.py draws them).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.large_cases import KINDS, make_case  # noqa: E402
from optimizer import MaxSeconds, Plan, parse_case, solve  # noqa: E402
from optimizer.decisions import Decisions, Route  # noqa: E402
from optimizer.evaluation import make_plan, objective_of  # noqa: E402
from optimizer.plan import SolverRun  # noqa: E402
from optimizer.tables import ProductTables, make_tables  # noqa: E402
from tests.optimizer.oracle.checker import check_plan  # noqa: E402

Json = dict[str, Any]
SCREENING = 0.3  # share of a product's time that goes into comparing cycles
PER_MONEY = 1000  # PyVRP counts in whole numbers: a thousandth of the money unit
PER_KG = 1000
GENERATED = ("rings", "clustered", "belt", "far", "two", "three")
"""Kinds on the page, in two sizes each."""
SIZES = (60, 150)
BEST_KNOWN = {50: 744_551.60, 200: 2_354_824.22}
"""Of the public cases, money per day: found in a long run; in 10 s with seed 10."""


class PyvrpOpponent:
    """Solves one case by common cycles and PyVRP."""

    def __init__(self, case: Json, *, seconds: float, seed: int) -> None:
        self.problem = parse_case(case)
        self.tables = [make_tables(self.problem, p) for p in self.problem.products]
        self.seconds, self.seed = seconds, seed

    def solve(self) -> Plan:
        started = time.process_time()
        decisions = []
        for n, tables in enumerate(self.tables):
            left = self.seconds - (time.process_time() - started)
            decisions.append(self._product(tables, left / (len(self.tables) - n)))
        seconds = time.process_time() - started
        run = SolverRun("common-cycle + PyVRP", self.seed, 0, seconds, seconds)
        return make_plan(self.problem, self.tables, decisions, run)

    def _product(self, tables: ProductTables, seconds: float) -> Decisions:
        ends = time.process_time() + seconds
        choices = list(_choices(tables))
        found: list[tuple[float, tuple[int, ...], int]] = []
        best: tuple[float, Decisions] | None = None
        for centrals, days in choices:
            slot = SCREENING * seconds / len(choices)
            option = self._routed(tables, centrals, days, slot)
            if option:
                found.append((option[0], centrals, days))
                best = min([x for x in (best, option) if x], key=lambda x: x[0])
        if best is None:
            raise SystemExit(f"{tables.product.id}: no common cycle is feasible")
        _, centrals, days = min(found)
        left = ends - time.process_time()
        if left > 0.01:
            option = self._routed(tables, centrals, days, left)
            best = min([x for x in (best, option) if x], key=lambda x: x[0])
        return best[1]

    def _routed(
        self, tables: ProductTables, centrals: Sequence[int], days: int, seconds: float
    ) -> tuple[float, Decisions] | None:
        routes = _pyvrp_routes(tables, centrals, days, seconds, self.seed)
        return _with_best_procurement(tables, routes, days) if routes else None


def _choices(tables: ProductTables) -> Iterator[tuple[tuple[int, ...], int]]:
    """Subsets of central warehouses and cycles that every warehouse admits."""
    for n in range(1, tables.n_centrals + 1):
        for centrals in combinations(range(tables.n_centrals), n):
            for days in range(1, min(tables.n_cycles, tables.n_procurement_cycles) + 1):
                if tables.allowed[:, days - 1].all():
                    yield centrals, days


class _ProcessorSeconds:
    """PyVRP's stop criterion, by processor time: its own counts what others take, too."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.process_time() + seconds

    def __call__(self, best_cost: float) -> bool:
        return time.process_time() >= self._ends


def _pyvrp_routes(
    tables: ProductTables, centrals: Sequence[int], days: int, seconds: float, seed: int
) -> list[Route] | None:
    """Cheapest routes for one cycle within the time; None if PyVRP finds none that fit."""
    from pyvrp import Model

    model, vehicle = Model(), tables.product.vehicle
    n_depots, stops = tables.n_centrals, range(tables.n_warehouses)
    places = [*centrals, *(n_depots + j for j in stops)]
    points = [model.add_location(x=0, y=0) for _ in places]
    for a, here in zip(places, points, strict=True):
        for b, there in zip(places, points, strict=True):
            money = float(tables.distance_km[a, b]) * vehicle.cost_per_km
            if a != b:
                model.add_edge(here, there, distance=round(money * PER_MONEY))
    for j in stops:
        kg = float(tables.quantity_kg[j, days - 1])
        model.add_client(points[len(centrals) + j], delivery=[math.ceil(kg * PER_KG)])
    for n, _ in enumerate(centrals):
        depot = model.add_depot(points[n])
        model.add_vehicle_type(
            num_available=tables.n_warehouses,
            capacity=[math.floor(vehicle.capacity_kg * PER_KG)],
            fixed_cost=round(vehicle.trip_cost * PER_MONEY),
            start_depot=depot,
            end_depot=depot,
        )
    found = model.solve(
        _ProcessorSeconds(max(seconds, 0.001)), seed=seed, display=False, collect_stats=False
    ).best
    if not found.is_feasible():
        return None
    return [
        Route(
            centrals[route.start_depot()],
            days,
            tuple(visit.idx for visit in route.schedule() if visit.is_client()),
        )
        for route in found.routes()
    ]


def _with_best_procurement(
    tables: ProductTables, routes: Sequence[Route], days: int
) -> tuple[float, Decisions]:
    """The routes with each central warehouse's cheapest multiple of the cycle, priced."""
    chosen = {}
    for k in sorted({route.central for route in routes}):
        own = tuple(route for route in routes if route.central == k)
        multiples = range(days, tables.n_procurement_cycles + 1, days)
        chosen[k] = min(multiples, key=lambda m: objective_of(tables, Decisions(own, {k: m})))
    decisions = Decisions(tuple(routes), chosen)
    return objective_of(tables, decisions), decisions


@dataclass(frozen=True)
class Duel:
    """One case, one seed: money per day of both, processor seconds of both.

    purchase: the part of the planner's cost that is the purchase of goods.
    """

    case: str
    opponent_seconds: float
    planner_seconds: float
    opponent: float
    planner: float
    purchase: float

    @property
    def saved(self) -> float:
        return 1 - self.planner / self.opponent

    @property
    def saved_controllable(self) -> float:
        """Relative to the opponent's cost less the purchase of goods."""
        return (self.opponent - self.planner) / (self.opponent - self.purchase)


def duel(case: Json, *, seconds: float, seed: int) -> Duel:
    clock, problem = time.process_time, parse_case(case)
    started = clock()
    theirs = PyvrpOpponent(case, seconds=seconds, seed=seed).solve()
    used = clock() - started
    ours = solve(problem, solver="hybrid", seed=seed, stop=MaxSeconds(used), clock=clock)
    for plan in (theirs, ours):
        report = check_plan(case, plan.to_dict())
        if report.violations:
            raise SystemExit(f"{case['name']}, {plan.solver.name}: {report.violations[:3]}")
    return Duel(
        case=case["name"],
        opponent_seconds=used,
        planner_seconds=ours.solver.seconds,
        opponent=theirs.objective,
        planner=ours.objective,
        purchase=math.fsum(p.costs.procurement for p in ours.products),
    )


def thinned(case: Json, n: int, seed: int) -> Json:
    """The case with n of its warehouses, drawn by the seed."""
    chosen = sorted(random.Random(seed).sample(range(len(case["warehouses"])), n))
    kept = [case["warehouses"][i] for i in chosen]
    return case | {"name": f"{case['name']}, {n} of them", "warehouses": kept}


def _table(duels: Sequence[Duel]) -> str:
    lines = [
        "| case | s, PyVRP | s, ours | cycle + PyVRP | planner | saved | of controllable | won |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in dict.fromkeys(d.case for d in duels):
        of_case = [d for d in duels if d.case == case]

        def median(key: str, rows: Sequence[Duel] = of_case) -> float:
            return statistics.median(getattr(d, key) for d in rows)

        won = sum(d.planner < d.opponent for d in of_case)
        lines.append(
            f"| {case} | {median('opponent_seconds'):.1f} | {median('planner_seconds'):.1f} | "
            f"{median('opponent'):.2f} | "
            f"{median('planner'):.2f} | {median('saved'):.3%} | "
            f"{median('saved_controllable'):.2%} | {won} of {len(of_case)} |"
        )
    return "\n".join(lines)


PAGE = """# The planner against PyVRP on a common cycle

Written by
`python benchmarks/optimizer_pyvrp.py --seconds {seconds:g} --seeds {seeds} --write PAGE`.

The opponent takes, per product, the best common cycle and the best subset of central
warehouses, and lets PyVRP {version} build the routes; the planner gets the processor time the
opponent used ({seconds:g} s per case). Money per day; medians where there are several seeds
({seeds} here). Most of the objective is purchase value that no plan changes, so the saving is
also given relative to the rest ("controllable"). Every plan was recomputed by the suite's
independent checker. Generated cases are named by kind, size and seed, the arguments of
`benchmarks/large_cases.py`; "two" and "three" have as many central warehouses.

{table}

Best plans known of the large public cases, all found by the planner: {known}.
"""


def _cases(args: argparse.Namespace) -> list[Json]:
    if args.cases:
        cases = [json.loads(path.read_text()) for path in args.cases]
        return [thinned(case, args.subset, 1) if args.subset else case for case in cases]
    if args.generated:
        return [make_case(args.generated, args.size, args.case_seed)]
    folder = Path(os.environ.get("FOREPOST_CASES", ROOT.parent / "shared" / "cases"))
    fifty, large = (json.loads((folder / f"public_{n}.json").read_text()) for n in (50, 200))
    public = [fifty, thinned(large, 60, 1), thinned(large, 150, 1), large]
    return [*public, *(make_case(kind, n, 1) for n in SIZES for kind in GENERATED)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("cases", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="processor time per solver")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--subset", type=int, help="draw this many warehouses of each case")
    parser.add_argument("--generated", choices=KINDS, help="draw a case of this kind")
    parser.add_argument("--size", type=int, default=60, help="its warehouses")
    parser.add_argument("--case-seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="write the page to this file")
    args = parser.parse_args()
    try:
        from importlib.metadata import version

        pyvrp = version("pyvrp")
    except ImportError:
        print("PyVRP is not installed: pip install pyvrp (dependency group bench)")
        return 2
    duels = []
    for case in _cases(args):
        for seed in range(1, args.seeds + 1):
            duels.append(duel(case, seconds=args.seconds, seed=seed))
            d = duels[-1]
            print(f"{d.case}, seed {seed}: {d.opponent:.2f} against {d.planner:.2f}", flush=True)
            if args.write:  # after every duel: a long run that is cut off leaves its part
                _write(args, pyvrp, duels)
    print(_table(duels))
    return 0


def _write(args: argparse.Namespace, pyvrp: str, duels: Sequence[Duel]) -> None:
    args.write.parent.mkdir(parents=True, exist_ok=True)
    table, seconds = _table(duels), args.seconds
    known = " and ".join(f"{cost:.2f} for {n} warehouses" for n, cost in BEST_KNOWN.items())
    page = PAGE.format(version=pyvrp, seeds=args.seeds, seconds=seconds, table=table, known=known)
    args.write.write_text(page)


if __name__ == "__main__":
    raise SystemExit(main())
