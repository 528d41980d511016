"""``forepost-optimizer``: solve, certify, study and compare from the command line.

Exit codes: 0 done, 1 no feasible plan, 2 bad input (one line on standard error says what).
Heavy imports are local: ``--help`` must answer at once on a small box.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from optimizer.search import Progress
    from optimizer.stop import Stop

SOLVERS = ("hybrid", "matrix", "exact", "fixed-cycle", "min-max", "full-truck")
LAZY = {
    "forecast": "forecasts and stock levels for a demand job",
    "backtest": "forecasts of a demand job against naive ones, on its own past",
    "study": "the published tables and figures from a case, as CSV and plots",
    "compare": "solvers side by side: quality and time",
}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(wanted=next((a for a in arguments if not a.startswith("-")), None))
    args = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = args.run
    from optimizer.errors import Infeasible, OptimizerError

    try:
        return run(args)
    except Infeasible as error:
        print(f"forepost-optimizer: {error}", file=sys.stderr)
        return 1
    except OptimizerError as error:
        print(f"forepost-optimizer: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"forepost-optimizer: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forepost-optimizer",
        description="Plans deliveries, cycles and routes for a two-stage warehouse network.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_solve(commands.add_parser("solve", help="make a plan for a case"))
    _add_certify(commands.add_parser("certify", help="how far from the optimum a plan can be"))
    for name, summary in LAZY.items():
        command = commands.add_parser(name, help=summary)
        if name == wanted:
            module = import_module(f"optimizer.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def _add_solve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", help="case file (forepost-network/1); - for standard input")
    parser.add_argument("--solver", choices=SOLVERS, default="hybrid")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-limit", type=_positive, metavar="S", help="stop after S seconds")
    parser.add_argument("--max-generations", type=_count, metavar="N")
    parser.add_argument(
        "--no-improvement", type=_count, metavar="N", help="stop after N generations without one"
    )
    parser.add_argument("--target-gap", type=_fraction, metavar="FRACTION")
    parser.add_argument("--warm-start", type=Path, metavar="PLAN", help="a plan to start from")
    parser.add_argument("--output", type=Path, metavar="PLAN", help="write the plan here")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_solve)


def _add_certify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", help="case file (forepost-network/1)")
    parser.add_argument(
        "plan", nargs="?", type=Path, help="a plan to judge; otherwise one is made"
    )
    parser.add_argument("--plan", dest="named_plan", type=Path, metavar="PLAN", help="the same")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-limit", type=_positive, metavar="S", default=10.0)
    parser.add_argument("--output", type=Path, metavar="PLAN", help="write the judged plan here")
    parser.add_argument("--json", action="store_true", help="print the judged plan as JSON")
    parser.set_defaults(run=_certify)


def _solve(args: argparse.Namespace) -> int:
    from optimizer.case_file import load_case
    from optimizer.library import solve
    from optimizer.plan import Plan

    problem = load_case(args.case)
    warm = Plan.from_json(args.warm_start.read_bytes()) if args.warm_start else None
    bar = _Bar(args.time_limit) if sys.stderr.isatty() and not args.quiet else None
    with _interruptible() as is_interrupted:
        plan = solve(
            problem,
            solver=args.solver,
            seed=args.seed,
            stop=_stop(args),
            warm_start=warm,
            on_progress=bar.show if bar else None,
            is_cancelled=is_interrupted,
        )
    if bar:
        bar.close()
    _hand_over(plan, args.output, as_json=args.json)
    return 0


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed, to hand over the best plan; a second one ends it all."""
    pressed = False

    def note(_signal: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _certify(args: argparse.Namespace) -> int:
    from optimizer.case_file import load_case
    from optimizer.library import certify, solve
    from optimizer.plan import Plan
    from optimizer.stop import MaxSeconds, NoImprovement

    problem = load_case(args.case)
    if path := args.named_plan or args.plan:
        plan = Plan.from_json(path.read_bytes())
    else:
        stop = MaxSeconds(args.time_limit) | NoImprovement(100)
        plan = solve(problem, seed=args.seed, stop=stop)
    _hand_over(certify(problem, plan), args.output, as_json=args.json)
    return 0


def _hand_over(plan: Plan, output: Path | None, *, as_json: bool) -> None:
    if output:
        output.write_text(plan.to_json() + "\n", encoding="utf-8")
    print(plan.to_json() if as_json else _summary(plan))


def _stop(args: argparse.Namespace) -> Stop | None:
    """The criteria given on the command line, whichever comes first; None for none."""
    from optimizer.stop import AnyOf, MaxGenerations, MaxSeconds, NoImprovement, TargetGap

    parts: list[Stop] = []
    if args.time_limit:
        parts.append(MaxSeconds(args.time_limit))
    if args.max_generations:
        parts.append(MaxGenerations(args.max_generations))
    if args.no_improvement:
        parts.append(NoImprovement(args.no_improvement))
    if args.target_gap is not None:
        # A gap that cannot be proven must not search for ever.
        parts += [TargetGap(args.target_gap), NoImprovement(args.no_improvement or 100)]
    return AnyOf(tuple(parts)) if parts else None


def _summary(plan: Plan) -> str:
    run = plan.solver
    lines = [
        f"{plan.case}: {plan.objective:,.2f} per day",
        f"stage 1 {plan.stage1:,.2f}, stage 2 {plan.stage2:,.2f}",
        f"{run.name}, seed {run.seed}: {run.generations} generations in {run.seconds:.2f} s",
        f"best after {run.time_to_best_seconds:.2f} s",
    ]
    lines += _proof(plan)
    for product in plan.products:
        lines += [
            f"{product.id}: {o.id} procures {o.quantity_kg:,.0f} kg every {_days(o.cycle_days)}"
            for o in product.central
        ]
        lines += [
            f"  every {_days(trip.cycle_days):7} {trip.load_kg:8,.0f} kg {trip.length_km:7.1f} km"
            f"  {trip.central} → {' → '.join(trip.stops)}"
            for trip in product.trips
        ]
    return "\n".join(lines)


def _days(n: int) -> str:
    return "day" if n == 1 else f"{n} days"


def _proof(plan: Plan) -> list[str]:
    """What is known about the distance from the optimum, in words."""
    if plan.lower_bound is None:
        return []
    if plan.proven_optimal:
        return [f"lower bound {plan.lower_bound:,.2f}: proven optimal"]
    lines = [f"lower bound {plan.lower_bound:,.2f}: at most {plan.gap or 0.0:.2%} to gain"]
    if plan.controllable_gap is not None:
        lines.append(f"at most {plan.controllable_gap:.1%} of what is not purchase value")
    return lines


class _Bar:
    """One line on standard error, rewritten in place."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._shown_s = -1.0

    def show(self, progress: Progress) -> None:
        if progress.seconds - self._shown_s < 0.1:
            return
        self._shown_s = progress.seconds
        share = min(1.0, progress.seconds / self._limit_s) if self._limit_s else 0.0
        bar = ("█" * round(20 * share)).ljust(20, "·") if self._limit_s else ""
        text = f"{bar} {progress.seconds:5.1f} s  generation {progress.generation}"
        sys.stderr.write(f"\r\x1b[K{text}  {progress.objective:,.2f} per day")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a fraction from 0 to below 1, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
