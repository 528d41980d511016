"""How fast the hybrid solver finds, proves and ends: figures for docs/benchmarks/optimizer.md.

    python benchmarks/optimizer_speed.py CASES_DIR [--seeds 10] [--seconds 10] [--proven-only]

One process, one core; cost tables are included in every time, loading numpy is not. Searches
that end by themselves are timed by the processor's clock, so that what else runs on the machine
matters little.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse  # noqa: E402  the thread limits must come first
import json  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from optimizer import MaxSeconds, Plan, Problem, evaluate, load_case, solve  # noqa: E402
from optimizer.bounds import lower_bound  # noqa: E402
from optimizer.tables import make_tables  # noqa: E402

PROVEN = ("m_company.json", "public_5.json", "public_8.json", "public_12.json")
BEST_KNOWN = {"public_50.json": 744_691.0, "public_200.json": 2_355_909.71}
"""As handed over with the cases; new best values are printed."""
SAME = 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--proven-only", action="store_true", help="no cases of a fixed time")
    args = parser.parse_args()
    print("| case | optimum reached | found, CPU s | ended, CPU s: median | slowest |")
    print("|---|---|---|---|---|")
    for name in PROVEN:
        print(proven_row(args.cases, name, args.seeds), flush=True)
    if args.proven_only:
        return
    print()
    print(
        f"| case, {args.seeds} seeds, {args.seconds:g} s | best | median | worst | of best known |"
    )
    print("|---|---|---|---|---|")
    lines = [timed_row(args.cases, n, args.seeds, args.seconds) for n in BEST_KNOWN]
    for row, _ in lines:
        print(row)
    print()
    for _, gaps in lines:
        print(gaps)
    print(f"\nPeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def proven_row(cases: Path, name: str, n_seeds: int) -> str:
    """Hits and times of searches that end by themselves."""
    optimum = json.loads((cases / "expected.json").read_text())[name]["objective"]
    problem = load_case(cases / name)
    hits, found, ended = 0, [], []
    for seed in range(1, n_seeds + 1):
        plan = solve(problem, seed=seed, clock=time.process_time)
        hits += plan.objective <= optimum * (1 + SAME)
        found.append(plan.solver.time_to_best_seconds)
        ended.append(plan.solver.seconds)
    times = " | ".join(
        f"{x:.3f}" for x in (statistics.median(found), statistics.median(ended), max(ended))
    )
    return f"| {name} | {hits} of {n_seeds} | {times} |"


def timed_row(cases: Path, name: str, n_seeds: int, seconds: float) -> tuple[str, str]:
    """Objectives after a fixed time, and the gap to the lower bound of the best of them."""
    problem = load_case(cases / name)
    plans = [solve(problem, seed=s, stop=MaxSeconds(seconds)) for s in range(1, n_seeds + 1)]
    totals = sorted(plan.objective for plan in plans)
    ratios = [f"{x / BEST_KNOWN[name] - 1:+.4%}" for x in (totals[0], totals[-1])]
    row = (
        f"| {name} | {totals[0]:,.2f} | {statistics.median(totals):,.2f} | {totals[-1]:,.2f} "
        f"| {ratios[0]} … {ratios[1]} |"
    )
    best = min(plans, key=lambda plan: plan.objective)
    return row, gaps(problem, best)


def gaps(problem: Problem, plan: Plan) -> str:
    """Gap to the bound, of the whole and of what can be influenced at all."""
    bound = lower_bound([make_tables(problem, product) for product in problem.products])
    total = evaluate(problem, plan).objective
    purchase = sum(product.costs.procurement for product in plan.products)
    whole, part = total / bound - 1, (total - bound) / (total - purchase)
    return (
        f"{problem.name}: {total:,.2f} against a lower bound of {bound:,.2f}: gap {whole:.3%}; "
        f"{part:.2%} of the {total - purchase:,.0f} per day that is not purchase value"
    )


if __name__ == "__main__":
    main()
