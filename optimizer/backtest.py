"""``forepost-optimizer backtest``: how good the forecasts were on a warehouse's own past."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from optimizer.demand.backtest import QUANTILES, Score, backtest
from optimizer.demand.job import read_history
from optimizer.errors import CaseError
from optimizer.forecast import read_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand's arguments."""
    parser.add_argument("job", help="demand job (forepost-demand/1), - for standard input")
    parser.add_argument("--span-days", type=int, default=2, metavar="DAYS")
    parser.add_argument(
        "--origins", type=int, default=8, metavar="N", help="past days to ask at, a week apart"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    history, uplift = read_history(read_job(args.job))
    last = history.n_days - args.span_days
    origins = [last - 7 * back for back in range(args.origins) if last - 7 * back >= 28]
    if args.span_days < 1 or not origins:
        raise CaseError("n_days", history.n_days, f"{28 + args.span_days} days at least")
    scores = backtest(history, span_days=args.span_days, origins=origins, uplift=uplift)
    print(
        f"{len(history.items)} items, spans of {args.span_days} days, asked {len(origins)} times"
    )
    print(score_table(scores))
    return 0


def score_table(scores: Sequence[Score]) -> str:
    """The scores as a table in Markdown, which reads well in a terminal, too."""
    covers = " | ".join(f"{q:.0%} enough" for q in QUANTILES)
    rows = [
        f"| forecaster | pinball loss | bias | {covers} |",
        "|---|---:|---:|" + "---:|" * len(QUANTILES),
    ]
    for each in scores:
        met = " | ".join(f"{share:.1%}" for share in each.coverage)
        rows.append(f"| {each.name} | {each.pinball:.3f} | {each.bias:+.1%} | {met} |")
    return "\n".join(rows)
